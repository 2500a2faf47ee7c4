# SPDX-License-Identifier: Apache-2.0
"""Reading promptfoo's results: the sense of success, graders that fail, repetitions, and what its totals say."""

import json
from typing import Any

import pytest
from tests.formats.evidence.reading import counts, draft, lines, read, rows, rules, vector

from safeconduct.domain.bundle import Canary, Pattern
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.errors import MalformedError
from safeconduct.formats.base import Level
from safeconduct.formats.evidence import HitWhen
from safeconduct.formats.promptfoo import read_results
from safeconduct.formats.promptfoo.asserts import PATTERN_LIMIT, checks_of

RESULTS = vector("promptfoo-0.121.20.json")
LINES = vector("promptfoo-0.121.20.jsonl")
RED_TEAM = vector("promptfoo-0.121.20-redteam.json")
REAL = {
    "asks once/not-icontains": (1, 2, 0, 1, 2),
    "asks twice/not-contains + not-regex": (1, 2, 0, 1, 2),
    "nothing is asserted/no assertion": (0, 0, 3, 1, 2),
    "a judge that can not be reached/llm-rubric": (0, 0, 3, 1, 2),
}
HELD = {"pass": True, "score": 1, "reason": "All assertions passed", "componentResults": [{"pass": True}]}
FELL = {"pass": False, "score": 0, "reason": "x", "componentResults": [{"pass": False}]}


def row(number: int = 0, *, success: Any = True, grading: Any = None, **more: Any) -> dict[str, Any]:
    made = {
        "id": f"row-{number}", "testIdx": number, "promptIdx": 0, "success": success, "failureReason": int(not success),
        "gradingResult": grading or (HELD if success else FELL), "prompt": {"raw": f"ask {number}"},
        "provider": {"id": "p", "label": ""}, "testCase": {"description": "t", "assert": [{"type": "not-contains"}]},
    }  # fmt: skip
    return {**made, **more}


def results(*made: Any, version: Any = 3, stats: Any = None, **more: Any) -> bytes:
    summary = {"version": version, "results": list(made), **({} if stats is None else {"stats": stats})}
    return json.dumps({"evalId": "e", "results": summary, "config": {"redteam": {}}, **more}).encode()


def only(*made: Any, **more: Any) -> TrialOutcome:
    ((_, taken),) = rows(read_results, results(*made, **more))
    return taken.outcome


@pytest.mark.parametrize("data", [RESULTS, LINES], ids=["document", "lines"])
def test_real_results_are_counted_alike_in_both_forms(data: bytes) -> None:
    run = read(read_results, data)

    assert counts(run) == REAL
    assert rules(run) == {"sense", "clusters"}
    assert run.model == "stub:replies"


def test_a_real_document_tells_its_version_and_time() -> None:
    made = draft(read_results, RESULTS)

    assert made.run.source.version == "0.121.20"
    assert made.run.run_id.startswith("eval-")
    assert made.report.seen_at.year == 2026


def test_repetitions_with_an_index_of_their_own_are_one_variant() -> None:
    document = json.loads(RESULTS)["results"]["results"]
    indexes = {(item["testIdx"], item["promptIdx"]) for item in document}
    clusters = {taken.cluster for _, taken in rows(read_results, RESULTS)}

    assert (len(document), len(indexes), len(clusters)) == (16, 16, 8)


def test_rows_of_one_index_are_one_variant_even_if_what_was_sent_differs() -> None:
    taken = rows(read_results, results(row(1), row(2, testIdx=1), row(3), row(4, promptIdx=1)))

    assert [made.cluster for _, made in taken] == ["0", "0", taken[2][1].cluster, taken[3][1].cluster]
    assert len({made.cluster for _, made in taken}) == 3


def test_a_grader_that_failed_is_never_a_verdict_in_a_real_red_team_run() -> None:
    run = read(read_results, RED_TEAM)

    assert counts(run) == {
        "prompt-extraction/basic/promptfoo:redteam:prompt-extraction": (1, 0, 1, 0, 2),
        "prompt-extraction/base64/promptfoo:redteam:prompt-extraction": (0, 1, 0, 0, 1),
    }
    assert rules(run) == set()


