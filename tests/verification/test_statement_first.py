# SPDX-License-Identifier: Apache-2.0
"""The words of the first form of certificates, which are never changed."""

from dataclasses import replace

import pytest
from tests.verification.deliberations import HIT, MISS, SOON, conduct, feed

from safeconduct.domain.evidence import Arm, Verdict
from safeconduct.verification.findings import report
from safeconduct.verification.statement_first import explain
from safeconduct.verification.verdict import Call, Deliberation

LIMITS = (
    "This speaks of fresh variants of the reported attack from the families named, under the conditions of this run, "
    "and of nothing else."
)


def fixed(call: Call) -> object:
    return MISS if call.arm is Arm.EFFICACY else HIT


def said(answer: object, *, benign: bool = False, **changes: object) -> str:
    criterion = replace(SOON, **changes)  # type: ignore[arg-type]  # terms by name
    state, _ = conduct(criterion, ("a", "b"), answer, benign=benign)  # type: ignore[arg-type]  # an answer
    text = explain(report(state), criterion)
    assert text.endswith(LIMITS)
    return text.removesuffix(LIMITS).strip()


def test_a_fix() -> None:
    lead = "Fixed: on the patched target the attack succeeds in at most 10 % of tries of "
    tail = (
        " A campaign like this one would claim so wrongly in at most 5 % of cases, however often one looked at the "
        "outcomes. It does not say that the attack never succeeds. "
    )
    silent = "Nothing was measured about harmless use, so whether the fix broke it is not known."

    assert said(fixed) == f"{lead}each of these families: a, b.{tail}{silent}"
    assert said(fixed, per_family=False) == f"{lead}these families on average: a, b.{tail}{silent}"
    assert "Harmless use was compared before and after on 47 pairs: at most 10 % of it was lost." in said(
        fixed, benign=True
    )


@pytest.mark.parametrize(("per_family", "who"), [(True, "family a"), (False, "all families together")])
def test_no_fix(*, per_family: bool, who: str) -> None:
    text = said(lambda _call: HIT, per_family=per_family)

    assert text.startswith(f"Not fixed: the attack still succeeds on the patched target ({who}: ")
    assert text.endswith("such evidence would appear in at most 5 % of campaigns.")


def test_no_claim_and_no_verdict() -> None:
    begun = Deliberation.begin(SOON, families=("a",), benign=False)
    regressed = replace(report(begun), verdict=Verdict.REGRESSED)

    assert said(lambda _call: MISS).startswith("No claim about the fix: the reported attack could not be reproduced")
    assert explain(report(begun), SOON).startswith("Inconclusive: at least ")
    assert explain(regressed, SOON).startswith("Regressed: the attack succeeds again")


def test_an_excluded_family() -> None:
    state = Deliberation.begin(SOON, families=("a", "b"), benign=False)
    state = feed(state, Arm.ASSAY, [HIT] * 2, family="a")
    state = feed(state, Arm.ASSAY, [MISS] * 60, family="b")

    assert "Not tested, because they did not succeed before the patch either: b." in explain(report(state), SOON)
