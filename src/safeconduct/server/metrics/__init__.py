# SPDX-License-Identifier: Apache-2.0
"""Measures: name, definition, query."""
