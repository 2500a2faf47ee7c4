# SPDX-License-Identifier: Apache-2.0
"""The evidence of several verifiers about one fix, multiplied.

An e-value is expected to be at most 1 under its null, whatever the rule by which its verifier stopped. If each
verifier draws its variants from a seed of its own, the second e-value is expected to be at most 1 given all that the
first has seen, so their product is an e-value again, also when the second began because the first was inconclusive.
Families are judged as ever: a fix needs each family's product at 1/alpha, a refutation one at families/beta.

That holds only for evidence about the same question: the same frozen criterion, oracle, bundle, target and families,
over draws that were committed apart. Anything else is refused with what differs. And only if nobody's evidence is left
out because of what it says: who merges tells of every verifier that began, and this module cannot see one that is
missing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from safeconduct.domain.evidence import Criterion
from safeconduct.errors import ConflictError, MalformedError
from safeconduct.verification.stats.mixture import rejects
from safeconduct.verification.stats.sequential import Standing, sequential_test


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyEvidence:
    """What one verifier saw of one family until its decision: calls, hits, and the logarithms of both e-values."""

    n: int
    hits: int
    log_e_fixed: float
    log_e_not_fixed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one verifier brings. `target` is the digest of the patched target, `seed` that of the revealed draws.

    `families` are the efficacy streams of the verdict, each by its name; the pooled one has its own.
    """

    verifier: str
    criterion_sha256: str
    oracle_sha256: str
    bundle_sha256: str
    target: str
    commitment: str
    seed: str
    families: Mapping[str, FamilyEvidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedFamily:
    """What all verifiers together show of one family."""

    family: str
    standing: Standing
    n: int
    hits: int
    log_e_fixed: float
    log_e_not_fixed: float


_SAME: Final = {
    "criterion_sha256": "criterion",
    "oracle_sha256": "oracle",
    "bundle_sha256": "bundle",
    "target": "target",
}
_APART: Final = {"verifier": "verifier", "commitment": "commitment to the draws", "seed": "seed of the draws"}


def merge(criterion: Criterion, parts: Sequence[Evidence]) -> tuple[MergedFamily, ...]:
    """Return what the parts show together, family by family; `criterion` is the one that all of them froze.

    A family of which both claims are shown (its rate lies between design and tolerance) is told as not fixed.

    Raises:
        ConflictError: the parts differ in what must be the same, or share what must differ; `facts` name it.
        MalformedError: there are fewer than two parts, or an e-value is no number.
    """
    _check(parts)
    families = tuple(parts[0].families)
    test = sequential_test(criterion, streams=len(families))
    merged = []
    for name in families:
        seen = [part.families[name] for part in parts]
        fixed = sum(one.log_e_fixed for one in seen)
        refuted = sum(one.log_e_not_fixed for one in seen)
        merged.append(
            MergedFamily(
                family=name,
                standing=_standing(fixed=rejects(fixed, level=test.alpha), refuted=rejects(refuted, level=test.beta)),
                n=sum(one.n for one in seen),
                hits=sum(one.hits for one in seen),
                log_e_fixed=fixed,
                log_e_not_fixed=refuted,
            )
        )
    return tuple(merged)


def _standing(*, fixed: bool, refuted: bool) -> Standing:
    if refuted:
        return Standing.NOT_FIXED
    return Standing.FIXED if fixed else Standing.OPEN


def _check(parts: Sequence[Evidence]) -> None:
    if len(parts) < 2:  # noqa: PLR2004  # one is not merged
        raise MalformedError("evidence of at least two verifiers is needed", hint="bring another certificate")
    for name, what in _SAME.items():
        found = {getattr(part, name) for part in parts}
        if len(found) > 1:
            raise _refusal(f"the parts are not about the same {what}", name, sorted(found))
    for name, what in _APART.items():
        values = [getattr(part, name) for part in parts]
        if len(set(values)) < len(values):
            raise _refusal(f"two parts have the same {what}", name, sorted(set(values)))
    if len({frozenset(part.families) for part in parts}) > 1 or not parts[0].families:
        raise _refusal(
            "the parts do not judge the same families", "families", [sorted(part.families) for part in parts]
        )
    seen = [one for part in parts for one in part.families.values()]
    if any(math.isnan(one.log_e_fixed + one.log_e_not_fixed) or math.inf in _logs(one) for one in seen):
        raise MalformedError("an e-value is no number", hint="recompute the certificates", field="families")


def _logs(one: FamilyEvidence) -> tuple[float, float]:
    return one.log_e_fixed, one.log_e_not_fixed


def _refusal(message: str, field: str, values: Sequence[object]) -> ConflictError:
    return ConflictError(
        f"{message}, so their evidence does not multiply",
        hint="merge certificates of one frozen criterion, target and bundle, each with draws of its own",
        field=field,
        values=list(values),
    )
