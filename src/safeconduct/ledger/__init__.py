# SPDX-License-Identifier: Apache-2.0
"""The tamper-evident log: C2SP tiles, signed checkpoints, commitments and receipts."""
