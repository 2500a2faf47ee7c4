# SPDX-License-Identifier: Apache-2.0
"""OSV: valid documents for every sound advisory, no loss on the way back, foreign documents with their loss told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from tests.formats.examples import ADVISORY, COMMIT, FIX, HOSTED, LIBRARY, REPORT, WEIGHTS
from tests.formats.roundtrip import surprises
from tests.strategies import advisories

from safeconduct.domain.advisory import Advisory, Credit, CreditKind, ReferenceKind
from safeconduct.domain.severity import Severity, Tier
from safeconduct.domain.systems import AffectedStatus, AffectedSystem, Identity
from safeconduct.errors import IncompleteError, MalformedError
from safeconduct.formats.base import Fate, Level
from safeconduct.formats.osv import OsvFormat, check, osv_id, read, write

OSV = OsvFormat()
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "formats" / "osv"
SCHEMA_PLACE = SHARED / "validation" / "schema.json"


def document(advisory: Advisory) -> Any:
    return json.loads(write(advisory).data)


def only(system: AffectedSystem) -> Advisory:
    return replace(ADVISORY, affected=(system,), remediations=())


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Draft202012Validator:
    if not SHARED.parents[2].is_dir():
        pytest.skip("the shared data are not beside this checkout")
    return jsonschema_rs.Draft202012Validator(json.loads(SCHEMA_PLACE.read_bytes()), validate_formats=True)


@given(advisories())
def test_every_sound_advisory_becomes_a_valid_document_and_comes_back_whole(advisory: Advisory) -> None:
    assert surprises(OSV, advisory) == []
    assert write(advisory).loss.lost == ()
    assert [remark for remark in OSV.check(write(advisory).data) if remark.level is Level.ERROR] == []


def test_the_official_schema_accepts_what_is_written(official: jsonschema_rs.Draft202012Validator) -> None:
    @given(advisories())
    def holds(advisory: Advisory) -> None:
        official.validate(document(advisory))

    holds()
    official.validate(document(ADVISORY))


def test_our_check_and_the_official_schema_agree_on_every_example(official: jsonschema_rs.Draft202012Validator) -> None:
    places = [path for path in sorted(SHARED.rglob("*.json")) if path != SCHEMA_PLACE] + sorted(
        (SHARED.parent / "ml_examples").glob("osv_*.json")
    )
    objects = [path for path in places if isinstance(json.loads(path.read_bytes()), dict)]
    disagreed = [
        path.name
        for path in objects
        if official.is_valid(json.loads(path.read_bytes()))
        != all(remark.level is not Level.ERROR for remark in check(path.read_bytes()))
    ]

    assert len(objects) >= 30
    assert disagreed == []


def test_foreign_examples_are_read(official: jsonschema_rs.Draft202012Validator) -> None:
    read_ids = [
        read(path.read_bytes()).record.id for path in sorted((SHARED.parent / "ml_examples").glob("osv_*.json"))
    ]

    assert read_ids == ["MLVD-2026-0001"] * 5


@pytest.mark.parametrize(
    ("public_id", "expected"),
    [
        ("SC-2026-7f3k9m2q", "x_SC-2026-7f3k9m2q"),
        ("CVE-2026-1234", "CVE-2026-1234"),
        ("CVEX-1", "x_CVEX-1"),
        ("x_SC-1", "x_x_SC-1"),
    ],
)
def test_an_id_without_registered_prefix_is_marked_as_such(public_id: str, expected: str) -> None:
    assert osv_id(public_id) == expected


def test_a_hosted_model_claims_no_package() -> None:
    written = document(only(HOSTED))

    assert "affected" not in written
    assert written["database_specific"]["safeconduct"]["affected"][0]["identity"]["model_string"] == "acme-chat-2"


def test_open_weights_become_a_range_of_commits() -> None:
    assert document(only(WEIGHTS))["affected"] == [
        {
            "ranges": [
                {
                    "type": "GIT",
                    "repo": "https://huggingface.co/acme/small-model",
                    "events": [{"introduced": COMMIT}, {"fixed": FIX}],
                }
            ]
        }
    ]


def test_weights_without_a_fix_are_affected_at_their_commit_only() -> None:
    events = document(only(replace(WEIGHTS, fixed_version="")))["affected"][0]["ranges"][0]["events"]

    assert events == [{"introduced": COMMIT}, {"last_affected": COMMIT}]


def test_weights_with_a_fix_but_no_commit_are_affected_from_the_start() -> None:
    bare = replace(WEIGHTS, version="main", identity=Identity(purl="pkg:huggingface/acme/small-model"))

    assert document(only(bare))["affected"][0]["ranges"][0]["events"] == [{"introduced": "0"}, {"fixed": FIX}]
    assert "affected" not in document(only(replace(bare, fixed_version="v2")))


def test_a_package_of_a_known_ecosystem_can_be_matched() -> None:
    library = replace(LIBRARY, status=AffectedStatus.AFFECTED)

    assert document(only(library))["affected"] == [
        {
            "package": {"ecosystem": "PyPI", "name": "chatlib", "purl": "pkg:pypi/chatlib"},
            "ranges": [{"events": [{"introduced": "1.2.3"}, {"fixed": "1.2.4"}], "type": "ECOSYSTEM"}],
            "versions": ["1.2.3"],
        }
    ]


@pytest.mark.parametrize(
    ("purl", "name"),
    [
        ("pkg:maven/org.acme/agent@1", "org.acme:agent"),
        ("pkg:npm/%40acme/agent@1", "@acme/agent"),
        ("pkg:golang/acme.example/agent@v1", "acme.example/agent"),
    ],
)
def test_a_package_has_the_name_that_its_ecosystem_uses(purl: str, name: str) -> None:
    system = AffectedSystem(identity=Identity(purl=purl), status=AffectedStatus.AFFECTED)

    assert document(only(system))["affected"][0]["package"]["name"] == name


@pytest.mark.parametrize(
    "system",
    [
        LIBRARY,
        AffectedSystem(status=AffectedStatus.AFFECTED, identity=Identity(purl="pkg:mlflow/m@1")),
        AffectedSystem(status=AffectedStatus.AFFECTED, identity=Identity(purl="no purl")),
    ],
)
def test_what_is_not_affected_or_has_no_ecosystem_is_left_to_the_extension(system: AffectedSystem) -> None:
    assert "affected" not in document(only(system))


def test_a_package_without_any_version_claims_no_range() -> None:
    system = AffectedSystem(status=AffectedStatus.MITIGATED, identity=Identity(purl="pkg:pypi/chatlib"))

    assert document(only(system))["affected"] == [
        {"package": {"ecosystem": "PyPI", "name": "chatlib", "purl": "pkg:pypi/chatlib"}}
    ]


@pytest.mark.parametrize(
    ("vector", "kind"),
    [
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", "CVSS_V4"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:N", "CVSS_V3"),
        ("CVSS:3.1/AV:N/AV:N/PR:N/UI:N/S:U/C:N/I:L/A:N", None),
        ("high", None),
    ],
)
def test_only_a_whole_vector_is_a_severity_of_osv(vector: str, kind: str | None) -> None:
    advisory = replace(ADVISORY, severity=Severity(tier=Tier.LOW, tier_low=Tier.LOW, cvss_vector=vector))
    fates = {entry.source: entry.fate for entry in write(advisory).loss.entries}

    assert [item["type"] for item in document(advisory).get("severity", [])] == ([kind] if kind else [])
    assert fates["/severity/cvss_vector"] is (Fate.NATIVE if kind else Fate.EXTENSION)


def test_the_loss_report_names_place_and_target() -> None:
    entries = {entry.source: entry for entry in write(ADVISORY).loss.entries}

    assert entries["/title"].target == "/summary"
    assert entries["/aliases/1"].target == "/aliases/1"
    assert entries["/references/1/url"].target == "/references/1/url"
    assert entries["/references/1/summary"].target == "/database_specific/safeconduct/references/1/summary"
    assert entries["/affected/0/vendor"].fate is Fate.EXTENSION


def test_a_finder_without_name_is_thanked_as_such() -> None:
    advisory = replace(ADVISORY, credits=(Credit(name="", kind=CreditKind.FINDER),))

    assert document(advisory)["credits"] == [{"name": "Anonymous", "type": "FINDER"}]
    assert read(write(advisory).data).record == advisory


def test_a_report_is_not_published() -> None:
    with pytest.raises(MalformedError, match="this is a report"):
        write(REPORT)


def test_an_unsound_record_is_not_written() -> None:
    with pytest.raises(MalformedError, match="/affected"):
        write(replace(ADVISORY, affected=()))


def test_half_a_character_is_refused_with_our_error() -> None:
    with pytest.raises(MalformedError, match="surrogate"):
        write(replace(ADVISORY, disputed="\ud800"))


FOREIGN = {
    "schema_version": "1.6.0",
    "id": "PYSEC-2026-1",
    "modified": "2026-11-20T10:00:00Z",
    "published": "2026-11-21T10:00:00Z",
    "withdrawn": "2026-11-22T10:00:00Z",
    "details": "\nFirst line\nSecond line",
    "aliases": ["CVE-2026-0001", "CVE-2026-0001", ""],
    "related": ["X-1"],
    "severity": [
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:N"},
        {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N"},
        {"type": "Ubuntu", "score": "zzz"},
    ],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "chatlib", "purl": "pkg:pypi/chatlib"},
            "versions": ["1.0", "1.1"],
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}],
        }
    ],
    "references": [
        {"type": "FIX", "url": "https://acme.example/fix"},
        {"type": "PACKAGE", "url": "https://acme.example/package"},
        {"type": "WEB", "url": "ftp://acme.example"},
        {"type": "WEB"},
        7,
    ],
    "credits": [{"name": "Ada", "type": "FINDER"}, {"name": "Bob", "type": "SPONSOR", "contact": ["mailto:b"]}],
    "database_specific": {"cwe_ids": ["CWE-1"]},
}


def test_a_foreign_document_is_read_and_its_loss_is_told() -> None:
    reading = read(json.dumps(FOREIGN).encode())
    advisory = reading.record

    assert isinstance(advisory, Advisory)
    assert (advisory.id, advisory.title, advisory.publisher.name) == ("PYSEC-2026-1", "First line", "PYSEC")
    assert advisory.aliases == ("CVE-2026-0001",)
    assert advisory.published_at == advisory.modified_at
    assert advisory.affected[0].version == "1.0, 1.1"
    assert advisory.affected[0].fixed_version == "1.2"
    assert advisory.severity
    assert (advisory.severity.tier, advisory.severity.cvss_score) == (Tier.HIGH, 8.7)
    assert [item.kind for item in advisory.references] == [ReferenceKind.FIX, ReferenceKind.WEB]
    assert [item.kind for item in advisory.credits] == [CreditKind.FINDER, CreditKind.OTHER]
    assert advisory.withdrawn_at is not None
    assert {entry.source for entry in reading.loss.lost} == {
        "/related/0",
        "/affected/0/ranges/0/type",
        "/affected/0/ranges/0/events/0/introduced",
        "/references/2/type",
        "/references/2/url",
        "/references/3/type",
        "/references/4",
        "/credits/1/contact/0",
        "/database_specific/cwe_ids/0",
        "/severity/0/type",
        "/severity/0/score",
        "/severity/2/type",
        "/severity/2/score",
    }
    assert [remark.at for remark in reading.remarks] == ["/flaw_class", "/publisher", "/published_at"]


def test_the_least_foreign_document_is_read() -> None:
    advisory = read(b'{"id": "OSV-1", "modified": "2026-01-01T00:00:00Z", "severity": [{}], "affected": null}').record

    assert isinstance(advisory, Advisory)
    assert advisory.title == advisory.description == "OSV-1"
    assert advisory.affected == (AffectedSystem(),)
    assert advisory.severity is None


def test_an_ecosystem_without_package_url_is_a_loss() -> None:
    data = {
        "id": "A-1",
        "modified": "2026-01-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "Go", "name": "x"}}],
    }

    assert [entry.source for entry in read(json.dumps(data).encode()).loss.lost] == ["/affected/0/package/ecosystem"]


@pytest.mark.parametrize("data", [b"{}", b'{"id": "A-1"}', b'{"id": "A-1", "modified": "yesterday"}', b'{"id": "x_"}'])
def test_a_document_without_id_or_instant_is_incomplete(data: bytes) -> None:
    with pytest.raises(IncompleteError):
        read(data)


def test_an_extension_that_is_no_record_is_refused_with_its_place() -> None:
    changed = document(ADVISORY)
    changed["database_specific"]["safeconduct"]["tlp"] = "TLP:PINK"

    with pytest.raises(MalformedError, match="/tlp"):
        read(json.dumps(changed).encode())


@pytest.mark.parametrize("version", ["2.0.0", "", 1])
def test_an_extension_of_a_newer_record_is_refused(version: Any) -> None:
    changed = document(ADVISORY)
    changed["database_specific"]["safeconduct"]["record_version"] = version

    with pytest.raises(MalformedError, match="/record_version"):
        read(json.dumps(changed).encode())


def test_an_extension_cannot_replace_what_stands_in_the_document() -> None:
    changed = document(ADVISORY)
    changed["database_specific"]["safeconduct"]["title"] = "Another title"
    reading = read(json.dumps(changed).encode())

    assert reading.record == ADVISORY
    assert [entry.source for entry in reading.loss.lost] == ["/database_specific/safeconduct/title"]


def test_a_check_points_to_the_place() -> None:
    changed = {**document(ADVISORY), "references": [{"type": "SELF", "url": "https://a.example"}]}

    assert [remark.at for remark in check(json.dumps(changed).encode())] == ["/references/0/type"]


def test_a_check_doubts_dates_and_missing_packages() -> None:
    sound = {name: FOREIGN[name] for name in ("id", "modified", "published", "withdrawn")}
    assert {remark.rule for remark in check(json.dumps(sound).encode())} == {"osv.affected", "osv.dates"}
