# SPDX-License-Identifier: Apache-2.0
"""Diagrams are generated from the tables."""

import json
from pathlib import Path

import pytest

from safeconduct.policy import diagrams
from safeconduct.policy.lifecycle import lifecycle

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "coordination"


@pytest.mark.parametrize("name", ["report", "embargo", "consent"])
def test_every_step_of_a_machine_is_drawn_once(name: str) -> None:
    machine = getattr(lifecycle(), name)

    drawn = diagrams.mermaid(machine)
    table = diagrams.markdown(machine)

    assert drawn.startswith("stateDiagram-v2\n")
    assert drawn.count(" --> ") == len(machine.edges) + 1
    assert table.count("\n") == len(machine.edges) + 2


def test_a_step_is_drawn_in_words() -> None:
    assert "    valid --> accepted: accept the report\n" in diagrams.mermaid(lifecycle().report)
    assert "| N there is no embargo | propose terms | P an embargo is proposed |\n" in diagrams.markdown(
        lifecycle().embargo
    )


def test_the_case_has_32_states_and_the_58_published_steps() -> None:
    model = json.loads((VECTORS / "cvd_model.json").read_text(encoding="utf-8"))

    steps = {(source.code, target.code) for source, _, target in diagrams.case_steps()}

    assert len(diagrams.case_states()) == 32
    assert steps == {(source, target) for source, target in model["edges"]}
    assert diagrams.case_mermaid().count(" --> ") == 58 + 1
