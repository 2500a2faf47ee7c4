# SPDX-License-Identifier: Apache-2.0
"""Reading garak's JSON Lines: `….report.jsonl`, or a `….hitlog.jsonl` when there is nothing else.

Fields as garak 0.11 to 0.17 writes them (`attempt.py`, `evaluators/base.py`, `command.py`). Every attempt stands twice
in a report; only status 2, complete, is counted, and each attempt once. A hit is a score at or above the threshold. A
null score, and an output that no detector scored, is neither hit nor miss. garak leaves numbers with a fraction out of
`start_run setup`, so the threshold is usually not told: then 0.5 is taken, and the `eval` entries show whether it was.

The file is read as a stream; outputs are looked at and not kept. What is counted is read strictly: a score that is no
number ends the reading with the number of its line, because evidence may not be guessed.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import BinaryIO, Final, cast

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.instants import parse_instant
from safeconduct.domain.safe_json import DEFAULT_LIMITS, Json, JsonLimits, read_lines, shown
from safeconduct.errors import MalformedError
from safeconduct.formats.base import Level, Remark
from safeconduct.formats.evidence.reader import sha256_of
from safeconduct.formats.evidence.run import RowSink
from safeconduct.formats.evidence.values import table_of, text_of, whole_of
from safeconduct.formats.garak.detectors import is_exact, is_hit
from safeconduct.formats.garak.entries import (
    Entry,
    message_of,
    options_of,
    prompt_of,
    refuse,
    scores_of,
    triggers_of,
)
from safeconduct.formats.garak.rows import Rows, outcomes_of
from safeconduct.formats.garak.run import FamilyCount, HitPrompt, LogKind, Run

COMPLETE: Final = 2
DEFAULT_THRESHOLD: Final = 0.5
PROMPT_LIMIT: Final = 2_000
FAMILY_LIMIT: Final = 1_000
COMPARED_LIMIT: Final = 1_000
"""How many outputs of one attempt are held against the restated detector: a check, which need not be complete."""


def read_run(stream: BinaryIO, *, limits: JsonLimits = DEFAULT_LIMITS, sink: RowSink | None = None) -> Run:
    """Return the facts of a run from its report or its hit log; `sink` gets every judged output of a seekable stream.

    Raises:
        MalformedError: a line cannot be read, also when it was cut in the middle; `facts["line"]` is its number.
        TooLargeError: a line or the file passes a limit.
    """
    rows = None if sink is None else Rows(sha256_of(stream), sink)
    hashing = _Hashing(stream)
    collector = _Collector(rows)
    for number, value in read_lines(cast("BinaryIO", hashing), limits=limits):
        if not isinstance(value, dict):
            refuse("an entry is an object", line=number)
        collector.take(value, line=number)
    return collector.run(sha256=hashing.digest.hexdigest())


class _Hashing:
    """A stream that hashes what is read through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()

    def readline(self, size: int) -> bytes:
        line = self.stream.readline(size)
        self.digest.update(line)
        return line


@dataclass(slots=True)
class _Tally:
    """The running counts of one probe under one detector."""

    hits: int = 0
    misses: int = 0
    nones: int = 0
    unscored: int = 0
    attempts: int = 0
    disagreed: int | None = None


