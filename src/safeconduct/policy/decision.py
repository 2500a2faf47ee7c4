# SPDX-License-Identifier: Apache-2.0
"""The answer of every rule: an outcome, the reasons in words, the ids of the rules that spoke.

A person who asks "why?" is shown `reasons` as they are; a machine, an audit record or a test reads `rules`. An
outcome is a member of a `StrEnum`: the general `Outcome` where the question is "may this happen?", a rule's own
vocabulary where it names a thing (a tier, a kind of duplicate). What is not known is UNKNOWN, never a no.

Reasons are shown to the parties of a case, so they hold no secret and no identity.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar


class Outcome(StrEnum):
    """May it happen? The general answer of a guard."""

    ALLOWED = "allowed"
    """Yes."""
    DISCOURAGED = "discouraged"
    """Yes, against the advice of the protocol (SHOULD NOT): a person confirms with a reason."""
    BLOCKED = "blocked"
    """No."""
    UNKNOWN = "unknown"
    """The facts do not suffice; the reasons name what is missing."""


AnswerT_co = TypeVar("AnswerT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Generic[AnswerT_co]):
    """What a rule answered, with its grounds.

    `inputs` holds the facts the rule looked at, as plain values (text, numbers, booleans, None), so that an override or
    an appeal can be judged later.
    """

    outcome: AnswerT_co
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    inputs: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Freeze the inputs."""
        object.__setattr__(self, "inputs", MappingProxyType(dict(self.inputs)))

    def as_dict(self) -> dict[str, object]:
        """Return the decision as plain data, fit for JSON: `outcome`, `reasons`, `rules`, `inputs`."""
        return {
            "outcome": plain(self.outcome),
            "reasons": list(self.reasons),
            "rules": list(self.rules),
            "inputs": {name: plain(value) for name, value in self.inputs.items()},
        }


def combine(decisions: Iterable[Decision[Outcome]]) -> Decision[Outcome]:
    """Join guards that must all agree: the gravest outcome wins, its reasons and rules are kept in order.

    BLOCKED beats UNKNOWN beats DISCOURAGED beats ALLOWED. Nothing to join is ALLOWED.
    """
    answers = tuple(decisions)
    outcome = max((answer.outcome for answer in answers), key=_GRAVITY.index, default=Outcome.ALLOWED)
    speaking = tuple(answer for answer in answers if answer.outcome is outcome)
    return Decision(
        outcome=outcome,
        reasons=tuple(reason for answer in speaking for reason in answer.reasons),
        rules=tuple(rule for answer in speaking for rule in answer.rules),
        inputs={name: value for answer in speaking for name, value in answer.inputs.items()},
    )


_GRAVITY = (Outcome.ALLOWED, Outcome.DISCOURAGED, Outcome.UNKNOWN, Outcome.BLOCKED)


def plain(value: object) -> object:  # noqa: PLR0911  # one answer for each kind of value
    """Return the value as plain data, fit for JSON: enums by value, instants in UTC, unknown kinds as text."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case frozenset() | set():
            return sorted((plain(item) for item in value), key=str)
        case tuple() | list():
            return [plain(item) for item in value]
        case _ if is_dataclass(value):
            return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
        case _:
            return str(value)
