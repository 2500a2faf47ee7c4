# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify bundle`, `pack`, `key` and `schema` as programs: what they say, write and refuse."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest
from tests.verification.bundles import CANARY, family, leak_bundle
from tests.verification.endpoint import endpoint

from safeconduct.domain.bundle import About, Mutator, MutatorName, Oracle, Pattern
from safeconduct.domain.script import CodeFile
from safeconduct.verification.bundle import read_bundle, write_bundle

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "leaked-secret"


def verify(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "safeconduct", "verify", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_bundle_is_told_in_plain_words() -> None:
    result = verify("bundle", EXAMPLE)

    assert result.returncode == 0, result.stderr
    assert "What a verdict would show" in result.stdout
    assert "What it would not show" in result.stdout
    assert 'the reply holds "blue heron" (in any spelling)' in result.stdout
    assert result.stdout.splitlines()[-1] == "It can be run."


def test_a_bundle_is_told_to_programs() -> None:
    facts = json.loads(verify("bundle", EXAMPLE, "--json").stdout)

    assert facts["runnable"] is True
    assert facts["calls"]["most"] >= facts["calls"]["fixed"] > facts["calls"]["unchanged"]
    assert {family["name"] for family in facts["families"]} == {"paraphrase", "encoding"}
    assert {remark["code"] for remark in facts["remarks"]} >= {"benign.few", "target.private-address"}


def test_a_bundle_that_cannot_be_run_is_explained(tmp_path: Path) -> None:
    write_bundle(leak_bundle(oracle=Oracle(checks=(Pattern(pattern="(a"),))), tmp_path / "b")

    told, facts = verify("bundle", tmp_path / "b"), json.loads(verify("bundle", tmp_path / "b", "--json").stdout)

    assert told.returncode == 1
    assert told.stdout.splitlines()[-1] == "It cannot be run."
    assert facts["remarks"][0]["code"] == "oracle.unusable"
    assert not facts["runnable"]


def test_escape_codes_of_a_stranger_never_reach_the_terminal(tmp_path: Path) -> None:
    about: About = replace(leak_bundle().about, title="\x1b[2J\x1b[31mowned\u202e", author_key_id="\x07x")
    write_bundle(leak_bundle(about=about), tmp_path / "b")

    result = verify("bundle", tmp_path / "b")

    assert result.returncode == 0, result.stderr
    assert not set("\x1b\x07\u202e") & set(result.stdout)
    assert "text.control" in result.stdout


def test_a_broken_bundle_is_one_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 this is no archive")

    result = verify("bundle", tmp_path / "b.zip")

    assert result.returncode == 4
    assert result.stderr.startswith("error [malformed]")
    assert "hint:" in result.stderr


def test_a_signature_is_made_and_checked(tmp_path: Path) -> None:
    made = verify("key", tmp_path / "author.key", "--name", "ada")
    other = verify("key", tmp_path / "other.key")
    packed = verify("pack", EXAMPLE, tmp_path / "b.zip", "--sign-with", tmp_path / "author.key")

    assert (tmp_path / "author.key").stat().st_mode & 0o077 == 0
    assert packed.returncode == 0, packed.stderr
    good = verify("bundle", tmp_path / "b.zip", "--key", made.stdout.strip(), "--json")
    bad = verify("bundle", tmp_path / "b.zip", "--key", other.stdout.strip())
    unchecked = verify("bundle", tmp_path / "b.zip", "--json")
    assert json.loads(good.stdout)["signature"] == "verified, by ada"
    assert json.loads(unchecked.stdout)["signature"] == "not verified"
    assert bad.returncode == 4
    assert "verification_failed" in bad.stderr
    assert json.loads(good.stdout)["id"] == json.loads(unchecked.stdout)["id"]


def test_a_folder_written_by_hand_becomes_a_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in EXAMPLE.iterdir():
        if path.name != "MANIFEST":
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / "limits.json").write_text("{}")

    result = verify("pack", folder, tmp_path / "b.zip", "--json")

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["id"] == read_bundle(tmp_path / "b.zip").id


def test_a_folder_that_lacks_a_file_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{}")

    result = verify("pack", tmp_path, tmp_path / "b.zip")

    assert result.returncode == 4
    assert "attack.json" in result.stderr
    assert not (tmp_path / "b.zip").exists()


def test_what_cannot_be_run_is_told_and_not_packed(tmp_path: Path) -> None:
    write_bundle(leak_bundle(oracle=Oracle(checks=(Pattern(pattern="(a"),))), tmp_path / "b")

    result = verify("pack", tmp_path / "b", tmp_path / "c")

    assert result.returncode == 1
    assert "oracle.unusable" in result.stdout
    assert not (tmp_path / "c").exists()


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("mine")

    assert verify("key", tmp_path / "k").returncode == 4
    assert (tmp_path / "k").read_text() == "mine"


def test_a_schema_can_be_had_at_the_prompt() -> None:
    schema = json.loads(verify("schema", "attack.json").stdout)

    jsonschema_rs.validator_for(schema).validate(json.loads((EXAMPLE / "attack.json").read_text()))


@pytest.mark.parametrize("name", ["trials.jsonl", "../etc/passwd"])
def test_a_file_that_a_bundle_does_not_have_has_no_schema(name: str) -> None:
    result = verify("schema", name)

    assert result.returncode == 4
    assert "attack.json" in result.stderr


def test_a_bundle_with_code_runs_and_is_checked_with_its_approval_alone(tmp_path: Path) -> None:
    file = CodeFile(name="spell.py", text="def mutate(turns, seed):\n    return [' '.join(turn) for turn in turns]\n")
    chain = Mutator(name=MutatorName.CODE, params={"file": "spell.py"})
    bundle = leak_bundle(code=(file,), benign=())
    write_bundle(replace(bundle, attack=replace(bundle.attack, families=(family("f", chain),))), tmp_path / "b.zip")

    with endpoint(canary=CANARY, rate=1.0) as server:
        run = ("run", tmp_path / "b.zip", "--target", server.url, "--model", "m", "--allow-private")
        refused = verify(*run)
        done = verify(*run, "--approve-code", file.sha256, "--out", tmp_path / "out")
    certificate = ("certificate", tmp_path / "out" / "certificate.json", "--bundle", tmp_path / "b.zip")
    unapproved, checked = verify(*certificate), verify(*certificate, "--approve-code", file.sha256)

    assert refused.returncode == 4
    assert "nobody has approved" in refused.stderr
    assert done.returncode == 1, done.stderr
    assert unapproved.returncode == 4
    assert checked.returncode == 1, checked.stderr
    assert "variants were drawn again alike" in checked.stdout
