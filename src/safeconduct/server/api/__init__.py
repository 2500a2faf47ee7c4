# SPDX-License-Identifier: Apache-2.0
"""The programming interface under /api/v1."""
