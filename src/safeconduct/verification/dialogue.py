# SPDX-License-Identifier: Apache-2.0
"""A script as it is played: what is sent next, given what the target has answered so far. It speaks to no network.

    dialogue = Dialogue(script)
    while ask := dialogue.next_ask():
        … send ask.turns with ask.tools on offer, read the reply …
        dialogue.hear(reply)

The target is asked after a user's or a tool's turn, unless the next turn gives the assistant's words or a call in the
assistant's name. When the target calls tools that are on offer, it is given their scripted results, and asked again
with `is_answer` set: the calls are in its own last message then. That goes on for at most `MAX_ROUNDS` rounds of
`MAX_CALLS` calls; an agent that calls on without end is left there.

A turn's `expect` and `carry` look at all replies since the turn. Where an expectation fails, or nothing is found to
carry, the script ends: what was said so far is what the oracle judges. A carried value is words, not a template.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from safeconduct.domain.bundle import Speaker
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.script import Tool, ToolCall
from safeconduct.errors import MalformedError
from safeconduct.verification.oracles import Reply, compile_expression, prepare_check
from safeconduct.verification.variants import Turn

MAX_ROUNDS: Final = 8
MAX_CALLS: Final = 16
MAX_CARRIED: Final = 2_000
NO_SUCH_TOOL: Final = "There is no such tool."
_ASKING: Final = frozenset({Speaker.USER, Speaker.TOOL})
_GIVEN: Final = frozenset({Speaker.ASSISTANT, Speaker.TOOL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is sent before the next reply. With `is_answer` the turns are results of calls that the target just made."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    is_answer: bool = False


class Dialogue:
    """One play of a script."""

    def __init__(self, script: Sequence[Turn]) -> None:
        self._rest = list(script)
        self._values: dict[str, str] = {}
        self._asked: Turn | None = None
        self._replies: list[Reply] = []
        self._calls: tuple[ToolCall, ...] = ()
        self._rounds = 0

    def next_ask(self) -> Ask | None:
        """Return what to send next, or nothing when the script has ended.

        Raises:
            MalformedError: a turn names a variable that no reply has given.
        """
        if self._asked is not None and self._calls:
            return self._results(self._asked)
        turns: list[Turn] = []
        while self._rest:
            turn = _filled(self._rest.pop(0), self._values)
            turns.append(turn)
            if turn.role in _ASKING and not (self._rest and self._rest[0].role in _GIVEN):
                self._asked, self._replies, self._rounds = turn, [], 0
                return Ask(turns=tuple(turns), tools=turn.tools)
        return None

    def hear(self, reply: Reply) -> None:
        """Take the reply to the last ask."""
        asked = self._asked
        if asked is None:
            return
        self._replies.append(reply)
        self._calls = reply.calls[:MAX_CALLS] if asked.tools else ()
        if not self._calls:
            self._conclude(asked)
        elif self._rounds >= MAX_ROUNDS or len(reply.calls) > MAX_CALLS:
            self._end()

    def _results(self, asked: Turn) -> Ask:
        """Return the scripted results of the calls that the target made."""
        results = {tool.name: tool.result for tool in asked.tools}
        turns = tuple(
            Turn(role=Speaker.TOOL, text=results.get(call.tool, NO_SUCH_TOOL), call=call, tools=asked.tools)
            for call in self._calls
        )
        self._calls = ()
        self._rounds += 1
        return Ask(turns=turns, tools=asked.tools, is_answer=True)

    def _conclude(self, asked: Turn) -> None:
        """Hold the replies against the expectations and take what is carried."""
        checks = [prepare_check(check) for check in asked.expect]
        if not all(any(check(reply) is TrialOutcome.HIT for reply in self._replies) for check in checks):
            self._end()
            return
        for carry in asked.carry:
            search = compile_expression(carry.pattern, groups=1)
            found = next((value for reply in self._replies if (value := search(reply.text))), None)
            if found is None:
                self._end()
                return
            self._values[carry.name] = found[:MAX_CARRIED]

    def _end(self) -> None:
        """Leave the rest of the script unsaid."""
        self._rest = []
        self._calls = ()


def _filled(turn: Turn, values: Mapping[str, str]) -> Turn:
    """Return the turn with the carried values in their places."""
    missing = [gap.name for gap in turn.gaps if gap.name not in values]
    if missing:
        raise MalformedError("a step names a variable that no reply has given", hint="carry it first", missing=missing)
    text = turn.text
    for gap in reversed(turn.gaps):
        text = text[: gap.at] + values[gap.name] + text[gap.at :]
    return replace(turn, text=text, gaps=())
