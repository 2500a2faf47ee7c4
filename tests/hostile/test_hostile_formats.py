# SPDX-License-Identifier: Apache-2.0
"""Bad input to the formats: every one ends in one of our errors, quickly, and says nothing that the input did not say."""

import copy
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.examples import ADVISORY, REPORT

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.safe_json import read_json, read_lines
from safeconduct.errors import IncompleteError, MalformedError, SafeconductError, TooLargeError, UnknownValueError
from safeconduct.formats import csaf, native, osv
from safeconduct.formats.base import Format, Level
from safeconduct.formats.catalog import FormatName, format_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GARAK = Path(__file__).resolve().parents[1] / "vectors" / "formats" / "garak-0.17.1.report.jsonl"
FORMATS = {name: format_of(name, now=NOW) for name in FormatName}
GOOD: dict[str, tuple[Format, bytes]] = {
    "advisory": (FORMATS[FormatName.NATIVE], native.canonical(ADVISORY)),
    "report": (FORMATS[FormatName.NATIVE], native.canonical(REPORT)),
    "csaf": (FORMATS[FormatName.CSAF], csaf.write(ADVISORY).data),
    "osv": (FORMATS[FormatName.OSV], osv.write(ADVISORY).data),
    "garak": (FORMATS[FormatName.GARAK], GARAK.read_bytes()),
}
SECRET = "reporter-name-7731"

BAD: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "a number": b"1",
    "not JSON": b"<advisory/>",
    "UTF-16": '{"id": "x"}'.encode("utf-16"),
    "UTF-8 with mark": b"\xef\xbb\xbf{}",
    "Latin-1": b'{"title": "\xe9"}',
    "a repeated key": b'{"id": "x", "id": "y"}',
    "a key repeated in another spelling": b'{"id": "x", "\\u0069d": "y"}',
    "half a character": b'{"id": "\\udc00"}',
    "NaN": b'{"id": NaN}',
    "an infinity": b'{"id": 1e999}',
    "a number of 5000 digits": b'{"id": ' + b"9" * 5000 + b"}",
    "a tower of lists": b"[" * 200_000,
    "a tower of objects": b'{"a":' * 200_000,
    "a closed tower": b"[" * 5_000 + b"]" * 5_000,
    "cut in the middle": native.canonical(ADVISORY)[:400],
    "two documents": b"{}{}",
    "a comment": b'{"id": "x"} // done',
    "NUL bytes": b"\x00" * 100,
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
def test_what_is_no_document_ends_in_our_error(form: Format, data: bytes) -> None:
    with pytest.raises((MalformedError, IncompleteError, TooLargeError)) as caught:
        form.read(data)

    assert caught.value.message
    assert caught.value.as_dict()["code"] in {"malformed", "incomplete", "too_large", "unknown_value"}


@pytest.mark.parametrize("name", GOOD)
def test_a_document_cut_anywhere_ends_in_our_error_or_is_whole_lines(name: str) -> None:
    form, data = GOOD[name]

    for length in range(0, len(data) - 2, max(1, len(data) // 150)):
        try:
            form.read(data[:length])
        except SafeconductError:
            continue
        assert data[length - 1 : length] == b"\n" or name == "garak"


@pytest.mark.parametrize("name", ["advisory", "report", "csaf", "osv"])
def test_a_document_of_many_megabytes_is_refused_unread(name: str) -> None:
    form, _ = GOOD[name]

    with pytest.raises(TooLargeError):
        form.read(b'{"title": "' + b"x" * 9_000_000 + b'"}')


def test_a_line_without_end_is_refused_unread() -> None:
    with pytest.raises(TooLargeError, match="line 1"):
        FORMATS[FormatName.GARAK].read(b'{"entry_type": "' + b"x" * 9_000_000)


JUNK: list[Any] = [
    None, True, 0, -1, 2**53, 1.5, "", "x", "\0", " ", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", [], {}, [[]],
    {"a": {}}, [None], "safeconduct:system?a/b/c=1&a=2&hosted=true&identity=x", "safeconduct:fixed?of=P1",
    "safeconduct:system?identity/digests/0/value=x&observed/since=zz&label=true", "CVSS:3.1/AV:N", "pkg:pypi/x", "é" * 300,
]  # fmt: skip


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, item in items:
        yield from places(item, (*at, step))


def spoiled(data: Any, chance: Any) -> Any:
    """Return the data with one place removed, doubled or replaced by junk."""
    made = copy.deepcopy(data)
    *way, last = chance.choice([place for place in places(made) if place])
    holder = made
    for step in way:
        holder = holder[step]
    act = chance.randrange(3)
    if act == 0:
        del holder[last]
    elif act == 1 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[last]))
    else:
        holder[last] = copy.deepcopy(chance.choice(JUNK))
    return made


CHANCE = st.randoms(use_true_random=False)


