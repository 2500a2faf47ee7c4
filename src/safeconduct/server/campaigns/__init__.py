# SPDX-License-Identifier: Apache-2.0
"""Verification campaigns against a fix, and regression watches."""
