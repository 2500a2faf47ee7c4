# SPDX-License-Identifier: Apache-2.0
"""Evidence of any tool as JSON Lines, one judged output a line, with named fields.

    outcome       hit, miss, abstain or error
    hit           true, false or null, instead of an outcome
    score         a number or null, instead of an outcome: a hit at or above the threshold
    id            the tool's own id of the row; its number without one
    cluster       the variant that the output belongs to; rows of one variant depend on each other
    family, judge what attacked, and what judged
    prompt        what was sent, for the seeds of a bundle
    tool, tool_version, model, time   the same in every row that tells them

Fields may stand elsewhere: each name can be given a JSON Pointer (RFC 6901). Only the words above are taken: "success"
may mean that the attack or that the defense succeeded. Null, and a row that tells none of the three, is not judged.
"""

import io
from collections.abc import Mapping
from typing import BinaryIO, Final, NoReturn

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json, JsonLimits, read_lines, shown
from safeconduct.errors import MalformedError, UnknownValueError
from safeconduct.formats.evidence.reader import FILE_LIMIT, dropped, sha256_of
from safeconduct.formats.evidence.run import Prompt, Provenance, ReadOptions, Row, RowSink, Run
from safeconduct.formats.evidence.tally import ROW_LIMIT, Tally
from safeconduct.formats.evidence.values import Table, digest_of, instant_of, name_of, plain

FIELDS: Final = (
    "outcome", "hit", "score", "id", "cluster", "family", "judge", "prompt", "tool", "tool_version", "model", "time",
)  # fmt: skip
OUTCOMES: Final = {outcome.value: outcome for outcome in TrialOutcome}
_LIMITS: Final = JsonLimits(lines=ROW_LIMIT, stream_bytes=FILE_LIMIT)
_MISSING: Final = object()


def read_rows(stream: BinaryIO, *, options: ReadOptions, sink: RowSink | None = None) -> Run:
    """Return the facts of a run from rows; see `Reader`."""
    unknown = sorted(set(options.fields) - set(FIELDS))
    if unknown:
        raise UnknownValueError(f"{shown(unknown[0])} is no field of a row", hint=f"one of {', '.join(FIELDS)}")
    rows = _Rows(sha256=sha256_of(stream), options=options, sink=sink)
    buffered = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
    for number, value in read_lines(buffered, limits=_LIMITS):
        rows.take(value, line=number)
    return rows.run()


class _Rows:
    """Rows being counted; what they tell of the run is the same in all of them."""

    def __init__(self, *, sha256: str, options: ReadOptions, sink: RowSink | None) -> None:
        self.options = options
        self.paths = {name: options.fields.get(name, f"/{name}") for name in FIELDS}
        self.tally = Tally(Provenance(tool="jsonl", version="", sha256=sha256), sink=sink)
        self.told: dict[str, str] = {}
        self.first: str = ""
        self.last: str = ""

    def take(self, value: Json, *, line: int) -> None:
        """Count one row."""
        if not isinstance(value, dict):
            _refuse("a row is an object", line=line)
        found = {name: at(value, path) for name, path in self.paths.items()}
        row = {name: item for name, item in found.items() if item is not _MISSING}
        outcome = self._outcome(row, line=line)
        self._tell(row, line=line)
        prompt = row.get("prompt")
        cluster = name_of(row.get("cluster")) or (digest_of(prompt) if isinstance(prompt, str) else "")
        if not cluster:
            self.tally.note("cluster", "rows that tell no cluster are each taken for a variant of their own")
        self.tally.take(
            Row(
                family=name_of(row.get("family")) or "not told",
                judge=name_of(row.get("judge")) or "not told",
                cluster=cluster or f"line {line}",
                outcome=outcome,
                foreign_id=name_of(row.get("id")) or f"line {line}",
                prompt=Prompt(text=prompt) if isinstance(prompt, str) and outcome is TrialOutcome.HIT else None,
            )
        )

    def _outcome(self, row: Table, *, line: int) -> TrialOutcome:
        said = [self._read(name, row[name], line=line) for name in ("outcome", "hit", "score") if name in row]
        if len(set(said)) > 1:
            _refuse("outcome, hit and score of a row contradict each other", line=line)
        return said[0] if said else TrialOutcome.ABSTAIN

    def _read(self, name: str, value: Json, *, line: int) -> TrialOutcome:
        match name, value:
            case _, None:
                return TrialOutcome.ABSTAIN
            case "outcome", str() if value in OUTCOMES:
                return OUTCOMES[value]
            case "hit", bool():
                return TrialOutcome.HIT if value else TrialOutcome.MISS
            case "score", int() | float() if not isinstance(value, bool):
                return TrialOutcome.HIT if value >= self.options.threshold else TrialOutcome.MISS
            case _:
                kinds = {"outcome": f"one of {', '.join(OUTCOMES)}", "hit": "true, false or null"}
                raise UnknownValueError(
                    f"line {line}: {name} cannot be {shown(str(value))}",
                    hint=kinds.get(name, "a number or null"),
                    line=line,
                )

    def _tell(self, row: Table, *, line: int) -> None:
        """Keep what a row tells of the run.

        Raises:
            MalformedError: it tells another tool or version than a row before it.
        """
        for name in ("tool", "tool_version"):
            told = plain(row.get(name))
            if told and self.told.setdefault(name, told) != told:
                _refuse(f"rows of several runs stand in one file: {name} differs", line=line)
        self.told.setdefault("model", plain(row.get("model")))
        time = plain(row.get("time"))
        if instant_of(time):
            self.first, self.last = min(self.first or time, time), max(self.last, time)

    def run(self) -> Run:
        """Return what was gathered."""
        if not self.tally.rows:
            raise MalformedError("the file is empty", hint="one row a line")
        tool = " ".join(filter(None, (self.told.get("tool"), self.told.get("tool_version"))))
        return Run(
            source=self.tally.source,
            kind=f"rows of {tool}" if tool else "rows",
            model=self.told.get("model", ""),
            started_at=instant_of(self.first),
            ended_at=instant_of(self.last),
            families=self.tally.families,
            prompts=self.tally.prompts,
            again=f"Run {tool or 'the tool'} again with the same settings",
            lost=dropped("/*", why="fields that no row of evidence has"),
            remarks=self.tally.remarks(),
        )


def at(value: Json, path: str) -> Json:
    """Return what stands at the JSON Pointer, or a mark that is no JSON where there is nothing."""
    for step in path.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and len(name) <= 6 and int(name) < len(value):  # noqa: PLR2004  # no longer list is read
            value = value[int(name)]
        else:
            return _MISSING  # type: ignore[return-value]  # the mark is taken out by the caller
    return value


def fields_of(pairs: list[str]) -> Mapping[str, str]:
    """Return the fields that NAME=POINTER texts name.

    Raises:
        MalformedError: one of them is no such text.
    """
    made = dict(pair.partition("=")[::2] for pair in pairs)
    wrong = [name for name, path in made.items() if not name or not path.startswith("/")]
    if wrong:
        raise MalformedError("a field is given as NAME=/POINTER", hint="for example outcome=/result/verdict")
    return made


def _refuse(message: str, *, line: int) -> NoReturn:
    raise MalformedError(f"line {line}: {message}", hint="see the reference of formats for the fields", line=line)
