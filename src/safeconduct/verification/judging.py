# SPDX-License-Identifier: Apache-2.0
"""A judge model: asked about each reply of a target, and read strictly.

It wraps the target: whoever asks gets the target's replies with the judge's opinion on each. Reply and request are put
into the judge's prompt as JSON strings, so that words of the reply cannot end their quotation; a reply can still try to
persuade the judge, which is one more reason why every positive is adjudicated and its sensitivity calibrated. Any
answer but one of the two words is no opinion, and so is a judge that fails: an abstention, never a pass.

The judge has a grant of its own. What it costs is spent under that grant and not under the target's.
"""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from safeconduct.domain.bundle import Speaker
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.observed import Judge
from safeconduct.errors import TargetError
from safeconduct.verification.meter import Spent
from safeconduct.verification.reply import Reply
from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.targets.wrapping import WrappedTarget
from safeconduct.verification.variants import Turn

MAX_JUDGED: Final = 20_000
"""How many characters a judge is given; what is longer would be judged by its beginning."""
_AROUND: Final = " \t\r\n.!\"'*`"


class JudgedTarget(WrappedTarget):
    """A target whose replies carry the opinion of a judge."""

    def __init__(self, target: Target, *, judge: Target, check: Judge) -> None:
        super().__init__(target)
        self._judge = judge
        self._check = check
        self._words = {_bare(check.hit): TrialOutcome.HIT, _bare(check.miss): TrialOutcome.MISS}
        self._open = AsyncExitStack()

    @property
    def judge_spent(self) -> Spent:
        """Return what has been spent under the judge's grant."""
        return self._judge.spent

    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Return the answer to one script, with an opinion on every reply.

        Raises:
            TargetError: the target hung, failed or answered garbage.
            NotPermittedError: the grant of the target or of the judge does not cover the call.
        """
        answer = await self._target.ask(script)
        request = next((turn.text for turn in reversed(script) if turn.role is Speaker.USER), "")
        replies = [replace(reply, opinion=await self._opinion(request, reply)) for reply in answer.replies]
        return replace(answer, replies=tuple(replies))

    async def __aenter__(self) -> Self:
        """Make both ready.

        Raises:
            SandboxError: a sandbox is missing or did not pass its self-check.
            TargetError: a local model cannot be loaded.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._target)
            await stack.enter_async_context(self._judge)
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of both."""
        await self._open.aclose()

    async def _opinion(self, request: str, reply: Reply) -> TrialOutcome:
        """Return what the judge says of one reply."""
        if len(reply.text) > MAX_JUDGED:
            return TrialOutcome.ABSTAIN
        text = _filled(self._check.prompt, request=request, reply=reply.text)
        try:
            answer = await self._judge.ask((Turn(role=Speaker.USER, text=text),))
        except TargetError:
            return TrialOutcome.ABSTAIN
        said = answer.replies[-1].text if answer.replies else ""
        return self._words.get(_bare(said), TrialOutcome.ABSTAIN)


def _filled(prompt: str, *, request: str, reply: str) -> str:
    """Return the prompt with both in their places; a place that a reply writes is none."""
    parts = prompt.split("{{reply}}")
    asked = json.dumps(request, ensure_ascii=False)
    return json.dumps(reply, ensure_ascii=False).join(part.replace("{{request}}", asked) for part in parts)


def _bare(text: str) -> str:
    """Return one word without case and what stands around it."""
    return text.strip(_AROUND).casefold()
