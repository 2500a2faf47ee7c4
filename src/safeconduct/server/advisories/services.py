# SPDX-License-Identifier: Apache-2.0
"""The acts on advisories: draft, edit, publish, withdraw.

Publishing is one act: the gate of `policy.publication` says yes, every format is written once and kept as bytes, the
entry turns public, the case is told, and the log commits to the CSAF document.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from safeconduct.domain.advisory import Advisory as Record
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError
from safeconduct.formats import native
from safeconduct.formats.base import Format, Level, Writing
from safeconduct.formats.csaf import CsafFormat
from safeconduct.formats.native import NativeFormat
from safeconduct.formats.osv import OsvFormat
from safeconduct.ledger.commitment import public_commitment
from safeconduct.ledger.entry import EntryKind
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.server.advisories import drafting, queries
from safeconduct.server.advisories.models import Advisory, AdvisoryState, Publication
from safeconduct.server.advisories.places import draft_place
from safeconduct.server.advisories.queries import Said
from safeconduct.server.audit import ledger, vault
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.cases import services as cases
from safeconduct.server.cases.models import Case
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.registry import services as registry
from safeconduct.server.registry.queries import record_of

FORMATS: tuple[Format, ...] = (NativeFormat(), CsafFormat(), OsvFormat())
SHOWN = 5


@atomic_write
def draft(*, case: Case, by: Viewer, now: datetime) -> Advisory:
    """Draft the advisory of a case, or renew the draft with what is known now; people's words stay.

    Raises:
        NotPermittedError: only those who coordinate draft.
        VerificationError: the stored certificate of the last campaign does not hold.
    """
    by.require(Role.COORDINATOR)
    known = queries.known_of(case)
    # Of two who draft at once, the second renews the draft of the first.
    Case.objects.select_for_update().get(pk=case.pk)
    existing = Advisory.objects.select_for_update().filter(case=case).first()
    if existing is not None:
        audit.record(EventTag.ADVISORY_EDITED, subject=existing.pk, actor=by.actor, at=now)
        return _save(existing, drafting.renewed(queries.draft_of(existing), known, now=now))
    advisory = Advisory(case=case, entry=case.entry, drafted_at=now)
    audit.record(EventTag.ADVISORY_DRAFTED, subject=advisory.pk, actor=by.actor, at=now)
    return _save(advisory, drafting.new_draft(known, now=now))


@atomic_write
def edit(*, advisory: Advisory, change: Callable[[Record], Record], by: Viewer, now: datetime) -> Advisory:
    """Change the draft. The identifier and the publisher are not to be changed.

    Raises:
        NotPermittedError: only those who coordinate edit.
        ConflictError: the change touches what identifies the record.
        MalformedError: the record would not be sound.
    """
    by.require(Role.COORDINATOR)
    current = Advisory.objects.select_for_update().get(pk=advisory.pk)
    before = queries.draft_of(current)
    after = replace(change(before), modified_at=now)
    if (after.id, after.publisher) != (before.id, before.publisher):
        raise ConflictError("the identifier and the publisher of an advisory stay")
    audit.record(EventTag.ADVISORY_EDITED, subject=current.pk, actor=by.actor, at=now)
    return _save(current, after)


@atomic_write
def publish(*, advisory: Advisory, said: Said, by: Viewer, now: datetime) -> Advisory:
    """Publish the draft as the next version, in every format.

    Raises:
        NotPermittedError: only those who coordinate publish.
        ConflictError: something blocks, or a written document is invalid; `facts["reasons"]` lists all of it.
        IncompleteError: it is not said what changed.
        MalformedError: the record is not sound.
    """
    by.require(Role.COORDINATOR)
    current = (
        Advisory.objects.select_for_update(of=("self",))
        .select_related("case__assessment__report", "entry")
        .get(pk=advisory.pk)
    )
    if not said.what.strip():
        raise IncompleteError("say what changed in this version", missing=["what"])
    # Nobody moves the case, such as its embargo, between the answer of the gate and the publication.
    current.case = (
        Case.objects.select_for_update(of=("self",)).select_related("assessment__report").get(pk=current.case_id)
    )
    _require_open_gate(queries.blockers(current, said=said, now=now))
    version = current.version + 1
    record = queries.to_publish(current, said=said, now=now)
    _write_out(current, record, version=version, now=now)
    current.version, current.state = version, AdvisoryState.PUBLISHED
    current.published_at = current.published_at or now
    _save(current, record)
    current.entry = registry.publish(entry=current.entry, record=record, by=by, now=now)
    cases.note_published(case=current.case, by=by, now=now)
    audit.record(EventTag.ADVISORY_PUBLISHED, subject=current.pk, actor=by.actor, at=now, facts={"version": version})
    return current


@atomic_write
def withdraw(*, advisory: Advisory, reason: str, by: Viewer, now: datetime) -> Advisory:
    """Withdraw a published advisory; it stays readable as it was published, and says why.

    Raises:
        ConflictError: it is not published.
        IncompleteError: there is no reason.
    """
    by.require(Role.COORDINATOR)
    current = Advisory.objects.select_for_update().select_related("entry").get(pk=advisory.pk)
    if current.state != AdvisoryState.PUBLISHED:
        raise ConflictError("only a published advisory can be withdrawn")
    if not reason.strip():
        raise IncompleteError("say why", hint="readers will see it", missing=["reason"])
    version = current.version + 1
    # What was edited since passed no gate and does not go out with the withdrawal.
    told = drafting.next_version(record_of(current.entry), version=version, what=reason.strip(), now=now)
    record = replace(told, withdrawn_at=now)
    _write_out(current, record, version=version, now=now)
    current.version, current.state = version, AdvisoryState.WITHDRAWN
    _save(current, record)
    current.entry = registry.publish(entry=current.entry, record=record, by=by, now=now)
    audit.record(EventTag.ADVISORY_WITHDRAWN, subject=current.pk, actor=by.actor, at=now, facts={"version": version})
    return current


def _require_open_gate(decision: Decision[Outcome]) -> None:
    if decision.outcome is not Outcome.ALLOWED:
        reasons = list(decision.reasons)
        raise ConflictError("this cannot be published yet", hint="; ".join(reasons), reasons=reasons)


def _write_out(advisory: Advisory, record: Record, *, version: int, now: datetime) -> None:
    for form in FORMATS:
        written: Writing = form.write(record)
        _require_valid(form, written)
        Publication.objects.create(
            advisory=advisory,
            version=version,
            format=form.name,
            content=written.data,
            sha256=hashlib.sha256(written.data).hexdigest(),
            loss=[entry.as_dict() for entry in written.loss.lost],
            published_at=now,
        )
        if isinstance(form, CsafFormat):
            ledger.commit(kind=EntryKind.ADVISORY, value=public_commitment(written.data), now=now)


def _require_valid(form: Format, written: Writing) -> None:
    """Refuse a document that breaks the rules of its own format."""
    errors = [remark for remark in form.check(written.data) if remark.level is Level.ERROR]
    if errors:
        reasons = [f"{form.name}{remark.at}: {remark.message}" for remark in errors]
        raise ConflictError(
            f"the document in the format {form.name} would be invalid", hint="; ".join(reasons[:SHOWN]), reasons=reasons
        )


def _save(advisory: Advisory, record: Record) -> Advisory:
    """Keep the draft; one that could not be read again is refused."""
    content = native.canonical(record)
    native.read_advisory(content)
    advisory.draft = vault.seal(content, subject=advisory.case_id, place=draft_place(advisory.pk))
    advisory.save()
    return advisory
