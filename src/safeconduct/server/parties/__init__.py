# SPDX-License-Identifier: Apache-2.0
"""People, organizations, keys, roles, sign-in and the second factor."""
