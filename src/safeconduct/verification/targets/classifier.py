# SPDX-License-Identifier: Apache-2.0
"""A local model: foreign Python code in the sandbox, which answers each user's turn.

`python-callable` is a function of a list of inputs that returns as many scores, labels or objects; `sklearn` is an
estimator whose `predict_proba` (or `predict`, also of a number) takes a list of inputs. Both are named as
`module:name`, or as `file:name` for a model file, which is loaded in the box and nowhere else. An input is the text of
the turn, or what it says in JSON: then a list of rows is answered with as many rows, so that one call compares them.

Where an oracle looks at events, the box is watched while it answers (`sandbox.worker`). A call that passes its time
ends the box, and the next call starts another one: at most `MAX_STARTS` in a campaign, because a model that keeps
crashing will not answer.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from safeconduct.domain.bundle import Adapter, Limits, ScoreLabels
from safeconduct.domain.observed import InputForm
from safeconduct.domain.safe_json import Json
from safeconduct.errors import SandboxError, TargetError
from safeconduct.verification.meter import Meter
from safeconduct.verification.reply import Reply
from safeconduct.verification.sandbox import Box, Sandbox, worker
from safeconduct.verification.sightings import NOTHING_SEEN, Seen, Sighting
from safeconduct.verification.targets.boxed import QUIET, BoxedTarget, plain_words, read_line, seen_in
from safeconduct.verification.variants import Turn

MAX_STARTS: Final = 20
MOST_EVENTS: Final = 200
LOAD_SECONDS: Final = 120.0
BROKEN_OFF: Final = b'{"broken_off":true}'
_WORKER: Final = Path(worker.__file__).read_text("utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierPlan:
    """What to load, from which folders, how to read it, and within which limits."""

    adapter: Adapter
    entry: str
    packages: tuple[Path, ...]
    labels: ScoreLabels | None
    limits: Limits
    form: InputForm = InputForm.TEXT
    watch: bool = False


class ClassifierTarget(BoxedTarget):
    """Asks one classifier in a box of its own; one call at a time."""

    def __init__(self, plan: ClassifierPlan, *, sandbox: Sandbox, meter: Meter) -> None:
        super().__init__(sandbox=sandbox, meter=meter)
        self._plan = plan
        self._box: Box | None = None
        self._starts = 0

    @property
    def fingerprint(self) -> str:
        """Return what was loaded; the code itself is named by the bundle's packages."""
        return f"{self._plan.adapter.value} {self._plan.entry}; {self._meter.grant.model}"

    async def _one(self, turn: Turn) -> tuple[bytes, bytes, Reply]:
        """Send the text as one line; what was seen before the answer belongs to it."""
        line = json.dumps({"text": turn.text}).encode()
        events, answer = await self._exchange(line)
        return line, answer, self._reply(events, answer)

    async def __aenter__(self) -> Self:
        """Check the sandbox, then load the classifier.

        Raises:
            SandboxError: the sandbox is missing or did not pass its self-check.
            TargetError: the classifier cannot be loaded.
        """
        await super().__aenter__()
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the box."""
        await self._end()

    async def _exchange(self, line: bytes) -> tuple[list[Seen], bytes]:
        """Send one line to the box and return what was seen and its answer; a box that failed is ended.

        What was seen before the code broke off is evidence, and code may break off in order to hide it.
        """
        box = self._box or await self._start()
        events: list[Seen] = []
        try:
            async with asyncio.timeout(self._plan.limits.call_seconds):
                answer = await box.ask(line)
                while (seen := seen_in(answer)) is not None and len(events) < MOST_EVENTS:
                    events.append(seen)
                    answer = await box.hear()
        except TimeoutError as error:
            await self._end()
            if events:
                return events, BROKEN_OFF
            raise TargetError("the classifier did not answer in time", hint="it hangs or is too slow") from error
        except (TargetError, asyncio.CancelledError) as error:
            # An answer that nobody waited for would be taken for the answer to the next question.
            await self._end()
            if events and isinstance(error, TargetError):
                return events, BROKEN_OFF
            raise
        return events, answer

    async def _start(self) -> Box:
        """Start a box and load the classifier.

        Raises:
            TargetError: it cannot be loaded, or it was started too often.
            SandboxError: the box could not be made.
        """
        self._starts += 1
        if self._starts > MAX_STARTS:
            raise TargetError("the classifier keeps failing", hint=f"it was started {MAX_STARTS} times")
        self._box = await self._sandbox.open(QUIET + _WORKER, limits=self._plan.limits, packages=self._plan.packages)
        plan = {
            "entry": self._plan.entry,
            "adapter": self._plan.adapter.value,
            "packages": len(self._plan.packages),
            "form": self._plan.form.value,
            "watch": self._plan.watch,
        }
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                answer = read_line(await self._box.ask(json.dumps(plan).encode()))
        except (TargetError, TimeoutError) as error:
            raise await self._not_loaded() from error
        if answer.get("ready") is not True:
            await self._end()
            raise TargetError("the classifier cannot be loaded", hint=f"it raised {plain_words(answer.get('failed'))}")
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

    def _reply(self, events: list[Seen], answer: bytes) -> Reply:
        """Return the reply that an answer holds.

        Raises:
            TargetError: it holds none.
        """
        document = read_line(answer)
        if "failed" in document:
            raise TargetError("the classifier failed on a text", hint=f"it raised {plain_words(document['failed'])}")
        watched = self._plan.watch and answer != BROKEN_OFF
        sighting = Sighting(events=tuple(events), watched=watched) if self._plan.watch else NOTHING_SEEN
        text = answer.decode("utf-8", "replace").strip()
        return Reply(text=text, label=_label(document, self._plan.labels), sighting=sighting)


def _label(document: dict[str, Json], labels: ScoreLabels | None) -> str:
    """Return the label of one answer: the one it names, the one its score means, or the likeliest class.

    Several rows and an object of the code's own have none.

    Raises:
        TargetError: the answer is neither a number nor a label.
    """
    value = document.get("value")
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TargetError("the classifier answered garbage", hint="neither a number nor a label")
    if labels is not None:
        return labels.high if value >= labels.threshold else labels.low
    best = document.get("best")
    if isinstance(best, str):
        return best
    return str(value) if isinstance(value, int) else ""
