# SPDX-License-Identifier: Apache-2.0
"""Testing windows and verification targets: asked for, granted, suspended, revoked."""
