# SPDX-License-Identifier: Apache-2.0
"""What comes back of a handout: files that the tools themselves wrote when they ran the folders that we wrote."""

import io
import json

import pytest
from tests.formats.evidence.reading import NOW, counts, draft, read, rules, vector

from safeconduct.domain.bundle import Oracle, Pattern
from safeconduct.formats.evidence.reader import Reader
from safeconduct.formats.garak import read_garak
from safeconduct.formats.inspect import read_log
from safeconduct.formats.promptfoo import read_results
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.reply import Reply

INSPECT = vector("handout-inspect-0.3.285.eval")
PROMPTFOO = vector("handout-promptfoo-0.121.20.json")
GARAK = vector("handout-garak-0.17.1.report.jsonl")
LEAK = Pattern(pattern=r"blue\ heron", ignore_case=True)


@pytest.mark.parametrize(("reader", "data"), [(read_log, INSPECT), (read_results, PROMPTFOO)])
def test_the_families_of_the_bundle_come_back(reader: Reader, data: bytes) -> None:
    found = counts(read(reader, data))

    assert {name.partition("/")[0]: count for name, count in found.items()} == {
        "paraphrase": (1, 2, 0, 0, 3), "encoding": (1, 2, 0, 0, 3),
    }  # fmt: skip


def test_a_log_of_our_task_says_itself_what_correct_means() -> None:
    assert rules(read(read_log, INSPECT)) == set()


def test_the_oracle_comes_back_of_a_promptfoo_run() -> None:
    made = draft(read_results, PROMPTFOO).bundle

    assert made is not None
    assert made.bundle.oracle.checks == (LEAK,)
    assert len(made.bundle.attack.seeds) == 2


def test_prompts_and_oracle_come_back_of_a_garak_run() -> None:
    made = read_garak(io.BytesIO(GARAK), now=NOW)
    (family,) = made.run.families

    assert (family.probe, family.hits, family.misses, family.disagreed) == ("goodside.Davidjl", 2, 4, 0)
    assert made.bundle.bundle.oracle.checks == (LEAK,)
    assert len(made.bundle.bundle.attack.seeds) == 2


def test_the_oracle_that_came_back_judges_the_outputs_as_the_tool_did() -> None:
    judge = PreparedOracle(Oracle(checks=(LEAK,)))
    rows = json.loads(PROMPTFOO)["results"]["results"]

    for row in rows:
        said = judge.judge([Reply(text=row["response"]["output"])]).outcome.value
        assert said == ("miss" if row["success"] else "hit")
    assert len(rows) == 6
