# SPDX-License-Identifier: Apache-2.0
"""The pages on bundles: every remark is told, every example of the guide is what the reader takes, and the guide works."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from safeconduct.cli.main import app
from safeconduct.domain.bundle import MutatorName
from safeconduct.verification.bundle import open_bundle, read_bundle
from safeconduct.verification.bundle.checks import check_bundle
from safeconduct.verification.bundle.reading import CHECKS
from safeconduct.verification.bundle.schema import READERS, schema_file

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "bundle.md").read_text("utf-8")
GUIDE = (ROOT / "docs" / "how-to" / "bundle.md").read_text("utf-8")
CODE = re.compile(r"(?:error|warning|_usable)\(\s*\"([a-z]+\.[a-z-]+)\"")
STEP = re.compile(r"^   ```json\n(.*?)^   ```", re.MULTILINE | re.DOTALL)


def test_every_remark_is_in_the_reference_and_no_other() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/safeconduct/verification/bundle").glob("*.py"))
    told = set(re.findall(r"`([a-z]+\.[a-z-]+)`", REFERENCE.split("## Remarks")[1].split("\n## ")[0]))

    assert set(CODE.findall(source)) == told


@pytest.mark.parametrize("name", [*MutatorName, *CHECKS, *map(schema_file, READERS)])
def test_every_mutator_check_and_schema_is_in_the_reference(name: str) -> None:
    assert name in REFERENCE


def written(folder: Path) -> None:
    """Write the folder of the guide."""
    names = ["bundle.json", "target.json", "attack.json", "oracle.json", "benign.jsonl", "criterion.json"]
    texts = STEP.findall(GUIDE)
    assert len(texts) == len(names)
    for name, text in zip(names, texts, strict=True):
        (folder / name).write_text(text)
    for name in ("limits.json", "env.json"):
        (folder / name).write_text(texts[-1])


def test_the_guide_leads_to_a_signed_bundle_that_can_be_run(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    written(tmp_path / "mine")
    run = CliRunner().invoke

    key = run(app, ["verify", "key", str(tmp_path / "author.key"), "--name", "ada"])
    packed = run(
        app,
        [
            "verify",
            "pack",
            str(tmp_path / "mine"),
            str(tmp_path / "m.zip"),
            "--sign-with",
            str(tmp_path / "author.key"),
        ],
    )
    told = run(app, ["verify", "bundle", str(tmp_path / "m.zip"), "--key", key.stdout.strip(), "--json"])

    assert packed.exit_code == 0, packed.output
    facts = json.loads(told.stdout)
    assert facts["runnable"]
    assert facts["signature"] == "verified, by ada"
    assert open_bundle(tmp_path / "m.zip").id == facts["id"]


def test_the_bundle_of_the_guide_has_no_doubts_but_those_it_speaks_of(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    written(tmp_path / "mine")
    CliRunner().invoke(app, ["verify", "pack", str(tmp_path / "mine"), str(tmp_path / "m.zip")])

    codes = {remark.code for remark in check_bundle(read_bundle(tmp_path / "m.zip"))}

    assert codes == {"target.name-only", "benign.few"}
