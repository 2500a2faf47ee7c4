# SPDX-License-Identifier: Apache-2.0
"""How bad: a tier from an unmodified CVSS 4.0 vector and the ML profile, with the trace of every rule that spoke.

The steps, in order:

- base: the higher of the CVSS rating and the tier of harm and output fidelity; a tie counts as CVSS. Flaws that are not
  about content have fidelity H when they are reliable (SR of L or R), else L.
- generality: amplified, standard or quiet, from reliability, reach, persistence and transfer.
- R1 raises by one tier where the flaw is amplified and exposure wide, or exposure systemic and the flaw not quiet.
- R2 lowers by one tier a quiet, little exposed flaw whose base is harm; a CVSS base is never lowered.
- R3 and R4 are floors while the flaw is exploited.

What is not known (X) is evaluated at its lowest and its highest value: the tier is then a range, the higher end counts,
and the severity is provisional. Thresholds are asserted, not calibrated; the class of a flaw is not asked.
"""

from dataclasses import dataclass, replace

from safeconduct.domain.severity import Exploitation, Severity, Tier
from safeconduct.errors import IncompleteError
from safeconduct.policy.cvss4 import Cvss, read_vector
from safeconduct.policy.decision import Decision
from safeconduct.policy.ml_profile import UNKNOWN, MlProfile, metrics
from safeconduct.policy.tiers import Facts, Generality, Source, TierTable, shipped

