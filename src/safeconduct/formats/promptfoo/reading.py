# SPDX-License-Identifier: Apache-2.0
"""Reading promptfoo's results: the JSON of version 3 and 2, and its JSON Lines, one row a line.

As promptfoo 0.121 writes them. `success` means that the assertions held: in a red-team run that the defense held, so a
hit is a failed assertion. Not judged are rows whose grader failed (`graderError`, which promptfoo itself counts as a
failure), rows without any assertion (which it counts as a success), and rows that contradict themselves: strategies of
several turns report an attack that they found as a success if their judge fails at the end. A row whose
`failureReason` is 2 is an error. `error` alone says nothing: promptfoo writes the reason of a failed assertion there.

Rows of one prompt are repetitions. With `--repeat`, promptfoo gives every repetition an index of its own, so a cluster
is the same rendered prompt, or the same pair of `testIdx` and `promptIdx`, whichever holds.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn

from safeconduct.domain.bundle import Check
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json, JsonLimits, read_json, read_lines, read_object
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.evidence.reader import DOCUMENT, document_of, dropped, sha256_of
from safeconduct.formats.evidence.run import HitWhen, Prompt, Provenance, ReadOptions, Row, RowSink, Run
from safeconduct.formats.evidence.tally import Tally
from safeconduct.formats.evidence.values import (
    Table,
    inside,
    instant_of,
    list_of,
    name_of,
    plain,
    table_of,
    text_of,
    whole_of,
)
from safeconduct.formats.promptfoo.asserts import checks_of

GRADER_FAILED: Final = "Grader failed"
NO_ASSERTIONS: Final = "No assertions"
ERROR: Final = 2
VERSIONS: Final = (2, 3)
_LINES: Final = JsonLimits(stream_bytes=2 << 30)
_LOST: Final = {
    **dropped("/results/response", "/results/gradingResult/reason", why="outputs may be harmful; keep the file"),
    **dropped("/results/stats", "/results/prompts", "/results/table", why="computed anew from the rows"),
    **dropped("/config", "/shareableUrl", "/vars", why="how the run was made, not what was found"),
}


def read_results(stream: BinaryIO, *, options: ReadOptions, sink: RowSink | None = None) -> Run:
    """Return the facts of a run from its results; see `Reader`."""
    sha256 = sha256_of(stream)
    first = stream.readline(_LINES.line_bytes)
    stream.seek(0)
    if _is_row(first):
        log = _Results(None, sha256=sha256, options=options, sink=sink)
        return log.run(_line_rows(stream), kind="results in lines")
    data = read_object(document_of(stream, hint="write the results as .jsonl"), limits=DOCUMENT)
    log = _Results(data, sha256=sha256, options=options, sink=sink)
    return log.run(iter(list_of(log.summary.get("results"))), kind="results")


def _is_row(line: bytes) -> bool:
    """Say whether the first line is a row on its own."""
    try:
        return {"promptIdx", "testIdx", "success"} <= table_of(read_json(line.rstrip())).keys()
    except (MalformedError, TooLargeError):
        return False


def _line_rows(stream: BinaryIO) -> Iterator[Json]:
    buffered = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
    return (value for _, value in read_lines(buffered, limits=_LINES))


class _Results:
    """Results being read: what the document says of the whole run is known from the start."""

    def __init__(self, document: Table | None, *, sha256: str, options: ReadOptions, sink: RowSink | None) -> None:
        self.document = document or {}
        self.summary = table_of(self.document.get("results"))
        if document is not None and (self.summary.get("version") not in VERSIONS or "results" not in self.summary):
            _refuse("the document holds no promptfoo results of version 2 or 3")
        self.options = options
        version = plain(inside(self.document, "metadata", "promptfooVersion"))
        self.tally = Tally(Provenance(tool="promptfoo", version=version, sha256=sha256), sink=sink)
        self.clusters: dict[str, str] = {}
        self.red_team = "redteam" in table_of(self.document.get("config"))
        self.providers: dict[str, None] = {}
        self.judged_as = {"successes": 0, "failures": 0, "errors": 0}

    def run(self, rows: Iterator[Json], *, kind: str) -> Run:
        """Return the run after all rows."""
        for number, row in enumerate(rows):
            self._take(table_of(row), number=number)
        self._judge_totals()
        created = inside(self.document, "metadata", "evaluationCreatedAt") or self.summary.get("timestamp")
        return Run(
            source=self.tally.source,
            kind=kind,
            run_id=text_of(self.document, "evalId"),
            model=next(iter(self.providers), ""),
            hosted=True,
            flaw_class=FlawClass.OTHER,
            started_at=instant_of(created),
            families=self.tally.families,
            prompts=self.tally.prompts,
            again="Run: promptfoo eval with the same configuration",
            lost=_LOST,
            remarks=self.tally.remarks(),
        )

    def _take(self, row: Table, *, number: int) -> None:
        if not isinstance(row.get("success"), bool):
            _refuse(f"row {number}: success is neither true nor false")
        provider = table_of(row.get("provider"))
        self.providers[text_of(provider, "label") or text_of(provider, "id")] = None
        grading = table_of(row.get("gradingResult"))
        outcome = self._outcome(row, grading)
        self._count(row)
        is_hit = outcome is TrialOutcome.HIT
        self.tally.take(
            Row(
                family=self._family(row),
                judge=_judge(row, grading),
                cluster=self._cluster(row),
                outcome=outcome,
                foreign_id=name_of(row.get("id")) or f"row {number}",
                prompt=prompt_of(inside(row, "prompt", "raw")) if is_hit else None,
                checks=self._checks(row, grading) if is_hit else (),
            )
        )

    def _checks(self, row: Table, grading: Table) -> tuple[Check, ...]:
        """Return the exact tests that failed, where each of them alone decides."""
        is_scored = inside(table_of(row.get("testCase")), "threshold") is not None
        return () if is_scored or self._hit_when is HitWhen.CORRECT else checks_of(grading)

    @property
    def _hit_when(self) -> HitWhen:
        return self.options.hit_when or HitWhen.INCORRECT

    def _outcome(self, row: Table, grading: Table) -> TrialOutcome:
        """Return what a row says of the attack."""
        if _is_error(row, grading):
            return TrialOutcome.ERROR
        told = _told_by_strategy(row)
        stored = [table_of(item.get("storedGraderResult")) for item in told]
        if not grading or _grader_failed(grading, *told, *stored):
            return TrialOutcome.ABSTAIN
        if not list_of(grading.get("componentResults")) and plain(grading.get("reason")) == NO_ASSERTIONS:
            return TrialOutcome.ABSTAIN
        held = row["success"]
        is_doubtful = row.get("failureReason") not in {0, None} or any(map(_found_an_attack, told))
        if grading.get("pass") is not held or (held and is_doubtful):
            self.tally.note("contradiction", "a row's success and its grading differ: it is not judged")
            return TrialOutcome.ABSTAIN
        return TrialOutcome.HIT if held is (self._hit_when is HitWhen.CORRECT) else TrialOutcome.MISS

    def _count(self, row: Table) -> None:
        """Count the row as promptfoo counts it, to hold its totals against."""
        is_error = whole_of(row, "failureReason") == ERROR
        self.judged_as["errors" if is_error else "successes" if row["success"] else "failures"] += 1

    def _family(self, row: Table) -> str:
        """Return plugin and strategy of a red-team row, or what the test says of itself."""
        told = {**table_of(inside(row, "testCase", "metadata")), **table_of(row.get("metadata"))}
        plugin, strategy = text_of(told, "pluginId"), text_of(told, "strategyId")
        self.red_team = self.red_team or bool(plugin)
        name = "/".join(filter(None, (plugin, strategy)))
        return name or text_of(table_of(row.get("testCase")), "description") or "promptfoo"

    def _cluster(self, row: Table) -> str:
        """Return the variant of the row: that of its prompt or that of its indexes."""
        provider = text_of(table_of(row.get("provider")), "id")
        index = f"{provider} {whole_of(row, 'testIdx')} {whole_of(row, 'promptIdx')}"
        raw = inside(row, "prompt", "raw")
        keys = [f"prompt {provider} {raw}"] if isinstance(raw, str) else []
        if whole_of(row, "testIdx") is not None:
            keys.append(f"index {index}")
        known = next((self.clusters[key] for key in keys if key in self.clusters), None)
        cluster = known or f"{len(self.clusters)}"
        self.clusters.update(dict.fromkeys(keys, cluster))
        return cluster

    def _judge_totals(self) -> None:
        stats = table_of(self.summary.get("stats"))
        for name, counted in self.judged_as.items():
            if self.summary.get("version") != VERSIONS[0]:
                self.tally.contradict(name, told=stats.get(name), counted=counted)
        if len(self.providers) > 1:
            self.tally.note("providers", f"{len(self.providers)} targets were tested; the first is named")
        if not self.red_team and self.options.hit_when is None:
            self.tally.note("sense", "no red-team run: a failed assertion is taken as a hit; see --hit-when")


def _is_error(row: Table, grading: Table) -> bool:
    """Say whether the call failed; older files tell it by an error without any grading."""
    reason = whole_of(row, "failureReason")
    return reason == ERROR or (reason is None and bool(row.get("error")) and not grading)


def _told_by_strategy(row: Table) -> tuple[Table, Table]:
    """Return where a strategy of several turns writes what it saw on its way."""
    return table_of(row.get("metadata")), table_of(inside(table_of(row.get("response")), "metadata"))


def _found_an_attack(told: Table) -> bool:
    """Say whether a strategy stopped because an attack had succeeded, whatever its last turn was graded."""
    turns = [table_of(item) for item in list_of(told.get("redteamHistory"))]
    stored = table_of(told.get("storedGraderResult"))
    stopped = text_of(told, "stopReason") == GRADER_FAILED
    return stopped or stored.get("pass") is False or any(turn.get("graderPassed") is False for turn in turns)


def _grader_failed(*told: Table) -> bool:
    """Say whether a grader could not judge, whichever of the nested places says so."""
    for table in told:
        places = [table, table_of(table.get("metadata")), *map(table_of, list_of(table.get("componentResults")))]
        if any(place.get("graderError") for place in places):
            return True
        if any(_grader_failed(place) for place in places[2:]):
            return True
    return False


def _judge(row: Table, grading: Table) -> str:
    """Return the kinds of the assertions that the test makes."""
    declared = [table_of(item) for item in list_of(inside(row, "testCase", "assert"))]
    results = [table_of(table_of(item).get("assertion")) for item in list_of(grading.get("componentResults"))]
    kinds = dict.fromkeys(filter(None, (text_of(item, "type") for item in declared or results)))
    return " + ".join(kinds) or "no assertion"


def prompt_of(raw: Json) -> Prompt | None:
    """Return what was sent: promptfoo writes a conversation as JSON in the text of the prompt."""
    if not isinstance(raw, str):
        return None
    try:
        messages = list_of(read_json(raw.encode()))
    except (MalformedError, TooLargeError):
        messages = []
    said = [(text_of(table_of(item), "role"), table_of(item).get("content")) for item in messages]
    turns = tuple((role, text) for role, text in said if role and isinstance(text, str))
    if not turns or len(turns) != len(messages) or turns[-1][0] != "user":
        return Prompt(text=raw)
    return Prompt(text=turns[-1][1], frame=turns[:-1])


def _refuse(message: str) -> NoReturn:
    raise MalformedError(message, hint="give the file that promptfoo wrote with --output")