@pytest.mark.parametrize("name", ["advisory", "report", "csaf", "osv"])
@given(chance=CHANCE)
@settings(max_examples=200)
def test_a_spoiled_document_is_read_or_refused_and_what_is_read_can_be_written(name: str, chance: Any) -> None:
    form, data = GOOD[name]
    made = spoiled(json.loads(data), chance)
    if chance.randrange(2):
        made = spoiled(made, chance)
    tried = json.dumps(made).encode()

    form.check(tried)
    try:
        record = form.read(tried).record
    except SafeconductError:
        return
    for target in (FORMATS[FormatName.CSAF], FORMATS[FormatName.OSV], FORMATS[FormatName.NATIVE]):
        if isinstance(record, Advisory):
            written = target.write(record).data
            assert [remark for remark in target.check(written) if remark.level is Level.ERROR] == []


@given(chance=CHANCE)
@settings(max_examples=200)
def test_a_spoiled_run_is_counted_or_refused_with_its_line(chance: Any) -> None:
    form, data = GOOD["garak"]
    lines = data.splitlines()
    number = chance.randrange(len(lines))
    lines[number] = json.dumps(spoiled(json.loads(lines[number]), chance)).encode()

    refusals = []
    try:
        form.read(b"\n".join(lines))
    except MalformedError as error:
        refusals.append(error)
    assert all("line" in error.facts for error in refusals)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_value_or_in_our_error(data: bytes) -> None:
    readers: list[Callable[[], object]] = [
        lambda: read_json(data),
        lambda: list(read_lines(io.BytesIO(data))),
        *(lambda form=form: form.read(data) for form in FORMATS.values()),
    ]
    for reader in readers:
        try:
            reader()
        except SafeconductError:
            continue


@pytest.mark.parametrize("kind", ["advisory", "report"])
def test_an_unknown_value_and_an_unknown_field_are_told_without_the_rest_of_the_document(kind: str) -> None:
    form, data = GOOD[kind]
    made = {**json.loads(data), "tlp": "TLP:PINK", "description": SECRET}

    with pytest.raises(UnknownValueError) as caught:
        form.read(json.dumps(made).encode())
    assert SECRET not in str(caught.value.as_dict())
    with pytest.raises(MalformedError) as caught_field:
        form.read(json.dumps({**made, "tlpp": 1}).encode())
    assert SECRET not in str(caught_field.value.as_dict())


def test_a_refusal_shows_no_control_character_of_the_input() -> None:
    with pytest.raises(MalformedError) as caught:
        FORMATS[FormatName.NATIVE].read(b'{"\\u001b]0;owned\\u0007": 1}')

    assert "\x1b" not in caught.value.message


def test_a_thousand_unknown_fields_do_not_make_an_endless_answer() -> None:
    made = {f"field{number}" * 50: number for number in range(5_000)}

    with pytest.raises(MalformedError) as caught:
        FORMATS[FormatName.NATIVE].read(json.dumps(made).encode())
    assert len(json.dumps(caught.value.as_dict())) < 50_000


def test_a_list_of_a_million_entries_is_refused() -> None:
    made = {**json.loads(native.canonical(REPORT)), "public_references": ["x"] * 1_000_000}

    with pytest.raises(TooLargeError, match="/public_references"):
        FORMATS[FormatName.NATIVE].read(json.dumps(made).encode())


def test_an_identifier_with_a_million_fields_is_refused() -> None:
    made = json.loads(csaf.write(ADVISORY).data)
    product = made["product_tree"]["branches"][0]["branches"][0]["branches"][0]["product"]
    uris = product["product_identification_helper"]["x_generic_uris"]
    uris[0]["uri"] = "safeconduct:system?" + "a=1&" * 1_000_000

    with pytest.raises(TooLargeError, match="at most 5000 fields"):
        csaf.read(json.dumps(made).encode())


def test_an_attempt_with_more_triggers_and_outputs_than_anyone_compares_is_counted_at_once() -> None:
    entry = {
        "entry_type": "attempt", "status": 2, "outputs": ["b"] * 200_000,
        "detector_results": {"base.TriggerListDetector": [0.0] * 200_000},
        "notes": {"triggers": [f"a{number}" for number in range(200_000)]},
    }  # fmt: skip
    report = FORMATS[FormatName.GARAK].read(json.dumps(entry).encode()).record

    assert not isinstance(report, Advisory)
    assert report.evidence.trials[0].n == 200_000


def test_an_advisory_about_a_thousand_systems_is_written_and_read() -> None:
    many = replace(ADVISORY, affected=ADVISORY.affected * 333, remediations=())

    for form in (FORMATS[FormatName.CSAF], FORMATS[FormatName.OSV]):
        record = form.read(form.write(many).data).record
        assert isinstance(record, Advisory)
        assert len(record.affected) == 999


def test_a_garak_file_with_a_pickle_in_it_is_only_text() -> None:
    line = json.dumps({"entry_type": "attempt", "status": 2, "outputs": [], "detector_results": {"__reduce__": []}})

    report = FORMATS[FormatName.GARAK].read(line.encode()).record
    assert report.title
