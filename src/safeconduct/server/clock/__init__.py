# SPDX-License-Identifier: Apache-2.0
"""Deadlines derived from the case, and the sweep that fires each once."""
