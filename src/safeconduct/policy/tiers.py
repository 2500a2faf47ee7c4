# SPDX-License-Identifier: Apache-2.0
"""The tier table: what tier follows from base, generality, exposure, exploitation and harm, as replaceable data.

The shipped table is `data/tier.toml`: 1,440 rows, total and monotone. It says the same as rules R1 to R4 of
`policy.severity`, which explain it; where a replaced table says otherwise, the table counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import product

from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.policy.tables import Table, load


class Source(StrEnum):
    """Where the base tier comes from."""

    CVSS = "cvss"
    HARM = "harm"


class Generality(StrEnum):
    """How far the flaw reaches beyond the one case: quiet, standard, amplified."""

    QUIET = "Q"
    STANDARD = "S"
    AMPLIFIED = "A"


EXPOSURES = "0123"
HARMS = "NMSC"
FIDELITIES = "LH"
_LETTERS = {tier.value[0]: tier for tier in Tier}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The six answers that decide a tier."""

    source: Source
    base: Tier
    generality: Generality
    exposure: str
    exploitation: Exploitation
    harm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierTable:
    """A tier for all 1,440 combinations, and the base tier of harm and fidelity."""

    edition: str
    tiers: Mapping[Facts, Tier]
    harm_bases: Mapping[tuple[str, str], Tier]

    def tier(self, facts: Facts) -> Tier:
        """Return the tier of the combination."""
        return self.tiers[facts]

    def harm_base(self, harm: str, fidelity: str) -> Tier:
        """Return the base tier that harm of this magnitude and fidelity gives."""
        return self.harm_bases[harm, fidelity]


def all_facts() -> tuple[Facts, ...]:
    """Return every combination, the last answer turning fastest."""
    return tuple(
        Facts(source=source, base=base, generality=generality, exposure=exposure, exploitation=exploitation, harm=harm)
        for source, base, generality, exposure, exploitation, harm in product(
            Source, Tier, Generality, EXPOSURES, Exploitation, HARMS
        )
    )


@cache
def shipped() -> TierTable:
    """Return the table that Safeconduct ships."""
    return load("tier.toml", build)


def build(table: Table) -> TierTable:
    """Return the tier table written in compact rows.

    Raises:
        ValueError: a combination has no tier or more than one.
        LookupError: a part of the table is missing.
    """
    rows = table.content["rows"]
    letters = "".join(
        rows[f"{source} {base} {generality}"].replace(" ", "")
        for source, base, generality in product(Source, Tier, Generality)
    )
    facts = all_facts()
    if len(letters) != len(facts):
        raise ValueError(f"the tier table has {len(letters)} answers for {len(facts)} combinations")
    harm = table.content["harm"]
    return TierTable(
        edition=table.edition,
        tiers=dict(zip(facts, (_LETTERS[letter] for letter in letters), strict=True)),
        harm_bases={(level, fidelity): Tier(harm[level][fidelity]) for level, fidelity in product(HARMS, FIDELITIES)},
    )
