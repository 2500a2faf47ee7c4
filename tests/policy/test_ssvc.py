# SPDX-License-Identifier: Apache-2.0
"""SSVC: whole tables, open answers, guidance from the ML profile."""

import json
from itertools import product
from pathlib import Path

import pytest

from safeconduct.domain.report import Answer
from safeconduct.domain.severity import Exploitation
from safeconduct.errors import UnknownValueError
from safeconduct.policy import ssvc
from safeconduct.policy.ml_profile import MlProfile

OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "triage" / "ssvc"
ROWS = {
    ssvc.COORDINATOR_TRIAGE: 192,
    ssvc.SUPPLIER: 36,
    ssvc.PUBLISH: 27,
    ssvc.DEPLOYER: 72,
    ssvc.CISA_BOD_26_04: 16,
    ssvc.CISA_COORDINATOR: 36,
    ssvc.UTILITY: 4,
    ssvc.PUBLIC_SAFETY: 4,
    ssvc.HUMAN_IMPACT: 16,
}


def test_every_table_is_there_with_all_its_rows() -> None:
    assert {name: len(table.rows) for name, table in ssvc.tables().items()} == ROWS


@pytest.mark.parametrize("table_id", ROWS)
def test_every_row_answers_with_a_name_of_its_outcome(table_id: str) -> None:
    table = ssvc.tables()[table_id]
    keys = [point.key for point in table.inputs]

    for row in product(*(point.values for point in table.inputs)):
        decision = ssvc.evaluate(table_id, dict(zip(keys, row, strict=True)))
        assert decision.outcome == table.rows[row] == decision.inputs["lowest"]
        assert decision.inputs["name"] == table.outcome.values[decision.outcome]
        assert len(decision.reasons) == 1


@pytest.mark.skipif(not OFFICIAL.parents[2].exists(), reason="the shared folder with the official tables is not here")
def test_our_compact_tables_say_what_the_official_files_say() -> None:
    compared = 0
    for path in OFFICIAL.glob("*_[0-9]_[0-9]*_[0-9].json"):
        official = json.loads(path.read_text(encoding="utf-8"))
        table = ssvc.tables()[f"{official['namespace']}:{official['key']}:{official['version']}"]
        for row in official["mapping"]:
            answers = {point.key: row[point.id] for point in table.inputs}
            assert ssvc.evaluate(table.id, answers).outcome == row[table.outcome.id]
            compared += 1

    assert compared == sum(ROWS.values())


def test_an_open_answer_counts_at_its_gravest_and_says_so() -> None:
    decision = ssvc.evaluate(ssvc.UTILITY, {"A": "Y"})

    assert (decision.outcome, decision.inputs["lowest"]) == ("S", "E")
    assert decision.reasons == (
        "Utility: Super Effective, for Automatable is Yes",
        "not known: Value Density; it could be as low as Efficient",
    )


def test_an_open_answer_that_changes_nothing_is_not_mentioned() -> None:
    decision = ssvc.evaluate(ssvc.PUBLISH, {"SINV": "UU", "E": "A"})

    assert decision.outcome == "P"
    assert len(decision.reasons) == 1


def test_nothing_known_at_all_is_the_whole_range() -> None:
    decision = ssvc.evaluate(ssvc.COORDINATOR_TRIAGE, {})

    assert (decision.outcome, decision.inputs["lowest"]) == ("C", "D")
    assert decision.reasons[0] == "Coordinator Triage: Coordinate"


@pytest.mark.parametrize(
    ("table_id", "answers"),
    [("ssvc:DT_NONE:1.0.0", {}), (ssvc.UTILITY, {"TI": "T"}), (ssvc.UTILITY, {"A": "maybe"})],
)
def test_what_the_tables_do_not_know_is_refused(table_id: str, answers: dict[str, str]) -> None:
    with pytest.raises(UnknownValueError):
        ssvc.evaluate(table_id, answers)


@pytest.mark.parametrize(
    ("steps", "sr", "key"),
    [
        (Answer.YES, "R", "Y"),
        (Answer.YES, "L", "Y"),
        (Answer.YES, "P", "N"),
        (Answer.YES, "X", "X"),
        (Answer.UNKNOWN, "R", "X"),
        (Answer.UNKNOWN, "U", "N"),
        (Answer.NO, "R", "N"),
    ],
)
def test_automatable_needs_all_steps_and_a_reliable_attack(steps: Answer, sr: str, key: str) -> None:
    assert ssvc.automatable(all_steps=steps, profile=MlProfile(sr=sr)) == key


@pytest.mark.parametrize(("ex", "key"), [("0", "D"), ("1", "D"), ("2", "C"), ("3", "C"), ("X", "X")])
def test_value_is_concentrated_where_exposure_is_wide(ex: str, key: str) -> None:
    assert ssvc.value_density(MlProfile(ex=ex)) == key


@pytest.mark.parametrize(("hm", "key"), [("N", "M"), ("M", "S"), ("C", "S"), ("X", "X")])
def test_public_safety_follows_from_harm(hm: str, key: str) -> None:
    assert ssvc.public_safety(MlProfile(hm=hm)) == key


@pytest.mark.parametrize(("answer", "key"), [(Answer.YES, "T"), (Answer.NO, "P"), (Answer.UNKNOWN, "X")])
def test_technical_impact_is_total_where_all_is_controlled(answer: Answer, key: str) -> None:
    assert ssvc.technical_impact(answer) == key


def test_the_vendor_is_asked_to_act_at_once_where_a_harmful_flaw_is_exploited() -> None:
    decision = ssvc.supplier_urgency(
        MlProfile(sr="R", ex="3", hm="S"), exploitation=Exploitation.ACTIVE, all_steps_automatable=Answer.YES
    )

    assert decision.outcome == "I"


def test_the_vendor_may_wait_where_nothing_presses() -> None:
    decision = ssvc.supplier_urgency(
        MlProfile(sr="U", ex="0", hm="N"), exploitation=Exploitation.NONE, controls_all=Answer.NO
    )

    assert decision.outcome == "D"
