# SPDX-License-Identifier: Apache-2.0
"""A campaign's journal in a file: one canonical JSON object (RFC 8785) per line, only ever appended to.

The first line holds the terms of whoever began it, the others `{"plan": …}` and `{"trial": …}`. Every line is on the
disk (fsync) before the call goes on. A last line that was cut by a crash was not finished being written, so what it
would have told had not begun: it is cut off when the file is opened again. Any other damage is refused.

The file holds salt and seed as long as its campaign runs: it is readable by its owner alone. Only one process writes to
it at a time.
"""

import fcntl
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from safeconduct.crypto.durable import PRIVATE, create_durably
from safeconduct.domain.evidence import Trial
from safeconduct.domain.safe_json import Json, JsonLimits, canonical_json, read_lines
from safeconduct.errors import ConflictError, MalformedError, NotFoundError, UnavailableError
from safeconduct.verification.fields import Fields
from safeconduct.verification.journal import Entry, Plan, plan_facts, read_plan
from safeconduct.verification.trials import read_trial, trial_facts

LIMITS: Final = JsonLimits(document_bytes=2**20, depth=8, line_bytes=2**20, stream_bytes=2**30)
_TORN: Final = 2**20


class JournalFile:
    """One journal; use it in a `with` block. Make the first one with `begin`."""

    def __init__(self, path: Path) -> None:
        """Open a journal that is there, and keep others from writing to it.

        Raises:
            NotFoundError: there is none.
            ConflictError: another process is writing to it.
            MalformedError: it does not begin with the terms.
            UnavailableError: the disk does not let it be opened.
        """
        self._path = path
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no journal {path.name}", hint="look at the path") from error
        except OSError as error:
            raise _failed(error) from error
        is_sound = False
        try:
            self._lock()
            self.terms = self._read_terms()
            _cut_torn(self._handle)
            is_sound = True
        finally:
            if not is_sound:
                os.close(self._handle)

    @classmethod
    def begin(cls, path: Path, terms: Mapping[str, Json]) -> "JournalFile":
        """Make a journal with these terms, and open it.

        Raises:
            ConflictError: there is a file already.
            UnavailableError: the disk does not take it.
        """
        create_durably(path, canonical_json({"terms": dict(terms)}) + b"\n", mode=PRIVATE)
        return cls(path)

    def planned(self, plan: Plan) -> None:
        """Write down a call before it is made; it is on the disk when this returns."""
        self._append({"plan": plan_facts(plan)})

    def done(self, trial: Trial) -> None:
        """Write down what came of a planned call."""
        self._append({"trial": trial_facts(trial)})

    def replay(self) -> Iterator[Entry]:
        """Yield what earlier sittings wrote, in the order of submission; of the file, only a window is in memory.

        Raises:
            MalformedError: a line cannot be read, or a number is missing, repeated or without its plan.
        """
        window = _Window()
        for line, fields in self._lines():
            window.take(fields, at=f"line {line} of the journal")
            yield from window.ready()
        yield from window.rest()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, which lets others write to it."""
        os.close(self._handle)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConflictError("the journal is in use", hint="wait until the other run has ended") from error

    def _append(self, value: Mapping[str, Json]) -> None:
        try:
            _write_all(self._handle, canonical_json(value) + b"\n")
            os.fsync(self._handle)
        except OSError as error:
            raise _failed(error) from error

    def _lines(self) -> Iterator[tuple[int, Fields]]:
        """Yield every line but the first."""
        with self._path.open("rb") as stream:
            for line, value in read_lines(stream, limits=LIMITS):
                if line > 1:
                    yield line, Fields.of(value, at=f"line {line} of the journal")

    def _read_terms(self) -> Mapping[str, Json]:
        with self._path.open("rb") as stream:
            first = stream.readline(LIMITS.line_bytes)
        values = [value for _, value in read_lines(io.BytesIO(first), limits=LIMITS)]
        if not values:
            raise MalformedError("the journal is empty", hint="this is another file")
        fields = Fields.of(values[0], at="line 1 of the journal")
        terms = fields.value("terms")
        fields.done()
        if not isinstance(terms, dict):
            raise fields.wrong("terms", "an object")
        return terms


class _Window:
    """The calls that were read and not yet told: as many as were in flight at a time."""

    def __init__(self) -> None:
        self._plans: dict[int, Plan] = {}
        self._trials: dict[int, Trial] = {}
        self._planned = 0
        self._told = 0

    def take(self, fields: Fields, *, at: str) -> None:
        """Take one line."""
        if fields.has("plan"):
            plan = fields.one("plan", read_plan)
            if plan.number != self._planned + 1:
                raise MalformedError(f"{at}: a call is missing or planned twice", hint="the journal was altered")
            self._planned, self._plans[plan.number] = plan.number, plan
        else:
            trial = read_trial(fields.value("trial"), at=at)
            if trial.number not in self._plans or trial.number in self._trials:
                raise MalformedError(f"{at}: an outcome without its call", hint="the journal was altered")
            self._trials[trial.number] = trial
        fields.done()

    def ready(self) -> Iterator[Entry]:
        """Yield what has its outcome and nothing before it that waits for one."""
        while (number := self._told + 1) in self._trials:
            yield Entry(plan=self._plans.pop(number), trial=self._trials.pop(number))
            self._told = number

    def rest(self) -> Iterator[Entry]:
        """Yield the others, some without an outcome."""
        for number, plan in sorted(self._plans.items()):
            yield Entry(plan=plan, trial=self._trials.get(number))


def _cut_torn(handle: int) -> None:
    """Cut off a last line without its end."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, min(size, _TORN), max(0, size - _TORN))
    end = tail.rfind(b"\n") + 1
    if end < len(tail):
        os.ftruncate(handle, size - len(tail) + end)
        os.fsync(handle)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _failed(error: OSError) -> UnavailableError:
    reason = os.strerror(error.errno) if error.errno else "unknown reason"
    return UnavailableError(f"the journal cannot be written: {reason}", hint="free the disk, then resume")
