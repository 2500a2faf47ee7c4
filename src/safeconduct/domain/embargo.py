# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of embargoes: terms, answers, invitations (Vultron formal protocol; ISO/IEC 29147 clause 7).

Terms are one end, an unambiguous instant, put forward by one participant. They have an identifier of their own because
consent is given to terms, not to "the embargo": a revision is another set of terms that nobody has consented to yet.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from safeconduct.domain.case import Consent, EmbargoState
from safeconduct.domain.instants import utc
from safeconduct.errors import IncompleteError


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbargoTerms:
    """One proposed or agreed end of the embargo. `by` is the participant who put it forward."""

    id: str
    by: str
    ends_at: datetime

    def __post_init__(self) -> None:
        """Keep the end in UTC.

        Raises:
            MalformedError: the end names no zone.
        """
        object.__setattr__(self, "ends_at", utc(self.ends_at))


class Answer(StrEnum):
    """What a participant says to terms."""

    ACCEPT = "accept"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """A participant's consent, bound to the terms it was given to."""

    participant: str
    terms: str
    consent: Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Where a negotiation stands: the state, the terms in force, and the terms still open, earliest end first.

    In the state PROPOSED nothing is in force and `pending` is on the table. `signatories` have consented to `active`
    by putting forward the same or later ends.
    """

    state: EmbargoState
    active: EmbargoTerms | None = None
    pending: tuple[EmbargoTerms, ...] = ()
    rejected: tuple[EmbargoTerms, ...] = ()
    signatories: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWindow:
    """How long an invited participant may take to answer; silence at the end counts as declining."""

    opens_at: datetime
    closes_at: datetime


class EndDuty(StrEnum):
    """What the facts say about the end of an active embargo."""

    MUST_END = "must_end"
    SHOULD_END = "should_end"
    MAY_END = "may_end"
    CONTINUES = "continues"


class Admission(StrEnum):
    """How a further participant may be brought into an embargo."""

    INVITE = "invite"
    """Propose the embargo as it is; share the report after the acceptance."""
    INVITE_EARLY = "invite_early"
    """Its own policy allows longer: notify now, it may ask for a revision."""
    ADAPT = "adapt"
    """Its policy publishes earlier than the embargo ends: shorten, get consent, notify later, or leave out."""
    LAST = "last"
    """It is known or bound to pass the report on: treat it as one who publishes at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackOverride:
    """A coordinator's recorded decision to keep the embargo although attacks have been observed."""

    by: str
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        """Refuse an override without a reason.

        Raises:
            IncompleteError: the reason is empty.
        """
        if not self.reason.strip():
            raise IncompleteError(
                "an override needs its reason", hint="say why silence still helps", missing=["reason"]
            )
