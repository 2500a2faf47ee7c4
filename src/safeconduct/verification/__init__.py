# SPDX-License-Identifier: Apache-2.0
"""Reproduction bundles, the sandbox they run in, and the statistical verdict on a fix."""
