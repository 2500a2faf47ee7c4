# SPDX-License-Identifier: Apache-2.0
"""How bad: the tier that drives the clocks, and the three outputs it rests on, kept apart and unmodified."""

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """The severity tier, from lowest to highest; order by `rank`."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return 0 for none to 4 for critical."""
        return list(Tier).index(self)


class Exploitation(StrEnum):
    """What is known of use in the wild (SSVC decision point Exploitation 1.1.0)."""

    NONE = "none"
    POC = "poc"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """An assessed severity: vectors as given, the tier derived from them, and the ids of the rules that did it.

    `tier_low` differs from `tier` only while a metric of the profile is unknown: then `tier` is the highest the
    facts allow and the severity is provisional.
    """

    tier: Tier
    tier_low: Tier
    cvss_vector: str = ""
    cvss_score: float | None = None
    ml_profile: str = ""
    exploitation: Exploitation = Exploitation.NONE
    rules: tuple[str, ...] = ()
    table: str = ""