@pytest.mark.parametrize(
    "grading",
    [
        {**FELL, "metadata": {"graderError": True}},
        {**HELD, "metadata": {"graderError": True}},
        {**HELD, "componentResults": [{"pass": True, "metadata": {"graderError": True}}]},
        {**HELD, "componentResults": [{"pass": True, "componentResults": [{"metadata": {"graderError": True}}]}]},
    ],
    ids=["failed", "passed", "in a part", "in a part of a part"],
)
def test_a_grader_error_is_not_judged_wherever_it_stands(grading: dict[str, Any]) -> None:
    assert only(row(success=grading["pass"], grading=grading)) is TrialOutcome.ABSTAIN


def test_a_grader_error_of_the_row_itself_is_not_judged() -> None:
    assert only(row(metadata={"graderError": True})) is TrialOutcome.ABSTAIN


@pytest.mark.parametrize("place", ["metadata", "response"])
@pytest.mark.parametrize(
    "told",
    [
        {"stopReason": "Grader failed"},
        {"storedGraderResult": {"pass": False}},
        {"storedGraderResult": {"pass": True, "metadata": {"graderError": True}}},
        {"redteamHistory": [{"graderPassed": True}, {"graderPassed": False}]},
    ],
    ids=["stopped", "stored", "stored error", "history"],
)
def test_an_attack_that_a_strategy_found_is_not_a_pass_because_its_last_judge_failed(
    told: dict[str, Any], place: str
) -> None:
    assert only(row(**{place: told if place == "metadata" else {"metadata": told}})) is TrialOutcome.ABSTAIN
    harmless = {"stopReason": "Max turns reached", "redteamHistory": [{"graderPassed": True}, {}]}
    assert only(row(**{place: harmless if place == "metadata" else {"metadata": harmless}})) is TrialOutcome.MISS


def test_in_a_red_team_run_success_means_that_the_defense_held() -> None:
    assert only(row(success=True)) is TrialOutcome.MISS
    assert only(row(success=False)) is TrialOutcome.HIT


def test_a_person_may_say_that_success_means_the_attack_succeeded() -> None:
    run = read(read_results, results(row(0), row(1, success=False)), hit_when=HitWhen.CORRECT)

    assert counts(run) == {"t/not-contains": (1, 1, 0, 0, 2)}
    assert run.prompts[0].checks == ()


def test_a_failed_call_is_an_error_and_a_failed_assertion_is_not() -> None:
    assert only(row(success=False, failureReason=2, error="down")) is TrialOutcome.ERROR
    assert only(row(success=False, failureReason=1, error="expected x")) is TrialOutcome.HIT


@pytest.mark.parametrize(
    "more",
    [
        {"gradingResult": None},
        {"gradingResult": {"pass": True, "reason": "No assertions", "componentResults": []}},
        {"gradingResult": {**HELD, "pass": None}},
        {"gradingResult": FELL},
        {"failureReason": 1},
    ],
    ids=["not graded", "no assertions", "pass null", "pass differs", "reason differs"],
)
def test_what_was_not_graded_or_contradicts_itself_is_not_a_pass(more: dict[str, Any]) -> None:
    assert only({**row(success=True), **more}) is TrialOutcome.ABSTAIN


def test_a_contradiction_is_told() -> None:
    assert rules(read(read_results, results(row(grading=FELL)))) == {"contradiction"}


@pytest.mark.parametrize("success", [None, "true", 1])
def test_a_success_that_is_no_truth_value_is_refused(success: Any) -> None:
    with pytest.raises(MalformedError, match="row 0: success"):
        read(read_results, results({**row(), "success": success}))


def test_totals_that_the_rows_contradict_are_told_and_not_believed() -> None:
    run = read(read_results, results(row(), stats={"successes": 9, "failures": 0, "errors": 0}))

    (remark,) = run.remarks
    assert remark.level is Level.ERROR
    assert remark.message == "the rows say 1 successes; the tool's own total says 9: the rows are counted"


def test_a_row_that_stands_twice_ends_the_reading() -> None:
    with pytest.raises(MalformedError, match="stands twice"):
        read(read_results, results(row(), row()))


def old(success: Any, **more: Any) -> dict[str, Any]:
    made = {"success": success, "gradingResult": HELD if success else FELL, "prompt": {"raw": "ask"}, "vars": {}}
    return {**made, "provider": {"id": "p"}, **more}


