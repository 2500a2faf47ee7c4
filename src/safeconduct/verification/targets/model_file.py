# SPDX-License-Identifier: Apache-2.0
"""Model files: read by scanners, then loaded in the sandbox and nowhere else; what was seen is the reply.

A user's turn names a file below the folders shown. The entry is the loader that is under test: `pickle:load`, the
default, or a function of the vendor's that takes a path. So the same bundle shows a file that runs code when it is
loaded (fixed by another file) and a loader that lets it (fixed by another loader).

Scanning and loading complement each other. A scanner reads what a file could import, also what would not run here;
loading shows what it does here, and misses what needs a package that this machine does not have. Such a load (an
import that fails) was not watched to the end, and without an event it is no miss. A loader that refuses a file was.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from safeconduct.domain.bundle import Limits
from safeconduct.domain.observed import ScannerName
from safeconduct.domain.safe_json import Json, canonical_json
from safeconduct.errors import SandboxError, TargetError
from safeconduct.verification.meter import Meter
from safeconduct.verification.reply import Reply
from safeconduct.verification.sandbox import Sandbox, worker
from safeconduct.verification.sandbox.box import BoxResult
from safeconduct.verification.scanning import Scanners, file_sha256
from safeconduct.verification.sightings import Seen, Sighting
from safeconduct.verification.targets.boxed import QUIET, BoxedTarget, plain_words, read_line, seen_in
from safeconduct.verification.variants import Turn

DEFAULT_LOADER: Final = "pickle:load"
_WORKER: Final = Path(worker.__file__).read_text("utf-8")
_NOT_HERE: Final = frozenset({"ModuleNotFoundError", "ImportError", "AttributeError", "FileNotFoundError"})
_MOST_LINES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """The loader under test, the folders with the files, the scanners that are asked, and the limits."""

    entry: str
    packages: tuple[Path, ...]
    scanners: tuple[ScannerName, ...]
    limits: Limits


class ModelFileTarget(BoxedTarget):
    """Scans and loads files, each load in a new box."""

    def __init__(self, plan: FilePlan, *, sandbox: Sandbox, meter: Meter) -> None:
        super().__init__(sandbox=sandbox, meter=meter)
        self._plan = plan
        self._scanners = Scanners(sandbox=sandbox, packages=plan.packages, limits=plan.limits)

    @property
    def fingerprint(self) -> str:
        """Return the loader and the granted name; each reply names its file by its digest."""
        return f"model-file {self._plan.entry}; {self._meter.grant.model}"

    async def _one(self, turn: Turn) -> tuple[bytes, bytes, Reply]:
        """Look at the file that the turn names."""
        reply = await self._look_at(turn.text.strip())
        return turn.text.encode("utf-8", "replace"), reply.text.encode(), reply

    async def _look_at(self, file: str) -> Reply:
        """Scan and load one file."""
        # A model file may have gigabytes; meanwhile the loop goes on.
        digest = await asyncio.to_thread(self._digest, file)
        scans = await self._scanners.scan(file, self._plan.scanners, digest=digest)
        done = await self._load(file)
        events, last = _read(done)
        failure = plain_words(last.get("failed", ""))
        is_whole = ("loaded" in last or "failed" in last) and failure not in _NOT_HERE
        if done.timed_out and not events:
            raise TargetError("loading the file did not end in time", hint="it hangs or is too slow")
        if not is_whole and not failure and not events:
            raise TargetError("loading the file ended the box", hint="it crashed, or passed a limit on memory or time")
        text: dict[str, Json] = {
            "file": file,
            "sha256": digest,
            "loaded": "loaded" in last,
            "failed": failure,
            "events": [f"{seen.kind.value} {seen.name}" for seen in events],
            "scans": {scan.scanner.value: scan.level.value for scan in scans},
            "found": [name for scan in scans for name in scan.found],
        }
        sighting = Sighting(events=events, watched=is_whole, scans=scans)
        return Reply(text=canonical_json(text).decode(), sighting=sighting)

    def _digest(self, file: str) -> str:
        """Return the digest of the file.

        Raises:
            TargetError: there is none, or its name leads elsewhere.
        """
        name = PurePosixPath(file)
        if not file or name.is_absolute() or ".." in name.parts or "\0" in file:
            raise TargetError("the prompt names no file below the folders", hint="such as model.pkl")
        try:
            return file_sha256(self._plan.packages, file)
        except (SandboxError, OSError) as error:
            raise TargetError("the model file is not in the folders shown", hint="name one below them") from error

    async def _load(self, file: str) -> BoxResult:
        """Load the file in a box of its own."""
        plan = {"adapter": "model-file", "entry": self._plan.entry, "file": file, "packages": len(self._plan.packages)}
        return await self._sandbox.run(
            QUIET + _WORKER,
            stdin=json.dumps(plan).encode() + b"\n",
            limits=replace(self._plan.limits, wall_seconds=self._plan.limits.call_seconds),
            packages=self._plan.packages,
        )


def _read(done: BoxResult) -> tuple[tuple[Seen, ...], dict[str, Json]]:
    """Return what was seen, and what the first other line says; what comes after it is the file's own invention."""
    events: list[Seen] = []
    for line in done.output.splitlines()[:_MOST_LINES]:
        seen = seen_in(line)
        if seen is None:
            return tuple(events), read_line(line)
        events.append(seen)
    return tuple(events), {}
