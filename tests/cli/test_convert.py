# SPDX-License-Identifier: Apache-2.0
"""`safeconduct convert`: documents, loss reports, bundles, and what it says of bad input."""

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.formats.examples import ADVISORY
from tests.formats.garak.attempts import END, RUN, attempt
from typer.testing import CliRunner, Result

from safeconduct.cli import convert as command
from safeconduct.cli.main import app
from safeconduct.domain.safe_json import JsonLimits
from safeconduct.errors import ConflictError, MalformedError, NotFoundError, TooLargeError, UnavailableError
from safeconduct.formats import csaf, native, osv
from safeconduct.formats.garak import RunLog
from safeconduct.verification.bundle import read_bundle

GARAK = Path(__file__).resolve().parents[1] / "vectors" / "formats" / "garak-0.17.1.report.jsonl"


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def program(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "safeconduct", "convert", *map(str, arguments)],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "advisory.json"
    path.write_bytes(native.canonical(ADVISORY))
    return path


def test_a_record_becomes_a_document_and_comes_back(record: Path, tmp_path: Path) -> None:
    made, back = tmp_path / "osv.json", tmp_path / "back.json"

    assert convert(record, "--from", "native", "--to", "osv", "--out", made).exit_code == 0
    assert convert(made, "--from", "osv", "--to", "native", "--out", back).exit_code == 0
    assert made.read_bytes() == osv.write(ADVISORY).data
    assert native.read_advisory(back.read_bytes()) == ADVISORY


def test_the_loss_report_names_both_ways(record: Path, tmp_path: Path) -> None:
    loss = tmp_path / "loss.json"
    result = convert(record, "--from", "native", "--to", "csaf", "--out", tmp_path / "c.json", "--loss", loss)
    told = json.loads(loss.read_bytes())

    assert told["writing"]["to"] == "csaf"
    assert told["writing"]["counts"]["prose"] > 0
    assert told["reading"]["counts"]["dropped"] == 0
    assert "native to csaf:" in result.stderr
    assert "/trials/0/hits (prose): CSAF 2.0 has no field for it" in result.stderr
    assert "more; --loss FILE tells all" in result.stderr
    assert "native to native" not in result.stderr


def test_without_a_file_the_document_goes_to_standard_output_alone(record: Path) -> None:
    result = program(record, "--from", "native", "--to", "csaf")

    assert result.returncode == 0
    assert result.stdout == csaf.write(ADVISORY).data
    assert b"native to csaf" in result.stderr


