# SPDX-License-Identifier: Apache-2.0
"""What a target answered, held until its trial is written down: of a judge's finds the reply must be kept for a person.

A wrapped target asks as the target does, and remembers each answer by the digest of its bytes, which the trial holds as
well. Whatever no person has to look at is forgotten with the next look.
"""

from collections.abc import Sequence

from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Trial
from safeconduct.verification.redaction import Kept, keep
from safeconduct.verification.targets.interface import Answer, Target
from safeconduct.verification.targets.wrapping import WrappedTarget
from safeconduct.verification.variants import Turn


class Replies:
    """The answers of one campaign whose trials are not written down yet."""

    def __init__(self, bundle: Bundle) -> None:
        """Begin with none."""
        self._bundle = bundle
        self._held: dict[str, tuple[Answer, tuple[str, ...]]] = {}

    def hold(self, answer: Answer, script: Sequence[Turn]) -> None:
        """Remember an answer and what was asked."""
        self._held[answer.response_sha256] = (answer, tuple(turn.text for turn in script))

    def take(self, trial: Trial) -> Kept | None:
        """Return the reply of a trial as it is kept, and forget it."""
        held = self._held.pop(trial.response_sha256, None)
        if held is None:
            return None
        answer, prompts = held
        return keep(self._bundle, answer.replies, prompts=prompts, number=trial.number, family=trial.family)


class Remembering(WrappedTarget):
    """A target (`verification.targets.Target`) whose answers are remembered."""

    def __init__(self, target: Target, replies: Replies) -> None:
        """Wrap the target."""
        super().__init__(target)
        self._replies = replies

    async def ask(self, script: Sequence[Turn]) -> Answer:
        """Ask the target and remember what it answered."""
        answer = await self._target.ask(script)
        self._replies.hold(answer, script)
        return answer
