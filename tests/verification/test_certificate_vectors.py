# SPDX-License-Identifier: Apache-2.0
"""Certificates as earlier versions wrote them: they go on to verify, byte for byte, with their bundle and draws."""

from pathlib import Path

import pytest

from safeconduct.crypto.signing import VerifyKey
from safeconduct.domain.evidence import Verdict
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.certificate import CertificateCheck, verify_certificate

CERTIFICATES = Path(__file__).parents[1] / "vectors" / "certificates"
FIRST, SECOND = CERTIFICATES / "v1", CERTIFICATES / "v2"


def verify(folder: Path, name: str, *, trials: str = "") -> CertificateCheck:
    return verify_certificate(
        (folder / f"{name}.certificate.json").read_bytes(),
        (folder / f"{trials or name}.trials.jsonl").read_bytes(),
        [VerifyKey.parse((folder / "verifier.key").read_text().strip())],
        bundle=read_bundle(folder / "bundle.zip"),
    )


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("fixed", Verdict.FIXED),
        ("not-fixed", Verdict.NOT_FIXED),
        ("halted", Verdict.INCONCLUSIVE),
        ("failing", Verdict.INCONCLUSIVE),
        ("pooled", Verdict.FIXED),
        ("sprt", Verdict.FIXED),
    ],
)
def test_a_certificate_of_the_first_form_goes_on_to_verify(name: str, verdict: Verdict) -> None:
    check = verify(FIRST, name)

    assert check.verdict is verdict
    assert check.draws == len(check.trials) > 0


@pytest.mark.parametrize(
    ("name", "trials", "verdict"),
    [
        ("fixed", "", Verdict.FIXED),
        ("not-fixed", "", Verdict.NOT_FIXED),
        ("blocked", "fixed", Verdict.INCONCLUSIVE),
    ],
)
def test_a_certificate_of_the_second_form_goes_on_to_verify(name: str, trials: str, verdict: Verdict) -> None:
    check = verify(SECOND, name, trials=trials)

    assert check.verdict is verdict
    assert check.facts.criterion.method == "bernoulli-mixture/2"
    assert check.draws == len(check.trials) > 0
