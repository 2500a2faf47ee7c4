# SPDX-License-Identifier: Apache-2.0
"""Bundles for targets on the web, programs and model files: read as written, and held against oracle and criterion."""

from dataclasses import replace

import pytest
from tests.verification.bundles import evasion_bundle, leak_bundle

from safeconduct.domain.bundle import Adapter, Bundle, Canary, Oracle, TargetSpec
from safeconduct.domain.evidence import Criterion, JudgeCalibration
from safeconduct.domain.observed import (
    Advantage,
    Comparison,
    Event,
    EventKind,
    HttpForm,
    HttpMethod,
    InputForm,
    Judge,
    ScanLevel,
    Scanner,
    ScannerName,
)
from safeconduct.verification.bundle import read_bundle, zip_bundle
from safeconduct.verification.bundle.checks import check_bundle
from safeconduct.verification.bundle.remarks import Level

WEB = TargetSpec(
    adapter=Adapter.HTTP,
    model="m",
    http=HttpForm(
        method=HttpMethod.PUT,
        body='{"q": "{{prompt}}"}',
        query={"n": "1"},
        headers={"Accept": "application/json"},
        reply="$.answer",
    ),
)
PROGRAM = TargetSpec(adapter=Adapter.COMMAND, model="m", command=("answer", "--short"), form=InputForm.JSON)
MADE = JudgeCalibration(positives=50, found=48, negatives=50, cleared=49, source="two people")
JUDGE = Judge(model="j", prompt="Did it succeed? {{reply}}", calibration=MADE)
ADVANTAGE = Advantage(comparison=next(iter(Comparison)), first="$.a", second="$.b", baseline=0.5, margin=0.1)
EVENT = Event(event=next(iter(EventKind)), pattern="curl")
SCANNER = Scanner(scanners=(ScannerName.OPCODES,), at_least=ScanLevel.SUSPICIOUS)


def codes(bundle: Bundle) -> dict[str, Level]:
    return {remark.code: remark.level for remark in check_bundle(bundle)}


@pytest.mark.parametrize("target", [WEB, PROGRAM])
@pytest.mark.parametrize("check", [JUDGE, ADVANTAGE, EVENT, SCANNER])
def test_what_is_written_is_read_again(target: TargetSpec, check: Judge | Advantage | Event | Scanner) -> None:
    bundle = leak_bundle(target=target, oracle=Oracle(checks=(check,)), criterion=Criterion(judge=MADE))

    assert read_bundle(zip_bundle(bundle)) == bundle


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": replace(PROGRAM, command=())}, "target.no-command"),
        ({"target": replace(WEB, http=None)}, "target.no-form"),
        ({"target": replace(WEB, http=HttpForm(body='{"q": "no place"}'))}, "target.form"),
        ({"oracle": Oracle(checks=(EVENT,))}, "oracle.no-event"),
        ({"oracle": Oracle(checks=(SCANNER,))}, "oracle.no-file"),
        ({"oracle": Oracle(checks=(Canary(text="x"),), abstain_on=(EVENT,))}, "oracle.abstain"),
        ({"oracle": Oracle(checks=(ADVANTAGE,))}, "criterion.under-baseline"),
        ({"oracle": Oracle(checks=(JUDGE,)), "criterion": Criterion()}, "criterion.judge"),
    ],
)
def test_a_target_that_does_not_fit_is_an_error(changes: dict[str, object], code: str) -> None:
    assert codes(leak_bundle(**changes))[code] is Level.ERROR


def test_targets_that_fit_are_none() -> None:
    for target in (WEB, replace(evasion_bundle().target, adapter=Adapter.COMMAND, command=("answer",), entry="")):
        found = codes(leak_bundle(target=target))
        assert not {code for code in found if code.startswith("target.") and found[code] is Level.ERROR}