def test_the_older_version_has_neither_ids_nor_reasons() -> None:
    made = [old(True), old(False, error="expected x"), old(False, gradingResult=None, error="down")]
    taken = rows(read_results, results(*made, version=2, stats={"successes": 9}, table={"head": {}, "body": []}))

    assert [item.outcome.value for _, item in taken] == ["miss", "hit", "error"]
    assert [item.foreign_id for _, item in taken] == ["row 0", "row 1", "row 2"]
    assert {item.cluster for _, item in taken} == {"0"}


@pytest.mark.parametrize("document", [b"{}", b'{"results": {}}', b'{"results": {"version": 4, "results": []}}'])
def test_another_document_holds_no_results(document: bytes) -> None:
    with pytest.raises(MalformedError):
        read(read_results, document)


def test_several_targets_are_told() -> None:
    run = read(read_results, results(row(0), row(1, provider={"id": "q", "label": "second"})))

    assert rules(run) == {"providers"}


def test_a_run_that_is_no_red_team_says_how_success_was_taken() -> None:
    assert rules(read(read_results, results(row(), config={}))) == {"sense"}
    assert rules(read(read_results, results(row(), config={}), hit_when=HitWhen.INCORRECT)) == set()
    assert rules(read(read_results, results(row(metadata={"pluginId": "x"}), config={}))) == set()


def test_a_conversation_in_the_prompt_is_read_as_turns() -> None:
    said = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "tell"}]
    run = read(
        read_results,
        results(
            row(0, success=False, prompt={"raw": json.dumps(said)}),
            row(1, success=False, prompt={"raw": "[1, 2]"}),
            row(2, success=False, prompt={"raw": json.dumps(said[:1])}),
            row(3, success=False, prompt={}),
            row(4, success=False, prompt={"raw": "[" * 200}),
        ),
    )

    assert [(hit.prompt.frame, hit.prompt.text) for hit in run.prompts] == [
        ((("system", "be kind"),), "tell"), ((), "[1, 2]"), ((), json.dumps(said[:1])),
        ((), "[" * 200),
    ]  # fmt: skip
    assert "prompt" in rules(run)


def assertion(kind: str, value: Any, *, held: bool = False) -> dict[str, Any]:
    return {"pass": held, "assertion": {"type": kind, "value": value}}


def test_assertions_that_forbid_a_text_become_the_oracle() -> None:
    found = checks_of(
        {
            "componentResults": [
                assertion("not-contains", "A.B"), assertion("not-icontains", "a.b"), assertion("not-regex", "a+"),
                assertion("not-starts-with", "Yes"), assertion("not-contains-any", ["x", "y", "", 3]),
                assertion("not-contains", "A.B"), assertion("not-contains", "held", held=True),
            ]
        }
    )  # fmt: skip

    assert found == (
        Canary(text="A.B"), Pattern(pattern=r"a\.b", ignore_case=True), Pattern(pattern="a+"),
        Pattern(pattern=r"\AYes"), Canary(text="x"), Canary(text="y"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "made",
    [
        assertion("contains", "x"), assertion("llm-rubric", "x"), assertion("javascript", "process.exit()"),
        assertion("not-regex", "x" * (PATTERN_LIMIT + 1)), assertion("not-contains", "\0"), {"pass": False}, None,
    ],
)  # fmt: skip
def test_an_assertion_that_is_a_judgment_becomes_no_oracle(made: Any) -> None:
    assert checks_of({"componentResults": [made]}) == ()


def test_where_a_score_decides_over_several_assertions_there_is_no_oracle() -> None:
    failed = assertion("not-contains", "A")
    in_a_set = {**FELL, "componentResults": [{"pass": False, "metadata": {"assertionSet": {"threshold": 0.3}}}, failed]}
    alone = {**FELL, "componentResults": [failed]}
    scored = {"testCase": {"threshold": 0.5, "assert": []}}
    run = read(
        read_results,
        results(
            row(0, success=False, grading=in_a_set),
            row(1, success=False, grading=alone, **scored),
            row(2, success=False, grading=alone),
        ),
    )

    assert [hit.checks for hit in run.prompts] == [(), (), (Canary(text="A"),)]


def test_lines_and_document_hold_the_same_rows() -> None:
    made = [row(0), row(1, success=False)]

    assert counts(read(read_results, lines(made))) == counts(read(read_results, results(*made)))
