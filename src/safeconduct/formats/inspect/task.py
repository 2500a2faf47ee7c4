# SPDX-License-Identifier: Apache-2.0
"""A handout as tasks of Inspect: one file of code that is always the same, and data beside it.

The code is ours and holds nothing of the bundle. It plays scripts of several turns, judges every reply with the checks
of the oracle, and answers "N" where a reply is not to be judged, so the third outcome survives. The metadata of a task
say what "correct" means, by which a log of it is read back without asking. Expressions are RE2 and are run with
Python's `re`: their meaning is the same but for a few classes, their time is not bounded.
"""

import io
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from safeconduct.domain.bundle import BenignControl, Canary, Check, JsonPath, LabelFlip, Pattern
from safeconduct.domain.safe_json import Json, read_lines
from safeconduct.formats.base import LossEntry
from safeconduct.formats.evidence.values import Table, list_of, table_of, text_of
from safeconduct.formats.handout import USER, Case, Folder, Handout, document, folder, json_lines, left_out, refuse

CODE: Final = "safeconduct_task.py"
ATTACK: Final = "attack.jsonl"
BENIGN: Final = "benign.jsonl"
ORACLE: Final = "oracle.json"


def write_task(handout: Handout) -> Folder:
    """Return the folder with the task.

    Raises:
        MalformedError: no check of the oracle can be told as data.
    """
    oracle = handout.bundle.oracle
    checks: list[Json] = [made for check in oracle.checks if (made := check_json(check)) is not None]
    abstain: list[Json] = [made for check in oracle.abstain_on if (made := check_json(check)) is not None]
    if not checks or (len(checks) < len(oracle.checks) and oracle.combine.value == "all"):
        refuse("the oracle needs a check that runs code or watches tools")
    told: Json = {"bundle": handout.bundle_id, "checks": checks, "combine": oracle.combine.value, "abstain_on": abstain}
    controls = [control for control in map(_control, handout.bundle.benign) if control is not None]
    written = {
        CODE: files(__package__).joinpath("data", f"{CODE}.txt").read_bytes(),
        ATTACK: json_lines([_sample(case) for case in handout.cases]),
        BENIGN: json_lines(controls),
        ORACLE: document(told),
    }
    return folder(handout, written, target="inspect", lost=_lost(handout))


def check_json(check: Check) -> dict[str, Json] | None:
    """Return a check as data, or nothing where it is more than data."""
    match check:
        case Canary():
            return {"kind": "canary", "text": check.text, "normalization": check.normalization.value}
        case Pattern():
            return {"kind": "regex", "pattern": check.pattern, "ignore_case": check.ignore_case}
        case LabelFlip():
            return {"kind": "label_flip", "expected": check.expected}
        case JsonPath():
            return {"kind": "json_path", "path": check.path, "equals": check.equals}
        case _:
            return None


def _sample(case: Case) -> Json:
    said: list[Json] = [{"role": role, "content": text} for role, text in case.said]
    metadata: Json = {"family": case.family, "seed": case.seed, "said": said}
    return {"id": case.id, "input": said, "target": "", "metadata": metadata}


def _control(control: BenignControl) -> Json:
    check = check_json(control.check)
    if check is None:
        return None
    said: list[Json] = [{"role": USER, "content": control.prompt}]
    metadata: Json = {"check": check, "useful_when_hit": control.useful_when_hit, "said": said}
    return {"id": control.id, "input": said, "target": "", "metadata": metadata}


def _lost(handout: Handout) -> Iterator[LossEntry]:
    oracle = handout.bundle.oracle
    for number, check in enumerate(oracle.checks):
        if check_json(check) is None:
            yield left_out(f"/oracle/checks/{number}", "the check runs code or watches tools")
    for number, check in enumerate(oracle.abstain_on):
        if check_json(check) is None:
            yield left_out(f"/oracle/abstain_on/{number}", "the check runs code or watches tools")
    for number, control in enumerate(handout.bundle.benign):
        if check_json(control.check) is None:
            yield left_out(f"/benign/{number}", "its check runs code or watches tools")


def read_dataset(data: bytes) -> tuple[Case, ...]:
    """Return the variants of a data set that `write_task` wrote, or of any whose input is a text or messages.

    Raises:
        MalformedError: a line cannot be read.
        TooLargeError: it passes a limit.
    """
    return tuple(_case(table_of(value), number) for number, value in read_lines(io.BytesIO(data)))


def _case(sample: Table, number: int) -> Case:
    metadata = table_of(sample.get("metadata"))
    given = metadata.get("said") or sample.get("input")
    said = [(text_of(table_of(item), "role"), str(table_of(item).get("content") or "")) for item in list_of(given)]
    return Case(
        id=text_of(sample, "id") or f"line {number}",
        family=text_of(metadata, "family"),
        seed=text_of(metadata, "seed"),
        said=tuple(said) if said else (("user", str(given or "")),),
    )
