# SPDX-License-Identifier: Apache-2.0
"""Messages waiting to leave: leased, retried, signed."""
