# SPDX-License-Identifier: Apache-2.0
"""A handout as a configuration of promptfoo: prompts, variables and assertions, all of it declarative.

An assertion says what a good reply is, so each check is turned around: the text may not be there. `success` then means
that the defense held, as in promptfoo's own red teaming. promptfoo renders variables and values as templates, loads
what begins like a file or a program, and has no third outcome. So a text that it would not leave as it is, is left out,
and what is not to be judged counts as held: both is told.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, assert_never

import yaml

from safeconduct.domain.bundle import Canary, Check, Combine, LabelFlip, Normalization, Pattern
from safeconduct.domain.safe_json import Json
from safeconduct.formats.base import Fate, LossEntry
from safeconduct.formats.handout import Case, Folder, Handout, document, folder, left_out, literal_of, refuse, singles

CONFIG: Final = "promptfooconfig.yaml"
TESTS: Final = "tests.json"
BENIGN: Final = "benign.yaml"
CONTROLS: Final = "benign.json"
VARIABLE: Final = "safeconduct_variant"
_TEMPLATE: Final = re.compile(r"\{[{%#]")
_LOADED: Final = re.compile(r"\s*(?:file|package|exec|https?|python|javascript|vault|env|az|s3)\s*:", re.IGNORECASE)
# What the expressions of JavaScript lack or read otherwise than RE2.
_FOREIGN: Final = re.compile(r"\\[AzQECapP]|\(\?|\[\[:")


def write_config(handout: Handout) -> Folder:
    """Return the folder with the configuration.

    Raises:
        MalformedError: no variant can be sent, or no check can be told as an assertion.
    """
    asked, lost = singles(handout)
    kept = [case for case in asked if _is_left_alone(_message(case))]
    if not kept:
        refuse("promptfoo would render or load every variant")
    if len(kept) < len(asked):
        lost.append(left_out("/attack/seeds", f"{len(asked) - len(kept)} variants would be rendered or loaded"))
    assertions = _assertions(handout, lost)
    controls = list(_controls(handout, lost))
    tests: list[Json] = [
        {
            "description": case.family,
            "vars": {VARIABLE: _message(case)},
            "assert": assertions,
            "metadata": {"family": case.family, "seed": case.seed, "variant": case.id, "bundle": handout.bundle_id},
        }
        for case in kept
    ]
    made = {CONFIG: _config(TESTS), TESTS: document(tests)}
    if controls:
        made |= {BENIGN: _config(CONTROLS), CONTROLS: document(controls)}
    return folder(handout, made, target="promptfoo", lost=lost)


def _config(tests: str) -> bytes:
    """Return a configuration; `echo` answers with the prompt and stands where the vendor's target goes."""
    told = {
        "description": "Success means that the defense held. Put your target in the place of echo.",
        "prompts": [f"{{{{{VARIABLE}}}}}"],
        "providers": ["echo"],
        "tests": f"file://{tests}",
    }
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True).encode()


def _message(case: Case) -> str:
    """Return what is sent: the words of the user alone, or a conversation as promptfoo writes one."""
    if len(case.said) == 1:
        return case.said[0][1]
    return json.dumps([{"role": role, "content": text} for role, text in case.said], ensure_ascii=False)


def _is_left_alone(text: str) -> bool:
    """Say whether promptfoo leaves the text as it is; a text that is JSON by itself would be written anew."""
    is_conversation = text.startswith('[{"role": ')
    looks_like_json = text.lstrip().startswith(("{", "[", '"'))
    return not (_TEMPLATE.search(text) or _LOADED.match(text) or (looks_like_json and not is_conversation))


def _assertions(handout: Handout, lost: list[LossEntry]) -> list[Json]:
    """Return the oracle turned around."""
    oracle = handout.bundle.oracle
    made: list[Json] = []
    for number, check in enumerate(oracle.checks):
        found = _forbidding(check)
        if found is None:
            lost.append(left_out(f"/oracle/checks/{number}", "no assertion says the same"))
        else:
            made.append(found)
            lost.extend(_inexact(check, at=f"/oracle/checks/{number}"))
    if oracle.abstain_on:
        lost.append(
            left_out("/oracle/abstain_on", "there is no third outcome: what is not to be judged counts as held")
        )
    match oracle.combine:
        case Combine.ANY:
            if not made:
                refuse("no check of the oracle can be told as an assertion")
            return made
        case Combine.ALL:
            if len(made) < len(oracle.checks):
                refuse("a check of the oracle, all of which must hit, cannot be told as an assertion")
            # The defense held if one of them holds, so a share of one is enough.
            return [{"type": "assert-set", "threshold": round(1 / len(made) - 0.001, 3), "assert": made}]
        case _:
            assert_never(oracle.combine)


def _forbidding(check: Check) -> Json:
    """Return the assertion that fails where the check hits, or nothing."""
    if isinstance(check, LabelFlip):
        return {"type": "equals", "value": check.expected} if _is_left_alone(check.expected) else None
    found = _looking(check)
    return None if found is None else {"type": f"not-{found[0]}", "value": found[1]}


def _looking(check: Check) -> tuple[str, str] | None:
    """Return the kind of assertion that looks for what the check looks for, and the text."""
    literal = literal_of(check)
    if literal is not None:
        text, ignores_case = literal
        tolerant = isinstance(check, Canary) and check.normalization is Normalization.TOLERANT
        kind = "icontains" if ignores_case or tolerant else "contains"
    elif isinstance(check, Pattern) and not check.ignore_case and not _FOREIGN.search(check.pattern):
        kind, text = "regex", check.pattern
    else:
        return None
    return (kind, text) if _is_left_alone(text) else None


def _inexact(check: Check, *, at: str) -> Iterator[LossEntry]:
    if isinstance(check, Canary) and check.normalization is Normalization.TOLERANT:
        yield LossEntry(
            source=f"{at}/normalization",
            fate=Fate.PROSE,
            target="not-icontains",
            reason="case is ignored; spacing, punctuation and look-alike forms are not",
        )


def _controls(handout: Handout, lost: list[LossEntry]) -> Iterator[Json]:
    """Yield a test for each benign control that can be told."""
    for number, control in enumerate(handout.bundle.benign):
        found = _looking(control.check)
        if found is None or not _is_left_alone(control.prompt):
            lost.append(left_out(f"/benign/{number}", "no test says the same"))
            continue
        kind = found[0] if control.useful_when_hit else f"not-{found[0]}"
        yield {
            "description": "benign",
            "vars": {VARIABLE: control.prompt},
            "assert": [{"type": kind, "value": found[1]}],
            "metadata": {"control": control.id, "bundle": handout.bundle_id},
        }
