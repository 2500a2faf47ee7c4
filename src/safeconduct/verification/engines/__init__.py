# SPDX-License-Identifier: Apache-2.0
"""Where the calls of a campaign run."""
