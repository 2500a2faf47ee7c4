# SPDX-License-Identifier: Apache-2.0
"""CSAF 2.0: valid documents for every sound advisory, exactly the declared loss, foreign documents with their loss told."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from tests.formats.examples import ADVISORY, HOSTED, LIBRARY, NOON, REPORT, WEIGHTS
from tests.formats.roundtrip import compare, surprises
from tests.strategies import advisories

from safeconduct.domain.advisory import Advisory, Credit, CreditKind, ReferenceKind, Remediation, RemediationKind
from safeconduct.domain.report import Tlp
from safeconduct.domain.severity import Exploitation, Severity, Tier
from safeconduct.domain.systems import AffectedStatus, AffectedSystem, Identity, Observation
from safeconduct.domain.weakness import FlawClass, Framework, TaxonomyRef
from safeconduct.errors import IncompleteError, MalformedError, MissingExtraError
from safeconduct.formats import native
from safeconduct.formats.base import Fate, Level, LossEntry, leaves
from safeconduct.formats.csaf import CsafFormat, check, checking, file_name, read, write
from safeconduct.formats.csaf.words import CWE_NAMES, FIXED_DETAILS

CSAF = CsafFormat()
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "formats"
CVSS_3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:L/A:N"


def document(advisory: Advisory) -> Any:
    return json.loads(write(advisory).data)


def read_back(made: Any) -> Advisory:
    record = read(json.dumps(made).encode()).record
    assert isinstance(record, Advisory)
    return record


def only(*systems: AffectedSystem) -> Advisory:
    return replace(ADVISORY, affected=systems, remediations=())


def titled(made: Any) -> dict[str, str]:
    return {note.get("title", ""): note["text"] for note in made["vulnerabilities"][0]["notes"]}


def product_names(made: Any) -> list[tuple[str, str]]:
    def walk(branches: Any) -> Any:
        for branch in branches:
            if "product" in branch:
                yield branch["category"], branch["name"]
            yield from walk(branch.get("branches", []))

    return list(walk(made["product_tree"]["branches"]))


@pytest.fixture(scope="module")
def shared() -> Path:
    if not SHARED.parents[1].is_dir():
        pytest.skip("the shared data are not beside this checkout")
    return SHARED


@given(advisories())
def test_every_sound_advisory_becomes_a_valid_document(advisory: Advisory) -> None:
    assert CSAF.check(write(advisory).data) == ()


@given(advisories())
def test_an_advisory_comes_back_but_for_exactly_the_declared_loss(advisory: Advisory) -> None:
    assert surprises(CSAF, advisory) == []


def test_the_example_is_sound_also_by_the_recommended_tests() -> None:
    rules = {remark.rule for remark in check(write(ADVISORY).data, recommended=True)}

    # CSAF 2.0 has no score for CVSS 4, and our example is not published under the name of its file.
    assert rules == {"csaf.6.2.3", "csaf.6.2.11"}


def test_a_loss_that_is_not_declared_is_found() -> None:
    written = write(ADVISORY)
    after = native.plain(read_back(json.loads(written.data)))
    hidden = [
        replace(item, fate=Fate.NATIVE) if item.source == "/timeline/0/what" else item for item in written.loss.entries
    ]
    told = replace(written, loss=replace(written.loss, entries=tuple(hidden)))

    assert compare(native.plain(ADVISORY), after, told) == ["/timeline/0/what was lost without notice"]


def test_a_declared_loss_that_is_none_is_found() -> None:
    written = write(ADVISORY)
    after = native.plain(read_back(json.loads(written.data)))
    doubled = [replace(item, fate=Fate.DROPPED) if item.source == "/title" else item for item in written.loss.entries]
    told = replace(written, loss=replace(written.loss, entries=tuple(doubled)))

    assert compare(native.plain(ADVISORY), after, told) == ["/title is declared lost and survives"]


def test_a_field_without_fate_and_one_from_nowhere_are_found() -> None:
    written = write(ADVISORY)
    after = native.plain(read_back(json.loads(written.data)))
    entries = tuple(item for item in written.loss.entries if item.source != "/detection")
    told = replace(written, loss=replace(written.loss, entries=entries))

    assert compare(native.plain(ADVISORY), {**after, "extra": 1}, told) == [
        "/detection has no fate",
        "/extra comes from nowhere",
    ]


def test_every_text_that_machines_lose_is_told_to_people() -> None:
    written = write(ADVISORY)
    values = leaves(native.plain(ADVISORY))
    said = "\n".join(titled(json.loads(written.data)).values()) + json.dumps(
        json.loads(written.data)["vulnerabilities"][0]["threats"]
    )
    texts = {
        entry.source: str(values[entry.source])
        for entry in written.loss.lost
        if entry.fate is Fate.PROSE and isinstance(values[entry.source], str) and not entry.source.endswith("_at")
    }
    missing = {
        place: text
        for place, text in texts.items()
        if text not in said and text.replace("_", " ") not in said and not place.endswith("/at")
    }

    assert len(texts) > 15
    assert missing == {}


def test_the_loss_report_is_plain_data_with_counts() -> None:
    told = write(ADVISORY).loss.as_dict()

    assert (told["from"], told["to"]) == ("native", "csaf")
    assert isinstance(told["counts"], dict)
    assert sum(told["counts"].values()) == len(write(ADVISORY).loss.entries)
    assert {
        "source": "/publisher/contact",
        "fate": "native",
        "target": "/document/publisher/contact_details",
        "reason": "",
    } in told["entries"]  # type: ignore[operator]  # a list


def test_equal_records_give_equal_bytes_with_sorted_keys() -> None:
    again = native.advisory_from(dict(reversed(native.plain(ADVISORY).items())))

    assert write(again).data == write(ADVISORY).data
    assert list(document(ADVISORY)) == sorted(document(ADVISORY))


@pytest.mark.parametrize(
    ("tracking_id", "name"),
    [
        ("SC-2026-7f3k9m2q", "sc-2026-7f3k9m2q.json"),
        ("Example Company - 2019-YH3234", "example_company_-_2019-yh3234.json"),
        ("RHBA-2019:0024", "rhba-2019_0024.json"),
        ("2022 #01-A", "2022_01-a.json"),
        ("a..b+c", "a_b+c.json"),
    ],
)
def test_a_file_is_named_after_its_id(tracking_id: str, name: str) -> None:
    assert file_name(tracking_id) == name


def test_file_names_agree_with_the_official_examples(shared: Path) -> None:
    folder = shared / "csaf_2.0" / "test" / "filenames" / "data"
    names = {
        path.name: file_name(json.loads(path.read_bytes())["document"]["tracking"]["id"])
        for path in folder.rglob("*.json")
    }
    valid = {path.name for path in (folder / "valid").glob("*.json")}

    assert valid
    assert {name for name, ours in names.items() if name == ours} == valid


def test_our_check_agrees_with_every_official_test_document(shared: Path) -> None:
    folder = shared / "csaf_2.0" / "test" / "validator" / "data"
    disagreed, seen = [], 0
    for test in json.loads((folder / "testcases.json").read_bytes())["tests"]:
        for expected, kind in ((True, "failures"), (False, "valid")):
            for item in test.get(kind, []) if test["group"] != "informative" else []:
                seen += 1
                rules = {remark.rule for remark in check((folder / item["name"]).read_bytes(), recommended=True)}
                # A CVSS object that breaks its schema is found by the schema of the document, before the test for it.
                found = any(f"csaf.{test['id']}.".startswith(f"{rule}.") for rule in rules) or (
                    test["id"] == "6.1.8" and rules == {"csaf.schema"}
                )
                if found is not expected:
                    disagreed.append((item["name"], sorted(rules)))

    assert seen > 190
    assert disagreed == []


def test_official_documents_are_read_or_refused_with_our_error(shared: Path) -> None:
    folder = shared / "csaf_2.0" / "test" / "validator" / "data"
    advisories_read = [read(path.read_bytes()).record for path in sorted(folder.glob("*/*.json"))]

    assert len(advisories_read) > 200
    assert [found for record in advisories_read for found in CSAF.check(write(record).data)] == []


def test_the_examples_of_hosted_and_open_models_are_read(shared: Path) -> None:
    hosted = read((shared / "ml_examples" / "csaf_hosted.json").read_bytes())
    weights = read((shared / "ml_examples" / "csaf_weights.json").read_bytes())

    assert isinstance(hosted.record, Advisory)
    assert hosted.record.aliases == ("CVE-2026-0001", "AVID-2026-V001")
    assert [system.status for system in hosted.record.affected] == [AffectedStatus.AFFECTED, AffectedStatus.FIXED]
    assert hosted.record.severity
    assert hosted.record.severity.cvss_score == 5.3
    assert isinstance(weights.record, Advisory)
    assert weights.record.affected[0].identity.purl.startswith("pkg:huggingface/")


def test_a_hosted_model_has_a_label_for_a_version_and_never_a_range() -> None:
    made = document(only(HOSTED))

    assert product_names(made) == [("product_version", "snapshot 2026-10-01")]
    assert read_back(made).affected[0] == replace(HOSTED, role=AffectedSystem().role, status_note="")


def test_a_hosted_model_that_nobody_dated_is_labeled_as_hosted() -> None:
    system = AffectedSystem(product="chat", hosted=True)

    assert product_names(document(only(system))) == [("product_version", "hosted")]
    assert read_back(document(only(system))).affected == (system,)


def test_a_version_that_reads_like_our_label_stays_a_version() -> None:
    system = AffectedSystem(product="chat", hosted=True, version="snapshot 2026-10-01")

    assert read_back(document(only(system))).affected == (system,)


@pytest.mark.parametrize(
    "version",
    ["<4.2", "<= 4.1", "prior to 4.2", "before 4.2", "4.2 and later", "4.2 and earlier", "all", "all versions", "4.x", "4.*",
     "from 1 to 2", "since 1.0", "1.0 through 1.5"],
)  # fmt: skip
def test_words_of_ranges_never_stand_in_the_name_of_a_version(version: str) -> None:
    system = AffectedSystem(product="chat", version=version)
    made = document(only(system))

    assert product_names(made) == [("product_version_range", version)]
    assert check(json.dumps(made).encode()) == ()
    assert read_back(made).affected == (system,)


def test_systems_of_one_vendor_share_their_branches_and_keep_their_order() -> None:
    systems = tuple(
        AffectedSystem(vendor=vendor, product=product, version=version, fixed_version=fixed)
        for vendor, product, version, fixed in [
            ("b", "y", "2", "3"), ("a", "x", "", ""), ("b", "y", "1", ""), ("a", "x", "1", "2"), ("a", "x", "", "9"),
        ]
    )  # fmt: skip
    made = document(only(*systems))

    assert [branch["name"] for branch in made["product_tree"]["branches"]] == ["b", "a"]
    assert [(branch["name"], "product" in branch) for branch in made["product_tree"]["branches"][1]["branches"]] == [
        ("x", False),
        ("x", True),
        ("x", True),
    ]
    assert read_back(made).affected == systems


def test_more_than_nine_systems_keep_their_order() -> None:
    systems = tuple(AffectedSystem(product=f"p{number}", fixed_version="1") for number in range(12))

    assert read_back(document(only(*systems))).affected == systems


@pytest.mark.parametrize(
    "identity",
    [
        Identity(purl="not a purl"),
        Identity(purl="pkg:pypi/a%zz"),
        Identity(purl="pkg:pypi/a#b#c"),
        Identity(purl="pkg:pypi/%2F"),
        Identity(cpe="cpe:?"),
        Identity(sbom_ref="urn:uuid:1"),
        Identity(model_string="a=b&c/d %é\n", endpoint="", region="*"),
    ],
)
def test_an_identifier_that_csaf_cannot_hold_is_carried_in_a_generic_uri(identity: Identity) -> None:
    advisory = only(AffectedSystem(product="chat", identity=identity))

    assert CSAF.check(write(advisory).data) == ()
    assert read_back(document(advisory)).affected == advisory.affected
    assert {entry.fate for entry in write(advisory).loss.entries if "/identity/" in entry.source} == {Fate.EXTENSION}


def test_identifiers_that_csaf_knows_stand_in_its_own_fields() -> None:
    made = document(only(WEIGHTS))
    helper = made["product_tree"]["branches"][0]["branches"][0]["branches"][0]["product"][
        "product_identification_helper"
    ]

    assert helper["purl"] == WEIGHTS.identity.purl
    assert helper["cpe"] == WEIGHTS.identity.cpe
    assert helper["hashes"][0]["file_hashes"] == [{"algorithm": "sha256", "value": "ab" * 32}]
    assert helper["sbom_urls"] == ["https://acme.example/sbom.json"]
    fates = {entry.source: entry.fate for entry in write(only(WEIGHTS)).loss.entries}
    assert fates["/affected/0/identity/digests/0/value"] is Fate.NATIVE


def test_an_advisory_without_any_decided_status_is_of_the_generic_profile() -> None:
    made = document(only(AffectedSystem(product="chat")))

    assert made["document"]["category"] == "csaf_base"
    assert document(only(LIBRARY))["document"]["category"] == "csaf_security_advisory"


def test_something_fixed_without_remediation_is_given_one_that_is_not_read_back() -> None:
    made = document(only(WEIGHTS))

    assert [item["details"] for item in made["vulnerabilities"][0]["remediations"]] == [FIXED_DETAILS]
    assert read_back(made).remediations == ()


@pytest.mark.parametrize("status", list(AffectedStatus))
def test_every_status_has_a_group(status: AffectedStatus) -> None:
    advisory = only(AffectedSystem(product="chat", status=status))

    assert surprises(CSAF, advisory) == []
    assert CSAF.check(write(advisory).data) == ()


@pytest.mark.parametrize("tlp", list(Tlp))
def test_every_tlp_label_survives(tlp: Tlp) -> None:
    assert read_back(document(replace(ADVISORY, tlp=tlp))).tlp is tlp


@pytest.mark.parametrize("kind", list(RemediationKind))
def test_every_kind_of_remediation_is_carried_or_told(kind: RemediationKind) -> None:
    advisory = replace(ADVISORY, remediations=(Remediation(kind=kind, details="x", products=(0, 1, 2)),))

    assert surprises(CSAF, advisory) == []
    if read_back(document(advisory)).remediations[0].kind is not kind:
        assert kind.value.replace("_", " ") in titled(document(advisory))["Remediations"]


@pytest.mark.parametrize(
    ("severity", "scored"),
    [
        (Severity(tier=Tier.HIGH, tier_low=Tier.HIGH, cvss_vector=CVSS_3, cvss_score=8.2), True),
        (Severity(tier=Tier.HIGH, tier_low=Tier.LOW, cvss_vector=CVSS_3, cvss_score=1.0), False),
        (Severity(tier=Tier.HIGH, tier_low=Tier.HIGH, cvss_vector=CVSS_3), False),
        (Severity(tier=Tier.NONE, tier_low=Tier.NONE, exploitation=Exploitation.ACTIVE, rules=("a", "b")), False),
    ],
)
def test_a_score_is_written_only_where_it_is_that_of_its_vector(severity: Severity, *, scored: bool) -> None:
    advisory = replace(ADVISORY, severity=severity)

    assert ("scores" in document(advisory)["vulnerabilities"][0]) is scored
    assert surprises(CSAF, advisory) == []
    assert CSAF.check(write(advisory).data) == ()


def test_every_weakness_that_is_named_has_the_name_of_the_catalog() -> None:
    for weakness in CWE_NAMES:
        reference = TaxonomyRef(framework=Framework.CWE, edition="4.20", id=weakness)
        assert CSAF.check(write(replace(ADVISORY, taxonomy=(reference,))).data) == ()


def test_a_weakness_without_known_name_is_told_in_the_references_only() -> None:
    advisory = replace(ADVISORY, taxonomy=(TaxonomyRef(framework=Framework.CWE, edition="4.20", id="CWE-20"),))

    assert "cwe" not in document(advisory)["vulnerabilities"][0]
    assert surprises(CSAF, advisory) == []


def test_people_are_thanked_as_they_wish() -> None:
    credits_ = (Credit(name="", organization="Example"), Credit(name="Ada", kind=CreditKind.TOOL), Credit(name=""))

    assert read_back(document(replace(ADVISORY, credits=credits_))).credits == credits_


def test_an_alias_that_is_the_id_stands_once() -> None:
    ids = document(replace(ADVISORY, aliases=(ADVISORY.id, "AVID-1")))["vulnerabilities"][0]["ids"]

    assert [item["text"] for item in ids] == [ADVISORY.id, "AVID-1"]


def test_a_report_is_not_published() -> None:
    with pytest.raises(MalformedError, match="this is a report"):
        write(REPORT)


def test_an_own_version_survives_and_another_is_dropped() -> None:
    lost = {entry.source for entry in write(replace(ADVISORY, record_version="1.7.0")).loss.lost}

    assert "/record_version" in lost
    assert "/record_version" not in {entry.source for entry in write(ADVISORY).loss.lost}


FOREIGN: dict[str, Any] = {
    "document": {
        "category": "csaf_security_advisory",
        "csaf_version": "2.0",
        "title": "T" * 250,
        "publisher": {"category": "press", "name": "Vendor", "namespace": "https://vendor.example"},
        "distribution": {"text": "Share freely."},
        "notes": [{"category": "legal_disclaimer", "text": "No warranty."}],
        "references": [
            {"category": "self", "summary": "Canonical", "url": "https://vendor.example/1"},
            {"summary": "fix", "url": "https://vendor.example/fix"},
            {"summary": "Old", "url": "ftp://vendor.example"},
        ],
        "acknowledgments": [{"names": ["Ada", "Bob"], "organization": "Uni", "summary": "found it"}, {"urls": ["x"]}],
        "tracking": {
            "id": "VEND OR-1",
            "status": "retired",
            "version": "2.0.0",
            "initial_release_date": "2026-02-01T00:00:00Z",
            "current_release_date": "2026-01-01T00:00:00Z",
            "revision_history": [
                {"date": "2026-01-01T00:00:00Z", "number": "2.0.0", "summary": " "},
                {"date": "2025-01-01T00:00:00Z", "number": "1.0.0", "summary": "first"},
                {"date": "whenever", "number": "0.1.0", "summary": "draft"},
            ],
        },
    },
    "product_tree": {
        "branches": [
            {
                "category": "vendor",
                "name": "Vendor",
                "branches": [
                    {"category": "product_family", "name": "Family", "branches": [
                        {"category": "product_name", "name": "Thing", "branches": [
                            {"category": "product_version", "name": "1", "product": {"product_id": "A", "name": "Thing 1"}},
                            {"category": "product_version", "name": "2", "product": {"product_id": "B", "name": "Thing 2"}},
                        ]},
                    ]},
                ],
            }
        ],
        "full_product_names": [
            {"product_id": "C", "name": "Loose thing", "product_identification_helper": {
                "x_generic_uris": [{"namespace": "https://other.example", "uri": "other:thing"}],
                "hashes": [{"filename": "thing.bin", "file_hashes": [{"algorithm": "sha256", "value": "ab" * 32}]}],
            }},
        ],
        "relationships": [{"category": "installed_on", "full_product_name": {"product_id": "D", "name": "C on A"}}],
        "product_groups": [{"group_id": "G", "product_ids": ["A", "C"], "summary": "both"}],
    },
    "vulnerabilities": [
        {
            "title": "The first",
            "cve": "CVE-2026-1",
            "cwe": {"id": "CWE-20", "name": "Improper Input Validation"},
            "ids": [{"system_name": "x", "text": "X-1"}, {"system_name": "own", "text": "VEND OR-1"}],
            "notes": [{"category": "details", "text": "The details."}, {"category": "description", "text": "  "}],
            "product_status": {"fixed": ["B"], "known_affected": ["A", "nowhere"], "first_fixed": ["A"]},
            "scores": [
                {"products": ["A"], "cvss_v2": {"vectorString": "AV:N"}},
                {"products": ["A"], "cvss_v3": {"vectorString": CVSS_3, "baseScore": 8.2}},
            ],
            "threats": [{"category": "impact", "details": "Bad."}],
            "remediations": [
                {"category": "vendor_fix", "details": "Update.", "group_ids": ["G"], "url": "x", "date": "then"},
                {"category": "magic", "details": "?"},
                {"category": "mitigation", "details": " "},
            ],
        },
        {"title": "The second"},
    ],
}  # fmt: skip


def test_a_foreign_document_is_read_and_its_loss_is_told() -> None:
    reading = read(json.dumps(FOREIGN).encode())
    advisory = reading.record

    assert isinstance(advisory, Advisory)
    assert advisory.id == "VEND_OR-1"
    assert advisory.title == "T" * 200
    assert advisory.summary == advisory.description == "The details."
    assert advisory.flaw_class is FlawClass.OTHER
    assert advisory.publisher.category == "other"
    assert (advisory.published_at, advisory.modified_at) == (datetime(2026, 1, 1, tzinfo=UTC),) * 2
    assert [(item.version, item.summary) for item in advisory.revisions] == [(1, "first"), (2, "not told")]
    assert [(item.vendor, item.product, item.version) for item in advisory.affected] == [
        ("Vendor", "Thing", "1"),
        ("Vendor", "Thing", "2"),
        ("unknown", "Loose thing", ""),
        ("unknown", "C on A", ""),
    ]
    assert [item.status for item in advisory.affected] == [
        AffectedStatus.AFFECTED,
        AffectedStatus.FIXED,
        AffectedStatus.SUSPECTED,
        AffectedStatus.SUSPECTED,
    ]
    assert [(item.kind, item.products) for item in advisory.remediations] == [(RemediationKind.VENDOR_FIX, (0, 2))]
    assert advisory.severity
    assert (advisory.severity.tier, advisory.severity.cvss_score) == (Tier.HIGH, 8.2)
    assert advisory.aliases == ("CVE-2026-1", "X-1", "VEND OR-1")[:2]
    assert [str(item) for item in advisory.taxonomy] == ["cwe/unstated/CWE-20"]
    assert [(item.kind, item.summary) for item in advisory.references] == [
        (ReferenceKind.SELF, "Canonical"),
        (ReferenceKind.FIX, ""),
    ]
    assert [(item.name, item.kind, item.organization) for item in advisory.credits] == [
        ("Ada", CreditKind.FINDER, "Uni"),
        ("Bob", CreditKind.FINDER, "Uni"),
        ("", CreditKind.FINDER, ""),
    ]
    lost = {entry.source for entry in reading.loss.lost}
    assert lost >= {
        "/document/title",
        "/document/tracking/id",
        "/document/tracking/status",
        "/document/tracking/revision_history/2/date",
        "/document/distribution/text",
        "/document/notes/0/text",
        "/document/publisher/category",
        "/document/references/2/url",
        "/document/acknowledgments/0/summary",
        "/product_tree/full_product_names/0/product_identification_helper/x_generic_uris/0/uri",
        "/product_tree/full_product_names/0/product_identification_helper/hashes/0/filename",
        "/product_tree/branches/0/branches/0/name",
        "/vulnerabilities/0/title",
        "/vulnerabilities/0/scores/0/cvss_v2/vectorString",
        "/vulnerabilities/0/threats/0/details",
        "/vulnerabilities/0/remediations/0/url",
        "/vulnerabilities/0/remediations/1/details",
        "/vulnerabilities/1/title",
    }
    assert "/vulnerabilities/0/notes/0/text" not in lost
    assert {remark.at for remark in reading.remarks} == {"/flaw_class", "/tlp", "/status", "/published_at"}


def test_the_least_foreign_document_is_read() -> None:
    least = {
        "document": {
            "title": "Least",
            "publisher": {"name": "V", "namespace": "https://v.example"},
            "tracking": {
                "id": "L-1",
                "initial_release_date": "2026-01-01T00:00:00Z",
                "current_release_date": "2026-01-01T00:00:00Z",
            },
        }
    }
    advisory = read_back(least)

    assert (advisory.summary, advisory.description) == ("Least", "Least")
    assert advisory.affected == (AffectedSystem(),)
    assert advisory.revisions[0].summary == "Imported from CSAF"
    assert advisory.severity is None


@pytest.mark.parametrize("data", [b"{}", b'{"document": []}', b'{"document": {"title": "x", "tracking": {"id": "y"}}}'])
def test_a_document_without_head_is_incomplete(data: bytes) -> None:
    with pytest.raises(IncompleteError, match="publisher"):
        read(data)


def test_an_identifier_that_only_looks_like_ours_cannot_smuggle_a_field() -> None:
    made = document(only(HOSTED))
    product = made["product_tree"]["branches"][0]["branches"][0]["branches"][0]["product"]
    product["product_identification_helper"]["x_generic_uris"][0]["uri"] = "safeconduct:system?id=SC-1&vendor=Mallory"

    with pytest.raises(MalformedError, match="/affected/0/id"):
        read(json.dumps(made).encode())


def test_an_identifier_that_contradicts_itself_is_read_as_far_as_it_goes() -> None:
    made = document(only(HOSTED))
    product = made["product_tree"]["branches"][0]["branches"][0]["branches"][0]["product"]
    uris = product["product_identification_helper"]["x_generic_uris"]
    uris[0]["uri"] = "safeconduct:system?hosted=true&hosted/more=1&identity/region=eu"

    assert read_back(made).affected[0].identity.region == "eu"
    uris[0]["uri"] = "safeconduct:fixed?of=nothing"
    assert read_back(made).affected == (AffectedSystem(),)


def test_a_check_points_to_the_place_and_names_the_rule() -> None:
    made = document(ADVISORY)
    made["vulnerabilities"][0]["product_status"]["fixed"].append("nowhere")
    broken = {**made, "document": {**made["document"], "lang": 5}}

    assert next((remark.rule, remark.level) for remark in check(json.dumps(made).encode())) == (
        "csaf.6.1.1",
        Level.ERROR,
    )
    assert [(remark.rule, remark.at) for remark in check(json.dumps(broken).encode())] == [
        ("csaf.schema", "/document/lang")
    ]


def test_the_check_leaves_the_root_logger_alone() -> None:
    before = logging.root.handlers[:]
    checking._tests.cache_clear()
    checking._tests()

    assert logging.root.handlers == before


def test_tests_that_stumble_are_told_and_not_taken_for_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*args: Any, **kwargs: Any) -> None:
        raise KeyError("unexpected")

    monkeypatch.setattr(checking, "_tests", lambda: stumble)

    assert [remark.rule for remark in check(write(ADVISORY).data)] == ["csaf.tests"]


def test_without_the_package_the_check_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    checking._schema.cache_clear()
    monkeypatch.setattr(checking, "find_spec", lambda _: None)

    with pytest.raises(MissingExtraError, match="csaf is not installed"):
        check(b"{}")


def test_an_observation_without_details_is_enough_for_a_label() -> None:
    system = AffectedSystem(product="chat", hosted=True, observed=Observation(since=NOON))

    assert product_names(document(only(system))) == [("product_version", "snapshot 2026-11-20")]
    assert read_back(document(only(system))).affected == (system,)


def test_an_entry_of_a_loss_report_is_plain_data() -> None:
    entry = LossEntry(source="/a", fate=Fate.DROPPED, reason="why")

    assert entry.as_dict() == {"source": "/a", "fate": "dropped", "target": "", "reason": "why"}
