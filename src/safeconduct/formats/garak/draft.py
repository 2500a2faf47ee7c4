# SPDX-License-Identifier: Apache-2.0
"""A run of garak as the draft of a report: what the file tells, and nothing that it does not.

The trials carry counts per probe and detector; no rate is made of a hit log. Whether harm was done, whether the flaw is
public and what the reporter wants are not in the file: these answers are `unknown` or `undecided` until the reporter
gives them. Outputs are not quoted, because they may be harmful; prompts go into the bundle.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import Json
from safeconduct.domain.systems import UNKNOWN, AffectedSystem, ComponentType, Identity
from safeconduct.domain.weakness import FlawClass, Framework, TaxonomyRef
from safeconduct.formats.base import Remark
from safeconduct.formats.evidence.draft import Found, observed
from safeconduct.formats.evidence.draft import endpoint_of as address_of
from safeconduct.formats.garak.run import FamilyCount, LogKind, Run

CLASS_OF_PROBE: Final = {
    "ansiescape": FlawClass.TOOL_ABUSE,
    "apikey": FlawClass.DATA_LEAK,
    "badchars": FlawClass.EVASION,
    "dan": FlawClass.JAILBREAK,
    "divergence": FlawClass.DATA_LEAK,
    "dra": FlawClass.JAILBREAK,
    "encoding": FlawClass.PROMPT_INJECTION,
    "exploitation": FlawClass.TOOL_ABUSE,
    "fileformats": FlawClass.MODEL_FILE,
    "fitd": FlawClass.JAILBREAK,
    "goat": FlawClass.JAILBREAK,
    "grandma": FlawClass.JAILBREAK,
    "latentinjection": FlawClass.PROMPT_INJECTION,
    "leakreplay": FlawClass.DATA_LEAK,
    "phrasing": FlawClass.JAILBREAK,
    "promptinject": FlawClass.PROMPT_INJECTION,
    "propile": FlawClass.DATA_LEAK,
    "suffix": FlawClass.JAILBREAK,
    "sysprompt_extraction": FlawClass.SYSTEM_PROMPT_LEAK,
    "tap": FlawClass.JAILBREAK,
    "visual_jailbreak": FlawClass.JAILBREAK,
    "web_injection": FlawClass.PROMPT_INJECTION,
}
LOCAL: Final = frozenset({"ggml", "huggingface.Model", "huggingface.Pipeline", "huggingface.OptimumPipeline", "test"})
SHOWN_FAMILIES: Final = 20
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def report_of(run: Run, *, now: datetime) -> Report:
    """Return the draft of a report; `now` is when it was last seen where the file tells no time."""
    return _found(run).report(now=now)


def questions_of(run: Run) -> tuple[Remark, ...]:
    """Return what the reporter must look at before the draft is sent."""
    return _found(run).questions()


def _found(run: Run) -> Found:
    top = _by_hits(run)
    return Found(
        tool="garak",
        hits=run.hits,
        system=system_of(run),
        started_at=run.started_at,
        ended_at=run.ended_at,
        title=_title(run, top),
        description=_description(run, top),
        steps=_steps(run),
        flaw_class=class_of(run),
        taxonomy=tuple(_references(run, top)),
        trials=tuple(_trial(run, family) for family in run.families),
    )


def class_of(run: Run) -> FlawClass:
    """Return the class of the probe with most hits, or `other` where garak's module names none."""
    top = _by_hits(run)
    return CLASS_OF_PROBE.get(top[0].probe.partition(".")[0], FlawClass.OTHER) if top else FlawClass.OTHER


def endpoint_of(run: Run) -> str:
    """Return the address of the target without user, query and fragment, which may hold a secret."""
    return address_of(run.generator.get("uri") or run.generator.get("base_url"))


def system_of(run: Run) -> AffectedSystem:
    """Return the scanned model, by its string and the time in which it was seen."""
    module = run.target_type.partition(".")[0]
    on_hub = module == "huggingface" and _HUB_NAME.fullmatch(run.target_name)
    return AffectedSystem(
        product=run.target_name or UNKNOWN,
        component_type=ComponentType.MODEL,
        hosted=bool(run.target_type) and run.target_type not in LOCAL and module not in LOCAL,
        identity=Identity(
            purl=f"pkg:huggingface/{run.target_name}" if on_hub else "",
            model_string=run.target_name,
            endpoint=endpoint_of(run),
        ),
        observed=observed(run.started_at, run.ended_at, _sampling(run)),
    )


def _sampling(run: Run) -> Mapping[str, Json]:
    return {name: run.generator.get(name) for name in ("temperature", "top_p", "max_tokens")}


def _by_hits(run: Run) -> list[FamilyCount]:
    return sorted((family for family in run.families if family.hits), key=lambda family: -family.hits)


def _counts(family: FamilyCount) -> str:
    if family.judged is None:
        return f"hits: {family.hits}, number of tries not known"
    rest = family.nones + family.unscored
    return f"hits: {family.hits} of {family.judged} judged outputs" + (f", {rest} not judged" if rest else "")


def _title(run: Run, top: list[FamilyCount]) -> str:
    model = run.target_name or "the model"
    if not top:
        return f"garak found no hit on {model}"
    return f"{model}: {top[0].probe} succeeds ({_counts(top[0])})"


def _description(run: Run, top: list[FamilyCount]) -> str:
    source = f"garak {run.version}".strip()
    lines = [f"Found with {source}, run {run.run_id or 'without id'}, from its {run.kind.value}.", ""]
    lines += [f"- {family.name}: {_counts(family)}" for family in top[:SHOWN_FAMILIES]]
    if len(top) > SHOWN_FAMILIES:
        lines.append(f"- and {len(top) - SHOWN_FAMILIES} more")
    if run.generations and run.generations > 1:
        lines += ["", f"Each prompt was sent {run.generations} times; the outputs of one prompt are not independent."]
    if run.kind is LogKind.HIT_LOG:
        lines += ["", "A hit log does not tell how many were tried, so there is no rate."]
    return "\n".join(lines)


def _steps(run: Run) -> str:
    probes = ",".join(dict.fromkeys(f"probes.{family.probe}" for family in run.families))
    settings = {"--target_type": run.target_type, "--target_name": run.target_name, "--spec": probes}
    settings |= {"--generations": str(run.generations or ""), "--seed": "" if run.seed is None else str(run.seed)}
    command = " ".join(f"{name} {value}" for name, value in settings.items() if value)
    tool = f"garak {run.version}".strip()
    return f"1. Install {tool}.\n2. Run: python -m garak {command}\n3. Compare the counts per detector."


def _references(run: Run, top: list[FamilyCount]) -> Iterator[TaxonomyRef]:
    if run.version and "/" not in run.version:
        for probe in list(dict.fromkeys(family.probe for family in top if family.probe))[:SHOWN_FAMILIES]:
            yield TaxonomyRef(framework=Framework.GARAK, edition=run.version, id=probe)


def _trial(run: Run, family: FamilyCount) -> TrialSummary:
    return TrialSummary(
        n=family.judged,
        hits=family.hits,
        abstained=family.nones + family.unscored,
        family=family.name,
        judge=f"garak {family.detector}" + (f", threshold {run.threshold:g}" if family.judged is not None else ""),
        model=f"{run.target_type} {run.target_name}".strip(),
        clusters=family.attempts,
        started_at=run.started_at,
        ended_at=run.ended_at,
        source=f"garak {run.version} {run.kind.value} {run.run_id}".replace("  ", " ").strip(),
        source_sha256=run.sha256,
    )
