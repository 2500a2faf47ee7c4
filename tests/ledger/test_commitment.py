# SPDX-License-Identifier: Apache-2.0
"""Commitments and openings."""

import base64
import hashlib
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.seeded import entropy
from tests.ledger.factories import ATTACHMENTS, REPORT

from safeconduct.errors import MalformedError, NotFoundError, SafeconductError
from safeconduct.ledger.commitment import (
    HiddenField,
    Opening,
    commit,
    public_commitment,
    salted_commitment,
)
from safeconduct.ledger.entry import EntryKind


def opening_document() -> dict[str, object]:
    _, opening = commit(REPORT, ATTACHMENTS, entropy=entropy())
    document: dict[str, object] = json.loads(opening.to_json())
    return document


def test_the_commitment_is_the_documented_hash() -> None:
    commitment, opening = commit({"b": [1, "ä"], "a": None}, [ATTACHMENTS[0]], entropy=entropy())
    document = json.loads(opening.to_json())

    def leaf(field: dict[str, object]) -> bytes:
        return hashlib.sha256(b"\0" + rfc8785.dumps([field["salt"], field["name"], field["value"]])).digest()

    one, two, three = map(leaf, document["fields"])
    left = hashlib.sha256(b"\1" + one + two).digest()
    root = hashlib.sha256(b"\1" + left + three).digest()
    salt = base64.b64decode(document["salt"])
    assert [field["name"] for field in document["fields"]] == ["a", "attachment:1", "b"]
    assert commitment == hashlib.sha256(b"safeconduct/receipt/v1\0" + salt + root).digest()


def test_an_opening_file_opens_the_commitment() -> None:
    commitment, opening = commit(REPORT, ATTACHMENTS, entropy=entropy(), log_key="the key")

    read = Opening.from_json(opening.to_json())

    assert read == opening
    assert read.commitment() == commitment
    assert read.shown() == {**REPORT, "attachment:1": ATTACHMENTS[0], "attachment:2": ATTACHMENTS[1]}


@given(st.sets(st.sampled_from(sorted(REPORT))))
def test_any_part_may_be_revealed_and_nothing_else_shows(names: set[str]) -> None:
    commitment, opening = commit(REPORT, ATTACHMENTS, entropy=entropy())

    partial = Opening.from_json(opening.reveal(names).to_json())

    assert partial.commitment() == commitment
    assert set(partial.shown()) == names
    if "title" not in names:
        assert b"jailbreak" not in partial.to_json()
    assert all(isinstance(one, HiddenField) or one.name in names for one in partial.fields)


def test_a_revealed_opening_may_be_narrowed_and_not_widened() -> None:
    commitment, opening = commit(REPORT, ATTACHMENTS, entropy=entropy())
    partial = opening.reveal({"title", "n"})

    assert partial.reveal({"n"}).commitment() == commitment
    with pytest.raises(NotFoundError) as caught:
        partial.reveal({"affected"})
    assert caught.value.facts == {"unknown": ["affected"]}


def test_the_same_report_twice_makes_two_commitments() -> None:
    source = entropy()

    assert commit(REPORT, (), entropy=source)[0] != commit(REPORT, (), entropy=source)[0]


def test_a_changed_value_name_salt_or_order_opens_something_else() -> None:
    commitment, _ = commit(REPORT, ATTACHMENTS, entropy=entropy())

    def changed(change: object) -> bytes:
        document = opening_document()
        change(document)  # type: ignore[operator]  # a function of the test
        return Opening.from_json(json.dumps(document).encode()).commitment()

    assert changed(lambda _document: None) == commitment
    for change in (
        lambda document: document["fields"][0].update(value="other"),
        lambda document: document["fields"][0].update(name="other"),
        lambda document: document["fields"][0].update(salt=document["salt"]),
        lambda document: document["fields"].reverse(),
        lambda document: document["fields"].pop(),
        lambda document: document.update(salt=document["fields"][0]["salt"]),
    ):
        assert changed(change) != commitment


def test_an_opening_shows_nothing_in_messages() -> None:
    _, opening = commit(REPORT, ATTACHMENTS, entropy=entropy())

    assert "jailbreak" not in repr(opening)
    assert "salt" not in repr(opening)


@pytest.mark.parametrize(
    ("report", "attachments"),
    [
        ({}, []),
        ({"a": 1}, ["xyz"]),
        ({"a": 1}, ["AB" * 32]),
        ({"attachment:1": 1}, []),
        ({"a": float("nan")}, []),
        ({"a": 2**60}, []),
        ({f"f{number}": 1 for number in range(4097)}, []),
    ],
)
def test_what_cannot_be_committed_to_is_refused(report: dict[str, object], attachments: list[str]) -> None:
    with pytest.raises(MalformedError):
        commit(report, attachments, entropy=entropy())  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": None},
        {"fields": {}},
        {"fields": []},
        {"fields": ["x"]},
        {"fields": [{"hash": "AAAA"}]},
        {"fields": [{"hash": 7}]},
        {"fields": [{"name": "a", "value": 1}]},
        {"fields": [{"name": 7, "value": 1, "salt": "AAAA"}]},
        {"fields": [{"name": "a", "value": 1, "salt": "AAAA"}]},
        {"fields": [{"name": "a", "value": 1, "salt": "AAAA", "hash": "AAAA"}]},
        {"fields": [{"hash": "A" * 43 + "="}] * 4097},
        {"salt": None},
        {"salt": "AAAA"},
        {"log_key": 7},
    ],
)
def test_a_damaged_opening_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(SafeconductError):
        Opening.from_json(json.dumps(opening_document() | change).encode())


def test_kinds_have_commitments_of_their_own() -> None:
    digest, salt = bytes(32), bytes(32)
    commitments = {salted_commitment(kind, digest, salt=salt) for kind in EntryKind}

    assert len(commitments) == len(EntryKind)
    for wrong in ((b"", salt), (digest, b"")):
        with pytest.raises(MalformedError):
            salted_commitment(EntryKind.AUDIT_HEAD, wrong[0], salt=wrong[1])


def test_a_public_document_is_committed_to_by_its_own_hash() -> None:
    assert public_commitment(b"abc") == hashlib.sha256(b"abc").digest()