class _Collector:
    """Takes the entries one by one and keeps what a run is."""

    def __init__(self, rows: Rows | None) -> None:
        self.rows = rows
        self.kind: LogKind | None = None
        self.known = Run(kind=LogKind.REPORT, sha256="")
        self.threshold_told = False
        self.tallies: dict[tuple[str, str], _Tally] = {}
        self.evals: dict[tuple[str, str], tuple[Json, Json, Json]] = {}
        self.prompts: dict[HitPrompt, None] = {}
        self.seen: set[str] = set()
        self.complete: dict[bytes, bytes] = {}
        self.remarks: dict[str, Remark] = {}

    def take(self, entry: Entry, *, line: int) -> None:
        """Take one entry of either kind of file."""
        kind = entry.get("entry_type")
        if kind is None and {"attempt_id", "detector", "probe"} <= entry.keys():
            self.kind = self.kind or LogKind.HIT_LOG
            self._take_hit(entry, line=line)
        elif isinstance(kind, str):
            self.kind = LogKind.REPORT
            handlers: dict[str, Callable[[Entry, int], None]] = {
                "start_run setup": self._take_setup,
                "init": self._take_init,
                "attempt": self._take_attempt,
                "eval": self._take_eval,
                "completion": self._take_completion,
            }
            handlers.get(kind, _pass_over)(entry, line)
        else:
            refuse("neither an entry of a garak report nor of a hit log", line=line)

    def note(self, rule: str, message: str, *, at: str = "") -> None:
        self.remarks.setdefault(
            f"{rule}{at}", Remark(level=Level.WARNING, rule=f"garak.{rule}", at=at, message=message)
        )

    def _take_setup(self, setup: Entry, line: int) -> None:
        if self.tallies:
            refuse("settings come after attempts: several runs stand in one file", line=line)
        target_type = text_of(setup, "plugins.target_type") or text_of(setup, "plugins.model_type")
        threshold = setup.get("run.eval_threshold")
        if isinstance(threshold, int | float) and not isinstance(threshold, bool):
            self.threshold_told = True
            self.known = replace(self.known, threshold=float(threshold))
        self.known = replace(
            self.known,
            version=text_of(setup, "_config.version"),
            target_type=target_type,
            target_name=text_of(setup, "plugins.target_name") or text_of(setup, "plugins.model_name"),
            generations=whole_of(setup, "run.generations"),
            seed=whole_of(setup, "run.seed"),
            generator=options_of(setup.get("plugins.generators"), target_type),
            detectors=table_of(setup.get("plugins.detectors")),
        )

    def _take_init(self, init: Entry, _line: int) -> None:
        self.known = replace(
            self.known,
            version=text_of(init, "garak_version") or self.known.version,
            run_id=text_of(init, "run"),
            started_at=self._instant(init, "start_time"),
        )

    def _take_completion(self, completion: Entry, _line: int) -> None:
        self.known = replace(self.known, ended_at=self._instant(completion, "end_time"))
        self.seen.add("completion")

    def _instant(self, entry: Entry, name: str) -> datetime | None:
        try:
            found = datetime.fromisoformat(text_of(entry, name))
        except ValueError:
            return None
        if found.tzinfo is None:
            self.note("zone", "the file's times name no zone and are taken as UTC", at="/init/start_time")
            found = found.replace(tzinfo=UTC)
        try:
            return parse_instant(found.isoformat())
        except MalformedError:
            return None

    def _take_eval(self, entry: Entry, _line: int) -> None:
        passed, total = entry.get("passed"), entry.get("total")
        fails = entry.get("fails")
        if fails is None and isinstance(passed, int) and isinstance(total, int):
            fails = total - passed
        name, nones = (text_of(entry, "probe"), text_of(entry, "detector")), entry.get("nones", 0)
        self.evals[name] = (passed, fails, nones)
        sums = {"total_evaluated": [passed, fails], "total_processed": [passed, fails, nones]}
        for total_name, parts in sums.items():
            told = whole_of(entry, total_name)
            counted = sum(part for part in parts if isinstance(part, int))
            if told is not None and told != counted:
                message = f"garak's own {total_name} is {told}, and its parts make {counted}"
                self.note("mismatch", message, at=f"{name[0]}/{name[1]} {total_name}")

    def _take_attempt(self, attempt: Entry, line: int) -> None:
        status = attempt.get("status")
        if not isinstance(status, int) or isinstance(status, bool):
            refuse("an attempt has a status from 0 to 2", line=line)
        if status != COMPLETE:
            return
        results = attempt.get("detector_results")
        outputs = attempt.get("outputs")
        if not isinstance(results, dict) or not isinstance(outputs, list):
            refuse("a complete attempt has outputs and detector_results", line=line)
        identity = text_of(attempt, "uuid") or f"line {line}"
        if not self._is_new(identity, results, line=line):
            return
        for detector, scores in results.items():
            told = scores_of(scores, line=line)
            self._score(attempt, detector, told, [message_of(item) for item in outputs], identity=identity)

    def _is_new(self, identity: str, what: Json, *, line: int) -> bool:
        """Say whether a thing that garak writes once was not met before.

        Raises:
            MalformedError: it was, and said something else.
        """
        name, said = _digest(identity), _digest(json.dumps(what, sort_keys=True))
        known = self.complete.setdefault(name, said)
        if known is said:
            return True
        if known != said:
            refuse(f"{shown(identity)} stands twice and says two things", line=line)
        self.note("repeated", "an attempt stands twice as complete; it is counted once")
        return False

    def _score(
        self, attempt: Entry, detector: str, scores: list[float | None], outputs: list[str | None], *, identity: str
    ) -> None:
        probe = text_of(attempt, "probe_classname")
        triggers = triggers_of(table_of(attempt.get("notes")).get("triggers"))
        tally = self._tally(probe, detector)
        hits = sum(score is not None and score >= self.known.threshold for score in scores)
        tally.attempts += 1
        tally.hits += hits
        tally.nones += scores.count(None)
        tally.misses += len(scores) - hits - scores.count(None)
        tally.unscored += max(0, len(outputs) - len(scores))
        self._compare(tally, detector, triggers, list(zip(scores, outputs, strict=False)))
        if self.rows is not None:
            self.rows.version = self.known.version
            said = outcomes_of(scores, threshold=self.known.threshold, outputs=len(outputs))
            self.rows.tell(probe, detector, identity, said)
        if hits:
            self._keep(attempt.get("prompt"), probe=probe, detector=detector, triggers=triggers)

    def _tally(self, probe: str, detector: str) -> _Tally:
        if len(self.tallies) >= FAMILY_LIMIT and (probe, detector) not in self.tallies:
            raise MalformedError(f"more than {FAMILY_LIMIT} pairs of probe and detector", hint="split the run")
        return self.tallies.setdefault((probe, detector), _Tally())

    def _compare(
        self, tally: _Tally, detector: str, triggers: tuple[str, ...], judged: list[tuple[float | None, str | None]]
    ) -> None:
        """Hold the recorded scores of an exact detector against its restatement here."""
        options = self.detector_options(detector)
        if not is_exact(detector, options):
            return
        tally.disagreed = (tally.disagreed or 0) + sum(
            is_hit(detector, triggers, options, output=output) != (score >= self.known.threshold)
            for score, output in judged[:COMPARED_LIMIT]
            if score is not None and output is not None
        )

    def detector_options(self, detector: str) -> Mapping[str, Json]:
        return options_of(self.known.detectors, detector)

    def _take_hit(self, hit: Entry, *, line: int) -> None:
        probe, detector, attempt = (text_of(hit, name) for name in ("probe", "detector", "attempt_id"))
        generator, run_id = text_of(hit, "generator"), text_of(hit, "run_id")
        if self.known.run_id not in {"", run_id}:
            refuse("hits of several runs stand in one file", line=line)
        index = whole_of(hit, "attempt_idx")
        name = f"{probe}/{detector}/{attempt}/{line if index is None else index}"
        if not self._is_new(name, hit.get("score"), line=line):
            return
        if self.rows is not None:
            self.rows.tell(probe, detector, attempt, [(line if index is None else index, TrialOutcome.HIT)])
        tally = self._tally(probe, detector)
        tally.hits += 1
        if f"{probe}/{detector}/{attempt}" not in self.seen:
            self.seen.add(f"{probe}/{detector}/{attempt}")
            tally.attempts += 1
        target_type, _, target_name = generator.partition(" ")
        self.known = replace(
            self.known,
            run_id=run_id,
            target_type=target_type,
            target_name=target_name,
            generations=whole_of(hit, "generations_per_prompt"),
        )
        self._keep(hit.get("prompt"), probe=probe, detector=detector, triggers=triggers_of(hit.get("triggers")))

    def _keep(self, prompt: Json, *, probe: str, detector: str, triggers: tuple[str, ...]) -> None:
        found = prompt_of(prompt)
        if found is None:
            self.note("prompt", "a hit names no prompt in text; it makes no seed")
            return
        if len(self.prompts) >= PROMPT_LIMIT:
            self.note("prompts", f"more than {PROMPT_LIMIT} prompts were hit; the first make the seeds")
            return
        frame, text = found
        self.prompts[HitPrompt(probe=probe, detector=detector, text=text, frame=frame, triggers=triggers)] = None

    def run(self, *, sha256: str) -> Run:
        """Return what was gathered."""
        if self.kind is None:
            raise MalformedError("the file is empty", hint="give garak's report file, ….report.jsonl")
        if self.kind is LogKind.HIT_LOG:
            self.note("hitlog", "a hit log tells hits and never how many were tried: give the ….report.jsonl as well")
        else:
            self._judge_report()
        return replace(
            self.known,
            kind=self.kind,
            sha256=sha256,
            families=tuple(self._family(*key, tally) for key, tally in self.tallies.items()),
            prompts=tuple(self.prompts),
            remarks=tuple(self.remarks.values()),
        )

    def _family(self, probe: str, detector: str, tally: _Tally) -> FamilyCount:
        is_report = self.kind is LogKind.REPORT
        return FamilyCount(
            probe=probe,
            detector=detector,
            hits=tally.hits,
            misses=tally.misses if is_report else None,
            nones=tally.nones,
            unscored=tally.unscored,
            attempts=tally.attempts,
            disagreed=tally.disagreed,
        )

    def _judge_report(self) -> None:
        """Note what does not fit together."""
        if not self.tallies:
            self.note("empty", "no complete attempt stands in the file, so there is nothing to count")
        if "completion" not in self.seen:
            self.note("incomplete", "the run did not end: what it had tried until then is counted")
        for key, tally in self.tallies.items():
            self._judge_family(f"{key[0]}/{key[1]}", tally, self.evals.get(key))
        for probe, detector in self.evals.keys() - self.tallies.keys():
            self.note("eval", "garak counted what has no attempt in the file; it is left out", at=f"{probe}/{detector}")

    def _judge_family(self, name: str, tally: _Tally, told: tuple[Json, Json, Json] | None) -> None:
        counted = (tally.misses, tally.hits, tally.nones)
        if told is None:
            told_by = "" if self.threshold_told else f", with the usual threshold of {self.known.threshold}"
            self.note("eval", f"garak's own count is not in the file; the attempts are counted here{told_by}", at=name)
        elif told != counted:
            ours = f"{counted[0]} passed, {counted[1]} failed, {counted[2]} not judged"
            theirs = f"{told[0]}, {told[1]}, {told[2]}"
            self.note("mismatch", f"the attempts say {ours}; garak's own count says {theirs}", at=name)
        if tally.disagreed:
            self.note("detector", f"{tally.disagreed} recorded scores differ from the detector as restated", at=name)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _pass_over(_entry: Entry, _line: int) -> None:
    """Leave an entry that holds nothing of the run's facts: digests, caches, summaries, trees."""
