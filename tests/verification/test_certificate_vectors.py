# SPDX-License-Identifier: Apache-2.0
"""Certificates as earlier versions wrote them: they go on to verify, byte for byte, with their bundle and draws."""

from pathlib import Path

import pytest

from safeconduct.crypto.signing import VerifyKey
from safeconduct.domain.evidence import Verdict
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.certificate import verify_certificate

FIRST = Path(__file__).parents[1] / "vectors" / "certificates" / "v1"


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
    key = VerifyKey.parse((FIRST / "verifier.key").read_text().strip())

    check = verify_certificate(
        (FIRST / f"{name}.certificate.json").read_bytes(),
        (FIRST / f"{name}.trials.jsonl").read_bytes(),
        [key],
        bundle=read_bundle(FIRST / "bundle.zip"),
    )

    assert check.verdict is verdict
    assert check.draws == len(check.trials) > 0
