# SPDX-License-Identifier: Apache-2.0
"""The acceptance note."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.crypto.seeded import entropy
from tests.ledger.factories import KEY, ORIGIN

from safeconduct.crypto.signing import SigningKey
from safeconduct.errors import MalformedError, SafeconductError, VerificationError
from safeconduct.ledger.acceptance import Acceptance, open_acceptance, sign_acceptance
from safeconduct.ledger.checkpoint import open_checkpoint, read_checkpoint
from safeconduct.ledger.note import sign_note

ACCEPT = SigningKey.generate(f"{ORIGIN}/accept", entropy(5))
PROMISE = Acceptance(origin=ORIGIN, commitment=bytes(range(32)), by=datetime(2026, 11, 23, 12, 10, tzinfo=UTC))


def test_the_note_says_what_was_promised() -> None:
    note = sign_acceptance(PROMISE, ACCEPT)

    assert note.startswith(
        "safeconduct.acceptance/v1\n"
        "log example.org/log\n"
        "commitment AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
        "by 2026-11-23T12:10:00Z\n\n— example.org/log/accept "
    )
    assert open_acceptance(note.encode(), ACCEPT.verifier) == PROMISE


def test_the_time_is_written_in_utc() -> None:
    east = Acceptance(
        origin=ORIGIN,
        commitment=PROMISE.commitment,
        by=datetime(2026, 11, 23, 14, 10, tzinfo=timezone(timedelta(hours=2))),
    )

    assert east.text == PROMISE.text


def test_the_note_never_passes_for_a_checkpoint() -> None:
    note = sign_acceptance(PROMISE, ACCEPT)

    with pytest.raises(VerificationError):
        open_checkpoint(note.encode(), KEY.verifier)
    with pytest.raises(SafeconductError):
        open_checkpoint(note.encode(), ACCEPT.verifier)
    with pytest.raises(MalformedError):
        read_checkpoint(PROMISE.text)


def test_a_note_of_another_signer_is_refused() -> None:
    with pytest.raises(VerificationError):
        open_acceptance(sign_acceptance(PROMISE, KEY).encode(), ACCEPT.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("safeconduct.acceptance/v1", "safeconduct.acceptance/v2"),
        ("12:10:00Z", "25:10:00Z"),
        ("12:10:00Z", "12:10"),
        ("AAECAwQF", "AAEC"),
        ("log example.org/log\n", ""),
        ("by ", "extra\nby "),
    ],
)
def test_a_signed_text_that_is_no_acceptance_is_refused(old: str, new: str) -> None:
    note = sign_note(PROMISE.text.replace(old, new), ACCEPT)

    with pytest.raises(MalformedError):
        open_acceptance(str(note).encode(), ACCEPT.verifier)
