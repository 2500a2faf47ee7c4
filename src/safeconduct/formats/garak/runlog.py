# SPDX-License-Identifier: Apache-2.0
"""Writing evidence in garak's own format, for scanners that are not garak: `….report.jsonl` and `….hitlog.jsonl`.

The entries and their fields are those of garak 0.17: `start_run setup`, `init`, two `attempt` entries each (status 1
before the detectors, status 2 after), one `eval` per detector and one `probe_summary` when a probe is closed, and
`completion`. The version names this writer (`+safeconduct`), so that nobody takes it for garak. Not written: caches,
digests, trees, hit@k and bootstrap intervals.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

from safeconduct.domain.instants import utc
from safeconduct.domain.safe_json import Json
from safeconduct.errors import MalformedError

VERSION: Final = "0.17.1+safeconduct"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRun:
    """What a run says of itself. `options` are the generator's, such as `uri`, `temperature`, `max_tokens`."""

    run_id: str
    target_type: str
    target_name: str
    started_at: datetime
    threshold: float = 0.5
    generations: int = 1
    seed: int | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    version: str = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAttempt:
    """One prompt with its outputs. A None output got no answer; a None score was not judged.

    `before` holds the turns before the prompt as (role, text). `scores` has one score per output for each detector.
    """

    attempt_id: str
    probe: str
    prompt: str
    outputs: Sequence[str | None]
    scores: Mapping[str, Sequence[float | None]]
    triggers: Sequence[str] = ()
    goal: str = ""
    before: Sequence[tuple[str, str]] = ()


