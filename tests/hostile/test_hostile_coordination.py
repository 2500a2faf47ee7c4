# SPDX-License-Identifier: Apache-2.0
"""Bad input to the rules of coordination: one clear error of ours, never a stray exception, never half an answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from safeconduct.cli.case_files import EmbargoFile, FactsFile, facts_of, read_file
from safeconduct.cli.main import app
from safeconduct.domain.case import CaseState
from safeconduct.domain.instants import parse_duration, parse_instant
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    SafeconductError,
    TooLargeError,
    UnknownValueError,
)
from safeconduct.policy.deadline_policy import read_policy
from safeconduct.policy.deadlines import deadlines
from safeconduct.policy.histories import check_history

NOW = "2026-11-23T12:00:00Z"
SHIPPED = (Path(__file__).parents[2] / "src/safeconduct/policy/data/deadlines.toml").read_text(encoding="utf-8")


def run(*command: str) -> SafeconductError:
    """Run a command that must end with an error of ours."""
    result = CliRunner().invoke(app, list(command))
    assert isinstance(result.exception, SafeconductError), result
    assert result.stdout == ""
    return result.exception


@pytest.fixture
def write(tmp_path: Path):
    def put(content: bytes) -> str:
        file = tmp_path / "input.json"
        file.write_bytes(content)
        return str(file)

    return put


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", MalformedError),
        (b"\xff\xfe", MalformedError),
        (b"{", MalformedError),
        (b"[]", MalformedError),
        (b'"VFDPXA"', MalformedError),
        (b'{"received_at": "2026-11-23T12:00:00Z", "received_at": "2026-11-23T12:00:00Z"}', MalformedError),
        (b'{"received_at": NaN}', MalformedError),
        (b"[" * 100_000, TooLargeError),
        (b" " * (2**20 + 1), TooLargeError),
    ],
)
@pytest.mark.parametrize("command", [("deadlines",), ("embargo", "resolve")])
def test_a_file_that_is_no_document_is_refused(write, command, content: bytes, error: type[SafeconductError]) -> None:
    assert isinstance(run(*command, write(content)), error)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"received_at": None}, MalformedError),
        ({"received_at": "2026-11-23T12:00:00"}, MalformedError),
        ({"received_at": "2026-11-31T12:00:00Z"}, MalformedError),
        ({"received_at": "9999-12-31T23:59:59Z"}, MalformedError),
        ({"received_at": 1_700_000_000}, MalformedError),
        ({"tier": "extreme"}, UnknownValueError),
        ({"recieved_at": NOW}, MalformedError),
        ({"systemic": "yes"}, MalformedError),
        ({"zone": "Mars/Olympus"}, UnknownValueError),
        ({"zone": "../../etc/passwd"}, UnknownValueError),
        ({"holidays": ["2026-02-30"]}, MalformedError),
        ({"acknowledged_at": "2026-11-22T12:00:00Z"}, ConflictError),
        ({"verified_at": NOW}, ConflictError),
        ({"pauses": [{"reason": "legal_order", "started_at": NOW, "until": "2026-11-22T12:00:00Z"}]}, MalformedError),
        (
            {"extensions": [{"kind": "publish", "length": "P1M", "reason": "active_progress", "granted_at": NOW}]},
            MalformedError,
        ),
        (
            {"extensions": [{"kind": "publish", "length": "P9D", "reason": "vendor_silence", "granted_at": NOW}]},
            UnknownValueError,
        ),
    ],
)
def test_facts_that_cannot_be_are_refused(write, changes: dict[str, Any], error: type[SafeconductError]) -> None:
    document = {"received_at": NOW, **changes}

    assert isinstance(run("deadlines", write(json.dumps(document).encode())), error)


def test_facts_without_a_receipt_are_incomplete(write) -> None:
    error = run("deadlines", write(b"{}"))

    assert isinstance(error, IncompleteError)
    assert error.facts["missing"] == ["received_at"]


def test_an_ambiguous_instant_at_the_prompt_is_refused(write) -> None:
    file = write(json.dumps({"received_at": NOW}).encode())

    assert isinstance(run("deadlines", file, "--as-of", "2026-10-25 02:30"), MalformedError)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"proposals": [{"by": "a"}]}, MalformedError),
        ({"proposals": [{"by": "a", "length": "P45D", "ends_at": NOW}]}, MalformedError),
        ({"proposals": [{"by": "a", "length": "P6M"}]}, MalformedError),
        ({"proposals": [{"by": "a", "length": "-P1D"}]}, MalformedError),
        ({"proposals": [{"by": "a", "length": "P99999999999999999999D"}]}, MalformedError),
        (
            {"proposals": [{"by": "a", "length": "P1D", "id": "x"}, {"by": "b", "length": "P2D", "id": "x"}]},
            ConflictError,
        ),
        ({"state": "vFdpxa"}, ConflictError),
        ({"state": "abcdef"}, MalformedError),
        ({"votes": [{"terms": "older", "by": "a", "answer": "accept"}], "parties": ["a"]}, ConflictError),
        (
            {
                "proposals": [{"by": "a", "length": "P1D", "id": "x"}],
                "parties": ["a"],
                "votes": [{"terms": "x", "by": "stranger", "answer": "accept"}],
            },
            ConflictError,
        ),
        (
            {
                "proposals": [{"by": "a", "length": "P1D", "id": "x"}],
                "parties": ["a"],
                "votes": [{"terms": "x", "by": "a", "answer": "accept"}, {"terms": "x", "by": "a", "answer": "reject"}],
            },
            ConflictError,
        ),
    ],
)
def test_a_negotiation_that_cannot_be_is_refused(write, changes: dict[str, Any], error: type[SafeconductError]) -> None:
    document = {"as_of": NOW, **changes}

    assert isinstance(run("embargo", "resolve", write(json.dumps(document).encode())), error)


@pytest.mark.parametrize("history", ["vfdpxa", "VFDPXAZ", "V F", "V" * 10_000 + "?", "ＶＦ", "V\0"])
def test_letters_outside_the_six_are_refused(history: str) -> None:
    assert isinstance(run("states", "check", history), UnknownValueError)


@given(st.text(max_size=40))
def test_any_text_is_a_history_a_code_an_instant_a_duration_or_refused(text: str) -> None:
    for read in (check_history, CaseState.parse, parse_instant, parse_duration):
        try:
            read(text)
        except SafeconductError as error:
            assert error.message  # noqa: PT017  # any error of ours will do


@given(st.text(alphabet="VFDPXA", max_size=30))
def test_any_letters_are_possible_or_not(text: str) -> None:
    assert check_history(text).rules


keys = st.sampled_from(["received_at", "tier", "zone", "pauses", "extensions", "fixed_at", "verified_at", "systemic"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([NOW, "2028-02-29T00:00:00Z", "high", "UTC", "P1D"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(keys, values, max_size=8))
def test_any_document_of_facts_is_answered_or_refused(tmp_path_factory, document: dict[str, Any]) -> None:
    file = tmp_path_factory.getbasetemp() / "facts.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    try:
        found = deadlines(facts_of(read_file(file, FactsFile)), now=parse_instant(NOW))
    except SafeconductError as error:
        assert error.message  # noqa: PT017  # any error of ours will do
    else:
        assert all(one.rules for one in found)


@given(
    st.dictionaries(st.sampled_from(["tier", "state", "proposals", "defaults", "votes", "parties"]), values, max_size=6)
)
def test_any_document_of_a_negotiation_is_read_or_refused(tmp_path_factory, document: dict[str, Any]) -> None:
    file = tmp_path_factory.getbasetemp() / "embargo.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    try:
        assert read_file(file, EmbargoFile)
    except SafeconductError as error:
        assert error.message  # noqa: PT017  # any error of ours will do


@given(st.data())
def test_a_profile_with_any_line_damaged_is_refused_or_sound(data: st.DataObject) -> None:
    lines = SHIPPED.splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(st.sampled_from(["", "x", 'publish = "1d"', "publish = 3", "[tiers.high]", "\x00"]))
    try:
        policy = read_policy("\n".join(lines))
    except SafeconductError as error:
        assert error.code == "configuration"  # noqa: PT017  # one error for every damage
    else:
        assert policy.emergency.cap <= policy.tiers["none"].cap
