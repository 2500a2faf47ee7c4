# SPDX-License-Identifier: Apache-2.0
"""First values for an assessment."""

from dataclasses import replace

import pytest
from tests.policy.factories import MODEL, make_full_report, make_report

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import Answer, Evidence, Exposure, OutputFidelity, PriorContact, PublicStatus
from safeconduct.domain.systems import Identity
from safeconduct.policy.ml_profile import MlProfile
from safeconduct.policy.priority import Reproduction
from safeconduct.policy.proposals import propose_coordination, propose_profile


def test_ten_answers_tell_nothing_of_the_profile() -> None:
    decision = propose_profile(make_report())

    assert decision.outcome == MlProfile()
    assert decision.reasons[0] == "SR: no series of at least 30 counted trials"


def test_a_full_report_tells_what_it_can() -> None:
    evidence = Evidence(
        trials=(TrialSummary(n=100, hits=1), TrialSummary(n=40, hits=38), TrialSummary(n=5, hits=5)),
        subjects_tried=3,
        subjects_hit=2,
        output_fidelity=OutputFidelity.HIGH,
    )

    decision = propose_profile(make_full_report(evidence=evidence))

    assert str(decision.outcome) == "MLP:1.0/AK:B/SR:L/TX:X/RT:B/PE:X/AG:X/EX:1/HM:M/OF:H/RM:X"
    assert decision.reasons[0].startswith("SR: 38 of 40 episodes succeeded")
    assert decision.reasons[1] == "not told by the report: TX, PE, AG, RM"


def test_a_deterministic_flaw_that_reproduced_is_reliable() -> None:
    report = make_report(evidence=Evidence(stochastic=Answer.NO, subjects_hit=1))

    assert propose_profile(report, reproduced=True).outcome.sr == "R"
    assert propose_profile(report).outcome.sr == "X"
    assert propose_profile(report).outcome.rt == "N"


@pytest.mark.parametrize(
    ("working", "vendors", "expected"),
    [
        (("a",), ("One",), "N"),
        (("a", "b"), ("One", "One"), "V"),
        (("a", "b"), ("One", "Two"), "M"),
        (("a", "b", "c"), ("One", "Two", "Three"), "E"),
        (("a", "b"), ("unknown", "unknown"), "V"),
        ((), (), "X"),
    ],
)
def test_only_systems_with_trials_of_their_own_count(
    working: tuple[str, ...], vendors: tuple[str, ...], expected: str
) -> None:
    systems = tuple(
        replace(MODEL, vendor=vendor, identity=Identity(model_string=model))
        for model, vendor in zip(working, vendors, strict=True)
    )
    untried = replace(MODEL, vendor="Never tried")
    trials = tuple(TrialSummary(n=30, hits=20, model=model) for model in working)
    report = make_full_report(
        affects=(*systems, untried), evidence=Evidence(trials=(*trials, TrialSummary(n=30, hits=0, model="resists")))
    )

    assert propose_profile(report).outcome.tx == expected


@pytest.mark.parametrize(
    ("exposure", "expected"),
    [
        (Exposure(), "X"),
        (Exposure(users=0), "0"),
        (Exposure(downstream_deployments=0), "0"),
        (Exposure(users=99_999), "1"),
        (Exposure(downstream_deployments=9), "1"),
        (Exposure(users=100_000), "2"),
        (Exposure(downstream_deployments=10), "2"),
        (Exposure(downstream_deployments=100), "3"),
        (Exposure(critical_sectors=("energy",)), "3"),
        (Exposure(gpai_systemic=Answer.YES), "3"),
    ],
)
def test_exposure_follows_the_thresholds_of_the_profile(exposure: Exposure, expected: str) -> None:
    assert propose_profile(make_report(exposure=exposure)).outcome.ex == expected


def test_a_harmless_report_that_is_public_and_with_the_vendor_is_declined() -> None:
    report = make_full_report(public_status=PublicStatus.PUBLIC, prior_contacts=(PriorContact(who="vendor"),))

    decision = propose_coordination(report, MlProfile(hm="N", ex="1"), reproduction=Reproduction.REPRODUCED)

    assert decision.inputs["lowest"] == "D"
    assert decision.inputs["RC"] == "C"
    assert decision.inputs["SC"] == "O"


def test_a_report_that_did_not_reproduce_is_not_called_incredible() -> None:
    decision = propose_coordination(make_report(), MlProfile(), reproduction=Reproduction.NOT_REPRODUCED)

    assert "RC" not in decision.inputs
    assert decision.outcome == "C"


def test_several_vendors_are_told_to_ssvc() -> None:
    report = make_report(affects=(MODEL, replace(MODEL, vendor="Other")))

    assert propose_coordination(report, MlProfile()).inputs["SC"] == "M"
