# SPDX-License-Identifier: Apache-2.0
"""The migrations of this slice; the same run on SQLite and PostgreSQL."""
