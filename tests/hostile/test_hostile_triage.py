# SPDX-License-Identifier: Apache-2.0
"""What strangers may hand to triage: every refusal is one of our errors, every search ends, nothing is echoed."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.factories import make_advisory, make_report

from safeconduct.cli import main
from safeconduct.cli.report_files import TOML_BYTES, read_plain, read_report_file, write_template
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    SafeconductError,
    TooLargeError,
    UnavailableError,
    UnknownValueError,
)
from safeconduct.policy.completeness import Stage, missing
from safeconduct.policy.cvss4 import read_vector
from safeconduct.policy.duplicates import Corpus, Item
from safeconduct.policy.lint import lint
from safeconduct.policy.ml_profile import parse_profile
from safeconduct.policy.scope import in_scope
from safeconduct.policy.words import words

BASE = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CVSS:4.0",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        BASE.lower(),
        BASE + "/",
        BASE + "/E:A/E:P",
        BASE + "/ZZ:A",
        BASE + "/E:Q",
        BASE.replace("/SA:N", ""),
        BASE.replace("AV:N", "AV"),
        f" {BASE}",
        f"{BASE}\n",
        BASE + "/E:\u0410",
        BASE * 50,
        "CVSS:4.0/" + "A" * 10_000,
        "CVSS:4.0/\0",
    ],
)
def test_a_vector_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        read_vector(text)


@given(st.text(max_size=80))
def test_any_text_is_a_vector_or_refused(text: str) -> None:
    for prefix in ("", "CVSS:4.0/", BASE):
        with suppress(MalformedError):
            assert read_vector(prefix + text).vector == prefix + text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", MalformedError),
        ("MLP:2.0/SR:L", MalformedError),
        ("MLP:1.0/", MalformedError),
        ("MLP:1.0/SR", MalformedError),
        ("MLP:1.0/SR:", MalformedError),
        ("MLP:1.0/SR:L/SR:L", MalformedError),
        ("MLP:1.0/sr:L", UnknownValueError),
        ("MLP:1.0/__class__:L", UnknownValueError),
        ("MLP:1.0/SR:l", UnknownValueError),
        ("MLP:1.0/SR:name", UnknownValueError),
        ("MLP:1.0/SR:L:L", UnknownValueError),
        ("MLP:1.0" + "/SR:L" * 1000, MalformedError),
    ],
)
def test_a_profile_that_is_none_is_refused(text: str, error: type[SafeconductError]) -> None:
    with pytest.raises(error) as caught:
        parse_profile(text)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"title = ", MalformedError),
        (b"\xff\xfe", MalformedError),
        (b"a = 1\na = 2", MalformedError),
        (b"a = " + b"[" * 50_000, MalformedError),
        (b"a = " + b"{b = " * 50_000, MalformedError),
        (b"a = " + b"9" * 100_000, MalformedError),
        (b"." * 1000, MalformedError),
        (b"#" * (TOML_BYTES + 1), TooLargeError),
        (b"", IncompleteError),
        (b'title = "x"\nseen_at = 12:00:00', MalformedError),
        (b'title = "x"\nseen_at = 2026-01-01T12:00:00', MalformedError),
        (b'title = "x"\nbogus = nan', MalformedError),
        (b'schema_version = "9.0.0"', UnknownValueError),
        (b'real_world_harm = "perhaps"', MalformedError),
    ],
)
def test_a_broken_toml_report_is_refused(tmp_path: Path, content: bytes, error: type[SafeconductError]) -> None:
    file = tmp_path / "report.toml"
    file.write_bytes(content)

    with pytest.raises(error) as caught:
        read_report_file(file)

    assert caught.value.hint


def test_a_chain_of_dotted_keys_cannot_exhaust_the_stack(tmp_path: Path) -> None:
    file = tmp_path / "report.toml"
    file.write_bytes(b"a" + b" . a" * 200_000 + b" = 1")

    with pytest.raises(MalformedError, match="nested too deeply"):
        read_plain(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b'{"id": 1}',
        b'{"a": 1, "a": 2}',
        b"[" * 5000,
        b'{"title": "x", "steps": "\\ud800"}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_a_broken_json_report_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(content)

    with pytest.raises((MalformedError, TooLargeError)):
        read_report_file(file)


def test_a_template_never_overwrites_and_says_where_it_cannot_write(tmp_path: Path) -> None:
    kept = tmp_path / "report.toml"
    kept.write_text("mine", encoding="utf-8")

    with pytest.raises(ConflictError):
        write_template(kept)
    with pytest.raises(UnavailableError):
        write_template(tmp_path / "absent" / "report.toml")

    assert kept.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "content", "code"),
    [
        (("registry", "duplicates"), '{"id": "a", "text": "x"}\n{"id": "b", "te', "malformed"),
        (("registry", "duplicates"), '["a"]', "malformed"),
        (("registry", "duplicates"), '{"id": "", "text": "x"}', "malformed"),
        (("registry", "duplicates"), '{"id": "a", "text": 5}', "malformed"),
        (("registry", "duplicates"), '{"id": "a", "id": "b"}', "malformed"),
        (("classify",), '{"caused_at_will": "perhaps"}', "unknown_value"),
        (("classify",), '{"bogus": "yes"}', "malformed"),
        (("classify",), "{", "malformed"),
        (("advisory", "lint"), "{}", "incomplete"),
        (("advisory", "lint"), "no json", "malformed"),
        (("report", "check"), '{"title": 5}', "malformed"),
    ],
)
def test_a_command_answers_bad_input_with_code_message_and_hint(  # noqa: PLR0917  # three fixtures, three columns
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    content: str,
    code: str,
) -> None:
    file = tmp_path / "input.jsonl"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["safeconduct", *arguments, str(file), "--json"])

    with pytest.raises(SystemExit) as stopped:
        main.run()

    told = json.loads(capsys.readouterr().err)["error"]
    assert stopped.value.code == 4
    assert told["code"] == code
    assert told["message"]
    assert told["hint"]


@pytest.mark.parametrize(
    "arguments", [("severity",), ("severity", "--cvss", "CVSS:4.0/AV:Z"), ("severity", "--ml-profile", "x")]
)
def test_severity_without_sense_ends_with_four(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "argv", ["safeconduct", *arguments])

    with pytest.raises(SystemExit) as stopped:
        main.run()

    assert stopped.value.code == 4
    assert "hint: " in capsys.readouterr().err


NASTY = [
    "a" * 100_000,
    "'" * 50_000,
    "`a`" * 20_000,
    "a." * 50_000,
    "a_" * 50_000,
    "Aa" * 50_000,
    "http://" * 10_000,
    "0" * 100_000,
    "v1" + ".1" * 40_000,
    "\ud800 lone",
    "e\u0301" * 30_000,
    "\u202e\u2066 bidi",
    "((((((" * 10_000,
    "+1 2" * 20_000,
    "a@" * 30_000,
    "bearer " * 10_000,
    "a. " * 30_000,
    "\0" * 1000,
    "eyJ" + "a" * 90_000,
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_hangs_or_breaks_a_search(text: str) -> None:
    corpus = Corpus([Item(id="R1", text=text), Item(id="R2", text="a plain record", systems=(text[:200],))])

    found = corpus.candidates(Item(id="Q", text=text, systems=("a",)))

    assert all(0 <= match.score <= 1 for match in found)
    assert all(isinstance(word, str) for word, _ in words(text))


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_hangs_or_breaks_the_rules(text: str) -> None:
    report = make_report(title=text[:200], description=text, steps=text)

    missing(report, stage=Stage.PUBLISH)
    in_scope(report)
    findings = lint(make_advisory(summary=text, description=text, detection=text), restricted=[text[:5000]])

    assert all(text not in finding.message for finding in findings if len(text) > 200)


@given(st.text())
def test_any_text_can_be_linted_and_compared(text: str) -> None:
    lint(make_advisory(summary=text, description=text), restricted=[text])
    Corpus([Item(id="R", text=text)]).candidates(Item(id="Q", text=text))
