# SPDX-License-Identifier: Apache-2.0
"""Writing down what happened: the new letters and instants, and one step for each axis that moved.

The steps of one participant (its report, its consent, its fix) carry it; those of the whole case (the embargo, the
facts P, X and A) carry nobody, so that they can be shown to all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from safeconduct.domain.case import CaseFact, Consent, ConsentEvent, EmbargoState, Position, ProtocolMessage
from safeconduct.errors import ConflictError, IncompleteError, NotPermittedError, TooLargeError
from safeconduct.policy.lifecycle import require_consent
from safeconduct.policy.messages import Effect
from safeconduct.server.audit import vault
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, EmbargoTerm, Participant, TermState, Transition
from safeconduct.server.cases.places import step_place
from safeconduct.server.parties.viewer import Viewer

REASON_LIMIT = 4000
VENDOR_FIELDS: Mapping[CaseFact, str] = {
    CaseFact.VENDOR_AWARE: "aware_at",
    CaseFact.FIX_READY: "fix_ready_at",
    CaseFact.FIX_DEPLOYED: "fix_deployed_at",
}
PUBLIC_FIELDS: Mapping[CaseFact, str] = {
    CaseFact.PUBLIC_AWARE: "public_at",
    CaseFact.EXPLOIT_PUBLIC: "exploit_public_at",
    CaseFact.ATTACKS_OBSERVED: "attacks_at",
}
PUBLIC_PART = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a step is taken: the message that moved it, who said it, when, and the reason given."""

    message: ProtocolMessage
    actor: str
    at: datetime
    reason: str = ""


def apply(effect: Effect, participant: Participant, case: Case, *, cause: Cause) -> None:
    """Save what the effect changed of participant and case. The rows are locked by the caller."""
    before = queries.position_of(participant, case)
    for fact in effect.recorded:
        _note(fact, participant, case, cause.at)
    participant.report_state = effect.position.report
    # Only these: consents may have been moved in the database since the row was read.
    participant.save(update_fields=["report_state", *VENDOR_FIELDS.values()])
    _set_embargo(case, effect.position.embargo, now=cause.at)
    case.save()
    for axis, old, new, owner in _moves(before, effect.position, participant):
        note_step(case, axis=axis, moved=(old, new), cause=cause, participant=owner)


def locked(case: Case) -> Case:
    """Return the case, locked until the act ends, so that two acts never decide on the same state."""
    return Case.objects.select_for_update().get(pk=case.pk)


def require_open(case: Case) -> None:
    """Refuse an act on a closed case.

    Raises:
        ConflictError: the case is closed.
    """
    if case.closed_at is not None:
        raise ConflictError("the case is closed", hint="open a new one; it may name this one")


def own_seat(seat: Participant, case: Case, by: Viewer) -> Participant:
    """Return the seat, locked, if the actor holds it.

    Raises:
        ConflictError: the seat is in another case, or was left.
        NotPermittedError: the seat is another's.
    """
    if not queries.seats_of(by).filter(pk=seat.pk).exists():
        raise NotPermittedError("this is another participant's seat")
    return present_seat(seat, case)


def present_seat(seat: Participant, case: Case) -> Participant:
    """Return the seat, locked.

    Raises:
        ConflictError: the seat is in another case, or was left.
    """
    current = Participant.objects.select_for_update().get(pk=seat.pk)
    if current.case_id != case.pk or current.left_at is not None:
        raise ConflictError("nobody sits there in this case", hint="look at the participants again")
    return current


def wording(text: str) -> str:
    """Return a reason that can be kept.

    Raises:
        IncompleteError: there is none.
        TooLargeError: it is a report rather than a reason.
    """
    if not text.strip():
        raise IncompleteError("say why", hint="one sentence is enough", missing=["reason"])
    if len(text) > REASON_LIMIT:
        raise TooLargeError(f"a reason may have {REASON_LIMIT} characters", hint="write a message for the rest")
    return text.strip()


