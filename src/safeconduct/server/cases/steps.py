# SPDX-License-Identifier: Apache-2.0
"""Writing down what a message of the protocol did: the new letters and instants, and one transition for each axis."""

from collections.abc import Mapping
from datetime import datetime

from safeconduct.domain.case import CaseFact, EmbargoState, Position, ProtocolMessage
from safeconduct.errors import ConflictError
from safeconduct.policy.messages import Effect
from safeconduct.server.cases import queries
from safeconduct.server.cases.models import Case, EmbargoTerm, Participant, TermState, Transition

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


def apply(
    effect: Effect,
    participant: Participant,
    case: Case,
    *,
    message: ProtocolMessage,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    """Save what the effect changed of participant and case. The rows are locked by the caller."""
    before = queries.position_of(participant, case)
    for fact in effect.recorded:
        _note(fact, participant, case, now)
    participant.report_state = effect.position.report
    participant.save()
    _set_embargo(case, effect.position.embargo, now=now)
    case.save()
    _write_transitions(before, effect.position, participant, case, message=message, actor=actor, now=now, reason=reason)


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


def end_terms(case: Case, *, now: datetime) -> None:
    """Settle all terms because the embargo has ended."""
    case.terms.filter(state=TermState.ACTIVE).update(state=TermState.ENDED, settled_at=now)
    case.terms.filter(state=TermState.PROPOSED).update(state=TermState.REJECTED, settled_at=now)


def put_in_force(term: EmbargoTerm, *, now: datetime) -> None:
    """Make these terms the active ones; those before them are replaced."""
    term.case.terms.filter(state=TermState.ACTIVE).exclude(pk=term.pk).update(state=TermState.REPLACED, settled_at=now)
    term.state, term.settled_at = TermState.ACTIVE, now
    term.save(update_fields=["state", "settled_at"])


def note_step(
    case: Case,
    *,
    axis: str,
    before: str,
    after: str,
    message: ProtocolMessage,
    actor: str,
    now: datetime,
    participant: Participant | None = None,
    reason: str = "",
) -> None:
    """Write one transition, unless nothing moved."""
    if before == after:
        return
    Transition.objects.create(
        case=case,
        participant=participant,
        message=message,
        axis=axis,
        before=before,
        after=after,
        actor=actor,
        reason=reason,
        at=now,
    )


def _note(fact: CaseFact, participant: Participant, case: Case, now: datetime) -> None:
    if fact in VENDOR_FIELDS:
        holder, name = participant, VENDOR_FIELDS[fact]
        setattr(holder, name, getattr(holder, name) or now)
    else:
        name = PUBLIC_FIELDS[fact]
        setattr(case, name, getattr(case, name) or now)


def _set_embargo(case: Case, state: EmbargoState, *, now: datetime) -> None:
    if case.embargo != state and state in {EmbargoState.EXITED, EmbargoState.NONE}:
        end_terms(case, now=now)
    case.embargo = state


def _write_transitions(
    before: Position,
    after: Position,
    participant: Participant,
    case: Case,
    *,
    message: ProtocolMessage,
    actor: str,
    now: datetime,
    reason: str,
) -> None:
    moves = (
        ("RM", before.report.value, after.report.value),
        ("EM", before.embargo.value, after.embargo.value),
        ("CS", before.case.code, after.case.code),
    )
    for axis, old, new in moves:
        note_step(
            case,
            axis=axis,
            before=old,
            after=new,
            message=message,
            actor=actor,
            now=now,
            participant=participant,
            reason=reason,
        )
