# SPDX-License-Identifier: Apache-2.0
"""Signed notes."""

import pytest
from tests.crypto.seeded import entropy

from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.errors import MalformedError, TooLargeError, VerificationError
from safeconduct.ledger.note import Note, parse_note, sign_note, verify_note

KEY = SigningKey.generate("example.org/log", entropy(1))
OTHER = SigningKey.generate("example.org/other", entropy(2))
TEXT = "first\n\nthird\n"
# The example of the documentation of Go's golang.org/x/mod/sumdb/note (BSD-3-Clause).
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_note_of_the_go_documentation_is_verified() -> None:
    note = parse_note(GO_NOTE.encode())

    assert verify_note(note, [VerifyKey.parse(GO_VERIFIER)])
    assert str(note) == GO_NOTE


def test_a_note_is_read_as_it_was_signed() -> None:
    note = sign_note(TEXT, KEY)

    assert parse_note(str(note).encode()) == note
    assert note.text == TEXT
    assert verify_note(note, [OTHER.verifier, KEY.verifier]) == (KEY.verifier,)


def test_a_note_without_a_known_signature_means_nothing() -> None:
    with pytest.raises(VerificationError, match="no key at hand"):
        verify_note(sign_note(TEXT, OTHER), [KEY.verifier])
    with pytest.raises(VerificationError):
        verify_note(sign_note(TEXT, KEY), [])


def test_sixty_unknown_signatures_are_passed_over() -> None:
    strangers = [SigningKey.generate(f"stranger.example/{number}", entropy(number)) for number in range(60)]
    signatures = tuple(sign_note(TEXT, stranger).signatures[0] for stranger in strangers)
    note = Note(text=TEXT, signatures=(*signatures, *sign_note(TEXT, KEY).signatures))

    assert verify_note(parse_note(str(note).encode()), [KEY.verifier]) == (KEY.verifier,)


def test_a_key_of_the_same_name_but_another_id_is_unknown() -> None:
    namesake = SigningKey.generate("example.org/log", entropy(9))
    both = Note(text=TEXT, signatures=sign_note(TEXT, namesake).signatures + sign_note(TEXT, KEY).signatures)

    assert verify_note(both, [KEY.verifier]) == (KEY.verifier,)


def test_a_failing_signature_of_a_known_key_refuses_the_note() -> None:
    good, bad = sign_note(TEXT, KEY), sign_note("another text\n", OTHER)
    both = Note(text=TEXT, signatures=good.signatures + bad.signatures)

    assert verify_note(both, [KEY.verifier])
    with pytest.raises(VerificationError):
        verify_note(both, [KEY.verifier, OTHER.verifier])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAA=",
        b"text\n\n\xe2\x80\x94 a AAAAAA==\n",
        b"text\n\n\xe2\x80\x94 a\n",
        b"text\n\n\xe2\x80\x94  AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
        b"text\n\n- a AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a ????????\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAA= \n",
        b"te\rxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"te\x00xt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"te\xffxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"text\n\n" + b"\xe2\x80\x94 a AAAAAAA=\n" * 65,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_note(data)


def test_the_shortest_note_is_read() -> None:
    assert parse_note("text\n\n— a AAAAAAA=\n".encode()).text == "text\n"


def test_an_oversized_note_is_refused() -> None:
    with pytest.raises(TooLargeError):
        parse_note(b"x" * 600_000)
