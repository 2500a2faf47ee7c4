# SPDX-License-Identifier: Apache-2.0
"""Code of a bundle, run in the sandbox and only if a case handler has approved it by its digest.

    def mutate(turns: list[str], seed: str) -> list[str]      a mutator; the seed is 32 hexadecimal digits
    def judge(reply: dict) -> "hit" | "miss" | "abstain"      a check; text, label and calls of one reply

Both must be functions of their arguments: whoever checks a certificate calls them again. Each call is made in a process
of its own that ends with the call, in a box without network that passed its self-check. A mutator that fails ends the
campaign, because a draw that is left out would change the distribution; a judge that fails abstains, which helps no
claim. Calls wait for their answer, at most `CALL_SECONDS`, and block whoever made them.

Boxes are kept in one thread, because the kernel ends a box with the thread that opened it.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from safeconduct.domain.bundle import Limits
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json, JsonLimits, read_object
from safeconduct.domain.script import CodeFile
from safeconduct.errors import MalformedError, NotPermittedError, SandboxError, TargetError, TooLargeError
from safeconduct.verification.chance import Chance
from safeconduct.verification.mutators import Change, Turns
from safeconduct.verification.observations import Look
from safeconduct.verification.reply import Reply
from safeconduct.verification.sandbox import Box, Sandbox, code_worker, require_sound
from safeconduct.verification.sandbox.selfcheck import check_sandbox

CALL_SECONDS: Final = 10.0
MAX_STARTS: Final = 20
MAX_TURNS: Final = 64
_WORKER: Final = Path(code_worker.__file__).read_text("utf-8")
_LIMITS: Final = JsonLimits(document_bytes=1 << 20)
_SAID: Final = {one.value: one for one in (TrialOutcome.HIT, TrialOutcome.MISS, TrialOutcome.ABSTAIN)}
_Result = TypeVar("_Result")


class CodeRunner:
    """Runs the code files of one bundle; close it in the end, or leave it as a context."""

    def __init__(
        self,
        files: Sequence[CodeFile],
        *,
        approved: frozenset[str],
        limits: Limits,
        find: Callable[[], Sandbox] = Sandbox.find,
    ) -> None:
        """Take down what may be run; nothing is started yet."""
        self._files = {file.name: file for file in files}
        self._approved = approved
        self._limits = replace(limits, call_seconds=min(limits.call_seconds, CALL_SECONDS))
        self._find = find
        self._sandbox: Sandbox | None = None
        self._boxes: dict[tuple[str, str], Box] = {}
        self._starts = 0
        self._number = 0
        self._thread: tuple[ThreadPoolExecutor, asyncio.Runner] | None = None

    def change(self, file: str) -> Change:
        """Return what a mutator file does.

        Raises:
            NotPermittedError: it is not approved.
            MalformedError: the bundle does not hold it.
        """
        self._require_approved(file)

        def apply(turns: Turns, chance: Chance) -> Turns:
            seed = f"{chance.below(1 << 64):016x}{chance.below(1 << 64):016x}"
            try:
                value = self._wait(self._call(file, "mutate", [list(turns), seed]))
            except TargetError as failure:
                raise MalformedError(f"code/{file}: {failure.message}", hint=failure.hint) from failure
            return _turns(file, value)

        return apply

    def judge(self, file: str) -> Look:
        """Return the check that a judge file is; one that fails abstains.

        Raises:
            NotPermittedError: it is not approved.
            MalformedError: the bundle does not hold it.
        """
        self._require_approved(file)

        def look(reply: Reply) -> TrialOutcome:
            calls: list[Json] = [asdict(call) for call in reply.calls]
            told: dict[str, Json] = {"text": reply.text, "label": reply.label, "calls": calls}
            try:
                value = self._wait(self._call(file, "judge", [told]))
            except TargetError:
                return TrialOutcome.ABSTAIN
            return _SAID.get(value, TrialOutcome.ABSTAIN) if isinstance(value, str) else TrialOutcome.ABSTAIN

        return look

    def close(self) -> None:
        """End all boxes and the thread that keeps them."""
        if self._thread is None:
            return
        try:
            self._wait(self._end_all())
        finally:
            (thread, loop), self._thread = self._thread, None
            thread.submit(loop.close).result()
            thread.shutdown()

    def __enter__(self) -> Self:
        """Nothing is started before the first call."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all boxes."""
        self.close()

    async def __aenter__(self) -> Self:
        """Nothing is started before the first call."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all boxes."""
        self.close()

    def _require_approved(self, file: str) -> None:
        """Refuse code that nobody has approved, or that is not there."""
        if file not in self._files:
            raise MalformedError("the bundle lacks a code file", hint=f"add code/{file}", file=file)
        digest = self._files[file].sha256
        if digest not in self._approved:
            hint = "a case handler reads it and approves its SHA-256"
            raise NotPermittedError("the bundle holds code that nobody has approved", hint=hint, files={file: digest})

    def _wait(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run the coroutine in the thread of the boxes and wait for it."""
        if self._thread is None:
            thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bundle-code")
            self._thread = (thread, thread.submit(asyncio.Runner).result())
        thread, loop = self._thread
        return thread.submit(lambda: loop.run(coroutine)).result()

    async def _call(self, file: str, function: str, arguments: list[Json]) -> Json:
        """Return what the function answers.

        Raises:
            TargetError: it failed, took too long or answered garbage.
            SandboxError: the sandbox is missing or did not hold.
        """
        self._number += 1
        line = json.dumps({"number": self._number, "arguments": arguments}).encode()
        answer = await self._exchange(file, function, line)
        if "failed" in answer or answer.get("number") != self._number or "value" not in answer:
            raise TargetError("the code of the bundle failed", hint=f"it gave {_kind(answer.get('failed'))}")
        return answer["value"]

    async def _exchange(self, file: str, function: str, line: bytes) -> dict[str, Json]:
        """Send one line to the box of the file and return its answer; a box that failed is ended."""
        box = self._boxes.get((file, function)) or await self._start(file, function)
        try:
            async with asyncio.timeout(self._limits.call_seconds):
                return read_object(await box.ask(line), limits=_LIMITS)
        except TimeoutError as error:
            await self._end(file, function)
            raise TargetError("the code of the bundle did not answer in time", hint="it hangs") from error
        except (MalformedError, TooLargeError) as error:
            await self._end(file, function)
            raise TargetError("the code of the bundle answered garbage", hint=error.message) from error
        except TargetError:
            await self._end(file, function)
            raise

    async def _start(self, file: str, function: str) -> Box:
        """Start a box with the code in it, after the first self-check.

        Raises:
            SandboxError: the sandbox is missing or did not hold.
            TargetError: the code cannot be loaded, or was started too often.
        """
        self._starts += 1
        if self._starts > MAX_STARTS:
            raise TargetError("the code of the bundle keeps failing", hint=f"it was started {MAX_STARTS} times")
        if self._sandbox is None:
            sandbox = self._find()
            require_sound(await check_sandbox(sandbox))
            self._sandbox = sandbox
        box = self._boxes[file, function] = await self._sandbox.open(_WORKER, limits=self._limits)
        plan = {"code": self._files[file].text, "function": function}
        ready = await self._exchange(file, function, json.dumps(plan).encode())
        if ready.get("ready") is not True:
            await self._end(file, function)
            hint = f"it gave {_kind(ready.get('failed'))}"
            raise TargetError("the code of the bundle cannot be loaded", hint=hint)
        return box

    async def _end(self, file: str, function: str) -> None:
        """End one box."""
        box = self._boxes.pop((file, function))
        await box.close()
        if box.complaint.startswith("launcher:"):
            raise SandboxError("the box could not be made", hint=box.complaint)

    async def _end_all(self) -> None:
        """End all boxes."""
        for file, function in tuple(self._boxes):
            await self._end(file, function)


def _kind(raised: Json) -> str:
    """Return the kind of what was raised, fit for a message."""
    return ascii(raised)[1:-1][:40] if isinstance(raised, str) else "nothing that fits"


def _turns(file: str, value: Json) -> Turns:
    """Return the turns that a mutator gave.

    Raises:
        MalformedError: it gave something else.
    """
    texts = tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
    if not isinstance(value, list) or len(texts) != len(value) or not 0 < len(texts) <= MAX_TURNS:
        raise MalformedError(f"code/{file} gave no turns", hint=f"mutate returns a list of 1 to {MAX_TURNS} texts")
    return texts
