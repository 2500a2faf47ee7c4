# SPDX-License-Identifier: Apache-2.0
"""Reading rows of any tool: the three words for an outcome, fields that stand elsewhere, and what is never guessed."""

import io
import json
from typing import Any

import pytest
from tests.formats.evidence.reading import NOW, counts, draft, lines, read, rows, rules, vector
from tests.formats.examples import REPORT

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.errors import MalformedError, TooLargeError, UnknownValueError
from safeconduct.formats.catalog import READERS, FormatName, format_of
from safeconduct.formats.evidence import HitWhen, Provenance, ReadOptions, Row, Tally
from safeconduct.formats.evidence import tally as counting
from safeconduct.formats.garak import read_garak
from safeconduct.formats.inspect import read_log
from safeconduct.formats.jsonl import fields_of, read_rows


def of(*made: Any, **options: Any) -> Any:
    return read(read_rows, lines(made), **options)


def test_the_three_words_for_an_outcome() -> None:
    run = of(
        {"outcome": "hit"}, {"outcome": "miss"}, {"outcome": "abstain"}, {"outcome": "error"}, {"outcome": None},
        {"hit": True}, {"hit": False}, {"hit": None}, {"score": 0.5}, {"score": 0.4}, {"score": None}, {"id": "x"},
    )  # fmt: skip

    assert counts(run) == {"not told/not told": (3, 3, 5, 1, 12)}
    assert rules(run) == {"cluster", "prompt"}


def test_the_threshold_is_what_a_person_says() -> None:
    assert of({"score": 0.5}, threshold=0.9).hits == 0


@pytest.mark.parametrize(
    "row",
    [
        {"outcome": "success"}, {"outcome": "failure"}, {"outcome": "HIT"}, {"outcome": 1}, {"hit": "yes"}, {"hit": 1},
        {"score": "0.5"}, {"score": True}, {"score": [1]},
    ],
)  # fmt: skip
def test_a_word_that_could_mean_either_is_refused_with_its_line(row: dict[str, Any]) -> None:
    with pytest.raises(UnknownValueError) as caught:
        of({"hit": True}, row)

    assert caught.value.facts["line"] == 2
    assert caught.value.hint


@pytest.mark.parametrize(
    "row", [{"outcome": "hit", "hit": False}, {"hit": True, "score": 0.1}, {"outcome": "abstain", "hit": True}]
)
def test_a_row_that_contradicts_itself_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="contradict"):
        of(row)


def test_a_row_that_says_the_same_twice_is_taken() -> None:
    assert of({"outcome": "hit", "hit": True, "score": 1}).hits == 1


def test_fields_may_stand_elsewhere() -> None:
    row = {"result": {"verdict/final": "hit"}, "runs": [{"name": "a"}, {"name": "b"}], "text": "say it"}
    options = {"outcome": "/result/verdict~1final", "cluster": "/runs/1/name", "prompt": "/text", "family": "/runs/9/x"}
    taken = rows(read_rows, lines([row]), fields=options)

    assert [(item.cluster, item.outcome, item.family) for _, item in taken] == [("b", TrialOutcome.HIT, "not told")]
    assert taken[0][1].prompt is not None


def test_rows_of_one_variant_are_one_cluster() -> None:
    run = of({"hit": True, "cluster": "a"}, {"hit": False, "cluster": "a"}, {"hit": False, "prompt": "p"},
             {"hit": False, "prompt": "p"})  # fmt: skip

    assert run.families[0].clusters == 2
    assert rules(run) == {"clusters", "prompt"}


def test_a_long_name_keeps_what_tells_it_from_others() -> None:
    taken = rows(read_rows, lines([{"hit": False, "id": "x" * 900 + end, "cluster": "y" * 900 + end} for end in "ab"]))

    assert len({item.foreign_id for _, item in taken}) == len({item.cluster for _, item in taken}) == 2
    assert all(len(item.cluster) < 150 for _, item in taken)


def test_a_prompt_is_not_shown_as_the_name_of_its_cluster() -> None:
    ((_, taken),) = rows(read_rows, lines([{"hit": False, "prompt": "secret words"}]))

    assert "secret" not in taken.cluster


def test_what_a_row_tells_of_the_run_goes_into_the_draft() -> None:
    made = draft(
        read_rows,
        lines(
            [
                {
                    "hit": True,
                    "prompt": "p",
                    "tool": "probe",
                    "tool_version": "2",
                    "model": "m",
                    "time": "2026-01-02T00:00:00Z",
                },
                {"hit": False, "prompt": "q", "time": "2026-01-01T00:00:00Z"},
            ]
        ),
    )

    assert made.run.kind == "rows of probe 2"
    assert made.report.affects[0].product == "m"
    assert made.report.discovered_at is not None
    assert made.report.discovered_at.day == 1
    assert made.report.evidence.trials[0].source == "jsonl rows of probe 2"


