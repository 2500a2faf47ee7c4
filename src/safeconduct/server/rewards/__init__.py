# SPDX-License-Identifier: Apache-2.0
"""Bounties, thanks, consequences and appeals."""
