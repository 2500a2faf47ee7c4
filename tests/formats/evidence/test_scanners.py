# SPDX-License-Identifier: Apache-2.0
"""Reading what scanners of model files say: an error, a skipped file and an empty scan are never clean."""

import json
from typing import Any

import pytest
from tests.formats.evidence.reading import counts, draft, read, rows, rules, vector

from safeconduct.domain.systems import ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import MalformedError
from safeconduct.formats.base import Level
from safeconduct.formats.modelscan import read_scan
from safeconduct.formats.picklescan import read_output


def report(*, scanned: Any = (), issues: Any = (), errors: Any = (), **summary: Any) -> bytes:
    told = {
        "modelscan_version": "0.8.8", "total_issues": len(issues),
        "scanned": {"total_scanned": len(scanned), "scanned_files": list(scanned)}, **summary,
    }  # fmt: skip
    return json.dumps({"summary": told, "issues": list(issues), "errors": list(errors)}).encode()


def outcomes(data: bytes) -> dict[str, str]:
    return {row.foreign_id: row.outcome.value for _, row in rows(read_scan, data)}


def test_a_real_report_of_modelscan_tells_hits_misses_and_errors_apart() -> None:
    data = vector("modelscan-0.8.8-models.json")
    made = draft(read_scan, data)

    assert outcomes(data) == {"eval.pkl": "hit", "evil.pkl": "hit", "clean.pkl": "miss", "broken.pkl": "error"}
    assert rules(made.run) == {"errors"}
    assert made.bundle is None
    assert made.report.flaw_class is FlawClass.MODEL_FILE
    assert made.report.affects[0].component_type is ComponentType.WEIGHTS_FILE
    assert made.report.title == "eval.pkl, evil.pkl: unsafe model file (hits: 2 of 3 judged, 1 not judged)"
    assert "evil.pkl: Use of unsafe operator 'system' from module 'posix'" in made.report.description
    assert "somewhere" not in str(made.report)


def test_a_scan_of_nothing_is_not_clean() -> None:
    run = read(read_scan, vector("modelscan-0.8.8-none.json"))

    assert counts(run) == {"unsafe model file/modelscan": (0, 0, 1, 0, 1)}
    assert rules(run) == {"nothing"}


def test_a_scan_without_a_hit_claims_no_flaw() -> None:
    made = draft(read_scan, vector("modelscan-0.8.8-ok.json"))

    assert made.report.title == "modelscan found no hit on the target"
    assert {"/title", "/affects/0/product"} <= {remark.at for remark in made.remarks}


def test_a_clean_file_is_a_miss() -> None:
    assert counts(read(read_scan, vector("modelscan-0.8.8-ok.json"))) == {
        "unsafe model file/modelscan": (0, 1, 0, 0, 1)
    }


def test_what_modelscan_printed_is_refused_with_the_way_to_the_report() -> None:
    with pytest.raises(MalformedError, match="printed") as caught:
        read(read_scan, vector("modelscan-0.8.8-printed.txt"))

    assert "-o FILE" in caught.value.hint


def test_a_report_wrapped_at_80_columns_is_refused_with_the_way_to_the_report() -> None:
    wrapped = vector("modelscan-0.8.8-printed.txt")
    wrapped = wrapped[wrapped.index(b"{") :].replace(b"unsafe operator", b"unsafe\noperator")

    with pytest.raises(MalformedError) as caught:
        read(read_scan, wrapped)
    assert "-o FILE" in caught.value.hint


def test_the_worst_word_on_a_file_wins() -> None:
    data = report(
        scanned=["a", "b", "c"], errors=[{"source": "a"}, {"source": "b"}, {}], issues=[{"source": "a"}, {}],
        skipped={"skipped_files": [{"source": "c"}, "d"]},
    )  # fmt: skip

    assert outcomes(data) == {
        "a": "hit", "b": "error", "c": "abstain", "d": "abstain", "a file that is not named": "hit",
    }  # fmt: skip


def test_totals_that_the_lists_contradict_are_told() -> None:
    run = read(read_scan, report(scanned=["a"], total_issues=3, scanned_=1))
    lying = json.loads(report(scanned=["a"]))
    lying["summary"]["scanned"]["total_scanned"] = 7

    assert [(item.at, item.level) for item in run.remarks] == [("issues", Level.ERROR)]
    assert [item.at for item in read(read_scan, json.dumps(lying).encode()).remarks] == ["scanned files"]


@pytest.mark.parametrize("data", [b"{}", b'{"summary": {}}', b'{"summary": {"modelscan_version": "1"}}'])
def test_another_document_is_no_report(data: bytes) -> None:
    with pytest.raises(MalformedError, match="no report of modelscan"):
        read(read_scan, data)


def printed(*said: str, scanned: int = 1, infected: int = 0) -> bytes:
    end = ["----------- SCAN SUMMARY -----------", f"Scanned files: {scanned}", f"Infected files: {infected}"]
    return "\n".join([*said, *end, ""]).encode()


def test_a_file_that_picklescan_could_not_parse_is_an_error_though_it_counts_it_as_scanned() -> None:
    data = vector("picklescan-1.0.5-models.txt")
    run = read(read_output, data)

    assert counts(run) == {"unsafe model file/picklescan": (2, 1, 0, 2, 5)}
    assert {row.foreign_id: row.outcome.value for _, row in rows(read_output, data)} == {
        "1 noise.bin": "error", "2 eval.pkl": "hit", "3 evil.pkl": "hit", "4 broken.pkl": "error", "5": "miss",
    }  # fmt: skip
    assert rules(run) == set()


def test_without_its_warnings_the_output_of_picklescan_is_doubted() -> None:
    run = read(read_output, vector("picklescan-1.0.5-ok.txt"))

    assert counts(run) == {"unsafe model file/picklescan": (0, 1, 0, 0, 1)}
    assert rules(run) == {"warnings"}


def test_a_scan_of_nothing_by_picklescan_is_not_clean() -> None:
    run = read(read_output, vector("picklescan-1.0.5-none.txt"))

    assert counts(run) == {"unsafe model file/picklescan": (0, 0, 1, 0, 1)}
    assert rules(run) == {"nothing"}


def test_a_suspicious_import_is_neither_clean_nor_a_hit() -> None:
    found = "/x/a.pkl: suspicious import 'mystery thing' FOUND"
    dangerous = "/x/a.pkl: dangerous import 'os system' FOUND"

    assert counts(read(read_output, printed(found))) == {"unsafe model file/picklescan": (0, 0, 1, 0, 1)}
    for both in ((found, dangerous), (dangerous, found)):
        assert counts(read(read_output, printed(*both, infected=1))) == {
            "unsafe model file/picklescan": (1, 0, 0, 0, 1)
        }


def test_counts_of_picklescan_that_its_lines_contradict_are_told() -> None:
    found = [f"/x/{name}.pkl: dangerous import 'os system' FOUND" for name in "abc"]

    told = read(read_output, printed(*found, scanned=1, infected=9)).remarks
    assert {(item.at, item.level) for item in told} == {
        ("infected files", Level.ERROR), ("scanned files", Level.ERROR),
    }  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"hello", b"----------- SCAN SUMMARY -----------\nScanned files: 1\n"])
def test_an_output_that_was_cut_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read(read_output, data)

    assert "2>&1" in caught.value.hint