def test_rows_of_two_runs_are_not_mixed() -> None:
    with pytest.raises(MalformedError, match="line 2: rows of several runs"):
        of({"hit": True, "tool_version": "1"}, {"hit": True, "tool_version": "2"})


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match="empty"):
        read(read_rows, data)


@pytest.mark.parametrize("row", [b"1\n", b"[]\n", b'{"outcome": "hit"'])
def test_a_row_that_is_no_object_or_was_cut_is_refused_with_its_line(row: bytes) -> None:
    with pytest.raises(MalformedError, match="line 2"):
        read(read_rows, b'{"hit": true}\n' + row)


def test_an_attempt_that_stands_twice_ends_the_reading() -> None:
    with pytest.raises(MalformedError, match='the attempt "7" stands twice'):
        of({"hit": True, "id": 7}, {"hit": True, "id": "7"})


@pytest.mark.parametrize("pairs", [["outcome"], ["=x"], ["outcome=x"]])
def test_a_field_is_named_with_a_pointer(pairs: list[str]) -> None:
    with pytest.raises(MalformedError, match="NAME=/POINTER"):
        fields_of(pairs)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(UnknownValueError, match="no field of a row"):
        of({"hit": True}, fields={"verdict": "/x"})
    assert fields_of(["outcome=/a=b"]) == {"outcome": "/a=b"}


def test_rows_of_another_reader_come_back_as_the_same_counts() -> None:
    data = vector("inspect-0.3.285.eval")
    taken = rows(read_log, data, hit_when=HitWhen.CORRECT)
    run = of(*(row.as_dict(source) for source, row in taken))

    assert counts(run) == counts(read(read_log, data, hit_when=HitWhen.CORRECT))
    assert run.kind == "rows of inspect 0.3.285"


def test_rows_of_a_garak_report_are_those_that_it_counts() -> None:
    taken: list[tuple[Provenance, Row]] = []
    stream = io.BytesIO(vector("garak-0.17.1.report.jsonl"))
    made = read_garak(
        stream, now=draft(read_rows, b'{"hit": true}').report.seen_at, sink=lambda *row: taken.append(row)
    )
    (trial, _) = made.report.evidence.trials
    said = [row.outcome.value for _, row in taken if row.judge == "promptinject.AttackRogueString"]

    assert (said.count("hit"), said.count("miss"), said.count("abstain")) == (trial.hits, 11, 1)
    assert len({row.cluster for _, row in taken}) == trial.clusters
    assert {source.version for source, _ in taken} == {"0.17.1"}
    assert {source.sha256 for source, _ in taken} == {trial.source_sha256}
    assert counts(of(*(json.loads(json.dumps(row.as_dict(source))) for source, row in taken))).keys() == {
        "dan.Dan_11_0/promptinject.AttackRogueString", "dan.Dan_11_0/encoding.DecodeApprox",
    }  # fmt: skip


def test_rows_of_a_hit_log_are_hits() -> None:
    taken: list[Row] = []
    stream = io.BytesIO(vector("garak-0.17.1.hitlog.jsonl"))
    made = read_garak(
        stream, now=draft(read_rows, b'{"hit": true}').report.seen_at, sink=lambda _, row: taken.append(row)
    )

    assert {row.outcome for row in taken} == {TrialOutcome.HIT}
    assert len(taken) == made.run.hits


def test_many_families_are_told_in_short_and_counted_whole() -> None:
    made = draft(read_rows, lines([{"hit": True, "family": f"f{number}"} for number in range(25)]))

    assert "- and 5 more" in made.report.description
    assert len(made.report.evidence.trials) == 25


@pytest.mark.parametrize("name", list(READERS))
def test_evidence_is_read_only_and_checked(name: FormatName) -> None:
    form = format_of(name, now=NOW)

    with pytest.raises(MalformedError, match=f"cannot be written as evidence of {name.value}"):
        form.write(REPORT)
    assert form.title


def test_a_check_tells_what_the_reading_remarks() -> None:
    form = format_of(FormatName.JSONL, now=NOW)

    assert [remark.rule for remark in form.check(b'{"hit": true}')] == ["jsonl.cluster", "jsonl.prompt"]
    assert form.read(b'{"hit": true}').loss.source_format == "jsonl"


def test_counting_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "ROW_LIMIT", 3)
    monkeypatch.setattr(counting, "PROMPT_LIMIT", 1)
    monkeypatch.setattr(counting, "FAMILY_LIMIT", 1)

    assert "prompts" in rules(of({"hit": True, "prompt": "a"}, {"hit": True, "prompt": "b"}))
    with pytest.raises(TooLargeError, match="more than 3 rows"):
        of(*[{"hit": False} for _ in range(4)])
    with pytest.raises(MalformedError, match="more than 1 pairs"):
        of({"hit": False, "family": "a"}, {"hit": False, "family": "b"})


def test_a_tally_of_nothing_says_so() -> None:
    tally = Tally(Provenance(tool="t", version="", sha256=""))

    assert [remark.rule for remark in tally.remarks()] == ["t.empty"]
    assert ReadOptions().hit_when is None
