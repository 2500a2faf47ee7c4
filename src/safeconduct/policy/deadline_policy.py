# SPDX-License-Identifier: Apache-2.0
"""The tier profile: how long each tier has for what, as a dated table that an operator may replace.

A profile is refused unless a higher tier never has more time than a lower one and the emergency row never more than
any tier; the rules that only ever shorten on bad news rest on this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any, Final

from safeconduct.domain.clock import DeadlineKind
from safeconduct.domain.severity import Tier
from safeconduct.policy import tables
from safeconduct.policy.calendars import WEEKDAYS, Period, Unit

TIER_KINDS: Final = tuple(kind for kind in DeadlineKind if kind is not DeadlineKind.EMBARGO)
"""The kinds that a tier has a period for; the embargo's end is agreed by the parties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRow:
    """One row: a period for each kind (none where there is no clock), the longest extension, the hard cap."""

    name: str
    periods: Mapping[DeadlineKind, Period]
    extension_most: timedelta
    cap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePolicy:
    """A tier profile. `edition` is kept beside whatever was decided by it."""

    edition: str
    tiers: Mapping[Tier, TierRow]
    emergency: TierRow
    unassessed: Tier
    leak_publish: timedelta
    systemic_add: timedelta
    systemic_cap: timedelta
    root_cause_add: timedelta
    split_mitigate: Period
    extension_kinds: frozenset[DeadlineKind]
    extension_count: int
    retrain_add: timedelta
    pause_kinds: frozenset[DeadlineKind]
    pause_count: int
    pause_longest: timedelta
    avoid_days: frozenset[int]
    from_hour: int


@cache
def balanced() -> DeadlinePolicy:
    """Return the shipped profile, read and checked once.

    Raises:
        ConfigurationError: the shipped table is damaged.
    """
    return tables.load("deadlines.toml", build_policy)


def read_policy(text: str) -> DeadlinePolicy:
    """Return the profile of an operator's TOML text.

    Raises:
        ConfigurationError: the text is malformed, incomplete, or gives a higher tier more time than a lower one.
    """
    return tables.read(text, file_name="deadline policy.toml", build=build_policy)


def build_policy(table: tables.Table) -> DeadlinePolicy:
    """Check the table and give its entries their types."""
    content = table.content
    emergency, systemic, remedy = content["emergency"], content["systemic"], content["remedy"]
    extension, pause, publication = content["extension"], content["pause"], content["publication"]
    policy = DeadlinePolicy(
        edition=table.edition,
        tiers={tier: _row(tier.value, content["tiers"]) for tier in Tier},
        emergency=_row("emergency", content["tiers"]),
        unassessed=Tier(content["unassessed"]),
        leak_publish=_length(emergency["leak_publish"]),
        systemic_add=_length(systemic["publish_add"]),
        systemic_cap=_length(systemic["publish_cap"]),
        root_cause_add=_length(remedy["root_cause_add"]),
        split_mitigate=Period.parse(remedy["split_mitigate"]),
        extension_kinds=frozenset(map(DeadlineKind, extension["kinds"])),
        extension_count=int(extension["most"]),
        retrain_add=_length(extension["retrain_add"]),
        pause_kinds=frozenset(map(DeadlineKind, pause["kinds"])),
        pause_count=int(pause["most"]),
        pause_longest=_length(pause["longest"]),
        avoid_days=frozenset(map(WEEKDAYS.index, publication["avoid"])),
        from_hour=int(publication["from_hour"]),
    )
    _check(policy)
    return policy


def _row(name: str, rows: Mapping[str, Mapping[str, Any]]) -> TierRow:
    """Read one row; mitigation and remediation may lack a clock, nothing else may."""
    row = rows[name]
    may_lack = {DeadlineKind.MITIGATE, DeadlineKind.REMEDIATE}
    return TierRow(
        name=name,
        periods={
            kind: Period.parse(row[kind.value]) for kind in TIER_KINDS if kind.value in row or kind not in may_lack
        },
        extension_most=_length(row["extension_most"]),
        cap=_length(row["cap"]),
    )


def _length(text: str) -> timedelta:
    """Read a period as elapsed time."""
    return Period.parse(text).length


def _check(policy: DeadlinePolicy) -> None:
    """Refuse a profile in which worse is slower, an hour that no clock shows, or a week without publishing day."""
    ladder = [policy.emergency, *(policy.tiers[tier] for tier in reversed(Tier))]
    for worse, milder in pairwise(ladder):
        ordered = all(
            kind in worse.periods and _is_no_longer(worse.periods[kind], period)
            for kind, period in milder.periods.items()
        )
        if not (ordered and worse.extension_most <= milder.extension_most and worse.cap <= milder.cap):
            raise ValueError(f"the row “{worse.name}” gives more time than the row “{milder.name}”")
    for row in ladder:
        if row.periods[DeadlineKind.PUBLISH].length > row.cap:
            raise ValueError(f"the row “{row.name}” publishes after its cap")
        if not _is_no_longer(row.periods.get(DeadlineKind.MITIGATE, policy.split_mitigate), policy.split_mitigate):
            raise ValueError(f"the row “{row.name}” mitigates later than a tier without mitigation clock")
    if not 0 <= policy.from_hour < 24 or len(policy.avoid_days) > 6:  # noqa: PLR2004  # hours of a day, days of a week
        raise ValueError("no publishing time is left")


def _is_no_longer(worse: Period, milder: Period) -> bool:
    """Say whether the first never ends after the second; working days may stretch beyond any number of days."""
    stretches = worse.unit is Unit.WORKING_DAYS and milder.unit is not Unit.WORKING_DAYS
    return worse.length <= milder.length and not stretches
