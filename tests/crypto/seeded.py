# SPDX-License-Identifier: Apache-2.0
"""Seeded chance: the tests get the same keys, salts and words in every run."""

from collections.abc import Callable
from random import Random  # noqa: TID251  # this is the seeded source the ban asks for


def entropy(seed: int = 1) -> Callable[[int], bytes]:
    """Return a source of bytes that is the same for the same seed."""
    return Random(seed).randbytes


def chance(seed: int = 1) -> Random:
    """Return a generator that is the same for the same seed."""
    return Random(seed)
