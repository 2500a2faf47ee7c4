# SPDX-License-Identifier: Apache-2.0
"""The append-only record of every act, and the write lock that makes each act one transaction."""
