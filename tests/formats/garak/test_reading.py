# SPDX-License-Identifier: Apache-2.0
"""Reading garak's files: what is counted, what is never a pass, and what the reader remarks."""

import hashlib
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from safeconduct.domain.safe_json import JsonLimits
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.garak import LogKind, Run, read_run, reading

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "formats"
REPORT = VECTORS / "garak-0.17.1.report.jsonl"
HITLOG = VECTORS / "garak-0.17.1.hitlog.jsonl"

SETUP = {
    "entry_type": "start_run setup",
    "run.eval_threshold": 0.5,
    "plugins.target_type": "test",
    "plugins.target_name": "m",
}
INIT = {"entry_type": "init", "garak_version": "0.17.1", "start_time": "2026-11-23T10:00:00+00:00", "run": "r1"}
END = {"entry_type": "completion", "end_time": "2026-11-23T10:05:00+00:00", "run": "r1"}


def attempt(scores: Any, *, number: int = 0, outputs: Any = None, **more: Any) -> dict[str, Any]:
    made = outputs if outputs is not None else [{"text": "out"} for _ in scores]
    return {
        "entry_type": "attempt",
        "uuid": f"u{number}",
        "status": 2,
        "probe_classname": "p.Probe",
        "prompt": {"turns": [{"role": "user", "content": {"text": f"prompt {number}"}}]},
        "outputs": made,
        "detector_results": {"d.Detector": scores},
        "notes": {},
        **more,
    }


def eval_entry(passed: int, fails: int, nones: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "entry_type": "eval", "probe": "p.Probe", "detector": "d.Detector",
        "passed": passed, "fails": fails, "nones": nones, **more,
    }  # fmt: skip


