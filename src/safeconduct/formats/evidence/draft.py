# SPDX-License-Identifier: Apache-2.0
"""A run of another tool as the draft of a report: what the file tells, and nothing that it does not.

The trials carry counts per family and judge. Whether harm was done, whether the flaw is public and what the reporter
wants are not in the file: these answers are `unknown` or `undecided` until the reporter gives them. Outputs are not
quoted, because they may be harmful; prompts go into the bundle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import (
    TITLE_LIMIT,
    Answer,
    Attack,
    AttackCapability,
    DisclosureIntent,
    DisclosureWish,
    DiscoveryMethod,
    Evidence,
    PublicStatus,
    Report,
    RestrictedMaterial,
)
from safeconduct.domain.safe_json import Json
from safeconduct.domain.systems import UNKNOWN, AffectedSystem, Identity, Observation
from safeconduct.domain.weakness import FlawClass, TaxonomyRef
from safeconduct.formats.base import Level, Remark
from safeconduct.formats.evidence.run import Counts, Run
from safeconduct.formats.soundness import is_web_address

SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a tool tells, in the parts of a report; everything that it does not tell is left to the reporter."""

    tool: str
    hits: int
    system: AffectedSystem
    started_at: datetime | None
    ended_at: datetime | None
    title: str
    description: str
    steps: str
    flaw_class: FlawClass
    trials: tuple[TrialSummary, ...]
    taxonomy: tuple[TaxonomyRef, ...] = ()
    stochastic: bool = True

    def report(self, *, now: datetime) -> Report:
        """Return the draft of a report; `now` is when it was last seen where the file tells no time."""
        seen_at = self.ended_at or self.started_at or now
        return Report(
            real_world_harm=Answer.UNKNOWN,
            malicious_use_possible=Answer.YES if self.hits else Answer.UNKNOWN,
            restricted_material=RestrictedMaterial.NONE,
            affects=(self.system,),
            seen_at=seen_at,
            title=self.title[:TITLE_LIMIT],
            description=self.description,
            steps=self.steps,
            public_status=PublicStatus.UNKNOWN,
            disclosure=DisclosureWish(intent=DisclosureIntent.UNDECIDED),
            flaw_class=self.flaw_class,
            taxonomy=self.taxonomy,
            attack=Attack(capabilities=(AttackCapability.QUERY_ACCESS,) if self.stochastic else ()),
            evidence=Evidence(stochastic=Answer.YES if self.stochastic else Answer.NO, trials=self.trials),
            discovered_at=(self.started_at or seen_at).date(),
            discovery_method=DiscoveryMethod.AUTOMATED,
        )

    def questions(self) -> tuple[Remark, ...]:
        """Return what the reporter must look at before the draft is sent."""
        asked = {
            "/real_world_harm": "the file does not tell whether anybody was harmed: answer it",
            "/restricted_material": "prompts and outputs were not looked at: say if they hold restricted material",
            "/public_status": "the file does not tell whether the flaw is public: answer it",
            "/disclosure/intent": "the file does not tell what you want: answer it",
        }
        if self.started_at is None and self.ended_at is None:
            asked["/seen_at"] = "the file tells no time: give the day on which you ran it"
        if self.system.product == UNKNOWN:
            asked["/affects/0/product"] = "the file does not name what was tested: name it"
        if not self.hits:
            asked["/title"] = "the run had no hit, so it shows no flaw"
        return tuple(
            Remark(level=Level.WARNING, rule=f"{self.tool}.answer", at=at, message=message)
            for at, message in asked.items()
        )


def report_of(run: Run, *, now: datetime) -> Report:
    """Return the draft of a report; `now` is when it was last seen where the file tells no time."""
    return _found(run).report(now=now)


def questions_of(run: Run) -> tuple[Remark, ...]:
    """Return what the reporter must look at before the draft is sent."""
    return _found(run).questions()


def observed(since: datetime | None, until: datetime | None, sampling: Mapping[str, Json]) -> Observation | None:
    """Return when a system was seen and how it was sampled, or None where no time is told."""
    first = since or until
    if first is None:
        return None
    told = tuple((name, str(value)) for name, value in sampling.items() if isinstance(value, int | float))
    return Observation(since=first, until=until or first, sampling=told)


def _found(run: Run) -> Found:
    top = sorted((family for family in run.families if family.hits), key=lambda family: -family.hits)
    return Found(
        tool=run.source.tool,
        hits=run.hits,
        system=_system(run),
        started_at=run.started_at,
        ended_at=run.ended_at,
        title=_title(run, top),
        description=_description(run, top),
        steps=f"1. Install {_tool(run)}.\n2. {run.again}\n3. Compare the counts.",
        flaw_class=run.flaw_class,
        trials=tuple(_trial(run, family) for family in run.families),
        stochastic=run.stochastic,
    )


def endpoint_of(given: Json) -> str:
    """Return the address of a target without user, query and fragment, which may hold a secret."""
    try:
        parts = urlsplit(str(given or ""))
        address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return ""
    return address if is_web_address(address) else ""


def _system(run: Run) -> AffectedSystem:
    return AffectedSystem(
        product=run.model or UNKNOWN,
        component_type=run.component,
        hosted=run.hosted,
        identity=Identity(model_string=run.model if run.stochastic else "", endpoint=run.endpoint),
        observed=observed(run.started_at, run.ended_at, run.sampling),
    )


def _tool(run: Run) -> str:
    return f"{run.source.tool} {run.source.version}".strip()


def _counts(family: Counts) -> str:
    rest = family.abstained + family.errors
    return f"hits: {family.hits} of {family.judged} judged" + (f", {rest} not judged" if rest else "")


def _title(run: Run, top: list[Counts]) -> str:
    subject = run.model or "the target"
    if not top:
        return f"{run.source.tool} found no hit on {subject}"
    return f"{subject}: {top[0].family} ({_counts(top[0])})"


def _description(run: Run, top: list[Counts]) -> str:
    lines = [f"Found with {_tool(run)}, run {run.run_id or 'without id'}, from its {run.kind}.", ""]
    lines += [f"- {family.name}: {_counts(family)}" for family in top[:SHOWN]]
    if len(top) > SHOWN:
        lines.append(f"- and {len(top) - SHOWN} more")
    if run.findings:
        lines += ["", *(f"- {finding}" for finding in run.findings[:SHOWN])]
    largest = max((family.largest for family in run.families), default=0)
    if largest > 1:
        lines += ["", f"One variant has up to {largest} outputs; the outputs of one variant are not independent."]
    return "\n".join(lines)


def _trial(run: Run, family: Counts) -> TrialSummary:
    return TrialSummary(
        n=family.judged,
        hits=family.hits,
        abstained=family.abstained,
        errors=family.errors,
        family=family.family,
        judge=f"{run.source.tool} {family.judge}".strip(),
        model=run.model,
        clusters=family.clusters,
        started_at=run.started_at,
        ended_at=run.ended_at,
        source=" ".join(filter(None, (_tool(run), run.kind, run.run_id))),
        source_sha256=run.source.sha256,
    )
