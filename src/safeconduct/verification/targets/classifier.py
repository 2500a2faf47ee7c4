# SPDX-License-Identifier: Apache-2.0
"""A local classifier: foreign Python code in the sandbox, which answers each user's turn with a score or a label.

`python-callable` is a function of a list of texts that returns as many scores or labels; `sklearn` is an estimator
whose `predict_proba` (or `predict`) takes a list of texts. A call that passes its time ends the box, and the next call
starts another one: at most `MAX_STARTS` in a campaign, because a classifier that keeps crashing will not answer.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from safeconduct.domain.bundle import Adapter, Limits, ScoreLabels, Speaker
from safeconduct.domain.safe_json import Json, read_object
from safeconduct.errors import MalformedError, SandboxError, TargetError, TooLargeError
from safeconduct.verification.meter import Meter, Spent
from safeconduct.verification.oracles import Reply
from safeconduct.verification.sandbox import Box, Sandbox, require_sound, worker
from safeconduct.verification.sandbox.selfcheck import check_sandbox
from safeconduct.verification.targets.interface import Answer
from safeconduct.verification.variants import Turn

MAX_STARTS: Final = 20
LOAD_SECONDS: Final = 120.0
_WORKER: Final = Path(worker.__file__).read_text("utf-8")
# Numerical libraries start threads by the number of processors, which the limit on processes would refuse.
_QUIET: Final = "import os as _o; _o.environ.update(OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1'); del _o\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierPlan:
    """What to load, from which folders, how to read it, and within which limits."""

    adapter: Adapter
    entry: str
    packages: tuple[Path, ...]
    labels: ScoreLabels | None
    limits: Limits


class ClassifierTarget:
    """Asks one classifier in a box of its own; one call at a time."""

    def __init__(self, plan: ClassifierPlan, *, sandbox: Sandbox, meter: Meter) -> None:
        self._plan = plan
        self._sandbox = sandbox
        self._meter = meter
        self._box: Box | None = None
        self._starts = 0
        self._turn = asyncio.Lock()

    @property
    def fingerprint(self) -> str:
        """Return what was loaded; the code itself is named by the bundle's packages."""
        return f"{self._plan.adapter.value} {self._plan.entry}; {self._meter.grant.model}"

    @property
    def spent(self) -> Spent:
        """Return what has been spent under the grant; a local classifier costs calls only."""
        return self._meter.spent

    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Return one reply for each user's turn.

        Raises:
            TargetError: it hung, crashed or answered garbage.
            NotPermittedError: the grant does not cover the call.
        """
        started = self._meter.watch.seconds()
        sent = hashlib.sha256()
        received = hashlib.sha256()
        replies = []
        async with self._turn:
            for turn in script:
                if turn.role is not Speaker.USER:
                    continue
                await self._meter.begin_call()
                line = json.dumps({"text": turn.text}).encode()
                answer = await self._exchange(line)
                sent.update(line)
                received.update(answer)
                replies.append(self._reply(answer))
        return Answer(
            replies=tuple(replies),
            request_sha256=sent.hexdigest(),
            response_sha256=received.hexdigest(),
            tokens=0,
            seconds=self._meter.watch.seconds() - started,
        )

    async def __aenter__(self) -> Self:
        """Check the sandbox, then load the classifier.

        Raises:
            SandboxError: the sandbox is missing or did not pass its self-check.
            TargetError: the classifier cannot be loaded.
        """
        require_sound(await check_sandbox(self._sandbox))
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the box."""
        await self._end()

    async def _exchange(self, line: bytes) -> bytes:
        """Send one line to the box and return its answer; a box that failed is ended."""
        box = self._box or await self._start()
        try:
            async with asyncio.timeout(self._plan.limits.call_seconds):
                answer = await box.ask(line)
        except TimeoutError as error:
            await self._end()
            raise TargetError("the classifier did not answer in time", hint="it hangs or is too slow") from error
        except (TargetError, asyncio.CancelledError):
            # An answer that nobody waited for would be taken for the answer to the next question.
            await self._end()
            raise
        return answer

    async def _start(self) -> Box:
        """Start a box and load the classifier.

        Raises:
            TargetError: it cannot be loaded, or it was started too often.
            SandboxError: the box could not be made.
        """
        self._starts += 1
        if self._starts > MAX_STARTS:
            raise TargetError("the classifier keeps failing", hint=f"it was started {MAX_STARTS} times")
        self._box = await self._sandbox.open(_QUIET + _WORKER, limits=self._plan.limits, packages=self._plan.packages)
        plan = {
            "entry": self._plan.entry,
            "adapter": self._plan.adapter.value,
            "packages": len(self._plan.packages),
        }
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                answer = _read(await self._box.ask(json.dumps(plan).encode()))
        except (TargetError, TimeoutError) as error:
            raise await self._not_loaded() from error
        if answer.get("ready") is not True:
            await self._end()
            raise TargetError("the classifier cannot be loaded", hint=f"it raised {_shown(answer.get('failed'))}")
        return self._box

    async def _not_loaded(self) -> TargetError | SandboxError:
        """Return why there was no answer at all, after ending the box."""
        box = self._box
        await self._end()
        if box is not None and box.complaint.startswith("launcher:"):
            return SandboxError("the box could not be made", hint=box.complaint)
        return TargetError("the classifier cannot be loaded", hint="it passed a limit or ended")

    async def _end(self) -> None:
        """End the box, if there is one."""
        box, self._box = self._box, None
        if box is not None:
            await box.close()

    def _reply(self, answer: bytes) -> Reply:
        """Return the reply that an answer holds.

        Raises:
            TargetError: it holds none.
        """
        document = _read(answer)
        value = document.get("value")
        if "failed" in document:
            raise TargetError("the classifier failed on a text", hint=f"it raised {_shown(document['failed'])}")
        text = answer.decode("utf-8", "replace").strip()
        if isinstance(value, str):
            return Reply(text=text, label=value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TargetError("the classifier answered garbage", hint="neither a number nor a label")
        labels = self._plan.labels
        if labels is None:
            return Reply(text=text)
        return Reply(text=text, label=labels.high if value >= labels.threshold else labels.low)


def _read(answer: bytes) -> dict[str, Json]:
    """Return the line as an object.

    Raises:
        TargetError: it is none.
    """
    try:
        return read_object(answer)
    except (MalformedError, TooLargeError) as error:
        raise TargetError("the classifier answered garbage", hint=error.message) from error


def _shown(value: Json) -> str:
    """Return the kind of an error as it may be shown."""
    return ascii(str(value))[1:-1][:80]
