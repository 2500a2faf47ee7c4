# SPDX-License-Identifier: Apache-2.0
"""Draft, review, lint and publish; feeds in every format."""