def test_a_short_account_names_every_loss(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.json"
    foreign.write_bytes(b'{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "related": ["B-1"]}')
    result = convert(foreign, "--from", "osv", "--to", "native")

    assert json.loads(result.stdout)["id"] == "A-1"
    assert "osv to native: 1 not carried." in result.stderr
    assert "  /related/0 (dropped): " in result.stderr
    assert "more; --loss" not in result.stderr
    assert "Note: /flaw_class: no class of flaw is told" in result.stderr


def test_it_speaks_json(record: Path, tmp_path: Path) -> None:
    with_document = json.loads(convert(record, "--from", "native", "--to", "csaf", "--json").stdout)
    without = json.loads(
        convert(record, "--from", "native", "--to", "csaf", "--out", tmp_path / "c.json", "--json").stdout
    )

    assert with_document["document"] == json.loads(csaf.write(ADVISORY).data)
    assert with_document["name"] == "sc-2026-7f3k9m2q.json"
    assert without["out"].endswith("c.json")
    assert "document" not in without


def test_a_garak_file_becomes_a_report_and_a_bundle(tmp_path: Path) -> None:
    out, bundle = tmp_path / "report.json", tmp_path / "bundle"
    result = convert(GARAK, "--from", "garak", "--to", "native", "--out", out, "--bundle", bundle)

    assert result.exit_code == 0, result.output
    assert native.read_report(out.read_bytes()).evidence.trials[0].n == 19
    assert len(read_bundle(bundle).attack.seeds) == 4
    assert read_bundle(bundle).id in result.stderr
    assert "Note: oracle.json: no exact oracle stands for encoding.DecodeApprox" in result.stderr


def test_remarks_on_a_bundle_are_told_only_where_one_is_written(tmp_path: Path) -> None:
    told = json.loads(convert(GARAK, "--from", "garak", "--to", "native", "--json").stdout)

    assert {remark["rule"] for remark in told["remarks"]} == {"garak.zone", "garak.answer"}
    assert told["bundle_id"] == ""


def test_a_bundle_never_replaces_what_is_there_and_then_nothing_is_written(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    out = tmp_path / "report.json"
    result = convert(GARAK, "--from", "garak", "--to", "native", "--out", out, "--bundle", bundle)

    assert isinstance(result.exception, ConflictError)
    assert not out.exists()


def test_only_a_garak_file_gives_a_bundle(record: Path, tmp_path: Path) -> None:
    result = convert(record, "--from", "native", "--to", "osv", "--bundle", tmp_path / "b")

    assert result.exit_code == 2
    assert "only a garak file gives a bundle" in result.output


@pytest.mark.parametrize("to", ["csaf", "osv", "garak"])
def test_a_report_is_published_in_no_format(to: str) -> None:
    assert isinstance(convert(GARAK, "--from", "garak", "--to", to).exception, MalformedError)


def test_an_unknown_format_is_wrong_usage(record: Path) -> None:
    assert convert(record, "--from", "native", "--to", "sarif").exit_code == 2


def test_a_file_cut_in_the_middle_ends_with_code_4_and_leaves_nothing(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(GARAK.read_bytes()[:-50])
    out, bundle, loss = tmp_path / "o.json", tmp_path / "b", tmp_path / "l.json"
    result = program(
        cut, "--from", "garak", "--to", "native", "--out", out, "--bundle", bundle, "--loss", loss, "--json"
    )

    error = json.loads(result.stderr)["error"]
    assert result.returncode == 4
    assert (error["code"], error["facts"]["line"]) == ("malformed", 16)
    assert "cut" in error["hint"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.jsonl"]


def test_a_file_that_is_not_there_is_told() -> None:
    assert isinstance(convert("no-such-file", "--from", "osv", "--to", "native").exception, NotFoundError)


def test_a_file_that_is_too_large_is_not_read(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "DEFAULT_LIMITS", JsonLimits(document_bytes=10))

    assert isinstance(convert(record, "--from", "native", "--to", "osv").exception, TooLargeError)


def test_a_place_that_takes_no_file_is_told_and_nothing_is_left(record: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    result = convert(record, "--from", "native", "--to", "osv", "--out", taken)
    nowhere = convert(record, "--from", "native", "--to", "osv", "--out", tmp_path / "none" / "x.json")

    assert isinstance(result.exception, UnavailableError)
    assert isinstance(nowhere.exception, UnavailableError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["advisory.json", "taken"]


def test_a_written_file_has_the_permissions_of_any_new_file(record: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "o.json", tmp_path / "other"
    other.touch()
    convert(record, "--from", "native", "--to", "osv", "--out", out)

    assert stat.S_IMODE(os.stat(out).st_mode) == stat.S_IMODE(os.stat(other).st_mode)  # noqa: PTH116  # alike


def test_evidence_written_in_garaks_format_takes_the_same_way(tmp_path: Path) -> None:
    stream = io.BytesIO()
    log = RunLog(stream, RUN)
    log.attempt(attempt(0, [1.0, 0.0]))
    log.finish(ended_at=END)
    file = tmp_path / "run.report.jsonl"
    file.write_bytes(stream.getvalue())
    told: dict[str, Any] = json.loads(
        convert(file, "--from", "garak", "--to", "native", "--bundle", tmp_path / "b.zip", "--json").stdout
    )

    assert told["document"]["evidence"]["trials"][0]["hits"] == 1
    assert told["bundle_id"] == read_bundle(tmp_path / "b.zip").id