def lines(entries: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def run_of(*entries: Any) -> Run:
    return read_run(io.BytesIO(lines(entries)))


def rules(run: Run) -> set[str]:
    return {remark.rule for remark in run.remarks}


def test_a_real_report_is_counted_as_garak_counts_it() -> None:
    run = read_run(io.BytesIO(REPORT.read_bytes()))

    assert run.kind is LogKind.REPORT
    assert (run.version, run.target_type, run.target_name) == ("0.17.1", "openai.OpenAICompatible", "stub-model")
    assert (run.generations, run.seed, run.run_id) == (4, 11, "a9fcc6c5-3336-4354-9527-34815e6fbd86")
    assert run.started_at == datetime(2026, 11, 23, 13, 31, 50, 898617, tzinfo=UTC)
    assert run.ended_at == datetime(2026, 11, 23, 13, 31, 53, 673357, tzinfo=UTC)
    assert run.sha256 == hashlib.sha256(REPORT.read_bytes()).hexdigest()
    counts = {family.name: (family.hits, family.misses, family.nones, family.attempts) for family in run.families}
    assert counts == {
        "dan.Dan_11_0/promptinject.AttackRogueString": (8, 11, 1, 5),
        "dan.Dan_11_0/encoding.DecodeApprox": (8, 11, 1, 5),
    }
    assert [family.disagreed for family in run.families] == [0, None]
    assert rules(run) == {"garak.zone"}


def test_a_real_hit_log_has_hits_and_no_number_of_tries() -> None:
    run = read_run(io.BytesIO(HITLOG.read_bytes()))

    assert run.kind is LogKind.HIT_LOG
    assert {(family.hits, family.judged, family.attempts) for family in run.families} == {(8, None, 4)}
    assert (run.target_name, run.generations) == ("stub-model", 4)
    assert rules(run) == {"garak.hitlog"}
    assert "report.jsonl" in run.remarks[0].message


def test_a_null_is_neither_hit_nor_pass_and_an_unscored_output_too() -> None:
    run = run_of(SETUP, INIT, attempt([1.0, None, 0.0], outputs=["a", None, "b", "c"]), eval_entry(1, 1, 1), END)

    (family,) = run.families
    assert (family.hits, family.misses, family.nones, family.unscored, family.judged) == (1, 1, 1, 1, 2)
    assert run.remarks == ()


def test_only_complete_attempts_count_and_each_once() -> None:
    started = {**attempt([1.0]), "status": 1, "detector_results": {}}
    run = run_of(SETUP, INIT, started, attempt([1.0]), attempt([1.0]), eval_entry(0, 1), END)

    assert [family.hits for family in run.families] == [1]
    assert rules(run) == {"garak.repeated"}


def test_an_attempt_that_stands_twice_and_says_two_things_ends_the_reading() -> None:
    with pytest.raises(MalformedError, match='line 4: "u0" stands twice and says two things'):
        run_of(SETUP, INIT, attempt([1.0]), attempt([0.0]))


def test_a_hit_that_stands_twice_is_counted_once() -> None:
    once = HITLOG.read_bytes()

    twice = read_run(io.BytesIO(once + once.splitlines(keepends=True)[0]))
    assert twice.hits == read_run(io.BytesIO(once)).hits
    assert "garak.repeated" in rules(twice)


def test_an_attempt_without_uuid_counts_by_its_line() -> None:
    run = run_of(SETUP, INIT, attempt([1.0], uuid=None), attempt([1.0], uuid=None), eval_entry(0, 2), END)

    assert run.hits == 2


def test_a_score_at_the_threshold_is_a_hit() -> None:
    run = run_of({**SETUP, "run.eval_threshold": 0.7}, INIT, attempt([0.7, 0.69]), eval_entry(1, 1), END)

    assert run.threshold == 0.7
    assert run.families[0].hits == 1


def test_a_count_of_garak_that_differs_is_told_with_both_counts() -> None:
    run = run_of(SETUP, INIT, attempt([1.0, 0.0]), eval_entry(2, 0), eval_entry(1, 0, probe="q.Other"), END)

    messages = {remark.rule: remark.message for remark in run.remarks}
    assert messages["garak.mismatch"] == (
        "the attempts say 1 passed, 1 failed, 0 not judged; garak's own count says 2, 0, 0"
    )
    assert "left out" in messages["garak.eval"]


def test_totals_of_garak_that_its_own_parts_contradict_are_told() -> None:
    sound = eval_entry(1, 1, 1, total_evaluated=2, total_processed=3)
    lying = eval_entry(1, 1, 1, total_evaluated=20, total_processed=30)

    assert rules(run_of(SETUP, INIT, attempt([1.0, None, 0.0]), sound, END)) == set()
    told = [remark.message for remark in run_of(SETUP, INIT, attempt([1.0, None, 0.0]), lying, END).remarks]
    assert told == [
        "garak's own total_evaluated is 20, and its parts make 2",
        "garak's own total_processed is 30, and its parts make 3",
    ]


def test_the_interval_of_garak_is_not_taken_over() -> None:
    told = eval_entry(1, 1, confidence_method="bootstrap", confidence=0.95, confidence_lower=0.0, confidence_upper=0.0)
    run = run_of(SETUP, INIT, attempt([1.0, 0.0]), told, END)

    assert run.remarks == ()
    assert not any("confidence" in name for name in run.families[0].__dataclass_fields__)


def test_a_run_that_did_not_end_says_so_and_what_it_assumes() -> None:
    told = {remark.rule: remark.message for remark in run_of(SETUP, INIT, attempt([1.0])).remarks}
    assumed = {remark.rule: remark.message for remark in run_of(INIT, attempt([1.0])).remarks}

    assert "threshold" not in told["garak.eval"]
    assert "with the usual threshold of 0.5" in assumed["garak.eval"]
    assert told.keys() == assumed.keys() == {"garak.incomplete", "garak.eval"}


def test_a_file_without_attempts_has_nothing_to_count() -> None:
    run = run_of(SETUP, INIT, END)

    assert run.families == ()
    assert rules(run) == {"garak.empty"}


def test_counts_of_older_versions_are_understood() -> None:
    old = {"entry_type": "eval", "probe": "p.Probe", "detector": "d.Detector", "passed": 1, "total": 3}
    setup = {"entry_type": "start_run setup", "plugins.model_type": "rest", "plugins.model_name": "old"}
    entry = attempt([1.0, 1.0, 0.0], prompt="a plain prompt", outputs=["a", "b", "c"])
    run = run_of(setup, {**INIT, "start_time": "2024-01-01T00:00:00"}, entry, old, END)

    assert (run.target_type, run.target_name) == ("rest", "old")
    assert [prompt.text for prompt in run.prompts] == ["a plain prompt"]
    assert rules(run) == {"garak.zone"}


@pytest.mark.parametrize("time", ["yesterday", "1900-01-01T00:00:00+00:00", 5, None])
def test_a_time_that_is_none_is_left_out(time: Any) -> None:
    assert run_of(SETUP, {**INIT, "start_time": time}, attempt([0.0]), eval_entry(1, 0), END).started_at is None


def test_an_exact_detector_is_held_against_its_restatement() -> None:
    entry = attempt(None, outputs=["the PELICAN", "nothing", None, "a pelican"], notes={"triggers": "pelican"})
    entry["detector_results"] = {"base.TriggerListDetector": [1.0, 1.0, None, 0.0]}
    run = run_of(SETUP, INIT, entry, END)

    assert run.families[0].disagreed == 2
    assert "garak.detector" in rules(run)


def test_a_detector_that_looks_at_the_beginning_is_held_against_its_restatement() -> None:
    entry = attempt(None, outputs=[" Call me Ishmael", "They call me"], notes={"triggers": ["call me"]})
    entry["detector_results"] = {"leakreplay.StartsWith": [1.0, 1.0]}

    assert run_of(SETUP, INIT, entry, END).families[0].disagreed == 1


def test_options_of_a_detector_decide_what_is_exact() -> None:
    options = {"base": {"TriggerListDetector": {"case_sensitive": True}}}
    entry = attempt(None, outputs=["the PELICAN"], notes={"triggers": ["pelican"]})
    entry["detector_results"] = {"base.TriggerListDetector": [0.0]}

    assert run_of({**SETUP, "plugins.detectors": options}, INIT, entry, END).families[0].disagreed == 0
    assert run_of(SETUP, INIT, entry, END).families[0].disagreed == 1


def test_turns_before_the_prompt_are_kept_apart() -> None:
    turns = [
        {"role": "system", "content": {"text": "Be kind."}},
        {"role": "user", "content": {"text": "first"}},
        {"role": "assistant", "content": "reply"},
        {"role": "user", "content": {"text": "second"}},
    ]
    (prompt,) = run_of(SETUP, INIT, attempt([1.0], prompt={"turns": turns}), END).prompts

    assert prompt.text == "second"
    assert prompt.frame == (("system", "Be kind."), ("user", "first"), ("assistant", "reply"))


@pytest.mark.parametrize(
    "prompt",
    [
        None,
        {"turns": []},
        {"turns": [{"role": "assistant", "content": {"text": "x"}}]},
        {"turns": [{"role": "user", "content": {"text": None, "data_path": "x.png"}}]},
        {"turns": [7, {"role": "user", "content": {"text": "x"}}]},
    ],
)
def test_a_prompt_that_is_no_text_makes_no_seed(prompt: Any) -> None:
    run = run_of(SETUP, INIT, attempt([1.0], prompt=prompt), eval_entry(0, 1), END)

    assert run.hits == 1
    assert run.prompts == ()
    assert rules(run) == {"garak.prompt"}


def test_more_prompts_than_anyone_needs_are_cut_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PROMPT_LIMIT", 2)
    entries = [attempt([1.0], number=number) for number in range(3)]
    run = run_of(SETUP, INIT, *entries, eval_entry(0, 3), END)

    assert len(run.prompts) == 2
    assert rules(run) == {"garak.prompts"}


def test_more_families_than_a_report_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FAMILY_LIMIT", 1)

    with pytest.raises(MalformedError, match="more than 1 pairs"):
        run_of(SETUP, INIT, attempt([1.0]), attempt([1.0], number=1, probe_classname="q.Other"), END)


def test_names_hold_no_control_characters() -> None:
    run = run_of({**SETUP, "plugins.target_name": "m\x1b[2J\n"}, INIT, attempt([0.0]), eval_entry(1, 0), END)

    assert run.target_name == "m [2J"


def test_a_file_cut_in_the_middle_names_the_line() -> None:
    data = REPORT.read_bytes()

    with pytest.raises(MalformedError) as caught:
        read_run(io.BytesIO(data[: len(data) // 2]))

    assert caught.value.facts["line"] == data[: len(data) // 2].count(b"\n") + 1
    assert "cut" in caught.value.hint


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([], "an entry is an object"),
        ({"some": "thing"}, "neither an entry"),
        ({"entry_type": 5}, "neither an entry"),
        (attempt([1.0], status="2"), "status"),
        (attempt([1.0], status=True), "status"),
        ({**attempt([1.0]), "detector_results": []}, "outputs and detector_results"),
        ({**attempt([1.0]), "outputs": None}, "outputs and detector_results"),
        ({**attempt([1.0]), "detector_results": {"d": 1.0}}, "list"),
        (attempt([True]), "number or null"),
        (attempt(["1.0"]), "number or null"),
        (SETUP, "several runs"),
    ],
)
def test_evidence_that_cannot_be_counted_is_refused_with_its_line(entry: Any, message: str) -> None:
    with pytest.raises(MalformedError, match=f"line 4: .*{message}"):
        run_of(SETUP, INIT, attempt([0.0], number=9), entry)


def test_hits_of_two_runs_are_not_mixed() -> None:
    first = json.loads(HITLOG.read_bytes().splitlines()[0])

    with pytest.raises(MalformedError, match="line 2: hits of several runs"):
        run_of(first, {**first, "run_id": "another"})


def test_an_empty_file_and_a_long_line_are_refused() -> None:
    with pytest.raises(MalformedError, match="empty"):
        read_run(io.BytesIO(b""))
    with pytest.raises(TooLargeError):
        read_run(io.BytesIO(REPORT.read_bytes()), limits=JsonLimits(line_bytes=200))
