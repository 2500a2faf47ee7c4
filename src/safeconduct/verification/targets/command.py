# SPDX-License-Identifier: Apache-2.0
"""A program in the sandbox: the prompt on its standard input, the reply on its standard output, no shell.

The words of the command are passed on as they are; nothing of the prompt becomes one of them. Each user's turn starts
the program afresh in a box of its own, so it remembers nothing. A program is found in the folders shown (`/packages/0`,
…) or under `/usr`. A status other than 0, an output beyond the limit, or none in time is an error of the target.

Seen are the files that it leaves in the one folder where it can write, when the oracle looks at events; what it does
with processes is bounded and not seen, and there is no network in the box.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from safeconduct.domain.bundle import Limits
from safeconduct.domain.observed import EventKind
from safeconduct.errors import MalformedError, TargetError
from safeconduct.verification.meter import Meter
from safeconduct.verification.reply import Reply
from safeconduct.verification.sandbox import Sandbox
from safeconduct.verification.sandbox.box import MAX_OUTPUT, BoxResult
from safeconduct.verification.sightings import NOTHING_SEEN, Seen, Sighting
from safeconduct.verification.targets.boxed import BoxedTarget, plain_words
from safeconduct.verification.variants import Turn

MAX_WORDS: Final = 100
_MARK: Final = b"\n\0files\0"
_MOST_FILES: Final = 100
_SOURCE: Final = """
import os, subprocess, sys
words = {words!r}
done = subprocess.run(words, stdin=sys.stdin.buffer, stdout=None, stderr=subprocess.DEVNULL, cwd="/tmp")
if {watch!r}:
    left = sorted(os.path.join(top, name) for top, _, names in os.walk("/tmp") for name in names)
    sys.stdout.buffer.write({mark!r} + ascii(left[:{most!r}]).encode()[:100000])
    sys.stdout.flush()
os._exit(min(done.returncode, 125) if done.returncode >= 0 else 124)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlan:
    """The words of the command, the folders that the box sees, the limits, and whether to look what it leaves."""

    words: tuple[str, ...]
    packages: tuple[Path, ...]
    limits: Limits
    watch: bool = False


class CommandTarget(BoxedTarget):
    """Asks one program, each time in a new box."""

    def __init__(self, plan: CommandPlan, *, sandbox: Sandbox, meter: Meter) -> None:
        """Take the command.

        Raises:
            MalformedError: there are no words, too many, or one holds a zero byte.
        """
        if not 0 < len(plan.words) <= MAX_WORDS or not plan.words[0] or any("\0" in word for word in plan.words):
            raise MalformedError("the command is none", hint="the program, then its arguments, each a text")
        super().__init__(sandbox=sandbox, meter=meter)
        self._plan = plan
        self._limits = replace(plan.limits, wall_seconds=plan.limits.call_seconds)
        self._source = _SOURCE.format(words=list(plan.words), watch=plan.watch, mark=_MARK, most=_MOST_FILES)

    @property
    def fingerprint(self) -> str:
        """Return the program and the granted name; the files themselves are named by the bundle's packages."""
        return f"command {plain_words(self._plan.words[0])}; {self._meter.grant.model}"

    async def _one(self, turn: Turn) -> tuple[bytes, bytes, Reply]:
        """Run the program once; the turn is its input."""
        data = turn.text.encode("utf-8", "replace")
        done = await self._sandbox.run(self._source, stdin=data, limits=self._limits, packages=self._plan.packages)
        return data, done.output, self._reply(done)

    def _reply(self, done: BoxResult) -> Reply:
        """Return the reply in the output.

        Raises:
            TargetError: there is none.
        """
        if done.timed_out:
            raise TargetError("the program did not answer in time", hint="it hangs or is too slow")
        if len(done.output) == MAX_OUTPUT:
            raise TargetError("the program answers without end", hint=f"more than {MAX_OUTPUT} bytes")
        output, marked, left = done.output.rpartition(_MARK) if self._plan.watch else (done.output, b"", b"")
        if done.status != 0:
            raise TargetError("the program failed", hint=f"it ended with status {done.status}")
        if self._plan.watch and not marked:
            raise TargetError("the program broke off", hint="it ended before its files were looked at")
        try:
            text = output.decode()
        except UnicodeDecodeError as error:
            raise TargetError("the program answered garbage", hint="its output is no UTF-8") from error
        return Reply(text=text, sighting=_sighting(left) if self._plan.watch else NOTHING_SEEN)


def _sighting(left: bytes) -> Sighting:
    """Return the files that the program left."""
    names = left.decode("ascii", "replace").strip("[]").split(", ")
    events = tuple(Seen(kind=EventKind.FILE, name=plain_words(name.strip("'\""))) for name in names if name)
    return Sighting(events=events, watched=True)
