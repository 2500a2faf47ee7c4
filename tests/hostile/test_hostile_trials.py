# SPDX-License-Identifier: Apache-2.0
"""Trials from strangers: cut, reordered, repeated, deep, huge or mad files end in one of our errors."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.deliberations import HIT, MISS, make_trial

from safeconduct.domain.evidence import Arm
from safeconduct.errors import IncompleteError, MalformedError, SafeconductError, TooLargeError, UnknownValueError
from safeconduct.verification.trials import read_trials, write_trials

THREE = write_trials(make_trial(number, Arm.ASSAY, HIT, family="a") for number in (1, 2, 3))
FIRST = THREE.split(b"\n")[0]


def changed(**values: Any) -> bytes:
    return json.dumps({**json.loads(FIRST), **values}).encode() + b"\n"


def lacking(name: str) -> bytes:
    body = json.loads(FIRST)
    del body[name]
    return json.dumps(body).encode() + b"\n"


@given(cut=st.integers(1, len(THREE) - 1))
@settings(derandomize=True, max_examples=200)
def test_a_file_cut_anywhere_is_refused_or_is_shorter_by_whole_lines(cut: int) -> None:
    # A cut between lines cannot be seen here; the digest in the certificate sees it.
    if THREE[cut - 1 : cut] == b"\n":
        assert len(read_trials(THREE[:cut])) < 3
    else:
        with pytest.raises(MalformedError):
            read_trials(THREE[:cut])


@pytest.mark.parametrize("name", sorted(json.loads(FIRST)))
def test_every_name_is_needed(name: str) -> None:
    with pytest.raises(IncompleteError):
        read_trials(lacking(name))


@pytest.mark.parametrize(
    "line",
    [
        FIRST[:-1] + b',"number":1}\n',
        FIRST[:-1] + b',"extra":1}\n',
        FIRST.replace(b'"seconds":0.5', b'"seconds":NaN') + b"\n",
        FIRST.replace(b'"seconds":0.5', b'"seconds":1e999') + b"\n",
        FIRST.replace(b'"seconds":0.5', b'"seconds":-1') + b"\n",
        FIRST.replace(b'"seconds":0.5', b'"seconds":true') + b"\n",
        FIRST.replace(b'"tokens":12', b'"tokens":12.5') + b"\n",
        FIRST.replace(b'"tokens":12', b'"tokens":"12"') + b"\n",
        FIRST.replace(b'"tokens":12', b'"tokens":-1') + b"\n",
        FIRST.replace(b'"number":1', b'"number":0') + b"\n",
        b"[]\n",
        b"null\n",
        b'"trial"\n',
        b"\xff\xfe\n",
        b"\xef\xbb\xbf" + FIRST + b"\n",
        changed(started_at="yesterday"),
        changed(started_at="2026-11-23T12:00:00"),
        changed(started_at="0001-01-01T00:00:00+23:59"),
        changed(request_sha256="AB" * 32),
        changed(response_sha256="ab" * 31),
        changed(mutators="base64"),
        changed(mutators=[1]),
        changed(mutators=["x" * 201]),
    ],
    ids=lambda line: line[-40:].decode("latin-1"),
)
def test_a_mad_line_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedError):
        read_trials(line)


@pytest.mark.parametrize("line", [changed(arm="placebo"), changed(outcome="pass"), changed(outcome="")])
def test_a_value_outside_of_the_vocabulary_is_refused(line: bytes) -> None:
    with pytest.raises(UnknownValueError):
        read_trials(line)


@pytest.mark.parametrize(
    "line",
    [
        changed(detail="x" * 2001),
        changed(family="x" * 201),
        changed(mutators=["x"] * 33),
        b"[" * 60_000 + b"\n",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"\n",
        changed(detail="x" * 70_000),
    ],
    ids=["detail", "family", "mutators", "brackets", "braces", "line"],
)
def test_what_is_too_large_or_too_deep_is_refused(line: bytes) -> None:
    with pytest.raises(TooLargeError):
        read_trials(line)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[0], lines[0], lines[1]],
        lambda lines: lines[1:],
    ],
    ids=["reordered", "dropped", "repeated", "beheaded"],
)
def test_lines_that_do_not_follow_on_each_other_are_refused(arrange: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = [line + b"\n" for line in THREE.splitlines()]

    with pytest.raises(MalformedError):
        read_trials(b"".join(arrange(lines)))


@given(
    data=st.binary(max_size=200)
    | st.builds(lambda a, b: FIRST[:a] + b + FIRST[a:] + b"\n", st.integers(0, 300), st.binary(max_size=5))
)
@settings(derandomize=True, max_examples=300)
def test_whatever_is_read_ends_in_trials_or_in_our_error(data: bytes) -> None:
    try:
        numbers = [trial.number for trial in read_trials(data)]
    except SafeconductError:
        numbers = []

    assert numbers == list(range(1, len(numbers) + 1))


def test_errors_do_not_echo_what_stands_in_the_file() -> None:
    with pytest.raises(MalformedError) as caught:
        read_trials(changed(started_at="my secret hiding place"))

    assert "secret" not in json.dumps(caught.value.as_dict())


def test_blank_lines_do_not_hide_a_missing_trial() -> None:
    lines = THREE.splitlines()

    with pytest.raises(MalformedError):
        read_trials(lines[0] + b"\n\n" + lines[2] + b"\n")


def test_a_long_honest_file_is_read() -> None:
    data = write_trials(make_trial(number, Arm.EFFICACY, MISS, family="a") for number in range(1, 2001))

    assert len(read_trials(data)) == 2000
