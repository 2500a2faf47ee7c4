# SPDX-License-Identifier: Apache-2.0
"""Writing evidence in garak's format: the entries of the real tool, read back by the same reader."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.formats.garak.attempts import END, RUN, START, attempt

from safeconduct.errors import MalformedError
from safeconduct.formats.garak import LoggedRun, LogKind, RunLog, read_garak, read_run

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "formats"


def written() -> tuple[bytes, bytes]:
    report, hits = io.BytesIO(), io.BytesIO()
    log = RunLog(report, RUN, hits=hits)
    log.attempt(attempt(0, [1.0, 0.0]))
    log.attempt(attempt(1, [None, 1.0], before=[("system", "Be kind.")], goal="leak"))
    log.attempt(attempt(2, [0.0, 0.0], probe="songs.CodeWord", triggers=()))
    log.finish(ended_at=END)
    return report.getvalue(), hits.getvalue()


def entries(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def test_what_is_written_is_read_with_the_same_counts_and_nothing_to_remark() -> None:
    report, _ = written()
    run = read_run(io.BytesIO(report))

    assert run.remarks == ()
    assert [(family.probe, family.hits, family.misses, family.nones) for family in run.families] == [
        ("rhymes.CodeWord", 2, 1, 1),
        ("songs.CodeWord", 0, 2, 0),
    ]
    assert [family.disagreed for family in run.families] == [0, 0]
    assert (run.started_at, run.ended_at, run.seed, run.generations) == (START, END, 7, 2)
    assert run.version == "0.17.1+safeconduct"


def test_the_settings_reach_the_drafts() -> None:
    report, _ = written()
    made = read_garak(io.BytesIO(report), now=END)

    assert made.bundle.bundle.target.url == "http://127.0.0.1:9/v1"
    assert made.bundle.bundle.target.sampling.max_tokens == 24
    assert made.report.affects[0].identity.endpoint == "http://127.0.0.1:9/v1"


def test_the_hit_log_holds_the_hits_and_nothing_else() -> None:
    report, hits = written()
    run = read_run(io.BytesIO(hits))

    assert run.kind is LogKind.HIT_LOG
    assert [(item["attempt_id"], item["attempt_idx"], item["score"]) for item in entries(hits)] == [
        ("a0", 0, 1.0),
        ("a1", 1, 1.0),
    ]
    assert run.hits == read_run(io.BytesIO(report)).hits


@pytest.mark.parametrize("name", ["report", "hitlog"])
def test_the_entries_have_the_fields_that_garak_writes(name: str) -> None:
    real = entries((VECTORS / f"garak-0.17.1.{name}.jsonl").read_bytes())
    ours = entries(written()[name == "hitlog"])
    skipped = {"intents", "hit_at_k"}  # Computed by garak from what is there; the docstring says so.

    def fields(items: list[dict[str, Any]]) -> dict[str, set[str]]:
        kinds = {"start_run setup"}
        return {
            f"{item.get('entry_type')} {item.get('status')}": item.keys() - skipped
            for item in items
            if item.get("entry_type") not in kinds
        }

    assert fields(ours) == fields(real)


def test_messages_and_turns_have_the_shape_that_garak_writes() -> None:
    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items() if key not in {"detector_results", "notes"}}
        return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__

    real = next(
        item for item in entries((VECTORS / "garak-0.17.1.report.jsonl").read_bytes()) if item.get("status") == 2
    )
    ours = next(item for item in entries(written()[0]) if item.get("status") == 2)
    real["intent"] = real["prompt"]["turns"][0]["content"]["lang"] = None

    assert shape(ours["prompt"]) == shape(real["prompt"])
    assert ours.keys() == real.keys()
    assert ours["outputs"][0].keys() == real["outputs"][0].keys()
    assert shape(ours["conversations"][0]["turns"][1]["role"]) == shape(real["conversations"][0]["turns"][1]["role"])


def test_an_attempt_stands_there_before_and_after_it_was_judged() -> None:
    attempts = [item for item in entries(written()[0]) if item["entry_type"] == "attempt"]

    assert [(item["uuid"], item["seq"], item["status"]) for item in attempts] == [
        ("a0", 0, 1), ("a0", 0, 2), ("a1", 1, 1), ("a1", 1, 2), ("a2", 0, 1), ("a2", 0, 2),
    ]  # fmt: skip
    assert [bool(item["detector_results"]) for item in attempts] == [False, True] * 3


def test_a_detector_has_one_score_for_each_output() -> None:
    log = RunLog(io.BytesIO(), RUN)

    with pytest.raises(MalformedError, match="one score for each output"):
        log.attempt(attempt(0, [1.0], outputs=["a", "b"]))


def test_a_run_without_attempts_has_a_head_and_an_end() -> None:
    stream = io.BytesIO()
    RunLog(stream, LoggedRun(run_id="r", target_type="test", target_name="x", started_at=START)).finish(ended_at=END)

    assert [item["entry_type"] for item in entries(stream.getvalue())] == ["start_run setup", "init", "completion"]


def test_the_hit_log_is_optional() -> None:
    stream = io.BytesIO()
    log = RunLog(stream, RUN)
    log.attempt(attempt(0, [1.0]))
    log.finish(ended_at=END)

    assert read_run(io.BytesIO(stream.getvalue())).hits == 1
