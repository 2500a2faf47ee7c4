# SPDX-License-Identifier: Apache-2.0
"""`trials.jsonl`: one judged call per line, in the order of submission, each in canonical JSON (RFC 8785).

The file is the evidence behind a certificate, which names it by its SHA-256; whoever has it can recompute the verdict.
It comes from strangers, so it is read strictly: unknown and repeated names, numbers that are none, deep nesting, a line
without its end and lines out of order are refused. It holds digests of what was sent and received, never the text.
"""

import hashlib
import io
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from safeconduct.domain.evidence import Arm, Trial, TrialOutcome
from safeconduct.domain.instants import parse_instant, utc
from safeconduct.domain.safe_json import Json, JsonLimits, canonical_json, read_lines
from safeconduct.errors import MalformedError
from safeconduct.verification.fields import Fields

LIMITS: Final = JsonLimits(document_bytes=64 * 2**10, depth=3, line_bytes=64 * 2**10, stream_bytes=2**28)
MAX_MUTATORS: Final = 32
MAX_TOKENS: Final = 1_000_000_000
MAX_SECONDS: Final = 10_000_000.0
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def write_trial(trial: Trial) -> bytes:
    """Return the line of one trial.

    Raises:
        MalformedError: the trial holds what JSON cannot, or its time names no zone.
    """
    return canonical_json(trial_facts(trial)) + b"\n"


def trial_facts(trial: Trial) -> dict[str, Json]:
    """Return a trial as plain data.

    Raises:
        MalformedError: its time names no zone.
    """
    facts: dict[str, Json] = {
        "number": trial.number,
        "arm": trial.arm.value,
        "family": trial.family,
        "variant": trial.variant,
        "mutators": list(trial.mutators),
        "request_sha256": trial.request_sha256,
        "response_sha256": trial.response_sha256,
        "outcome": trial.outcome.value,
        "tokens": trial.tokens,
        "started_at": utc(trial.started_at).isoformat(),
        "seconds": trial.seconds,
        "detail": trial.detail,
    }
    # A name that came later stands only where it says something, so that a trial has one spelling.
    return facts | {"tokens_out": trial.tokens_out} if trial.tokens_out else facts


def write_trials(trials: Iterable[Trial]) -> bytes:
    """Return the whole file.

    Raises:
        MalformedError: as `write_trial`.
    """
    return b"".join(write_trial(trial) for trial in trials)


def digest_of(trials: Iterable[Trial]) -> str:
    """Return the SHA-256 of the whole file, without making it.

    Raises:
        MalformedError: as `write_trial`.
    """
    digest = hashlib.sha256()
    for trial in trials:
        digest.update(write_trial(trial))
    return digest.hexdigest()


def read_trials(data: bytes) -> tuple[Trial, ...]:
    """Return the trials of a file.

    Raises:
        MalformedError: a line cannot be read, is incomplete, or does not follow on the one before.
        IncompleteError: a line lacks a name.
        UnknownValueError: an arm or an outcome is not in the vocabulary.
        TooLargeError: a line, a text or the file passes its limit.
    """
    if data and not data.endswith(b"\n"):
        raise MalformedError("the trials end in the middle of a line", hint="get the whole file")
    return tuple(stream_trials(io.BytesIO(data)))


def stream_trials(stream: BinaryIO) -> Iterator[Trial]:
    """Yield the trials of a file one by one, so that its size does not matter; raises as `read_trials`."""
    for expected, (line, value) in enumerate(read_lines(stream, limits=LIMITS), start=1):
        trial = read_trial(value, at=f"trial on line {line}")
        if trial.number != expected:
            raise MalformedError(
                f"trial {expected} is missing or out of order", hint="get the whole, unaltered file", number=expected
            )
        yield trial


class TrialLog(Protocol):
    """Where a running campaign puts its trials."""

    def add(self, trial: Trial) -> None:
        """Keep one more trial."""

    def all(self) -> Collection[Trial]:
        """Return all of them, in their order."""


class MemoryTrials:
    """Trials in memory."""

    def __init__(self) -> None:
        self._trials: list[Trial] = []

    def add(self, trial: Trial) -> None:
        """Keep one more trial."""
        self._trials.append(trial)

    def all(self) -> tuple[Trial, ...]:
        """Return all of them."""
        return tuple(self._trials)


class FileTrials(Collection[Trial]):
    """Trials in a file: written as they come, read again one by one; memory does not grow with them."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Write to `file`, which is open at its beginning; `path` is where it is read again."""
        self._path = path
        self._file = file
        self._count = 0

    def add(self, trial: Trial) -> None:
        """Write one more trial."""
        self._file.write(write_trial(trial))
        self._file.flush()
        self._count += 1

    def all(self) -> "FileTrials":
        """Return the trials, which are read when they are asked for."""
        return self

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Trial]:
        with self._path.open("rb") as stream:
            yield from stream_trials(stream)

    def __contains__(self, trial: object) -> bool:
        return any(one == trial for one in self)


def read_trial(value: Json, *, at: str) -> Trial:
    """Return the trial of one line that was read; raises as `read_trials`."""
    fields = Fields.of(value, at=at)
    outcome = fields.choice("outcome", TrialOutcome)
    trial = Trial(
        number=fields.whole("number", least=1),
        arm=fields.choice("arm", Arm),
        family=fields.text("family", limit=200),
        variant=fields.text("variant", limit=200),
        mutators=_mutators(fields),
        request_sha256=_digest(fields, "request_sha256", outcome),
        response_sha256=_digest(fields, "response_sha256", outcome),
        outcome=outcome,
        tokens=fields.whole("tokens", most=MAX_TOKENS),
        started_at=parse_instant(fields.text("started_at", limit=40)),
        seconds=fields.real("seconds", most=MAX_SECONDS),
        detail=fields.text("detail", limit=2_000),
        tokens_out=fields.whole("tokens_out", 0, most=MAX_TOKENS),
    )
    if trial.tokens_out > trial.tokens:
        raise fields.wrong("tokens_out", "at most all tokens of the call")
    fields.done()
    return trial


def _mutators(fields: Fields) -> tuple[str, ...]:
    names = fields.texts("mutators", most=MAX_MUTATORS)
    if any(len(name) > 200 for name in names):  # noqa: PLR2004  # the limit of every name in the file
        raise fields.wrong("mutators", "a list of names of at most 200 characters")
    return names


def _digest(fields: Fields, name: str, outcome: TrialOutcome) -> str:
    """Return the digest; only a call that failed may lack it."""
    text = fields.text(name, limit=64)
    if not _SHA256.fullmatch(text) and (text or outcome is not TrialOutcome.ERROR):
        raise fields.wrong(name, "64 lower-case hexadecimal digits")
    return text
