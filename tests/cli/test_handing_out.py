# SPDX-License-Identifier: Apache-2.0
"""`safeconduct convert` of a bundle: its disclosed part as a folder that another tool runs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.formats.handouts import BUNDLE
from typer.testing import CliRunner, Result

from safeconduct.cli.handing_out import write_folder
from safeconduct.cli.main import app
from safeconduct.domain.bundle import Family, Mutator, MutatorName, Seed, SeedPart, Slot
from safeconduct.domain.report import MayTrain
from safeconduct.domain.script import Carry
from safeconduct.errors import ConflictError, MalformedError, UnavailableError
from safeconduct.formats.handout import Folder
from safeconduct.formats.inspect.task import read_dataset, write_task
from safeconduct.server.campaigns.handouts import handout_of
from safeconduct.verification.bundle import read_bundle, write_bundle

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "leaked-secret"
TOOLS = {"inspect": "attack.jsonl", "promptfoo": "tests.json", "garak": "garak.yaml"}
HELD = Seed(id="kept", text="nobody may see these words", part=SeedPart.HELD_OUT)


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def with_seeds(*seeds: Seed, families: tuple[Family, ...] = BUNDLE.attack.families, **more: Any) -> Any:
    return replace(BUNDLE, attack=replace(BUNDLE.attack, seeds=seeds, families=families, **more), id="ab" * 32)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_bundle_becomes_a_folder_and_nothing_held_out_is_in_it(tool: str, tmp_path: Path) -> None:
    held = [seed.text for seed in read_bundle(EXAMPLE).attack.seeds if seed.part is SeedPart.HELD_OUT]
    result = convert(EXAMPLE, "--to", tool, "--out", tmp_path / "made", "--variants", 5)

    assert result.exit_code == 0, result.output
    assert "10 variants of the disclosed part" in result.stdout
    assert "/attack/seeds (dropped): held-out seeds stay with the verifier" in result.stdout
    made = contents(tmp_path / "made")
    assert TOOLS[tool] in made
    assert held
    assert all("everything" not in data.decode() for data in made.values())


def test_the_same_bundle_gives_the_same_folder_however_it_comes(tmp_path: Path) -> None:
    packed = tmp_path / "bundle.zip"
    write_bundle(read_bundle(EXAMPLE), packed)
    for number, source in enumerate((EXAMPLE, EXAMPLE, packed)):
        assert convert(source, "--to", "inspect", "--out", tmp_path / f"{number}").exit_code == 0
    first, second, third = (contents(tmp_path / f"{number}")["attack.jsonl"] for number in range(3))

    assert first == second
    assert (third == first) == (read_bundle(packed).id == read_bundle(EXAMPLE).id)


def test_it_speaks_json_and_writes_the_losses(tmp_path: Path) -> None:
    told = json.loads(
        convert(
            EXAMPLE, "--from", "bundle", "--to", "garak", "--out", tmp_path / "m", "--loss", tmp_path / "l", "--json"
        ).stdout
    )

    assert told["from"] == "bundle"
    assert told["bundle_id"] == read_bundle(EXAMPLE).id
    assert told["files"] == ["garak.yaml", "terms.json"]
    assert told["loss"] == json.loads((tmp_path / "l").read_bytes())


@pytest.mark.parametrize(
    "arguments", [("--to", "native", "--out", "x"), ("--to", "osv", "--out", "x"), ("--to", "garak")]
)
def test_a_bundle_becomes_no_record_and_needs_a_folder(arguments: tuple[str, ...]) -> None:
    assert convert(EXAMPLE, *arguments).exit_code == 2


def test_a_folder_never_replaces_what_is_there(tmp_path: Path) -> None:
    assert isinstance(convert(EXAMPLE, "--to", "garak", "--out", tmp_path).exception, ConflictError)
    nowhere = convert(EXAMPLE, "--to", "garak", "--out", tmp_path / "no" / "where").exception
    assert isinstance(nowhere, UnavailableError)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    made = write_task(handout_of(replace(BUNDLE, id="ab" * 32), per_family=1))

    with pytest.raises(UnavailableError):
        write_folder(Folder(files={**made.files, "no/such/place": b""}, loss=made.loss), tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_a_family_of_held_out_seeds_only_is_not_named() -> None:
    secret = Family(name="secret family", chains=BUNDLE.attack.families[0].chains, seeds=("kept",))
    bundle = with_seeds(*BUNDLE.attack.seeds, HELD, families=(*BUNDLE.attack.families, secret))
    made = handout_of(bundle, per_family=10)

    assert {case.seed for case in made.cases} == {"s"}
    assert "secret family" not in str(made)
    assert {entry.source for entry in made.left_out} == {"/attack/seeds", "/attack/families"}


def test_a_bundle_with_nothing_but_held_out_seeds_gives_no_handout() -> None:
    with pytest.raises(MalformedError):
        handout_of(with_seeds(HELD), per_family=10)


def test_variants_are_different_and_as_many_as_there_are() -> None:
    words = Slot(name="word", values=("a", "b", "c"))
    made = handout_of(with_seeds(Seed(id="s", text="say {{word}}"), slots=(words,)), per_family=50)

    assert sorted(case.said for case in made.cases) == [(("user", f"say {word}"),) for word in "abc"]


def test_a_family_whose_mutator_runs_code_is_left_out() -> None:
    code = Family(name="coded", chains=((Mutator(name=MutatorName.CODE, params={"file": "m.py"}),),))
    nested = Family(name="nested", chains=((Mutator(name=MutatorName.NEST, inner=(Mutator(name=MutatorName.CODE),)),),))
    made = handout_of(with_seeds(*BUNDLE.attack.seeds, families=(*BUNDLE.attack.families, code, nested)), per_family=3)

    assert {case.family for case in made.cases} == {"f"}
    assert [entry.source for entry in made.left_out] == ["/attack/families/coded", "/attack/families/nested"]


@pytest.mark.parametrize("more", [{"document": "read this: {{prompt}}"}, {"carry": (Carry(name="x", pattern="(.)"),)}])
def test_a_script_that_needs_more_than_words_is_refused(more: dict[str, Any]) -> None:
    (step,) = BUNDLE.attack.steps
    steps = (replace(step, **more), replace(step, template="{{x}} {{prompt}}"))

    with pytest.raises(MalformedError, match="hands over documents"):
        handout_of(with_seeds(*BUNDLE.attack.seeds, steps=steps), per_family=1)


def test_an_inspect_data_set_holds_the_variants_of_the_handout(tmp_path: Path) -> None:
    convert(EXAMPLE, "--to", "inspect", "--out", tmp_path / "made", "--variants", 4)

    cases = handout_of(read_bundle(EXAMPLE), per_family=4).cases
    assert read_dataset((tmp_path / "made" / "attack.jsonl").read_bytes()) == cases


def test_a_bundle_is_handed_out_for_training_only_where_its_reporter_allows_it(tmp_path: Path) -> None:
    refused = convert(EXAMPLE, "--to", "inspect", "--out", tmp_path / "refused", "--for-training", "--json")
    assert refused.exit_code != 0
    assert not (tmp_path / "refused").exists()

    made = read_bundle(EXAMPLE)
    safety = replace(made.about.safety, may_train=MayTrain.YES)
    write_bundle(replace(made, about=replace(made.about, safety=safety)), tmp_path / "open.zip")
    assert read_bundle(tmp_path / "open.zip").about.safety.may_train is MayTrain.YES
    done = convert(tmp_path / "open.zip", "--to", "inspect", "--out", tmp_path / "made", "--for-training")
    assert done.exit_code == 0, done.output
    assert json.loads(contents(tmp_path / "made")["terms.json"])["handed_over_for"] == "training"