class RunLog:
    """Writes one run: attempts in the order they are given, then `finish`. A probe is closed when the next begins."""

    def __init__(self, stream: BinaryIO, run: LoggedRun, *, hits: BinaryIO | None = None) -> None:
        """Write the head of the file; `hits` takes the hit log, if one is wanted."""
        self._stream = stream
        self._hits = hits
        self._run = run
        self._probe = ""
        self._sequence = 0
        self._outputs: Counter[bool] = Counter()
        self._counts: dict[str, Counter[str]] = {}
        self._write(_setup(run))
        started = _moment(run.started_at)
        self._write({"entry_type": "init", "garak_version": run.version, "start_time": started, "run": run.run_id})

    def attempt(self, attempt: LoggedAttempt) -> None:
        """Write one attempt: once when its outputs were there, once when they were judged.

        Raises:
            MalformedError: a detector has not exactly one score for each output.
        """
        if any(len(scores) != len(attempt.outputs) for scores in attempt.scores.values()):
            raise MalformedError("a detector has one score for each output", hint="write None where it could not judge")
        if attempt.probe != self._probe:
            self._close_probe()
            self._probe, self._sequence = attempt.probe, 0
        entry = _attempt(attempt, sequence=self._sequence)
        results: Json = {name: list(scores) for name, scores in attempt.scores.items()}
        self._write({**entry, "status": 1, "detector_results": {}})
        self._write({**entry, "status": 2, "detector_results": results})
        self._count(attempt)
        self._write_hits(attempt)
        self._sequence += 1

    def finish(self, *, ended_at: datetime) -> None:
        """Write the counts of the last probe and the end of the run."""
        self._close_probe()
        self._write({"entry_type": "completion", "end_time": _moment(ended_at), "run": self._run.run_id})

    def _write(self, entry: Mapping[str, Json]) -> None:
        self._stream.write((json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def _count(self, attempt: LoggedAttempt) -> None:
        self._outputs.update(output is None for output in attempt.outputs)
        for detector, scores in attempt.scores.items():
            counts = self._counts.setdefault(detector, Counter())
            counts.update(self._verdict(score) for score in scores)

    def _verdict(self, score: float | None) -> str:
        if score is None:
            return "nones"
        return "fails" if score >= self._run.threshold else "passed"

    def _write_hits(self, attempt: LoggedAttempt) -> None:
        if self._hits is None:
            return
        for detector, scores in attempt.scores.items():
            for index, score in enumerate(scores):
                if self._verdict(score) == "fails":
                    entry = self._hit(attempt, detector=detector, index=index, score=score)
                    self._hits.write((json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def _hit(self, attempt: LoggedAttempt, *, detector: str, index: int, score: float | None) -> dict[str, Json]:
        return {
            "goal": attempt.goal,
            "prompt": _conversation(attempt, None),
            "output": _message(attempt.outputs[index]),
            "triggers": list(attempt.triggers),
            "score": score,
            "run_id": self._run.run_id,
            "attempt_id": attempt.attempt_id,
            "attempt_seq": self._sequence,
            "attempt_idx": index,
            "generator": f"{self._run.target_type} {self._run.target_name}",
            "probe": attempt.probe,
            "detector": detector,
            "generations_per_prompt": self._run.generations,
        }

    def _close_probe(self) -> None:
        """Write what garak's evaluator writes once a probe has been judged."""
        if not self._probe:
            return
        for detector in sorted(self._counts):
            counts = self._counts[detector]
            evaluated = counts["passed"] + counts["fails"]
            self._write(
                {
                    "entry_type": "eval",
                    "probe": self._probe,
                    "detector": detector,
                    **{name: counts[name] for name in ("passed", "fails", "nones")},
                    "total_evaluated": evaluated,
                    "total_processed": evaluated + counts["nones"],
                }
            )
        self._write(self._summary())
        self._outputs.clear()
        self._counts.clear()

    def _summary(self) -> dict[str, Json]:
        total = sum(self._counts.values(), Counter())
        judged: dict[str, Json] = {name: total[name] for name in ("passed", "fails", "nones")}
        return {
            "entry_type": "probe_summary",
            "probe": self._probe,
            "inference_counts": {"total_evaluated": self._outputs.total(), "nones": self._outputs[True]},
            "detection_counts": {"detectors": list[Json](sorted(self._counts)), **judged},
        }


def _moment(instant: datetime) -> str:
    return utc(instant).isoformat()


def _setup(run: LoggedRun) -> dict[str, Json]:
    module, _, name = run.target_type.partition(".")
    return {
        "entry_type": "start_run setup",
        "_config.version": run.version,
        "transient.starttime_iso": _moment(run.started_at),
        "transient.run_id": run.run_id,
        "run.seed": run.seed,
        "run.eval_threshold": run.threshold,
        "run.generations": run.generations,
        "plugins.target_type": run.target_type,
        "plugins.target_name": run.target_name,
        "plugins.generators": {module: {name: dict(run.options)} if name else dict(run.options)},
    }


def _attempt(attempt: LoggedAttempt, *, sequence: int) -> dict[str, Json]:
    return {
        "entry_type": "attempt",
        "uuid": attempt.attempt_id,
        "seq": sequence,
        "status": 0,
        "probe_classname": attempt.probe,
        "probe_params": {},
        "targets": [],
        "prompt": _conversation(attempt, None),
        "outputs": [_message(output) for output in attempt.outputs],
        "detector_results": {},
        "notes": {"triggers": list(attempt.triggers)} if attempt.triggers else {},
        "goal": attempt.goal,
        "conversations": [_conversation(attempt, output) for output in attempt.outputs],
        "reverse_translation_outputs": [],
        "intent": None,
    }


def _conversation(attempt: LoggedAttempt, output: str | None) -> dict[str, Json]:
    said = [*attempt.before, ("user", attempt.prompt)]
    if output is not None:
        said.append(("assistant", output))
    return {"turns": [{"role": role, "content": _message(text)} for role, text in said], "notes": None}


def _message(text: str | None) -> Json:
    if text is None:
        return None
    return {"text": text, "lang": None, "data_path": None, "data_type": None, "data_checksum": None, "notes": {}}
