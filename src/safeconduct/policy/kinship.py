# SPDX-License-Identifier: Apache-2.0
"""How the systems of two records relate: the same, twins, one derived from the other, unknown, or different.

Names are compared without case and with `_` as `-`. Packages are twins if one name is the other with a suffix
(`pillow`, `pillow-simd`), or both differ only in the last part (`tensorflow-cpu`, `tensorflow-gpu`) and share more than
the name of a language or platform.
"""

from enum import Enum
from typing import Protocol

GENERIC = frozenset({"python", "py", "django", "flask", "apache", "pytest", "lib", "node", "rust", "the"})
_SEVERAL = 2


class Placed(Protocol):
    """A record that names its systems and what they rest on."""

    @property
    def systems(self) -> tuple[str, ...]:
        """Return the names of the affected systems."""

    @property
    def related(self) -> tuple[str, ...]:
        """Return the names of what they derive from or share."""


class Kinship(Enum):
    """How two records' systems relate: the factor for the score, and the relation in words."""

    SAME = (1.0, "the same system")
    NOT_ASKED = (1.0, "the system is not named, so it decides nothing")
    DERIVED = (0.9, "a system derived from the same component")
    TWIN = (0.9, "a twin package of the same product")
    NOT_NAMED = (0.75, "the other record names no system")
    OTHER = (0.5, "another system")

    @property
    def factor(self) -> float:
        """Return what the relation leaves of the score."""
        return self.value[0]

    @property
    def told(self) -> str:
        """Return the relation in words."""
        return self.value[1]


def kinship(one: Placed, other: Placed) -> Kinship:
    """Return the closest relation between the systems of two records."""
    if not one.systems:
        return Kinship.NOT_ASKED
    if not other.systems:
        return Kinship.NOT_NAMED
    here, there = _names(one.systems), _names(other.systems)
    if here & there:
        return Kinship.SAME
    if (here | _names(one.related)) & (there | _names(other.related)):
        return Kinship.DERIVED
    if any(are_twins(name, another) for name in here for another in there):
        return Kinship.TWIN
    return Kinship.OTHER


def are_twins(one: str, other: str) -> bool:
    """Say whether two different package names are those of one product."""
    shorter, longer = sorted((one.split("-"), other.split("-")), key=len)
    if longer[: len(shorter)] == shorter:
        return shorter[-1] not in GENERIC
    same_stem = len(shorter) == len(longer) >= _SEVERAL and shorter[:-1] == longer[:-1]
    return same_stem and set(shorter[:-1]) - GENERIC != set()


def _names(names: tuple[str, ...]) -> frozenset[str]:
    """Return the names as they are compared."""
    return frozenset(name.casefold().replace("_", "-") for name in names)
