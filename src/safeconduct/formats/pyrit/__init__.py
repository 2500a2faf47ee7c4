# SPDX-License-Identifier: Apache-2.0
"""PyRIT, the red-teaming framework of Microsoft: its memory as evidence."""

from safeconduct.formats.pyrit.reading import read_memory

__all__ = ["read_memory"]
