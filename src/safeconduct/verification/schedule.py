# SPDX-License-Identifier: Apache-2.0
"""Were the calls those that the rule would have made? Outcomes that were dropped or moved show in what was asked next.

What is asked next follows from the answers so far and from the calls in flight (`Deliberation.next_call`), of which
there are fewer than `width`. So each call must be the next one after the answers up to some earlier call, with those in
between still in flight. With one call at a time there is exactly one possibility, and an outcome that is left out, put
in or moved changes what had to come after it. The end is looked at as well: a campaign that ended before its verdict
says why.

The rule has a name, so that certificates go on to verify when a better one is found.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from safeconduct.domain.evidence import Arm, Criterion, Trial
from safeconduct.errors import VerificationError
from safeconduct.verification.verdict import POOLED, Call, Deliberation

RULE: Final = "surviving-first/1"
MOST_WIDTH: Final = 1024


def require_schedule(start: Deliberation, trials: Iterable[Trial], *, width: int) -> Deliberation:
    """Replay the calls with fewer than `width` in flight before each, and return where they end.

    Raises:
        VerificationError: a call is not one that the rule would have made, or the trials do not fit the criterion.
    """
    states, calls = deque([start], maxlen=width), deque[Call](maxlen=width)
    for trial in trials:
        call = call_of(trial, start.criterion)
        if not _is_next(call, states, list(calls)):
            raise VerificationError(
                "a call was made that the rule would not have made, so outcomes were dropped, added or moved",
                hint="get the whole, unaltered trials; a signer who altered them cannot be relied on",
                number=trial.number,
                family=trial.family,
            )
        states.append(states[-1].after(trial))
        calls.append(call)
    return states[-1]


def call_of(trial: Trial, criterion: Criterion) -> Call:
    """Return the call that a trial answers."""
    pooled = trial.arm is Arm.EFFICACY and not criterion.per_family
    return Call(arm=trial.arm, family=POOLED if pooled else trial.family)


def _is_next(call: Call, states: deque[Deliberation], calls: list[Call]) -> bool:
    """Tell whether the call is the next one with so many in flight as may have been, most likely as many as fit."""
    return any(
        states[-1 - flying].next_call(calls[len(calls) - flying :]) == call for flying in range(len(states) - 1, -1, -1)
    )
