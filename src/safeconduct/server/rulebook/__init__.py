# SPDX-License-Identifier: Apache-2.0
"""The policies in force, versioned and public."""