PROVISIONAL_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A severity with its grounds: `decision` for the tier that counts, `lowest` for the other end of the range."""

    severity: Severity
    decision: Decision[Tier]
    lowest: Decision[Tier]
    vector: Cvss | None

    @property
    def is_provisional(self) -> bool:
        """Say whether unknown metrics leave the tier a range."""
        return self.severity.tier is not self.severity.tier_low


def assess(
    *,
    cvss: str = "",
    profile: MlProfile | None = None,
    exploitation: Exploitation = Exploitation.NONE,
    content: bool | None = None,
    table: TierTable | None = None,
) -> Assessment:
    """Return the severity of a flaw from its CVSS vector, its ML profile, or both.

    `content` says whether the flaw is one of content or safety, whose output fidelity is judged by an expert; when it
    is None, a profile that states a fidelity is taken for one. A profile that is not given is unknown throughout.

    Raises:
        IncompleteError: there is neither vector nor profile.
        MalformedError: the vector is not a CVSS 4.0 vector.
    """
    if not cvss and profile is None:
        raise IncompleteError("there is nothing to assess", hint="give a CVSS 4.0 vector, an ML profile, or both")
    answers = profile or MlProfile()
    about_content = answers.of != UNKNOWN if content is None else content
    vector = read_vector(cvss) if cvss else None
    rating = vector.rating if vector else None
    chosen = table or shipped()
    low, high = (
        derive(rating=rating, profile=end, exploitation=exploitation, table=chosen)
        for end in _ends(answers, content=about_content)
    )
    high = _with_doubt(high, low=low.outcome, unknown=_that_matter(answers, content=about_content))
    severity = Severity(
        tier=high.outcome,
        tier_low=low.outcome,
        cvss_vector=cvss,
        cvss_score=vector.score if vector else None,
        ml_profile=str(profile) if profile else "",
        exploitation=exploitation,
        rules=high.rules,
        table=chosen.edition,
    )
    return Assessment(severity=severity, decision=high, lowest=low, vector=vector)


def derive(*, rating: Tier | None, profile: MlProfile, exploitation: Exploitation, table: TierTable) -> Decision[Tier]:
    """Return the tier of a profile without unknowns, fidelity included, and explain it step by step."""
    source, base, base_reason = _base(rating, profile, table)
    general = generality(profile)
    facts = Facts(
        source=source,
        base=base,
        generality=general.outcome,
        exposure=profile.ex,
        exploitation=exploitation,
        harm=profile.hm,
    )
    ruled = by_rules(facts)
    tier = table.tier(facts)
    reasons = (base_reason, *general.reasons, *ruled.reasons)
    rules = (f"severity.base.{source}", *general.rules, *ruled.rules)
    if tier is not ruled.outcome:
        reasons += (f"the table {table.edition} says {tier} where the rules say {ruled.outcome}",)
        rules += ("severity.table",)
    inputs = {"source": source, "base": base, "generality": general.outcome, "exposure": profile.ex}
    inputs |= {"exploitation": exploitation, "harm": profile.hm, "fidelity": profile.of, "table": table.edition}
    return Decision(outcome=tier, reasons=reasons, rules=rules, inputs=inputs)


def generality(profile: MlProfile) -> Decision[Generality]:
    """Return how far a flaw reaches beyond the one case; the profile has no unknowns here."""
    reliable = profile.sr in {"L", "R"}
    if profile.sr != "U":
        if profile.ag == "L" and reliable:
            return _general("a1", "amplified: it crosses a boundary between principals, tenants or agents by itself")
        if profile.pe in {"C", "W"} and profile.ag in {"O", "T", "L"}:
            return _general("a2", "amplified: it persists and acts on others")
        if profile.tx in {"M", "E"} and profile.rt in {"B", "U"} and reliable:
            return _general("a3", "amplified: it is general across vendors and subjects")
    elif profile.pe in {"N", "S"} and profile.ag == "N" and profile.tx in {"N", "V"}:
        return Decision(
            outcome=Generality.QUIET,
            reasons=("quiet: it rarely works, does not last, and reaches nobody but the attacker",),
            rules=("severity.generality.quiet",),
        )
    return Decision(outcome=Generality.STANDARD, rules=("severity.generality.standard",))


def by_rules(facts: Facts) -> Decision[Tier]:
    """Return the tier by rules R1 to R4, with those that changed it."""
    tier, reasons, rules = facts.base, [], []
    for rule, reason, changed in _changes(facts):
        if changed is not tier:
            reasons.append(f"{rule.upper()}: from {tier} to {changed}, for {reason}")
            rules.append(f"severity.{rule}")
            tier = changed
    return Decision(outcome=tier, reasons=tuple(reasons), rules=tuple(rules))


def _changes(facts: Facts) -> tuple[tuple[str, str, Tier], ...]:
    """Return each rule with its ground and the tier after it, in their order."""
    tier = _r1(facts)
    first = ("r1", _exposed(facts), tier)
    if (
        facts.source is Source.HARM
        and facts.generality is Generality.QUIET
        and facts.exposure in {"0", "1"}
        and tier.rank > Tier.LOW.rank
    ):
        tier = _step(tier, -1)
    second = ("r2", "the flaw is quiet and little exposed", tier)
    if facts.exploitation is not Exploitation.ACTIVE:
        return first, second
    if facts.harm in {"S", "C"} and facts.exposure != "0":
        return first, second, ("r3", "it is exploited and the harm is serious or worse", Tier.CRITICAL)
    raised = Tier.HIGH if tier in {Tier.LOW, Tier.MEDIUM} else tier
    return first, second, ("r4", "it is exploited", raised)


def _r1(facts: Facts) -> Tier:
    """Return the base, one tier higher where generality and exposure ask for it."""
    wide = facts.generality is Generality.AMPLIFIED and facts.exposure in {"2", "3"}
    systemic = facts.exposure == "3" and facts.generality is not Generality.QUIET
    return _step(facts.base, 1) if facts.base is not Tier.NONE and (wide or systemic) else facts.base


def _exposed(facts: Facts) -> str:
    """Say what exposure means, for the reason of R1."""
    return f"exposure is {facts.exposure} ({metrics()['EX'].values[facts.exposure]})"


def _step(tier: Tier, by: int) -> Tier:
    """Return the tier `by` steps away, within the scale."""
    tiers = list(Tier)
    return tiers[min(max(tier.rank + by, 0), len(tiers) - 1)]


def _base(rating: Tier | None, profile: MlProfile, table: TierTable) -> tuple[Source, Tier, str]:
    """Return where the base comes from, the base and the reason; a tie counts as CVSS, which R2 never lowers."""
    harm = table.harm_base(profile.hm, profile.of)
    told = f"harm {profile.hm} with fidelity {profile.of} gives {harm}"
    if rating is None:
        return Source.HARM, harm, f"base {harm}: {told}; there is no CVSS vector"
    if rating.rank >= harm.rank:
        return Source.CVSS, rating, f"base {rating}: CVSS rates it so; {told}"
    return Source.HARM, harm, f"base {harm}: {told}, more than CVSS ({rating})"


def _ends(profile: MlProfile, *, content: bool) -> tuple[MlProfile, MlProfile]:
    """Return the profile with every unknown at its lowest and at its highest value, fidelity settled."""
    ends = []
    for place in (0, -1):
        filled = {
            key.lower(): list(metrics()[key].values)[place] if value == UNKNOWN else value
            for key, value in profile.answers().items()
        }
        end = MlProfile(**filled)
        ends.append(end if content else replace(end, of="H" if end.sr in {"L", "R"} else "L"))
    return ends[0], ends[1]


def _that_matter(profile: MlProfile, *, content: bool) -> tuple[str, ...]:
    """Return the unknown metrics that can move the tier: knowledge and remediability never do."""
    idle = {"AK", "RM"} if content else {"AK", "RM", "OF"}
    return tuple(key for key in profile.unknown if key not in idle)


def _with_doubt(decision: Decision[Tier], *, low: Tier, unknown: tuple[str, ...]) -> Decision[Tier]:
    """Add that the tier is provisional, if unknown metrics leave it a range."""
    if decision.outcome is low:
        return decision
    reason = (
        f"provisional: {', '.join(unknown)} not known, so the tier lies between {low} and {decision.outcome}; the "
        f"higher counts for at most {PROVISIONAL_DAYS} days, then it is settled or the reason is recorded"
    )
    return replace(decision, reasons=(*decision.reasons, reason), rules=(*decision.rules, "severity.provisional"))


def _general(rule: str, reason: str) -> Decision[Generality]:
    """Return the answer amplified, on one of its three grounds."""
    return Decision(outcome=Generality.AMPLIFIED, reasons=(reason,), rules=(f"severity.generality.{rule}",))
