# SPDX-License-Identifier: Apache-2.0
"""Certificates of several verifiers taken together: evidence multiplies, and only where it may."""

from dataclasses import replace

import pytest
from tests.verification.certificates import BUNDLE, SIGNER, STRANGER, by_arm, certify
from tests.verification.deliberations import HIT, MISS, SOON
from tests.verification.test_suite import ENTRY, SUITE

from safeconduct.domain.evidence import Arm, Criterion, Verdict
from safeconduct.errors import ConflictError, MalformedError
from safeconduct.verification.certificate import CertificateCheck, TargetRecord, make_certificate, verify_certificate
from safeconduct.verification.merged import merge_certificates
from safeconduct.verification.reproduction import Finding
from safeconduct.verification.variants import HeldOut

OTHER = HeldOut(salt=b"\x07" * 32, seed=b"\x08" * 32)


def two(
    answer: object, *, criterion: Criterion = SOON, most: int = 10_000, benign: bool = True, **facts: object
) -> list[CertificateCheck]:
    """Return the checks of two verifiers that saw the same; the second has draws of its own."""
    bundle = BUNDLE if benign else replace(BUNDLE, benign=())
    made = certify(answer, criterion=criterion, bundle=bundle, most=most, halted="out of budget")  # type: ignore[arg-type]  # an answer
    second = replace(made.facts, reveal=OTHER, commitment="ab" * 32, campaign="campaign-2", **facts)  # type: ignore[arg-type]  # facts
    envelopes = (made.envelope, make_certificate(second, made.trials, STRANGER))
    keys = [SIGNER.verifier, STRANGER.verifier]
    return [verify_certificate(envelope, made.lines, keys) for envelope in envelopes]


def test_two_that_are_inconclusive_alone_may_show_a_fix_together() -> None:
    checks = two(by_arm({Arm.EFFICACY: MISS}), most=70, benign=False)

    found = merge_certificates(checks)

    assert {check.verdict for check in checks} == {Verdict.INCONCLUSIVE}
    assert found.verdict is Verdict.FIXED
    assert found.statement.startswith("2 verifiers tried the patched target on draws of their own (family plain: 0 of ")
    assert "in at most 10 % of tries" in found.statement
    assert found.log_e_benign is None
    assert found.verifiers == (checks[0].signer, checks[1].signer)


def test_benign_use_must_be_shown_as_well() -> None:
    short = two(by_arm({Arm.EFFICACY: MISS}), most=70)
    harmed = two(by_arm({Arm.EFFICACY: MISS, Arm.BENIGN_AFTER: MISS}))
    kept = two(by_arm({Arm.EFFICACY: MISS}))

    assert merge_certificates(short).verdict is Verdict.INCONCLUSIVE
    assert merge_certificates(harmed).verdict is Verdict.INCONCLUSIVE
    assert merge_certificates(kept).verdict is Verdict.FIXED


def test_a_refutation_is_told() -> None:
    found = merge_certificates(two(lambda call: HIT if call.arm is not Arm.EFFICACY or call.family == "leet" else MISS))

    assert found.verdict is Verdict.NOT_FIXED
    assert "in more than 2 % of tries" in found.statement


def test_a_flaw_that_came_back_at_one_of_them_keeps_it_from_being_a_fix() -> None:
    fine = replace(SUITE, entries=(replace(ENTRY, outcome=Finding.NOT_REPRODUCED),))

    assert merge_certificates(two(by_arm({Arm.EFFICACY: MISS}), suite=SUITE)).verdict is Verdict.INCONCLUSIVE
    assert merge_certificates(two(by_arm({Arm.EFFICACY: MISS}), suite=fine)).verdict is Verdict.FIXED


def test_pooled_families_are_merged_as_one() -> None:
    found = merge_certificates(two(by_arm({Arm.EFFICACY: MISS}), criterion=replace(SOON, per_family=False)))

    assert [one.family for one in found.families] == ["*"]
    assert "all families together: 0 of" in found.statement


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patched": TargetRecord(name="x", fingerprint="another")}, "same target"),
        ({"patched": TargetRecord(name="x", fingerprint="")}, "which target"),
        ({"bundle_sha256": "00"}, "same bundle"),
        ({"oracle_sha256": "00"}, "same oracle"),
    ],
    ids=["target", "no target", "bundle", "oracle"],
)
def test_what_is_not_about_the_same_question_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConflictError, match=message):
        merge_certificates(two(by_arm({Arm.EFFICACY: MISS}), **change))


def test_one_verifier_twice_one_alone_and_overlapping_draws_are_refused() -> None:
    first, second = two(by_arm({Arm.EFFICACY: MISS}))

    with pytest.raises(MalformedError, match="at least two"):
        merge_certificates([first])
    with pytest.raises(ConflictError, match="served another one"):
        merge_certificates([first, first])
    with pytest.raises(ConflictError, match="verifier"):
        merge_certificates([first, replace(second, signer=first.signer)])
