# SPDX-License-Identifier: Apache-2.0
"""Keys, sealing, signing and codenames: the one folder that touches cryptographic primitives."""
