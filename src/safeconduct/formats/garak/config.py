# SPDX-License-Identifier: Apache-2.0
"""A handout as a configuration of garak, which takes the place of a file of prompts.

garak has no probe that reads prompts from a file, but every plugin takes its attributes from the configuration. So
`goodside.Davidjl`, a probe that does no more than send `prompts` and note `triggers`, sends ours, and the exact
detector `promptinject.AttackRogueString` looks for the texts of the oracle. Both need no download. A report of it
names that probe; the prompts and triggers in it are ours. Restated from garak 0.17.1, with which it was run.

Lost: conversations, more than one system prompt, expressions, and everything that is not "one of these texts occurs".
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import yaml

from safeconduct.domain.bundle import Canary, Check, Combine, Normalization
from safeconduct.domain.safe_json import Json
from safeconduct.formats.base import Fate, LossEntry
from safeconduct.formats.handout import SYSTEM, Case, Folder, Handout, folder, left_out, literal_of, refuse, singles

CONFIG: Final = "garak.yaml"
PROBE: Final = "goodside.Davidjl"
DETECTOR: Final = "promptinject.AttackRogueString"


def write_config(handout: Handout) -> Folder:
    """Return the folder with the configuration.

    Raises:
        MalformedError: no variant asks once, or no check looks for a text.
    """
    asked, lost = singles(handout)
    system, kept = _one_system(asked)
    if not kept:
        refuse("garak sends the words of one user, after one system prompt at most")
    if len(kept) < len(asked):
        lost.append(left_out("/attack/steps", f"{len(asked) - len(kept)} variants have other turns before the last"))
    strings, is_sensitive = _strings(handout, lost)
    prompts: list[Json] = [case.said[-1][1] for case in kept]
    probe: dict[str, Json] = {
        "prompts": prompts,
        "triggers": [list[Json](strings) for _ in prompts],
        "primary_detector": DETECTOR,
    }
    run = {"generations": 1, **({"system_prompt": system} if system else {}), "spec": {"include": [f"probes.{PROBE}"]}}
    told = {
        "run": run,
        "plugins": {
            "detector_spec": DETECTOR,
            "probes": _plugin(PROBE, {**probe, "goal": "the reported attack"}),
            "detectors": _plugin(DETECTOR, {"case_sensitive": is_sensitive}),
        },
    }
    lost.append(left_out("/attack/families/name", "all families are one probe"))
    if handout.bundle.benign:
        lost.append(left_out("/benign", "garak has no control prompts"))
    data = yaml.safe_dump(told, sort_keys=False, allow_unicode=True).encode()
    return folder(handout, {CONFIG: data}, target="garak", lost=lost)


def _plugin(name: str, options: Json) -> Json:
    """Return the options of a plugin where garak looks for them."""
    module, _, plugin = name.partition(".")
    return {module: {plugin: options}}


def _one_system(cases: list[Case]) -> tuple[str, list[Case]]:
    """Return the most frequent system prompt, and the cases that have it and nothing else before their last words."""
    systems = Counter(_system(case) for case in cases)
    del systems[None]
    if not systems:
        return "", []
    system = systems.most_common(1)[0][0] or ""
    return system, [case for case in cases if _system(case) == system]


def _system(case: Case) -> str | None:
    """Return the system prompt before the only words of the user, empty without one; None where there is more."""
    match case.said:
        case ((_, _),):
            return ""
        case ((role, text), (_, _)) if role == SYSTEM:
            return text
        case _:
            return None


def _strings(handout: Handout, lost: list[LossEntry]) -> tuple[list[str], bool]:
    """Return the texts to look for, and whether case counts."""
    oracle = handout.bundle.oracle
    found: list[tuple[str, bool]] = []
    for number, check in enumerate(oracle.checks):
        literal = literal_of(check)
        if literal is None:
            lost.append(left_out(f"/oracle/checks/{number}", "the detector looks for texts only"))
        else:
            found.append((literal[0], not literal[1] and not _is_tolerant(check)))
    if not found or (oracle.combine is Combine.ALL and len(oracle.checks) > 1):
        refuse("the oracle is more than one of several texts in the reply")
    is_sensitive = all(sensitive for _, sensitive in found)
    lost.extend(_inexact(handout, is_sensitive=is_sensitive))
    return [text for text, _ in found], is_sensitive


def _inexact(handout: Handout, *, is_sensitive: bool) -> Iterator[LossEntry]:
    oracle = handout.bundle.oracle
    if oracle.abstain_on:
        yield left_out("/oracle/abstain_on", "what is not to be judged counts as held")
    for number, check in enumerate(oracle.checks):
        if _is_tolerant(check) or (isinstance(check, Canary) and not is_sensitive):
            reason = "case is ignored for all texts; spacing, punctuation and look-alike forms are not"
            yield LossEntry(source=f"/oracle/checks/{number}", fate=Fate.PROSE, target="triggers", reason=reason)


def _is_tolerant(check: Check) -> bool:
    return isinstance(check, Canary) and check.normalization is Normalization.TOLERANT
