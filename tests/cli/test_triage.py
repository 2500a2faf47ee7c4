# SPDX-License-Identifier: Apache-2.0
"""Triage at a prompt: severity, classification, reports, duplicates, lint."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.policy.factories import make_advisory, make_full_report, make_report
from typer.testing import CliRunner, Result

from safeconduct.cli.main import app
from safeconduct.cli.report_files import read_report_file
from safeconduct.domain.report import Answer
from safeconduct.formats.native import NativeFormat, canonical, read_report

ZERO_CLICK = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:H/SI:N/SA:N/E:P"
PROFILE = "MLP:1.0/AK:B/SR:L/TX:M/RT:B/PE:S/AG:L/EX:3/HM:S/OF:H/RM:M"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def asked(*arguments: str) -> tuple[int, Any]:
    result = run(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Return the template with its ten questions answered."""
    file = tmp_path / "report.toml"
    assert run("report", "new", str(file)).exit_code == 0
    text = file.read_text(encoding="utf-8")
    for empty, told in (
        ('title = ""', 'title = "The model tells its secret"'),
        ("# seen_at", "seen_at"),
        ('description = """\n"""', 'description = """\nAsked in base64, it tells the secret.\n"""'),
        ('steps = """\n"""', 'steps = """\nAsk for the secret in base64.\n"""'),
    ):
        assert text.count(empty) == 1
        text = text.replace(empty, told)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_tier_is_told_with_every_rule() -> None:
    code, found = asked("severity", "--cvss", ZERO_CLICK, "--ml-profile", PROFILE, "--exploited", "poc")

    assert code == 0
    assert (found["tier"], found["tier_min"], found["tier_max"], found["provisional"]) == ("critical",) * 3 + (False,)
    assert found["cvss"] == {"vector": ZERO_CLICK, "score": 8.7, "rating": "high", "nomenclature": "CVSS-BT"}
    assert found["rules"] == ["severity.base.cvss", "severity.generality.a1", "severity.r1"]
    assert found["inputs"]["generality"] == "A"


def test_the_tier_is_told_to_a_person() -> None:
    result = run("severity", "--ml-profile", "MLP:1.0/SR:R/TX:N/RT:N/PE:N/AG:N/EX:1", "--no-content")

    assert result.stdout.startswith("tier critical (provisional: low to critical)\n- base critical:")
    assert run("severity", "--cvss", ZERO_CLICK, "--ml-profile", PROFILE).stdout.splitlines()[1] == (
        f"CVSS-BT 8.7 high: {ZERO_CLICK}"
    )


