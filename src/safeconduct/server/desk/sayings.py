# SPDX-License-Identifier: Apache-2.0
"""What a participant may say of its report and its fix now, and why not the rest: the buttons of a room."""

from dataclasses import dataclass

from safeconduct.domain.case import ProtocolMessage
from safeconduct.policy.decision import Outcome
from safeconduct.policy.messages import messages
from safeconduct.server.cases import queries, services
from safeconduct.server.cases.models import Case, Participant


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """One thing to say, in words, with the reasons for and against it."""

    message: ProtocolMessage
    words: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sayings:
    """What may be said, what may be said against advice, and what may not be said now."""

    open: tuple[Saying, ...]
    unwise: tuple[Saying, ...]
    closed: tuple[Saying, ...]


def sayings_of(seat: Participant, case: Case) -> Sayings:
    """Return the buttons of a seat; none for who looks on, has left, or sits in a closed case."""
    if seat.role in queries.LOOKERS_ON or seat.left_at is not None or case.closed_at is not None:
        return Sayings(open=(), unwise=(), closed=())
    decided = [(message, services.may_say(seat, case, message)) for message in _offered(seat)]
    found = [
        (
            decision.outcome,
            Saying(
                message=message,
                words=_capital(messages().words[message]),
                reasons=decision.reasons,
            ),
        )
        for message, decision in decided
    ]
    return Sayings(
        open=tuple(saying for outcome, saying in found if outcome is Outcome.ALLOWED),
        unwise=tuple(saying for outcome, saying in found if outcome is Outcome.DISCOURAGED),
        closed=tuple(saying for outcome, saying in found if outcome is Outcome.BLOCKED),
    )


def _offered(seat: Participant) -> tuple[ProtocolMessage, ...]:
    is_vendor = seat.role in queries.VENDORS
    return tuple(one for one in services.SAYABLE if is_vendor or one.value[0] == "R")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
