# SPDX-License-Identifier: Apache-2.0
"""The native records: round trips, canonical form and digest, versions, and the published schemas."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from tests.formats.examples import ADVISORY, REPORT
from tests.strategies import advisories, reports

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.report import Report
from safeconduct.domain.systems import AffectedSystem
from safeconduct.errors import IncompleteError, MalformedError, TooLargeError, UnknownValueError
from safeconduct.formats import native
from safeconduct.formats.base import Level

NATIVE = native.NativeFormat()
VALIDATORS = {
    kind: jsonschema_rs.validator_for(json.loads(native.published_schema(kind)), validate_formats=True)
    for kind in (Report, Advisory)
}


@given(reports())
def test_a_report_survives_and_its_document_satisfies_the_published_schema(report: Report) -> None:
    written = NATIVE.write(report)

    assert native.read_report(written.data) == report
    assert NATIVE.read(written.data).record == report
    assert VALIDATORS[Report].is_valid(json.loads(written.data))
    assert NATIVE.check(written.data) == ()
    assert written.loss.lost == ()


@given(advisories())
def test_an_advisory_survives_and_its_document_satisfies_the_published_schema(advisory: Advisory) -> None:
    written = NATIVE.write(advisory)

    assert native.read_advisory(written.data) == advisory
    assert NATIVE.read(written.data).record == advisory
    assert VALIDATORS[Advisory].is_valid(json.loads(written.data))
    assert NATIVE.check(written.data) == ()
    assert written.loss.lost == ()


@pytest.mark.parametrize("kind", [Report, Advisory])
def test_the_published_schema_is_the_one_that_the_types_give(kind: type[Report | Advisory]) -> None:
    assert native.published_schema(kind) == native.schema_bytes(kind), "run tools/schemas"
    jsonschema_rs.meta.validate(json.loads(native.published_schema(kind)))


@pytest.mark.parametrize(
    "change",
    [
        {"title": 1},
        {"hue": "red"},
        {"tlp": "TLP:WHITE"},
        {"affects": [{"hosted": "yes"}]},
        {"seen_at": "2026-01-01T00:00:00"},
        {"discovered_at": "yesterday"},
        {"exposure": {"users": 1.5}},
        {"affects": [{"observed": {"since": "2026-01-01T00:00:00Z", "sampling": [["a"]]}}]},
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(change: dict[str, Any]) -> None:
    data = {**native.plain(REPORT), **change}

    assert not VALIDATORS[Report].is_valid(data)
    with pytest.raises(MalformedError):
        native.report_from(data)


def test_equal_records_have_equal_bytes_and_one_digest() -> None:
    shuffled = dict(reversed(native.plain(ADVISORY).items()))

    assert native.canonical(native.advisory_from(shuffled)) == native.canonical(ADVISORY)
    assert native.digest(ADVISORY) == hashlib.sha256(native.canonical(ADVISORY)).hexdigest()
    assert native.digest(ADVISORY) != native.digest(replace(ADVISORY, disputed="The vendor disputes it."))


def test_a_record_without_version_is_of_this_version_and_a_newer_one_is_refused() -> None:
    data = native.plain(REPORT)

    assert native.report_from({name: item for name, item in data.items() if name != "schema_version"}) == REPORT
    assert native.report_from({**data, "schema_version": "1.9.0"}).schema_version == "1.9.0"
    for version in ("2.0.0", "", 1, None):
        with pytest.raises(UnknownValueError, match="schema_version"):
            native.report_from({**data, "schema_version": version})


def test_the_ten_answers_are_asked_for_by_name() -> None:
    with pytest.raises(IncompleteError) as caught:
        native.read_report(b"{}")

    assert caught.value.facts["missing"] == [
        "real_world_harm",
        "malicious_use_possible",
        "restricted_material",
        "affects",
        "seen_at",
        "title",
        "description",
        "steps",
        "public_status",
        "disclosure",
    ]


def test_a_report_needs_a_system_and_a_short_title() -> None:
    data = native.plain(REPORT)

    with pytest.raises(MalformedError, match="/affects"):
        native.report_from({**data, "affects": []})
    with pytest.raises(TooLargeError, match="/title"):
        native.report_from({**data, "title": "x" * 201})


def test_a_document_that_is_no_object_is_no_record() -> None:
    with pytest.raises(MalformedError):
        native.report_from([])


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"title": " "}, "/title"),
    ({"title": "x" * 201}, "/title"),
    ({"id": "a b"}, "/id"),
    ({"id": "x-"}, "/id"),
    ({"affected": []}, "/affected"),
    ({"affected": [{"vendor": ""}]}, "/affected/0/vendor"),
    ({"aliases": ["a", "a"]}, "/aliases"),
    ({"aliases": [" "]}, "/aliases/0"),
    ({"publisher": {"name": "P", "namespace": "ftp://p.example"}}, "/publisher/namespace"),
    ({"publisher": {"name": "P", "namespace": "https://p.example", "category": "press"}}, "/publisher/category"),
    ({"revisions": []}, "/revisions"),
    ({"revisions": [{"version": 2, "at": "2026-11-20T10:00:00Z", "summary": "x"}]}, "/revisions"),
    ({"modified_at": "2020-01-01T00:00:00Z"}, "/modified_at"),
    ({"references": [{"url": "javascript:alert(1)"}]}, "/references/0/url"),
    ({"references": [{"url": "https://a.example/" + "x" * 2000}]}, "/references/0/url"),
    ({"remediations": [{"kind": "mitigation", "details": "x", "products": [9]}]}, "/remediations/0/products"),
    ({"remediations": [{"kind": "mitigation", "details": "x", "products": [0, 0]}]}, "/remediations/0/products"),
    ({"remediations": [{"kind": "mitigation", "details": "x", "url": "x"}]}, "/remediations/0/url"),
    ({"timeline": [{"at": "2026-11-20T10:00:00Z", "what": "\n"}]}, "/timeline/0/what"),
]


@pytest.mark.parametrize(("change", "at"), BROKEN)
def test_an_unsound_advisory_is_neither_read_nor_written(change: dict[str, Any], at: str) -> None:
    data = {**native.plain(ADVISORY), **change}

    with pytest.raises(MalformedError) as caught:
        native.advisory_from(data)
    assert at in {problem["at"] for problem in caught.value.facts["problems"]}
    remarks = NATIVE.check(json.dumps(data).encode())
    assert (Level.ERROR, at) in {(remark.level, remark.at) for remark in remarks}


def test_all_that_is_unsound_is_told_at_once() -> None:
    with pytest.raises(MalformedError, match=r"and 2 more") as caught:
        NATIVE.write(replace(ADVISORY, title="", affected=()))

    assert len(caught.value.facts["problems"]) == 3


def test_revisions_go_forward() -> None:
    early = replace(ADVISORY.revisions[0], version=2, at=datetime(2020, 1, 1, tzinfo=UTC))

    with pytest.raises(MalformedError, match="earlier date"):
        NATIVE.write(replace(ADVISORY, revisions=(*ADVISORY.revisions, early)))


def test_dates_that_do_not_fit_the_revisions_are_doubtful_but_no_error() -> None:
    late = replace(ADVISORY.revisions[0], at=datetime(2026, 12, 1, tzinfo=UTC))
    remarks = NATIVE.read(NATIVE.write(replace(ADVISORY, revisions=(late,))).data).remarks

    assert {remark.rule for remark in remarks} == {"record.dates.modified", "record.dates.published"}
    assert all(remark.level is Level.WARNING for remark in remarks)


def test_an_address_of_a_certificate_is_looked_at_too() -> None:
    assert ADVISORY.verification is not None
    wrong = replace(ADVISORY.verification, certificate_url="not an address")

    with pytest.raises(MalformedError, match="/verification/certificate_url"):
        NATIVE.write(replace(ADVISORY, verification=wrong))


def test_a_check_tells_every_place_of_an_unreadable_record() -> None:
    remarks = NATIVE.check(b'{"title": 5, "hue": "red"}')

    assert {remark.at for remark in remarks} >= {"/title", "/hue", "/steps"}
    assert {remark["level"] for remark in (remark.as_dict() for remark in remarks)} == {"error"}


def test_a_check_tells_one_thing_where_there_is_one() -> None:
    data = json.dumps({**native.plain(REPORT), "affects": []}).encode()

    assert [remark.rule for remark in NATIVE.check(data)] == ["malformed"]


def test_a_report_about_an_unknown_system_is_a_report() -> None:
    report = replace(REPORT, affects=(AffectedSystem(),))

    assert native.read_report(NATIVE.write(report).data) == report


@pytest.mark.parametrize(
    "counts", [{"n": 10, "hits": 50}, {"n": -5, "hits": -9}, {"n": None, "hits": -1}, {"n": 0, "hits": 1}]
)
def test_counts_that_no_sample_has_are_refused(counts: dict[str, int]) -> None:
    data = native.plain(REPORT) | {"evidence": {"trials": [{"hits": 3, "n": 40}, counts]}}

    with pytest.raises(MalformedError, match="/evidence/trials/1"):
        native.report_from(data)