def test_answers_are_classified(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(
        json.dumps(
            {
                "restricted_material": "no",
                "deviates_from_policy": "yes",
                "caused_at_will": "yes",
                "crosses_trust_boundary": "yes",
                "in_code": "yes",
            }
        ),
        encoding="utf-8",
    )

    code, found = asked("classify", str(file))

    assert code == 0
    assert found["tracks"] == ["software_vulnerability"]
    assert found["cvss_required"] is True
    assert found["rules"][-1] == "classification.appeal"
    assert run("classify", str(file)).stdout.startswith("software vulnerability\n- it deviates")


def test_no_answers_at_all_need_evidence(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text("{}", encoding="utf-8")

    assert asked("classify", str(file))[1]["tracks"] == ["needs_evidence"]


def test_a_report_is_classified_by_what_it_answers(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(canonical(make_full_report()))

    found = asked("classify", str(file))[1]

    assert found["inputs"]["in_learned_behavior"] == "yes"
    assert found["tracks"] == ["needs_evidence"]


def test_a_new_report_asks_for_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "report.toml"

    code, found = asked("report", "new", str(file))
    assert (code, found) == (0, {"file": str(file)})

    code, found = asked("report", "check", str(file))
    assert code == 1
    assert found["missing"] == [
        {"field": "seen_at", "question": "When was the behavior last seen?"},
    ]


def test_what_is_left_empty_is_asked_for_next(tmp_path: Path) -> None:
    file = tmp_path / "report.toml"
    run("report", "new", str(file))
    file.write_text(file.read_text(encoding="utf-8").replace("# seen_at", "seen_at"), encoding="utf-8")

    result = run("report", "check", str(file))

    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == ["title", "description", "steps"]


def test_a_filled_template_is_complete_and_is_a_report(filled: Path) -> None:
    assert asked("report", "check", str(filled)) == (0, {"complete": True, "stage": "submit", "missing": []})
    assert run("report", "check", str(filled)).stdout == "nothing is missing to submit it\n"

    report = read_report_file(filled)
    assert report.title == "The model tells its secret"
    assert report.real_world_harm is Answer.UNKNOWN
    assert read_report(canonical(report)) == report


def test_every_optional_line_of_the_template_is_a_field_of_a_report(filled: Path) -> None:
    lines = filled.read_text(encoding="utf-8").splitlines()
    opened = [
        line[2:] if line.startswith("# ") and (" = " in line or line.startswith("# [")) else line for line in lines
    ]
    filled.write_text("\n".join(opened), encoding="utf-8")

    report = read_report_file(filled)

    assert report.evidence.trials[0].n == 40
    assert report.affects[0].observed is not None
    assert report.disclosure.on is not None
    assert report.reporter.credit_release


def test_a_report_may_be_checked_for_a_later_stage(filled: Path, tmp_path: Path) -> None:
    full = tmp_path / "full.json"
    full.write_bytes(canonical(make_full_report()))

    code, found = asked("report", "check", str(filled), "--stage", "triage")
    assert code == 1
    assert "taxonomy" in {gap["field"] for gap in found["missing"]}
    assert asked("report", "check", str(full), "--stage", "publish")[0] == 0


def test_a_new_report_can_be_json_without_comments(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    run("report", "new", str(file))

    plain = json.loads(file.read_text(encoding="utf-8"))

    assert plain["schema_version"] == "1.0.0"
    assert run("report", "check", str(file)).exit_code == 1


def test_duplicates_are_told_line_by_line_best_first(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    rows = [
        {"id": "R1", "package": "tensorflow", "text": "crash in tf.raw_ops.DataFormatVecPermute"},
        {"id": "R2", "package": "tensorflow", "text": "null pointer in the Reshape operator"},
        {"id": "R3", "package": "", "text": "DataFormatVecPermute reads uninitialized memory"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    result = run("registry", "duplicates", str(file))

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["R1", "R2", "R3"]
    assert lines[0]["matches"][0]["id"] == "R3"
    assert set(lines[0]["matches"][0]) == {"id", "score", "likeness", "reasons"}
    assert [match["score"] for match in lines[0]["matches"]] == sorted(
        (match["score"] for match in lines[0]["matches"]), reverse=True
    )


def test_duplicates_can_be_looked_for_elsewhere(tmp_path: Path) -> None:
    known, new = tmp_path / "known.jsonl", tmp_path / "new.jsonl"
    known.write_text(json.dumps({"id": "K", "package": "p", "text": "the secret leaks"}), encoding="utf-8")
    new.write_text(
        "\n".join(json.dumps({"id": name, "text": "the secret leaks"}) for name in ("N1", "N2")), encoding="utf-8"
    )

    result = run("registry", "duplicates", str(new), "--against", str(known), "--limit", "1", "--json")

    assert [[match["id"] for match in json.loads(line)["matches"]] for line in result.stdout.splitlines()] == [
        ["K"],
        ["K"],
    ]


def test_a_good_advisory_passes_the_lint(tmp_path: Path) -> None:
    file = tmp_path / "advisory.json"
    file.write_bytes(NativeFormat().write(make_advisory()).data)

    assert asked("advisory", "lint", str(file)) == (0, {"score": 100, "errors": 0, "warnings": 0, "findings": []})


def test_a_claim_without_a_verdict_fails_the_lint(tmp_path: Path) -> None:
    file = tmp_path / "advisory.json"
    file.write_bytes(NativeFormat().write(make_advisory(title="The flaw is fixed!", verification=None)).data)

    code, found = asked("advisory", "lint", str(file))
    result = run("advisory", "lint", str(file))

    assert code == result.exit_code == 1
    assert [finding["rule"] for finding in found["findings"]] == ["L012", "L007"]
    assert result.stdout.splitlines()[-1] == "score 88 of 100"


def test_a_report_of_ten_answers_is_enough_as_json(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(canonical(make_report()))

    assert run("report", "check", str(file)).exit_code == 0
