# SPDX-License-Identifier: Apache-2.0
"""The vocabulary written as the files of a bundle: the same bytes for the same bundle, on every machine.

JSON with sorted names, two spaces and a final newline, so that a person can read it and a digest can name it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final, assert_never

from safeconduct.domain.bundle import (
    About,
    AttackScript,
    BenignControl,
    Bundle,
    Canary,
    Check,
    Environment,
    Family,
    JsonPath,
    LabelFlip,
    Limits,
    Mutator,
    Oracle,
    ParamValue,
    Pattern,
    Safety,
    Step,
    TargetSpec,
)
from safeconduct.domain.observed import Advantage, Cost, Event, InputForm, Judge, Scanner
from safeconduct.domain.report import MayTrain
from safeconduct.domain.safe_json import Json
from safeconduct.domain.script import CodeCheck, Tool, ToolCalled
from safeconduct.verification.bundle.observed import http_json, observed_json
from safeconduct.verification.criterion import criterion_terms

BENIGN_FILE: Final = "benign.jsonl"


def bundle_documents(bundle: Bundle) -> dict[str, bytes]:
    """Return every file of the bundle except its MANIFEST and signature."""
    return {
        "bundle.json": _document(_about(bundle.about)),
        "target.json": _document(_target(bundle.target)),
        "attack.json": _document(_attack(bundle.attack)),
        "oracle.json": _document(oracle_json(bundle.oracle)),
        BENIGN_FILE: b"".join(_line(_control(control)) for control in bundle.benign),
        "criterion.json": _document(criterion_terms(bundle.criterion)),
        "limits.json": _document(_limits(bundle.limits)),
        "env.json": _document(_environment(bundle.environment)),
        **{f"code/{file.name}": file.text.encode() for file in bundle.code},
    }


def _document(value: Json) -> bytes:
    """Return one readable file."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=2).encode() + b"\n"


def _line(value: Json) -> bytes:
    """Return one line of a JSON Lines file."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _about(about: About) -> dict[str, Json]:
    """Return `bundle.json`."""
    return {
        "schema_version": about.schema_version,
        "title": about.title,
        "class": about.flaw_class.value,
        "created": about.created.isoformat(),
        "taxonomy": [str(reference) for reference in about.taxonomy],
        "case_id": about.case_id,
        "author_key_id": about.author_key_id,
        "license": about.license,
        "safety": _safety(about.safety),
    }


def _safety(safety: Safety) -> dict[str, Json]:
    """Return how the bundle must be handled; the default for training is left out, as older bundles have none."""
    document: dict[str, Json] = {
        "hazard_level": safety.hazard_level.value,
        "handling": safety.handling.value,
        "contains_harmful_output": safety.contains_harmful_output,
    }
    return document if safety.may_train is MayTrain.NO else document | {"may_train": safety.may_train.value}


def _target(target: TargetSpec) -> dict[str, Json]:
    """Return `target.json`; a secret appears by name only."""
    document: dict[str, Json] = {
        "adapter": target.adapter.value,
        "model": target.model,
        "url": target.url,
        "entry": target.entry,
        "model_digest": target.model_digest,
        "system_fingerprint": target.system_fingerprint,
        "sampling": asdict(target.sampling),
        "secret_name": target.secret_name,
    }
    if target.labels is not None:
        document["labels"] = asdict(target.labels)
    if target.command:
        document["command"] = list(target.command)
    if target.form is not InputForm.TEXT:
        document["form"] = target.form.value
    if target.http is not None:
        document["http"] = http_json(target.http)
    return document


def _attack(attack: AttackScript) -> dict[str, Json]:
    """Return `attack.json`."""
    return {
        "steps": [_step(step) for step in attack.steps],
        "seeds": [{"id": seed.id, "text": seed.text, "part": seed.part.value} for seed in attack.seeds],
        "slots": [{"name": slot.name, "values": list(slot.values)} for slot in attack.slots],
        "families": [_family(family) for family in attack.families],
        "tools": [_tool(tool) for tool in attack.tools],
        "commitment": attack.commitment,
    }


def _step(step: Step) -> dict[str, Json]:
    """Return one step; what most steps do not have is left out where it is empty."""
    document: dict[str, Json] = {"role": step.role.value, "template": step.template}
    further: dict[str, Json] = {
        "tool": step.tool,
        "arguments": dict(step.arguments),
        "document": step.document,
        "expect": [check_json(check) for check in step.expect],
        "carry": [{"name": carry.name, "pattern": carry.pattern} for carry in step.carry],
    }
    return document | {name: value for name, value in further.items() if value}


def _tool(tool: Tool) -> dict[str, Json]:
    """Return one tool on offer."""
    parameters = [{**asdict(parameter), "kind": parameter.kind.value} for parameter in tool.parameters]
    return {"name": tool.name, "about": tool.about, "parameters": list[Json](parameters), "result": tool.result}


def _family(family: Family) -> dict[str, Json]:
    """Return one family."""
    return {
        "name": family.name,
        "about": family.about,
        "seeds": list(family.seeds),
        "chains": [{"mutators": [_mutator(mutator) for mutator in chain]} for chain in family.chains],
    }


def _mutator(mutator: Mutator) -> dict[str, Json]:
    """Return one mutator."""
    params: dict[str, Json] = {name: _param(value) for name, value in mutator.params.items()}
    document: dict[str, Json] = {"name": mutator.name.value, "version": mutator.version, "params": params}
    if mutator.inner:
        document["inner"] = [_mutator(inner) for inner in mutator.inner]
    return document


def _param(value: ParamValue) -> Json:
    """Return one parameter."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value


def oracle_json(oracle: Oracle) -> dict[str, Json]:
    """Return `oracle.json`."""
    return {
        "checks": [check_json(check) for check in oracle.checks],
        "combine": oracle.combine.value,
        "abstain_on": [check_json(check) for check in oracle.abstain_on],
    }


def check_json(check: Check) -> dict[str, Json]:
    """Return one check with its kind."""
    document: dict[str, Json]
    match check:
        case Canary():
            document = {"kind": "canary", "text": check.text, "normalization": check.normalization.value}
        case Pattern():
            document = {"kind": "regex", "pattern": check.pattern, "ignore_case": check.ignore_case}
        case LabelFlip():
            document = {"kind": "label_flip", "expected": check.expected}
        case JsonPath():
            document = {"kind": "json_path", "path": check.path, "equals": check.equals}
        case ToolCalled():
            document = {"kind": "tool_call", "tool": check.tool, "arguments": dict(check.arguments)}
        case CodeCheck():
            document = {"kind": "code", "file": check.file}
        case Event() | Scanner() | Cost() | Advantage() | Judge():
            document = observed_json(check)
        case _:
            assert_never(check)
    return document


def _control(control: BenignControl) -> dict[str, Json]:
    """Return one line of `benign.jsonl`."""
    return {
        "id": control.id,
        "prompt": control.prompt,
        "check": check_json(control.check),
        "useful_when_hit": control.useful_when_hit,
    }


def _limits(limits: Limits) -> dict[str, Json]:
    """Return `limits.json`."""
    return {**asdict(limits), "network": limits.network.value}


def _environment(environment: Environment) -> dict[str, Json]:
    """Return `env.json`."""
    return {
        "python": environment.python,
        "packages": [asdict(package) for package in environment.packages],
        "image_digest": environment.image_digest,
        "tool": environment.tool,
    }