def end_terms(case: Case, *, now: datetime) -> None:
    """Settle all terms because the embargo has ended; one whose time was over ended then, not when it was noticed."""
    for term in case.terms.filter(state=TermState.ACTIVE):
        term.state, term.settled_at = TermState.ENDED, max(min(term.ends_at, now), term.proposed_at)
        term.save(update_fields=["state", "settled_at"])
    drop_proposals(case, now=now)


def drop_proposals(case: Case, *, now: datetime) -> None:
    """Settle the terms on the table as rejected."""
    case.terms.filter(state=TermState.PROPOSED).update(state=TermState.REJECTED, settled_at=now)


def put_in_force(term: EmbargoTerm, *, now: datetime) -> None:
    """Make these terms the active ones; those before them are replaced."""
    term.case.terms.filter(state=TermState.ACTIVE).exclude(pk=term.pk).update(state=TermState.REPLACED, settled_at=now)
    term.state, term.settled_at = TermState.ACTIVE, now
    term.save(update_fields=["state", "settled_at"])


def keep_consent(seat: Participant, after: Consent) -> None:
    """Keep a consent that follows from what happened to the embargo, which is written down once for all."""
    seat.consent = after
    seat.save(update_fields=["consent"])


def set_consent(seat: Participant, after: Consent, case: Case, *, cause: Cause) -> None:
    """Keep a consent that somebody gave or refused, and write down that it moved."""
    before = seat.consent
    keep_consent(seat, after)
    note_step(case, axis="PEC", moved=(before, after), cause=cause, participant=seat)


def lift_consents(case: Case) -> None:
    """Take every consent back to "none in scope" where no embargo is left. Its end is written down, and this is it."""
    if case.embargo not in {EmbargoState.EXITED, EmbargoState.NONE}:
        return
    for seat in case.participants.exclude(consent=Consent.NO_EMBARGO):
        keep_consent(seat, require_consent(Consent(seat.consent), ConsentEvent.RESET))


def note_step(
    case: Case, *, axis: str, moved: tuple[str, str], cause: Cause, participant: Participant | None = None
) -> None:
    """Write one step, unless nothing moved. The case is locked by the caller, which keeps the positions apart."""
    before, after = moved
    if before == after:
        return
    position = case.transitions.count() + 1
    sealed = (
        vault.seal_text(cause.reason, subject=case.pk, place=step_place(case.pk, position)) if cause.reason else b""
    )
    Transition.objects.create(
        case=case,
        participant=participant,
        position=position,
        message=cause.message,
        axis=axis,
        before=before,
        after=after,
        actor=cause.actor,
        reason=sealed,
        at=cause.at,
    )


def _note(fact: CaseFact, participant: Participant, case: Case, now: datetime) -> None:
    if fact in VENDOR_FIELDS:
        name = VENDOR_FIELDS[fact]
        setattr(participant, name, getattr(participant, name) or now)
    else:
        name = PUBLIC_FIELDS[fact]
        setattr(case, name, getattr(case, name) or now)


def _set_embargo(case: Case, state: EmbargoState, *, now: datetime) -> None:
    if case.embargo == state:
        return
    if state in {EmbargoState.EXITED, EmbargoState.NONE}:
        end_terms(case, now=now)
    elif case.embargo == EmbargoState.REVISE:
        # The embargo is kept in spite of attacks, and no revision of it can be accepted any more.
        drop_proposals(case, now=now)
        case.participants.filter(consent=Consent.LAPSED).update(consent=Consent.SIGNATORY)
    case.embargo = state


def _moves(
    before: Position, after: Position, participant: Participant
) -> Iterator[tuple[str, str, str, Participant | None]]:
    yield "RM", before.report.value, after.report.value, participant
    yield "CS", before.case.code[:PUBLIC_PART], after.case.code[:PUBLIC_PART], participant
    yield "CS", before.case.code[PUBLIC_PART:], after.case.code[PUBLIC_PART:], None
    yield "EM", before.embargo.value, after.embargo.value, None
