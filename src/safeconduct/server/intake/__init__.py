# SPDX-License-Identifier: Apache-2.0
"""Open, anonymous and sealed reports; receipts; the mailbox."""
