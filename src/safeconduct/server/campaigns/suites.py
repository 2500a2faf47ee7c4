# SPDX-License-Identifier: Apache-2.0
"""The historic suite of a model family: flaws that were closed or published, tried again on every new version.

A case joins by itself when it is closed or published and has a bundle; a coordinator may keep it out, with a reason.
A fix is not called FIXED before the suite of its family was tried on the version with the fix, and one flaw of it that
reproduces there, but not on the version before, means that the fix brought it back. A coordinator may also try a suite
by hand on a new version. Nobody else learns of a flaw that is not public: outside of the desk it is told without its
number.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import ConflictError, IncompleteError, NotFoundError, TooLargeError
from safeconduct.server.audit import services as audit
from safeconduct.server.audit import vault
from safeconduct.server.audit.instance_seal import open_for, seal_for
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import families
from safeconduct.server.campaigns.models import Campaign, Probe, ProbeState, SuiteCheck, SuiteExclusion, SuiteName
from safeconduct.server.campaigns.places import exclusion_place
from safeconduct.server.cases.models import Case
from safeconduct.server.intake import queries as intake
from safeconduct.server.parties.viewer import Viewer

FAMILY = "campaigns.suite.family"
FAMILY_LIMIT = 200
REASON_LIMIT = 2_000
ENDED = Q(closed_at__isnull=False) | Q(published_at__isnull=False)


def join(now: datetime) -> int:
    """Put the cases that were closed or published since into the suites of their families; return how many."""
    waiting = Case.objects.filter(ENDED, assessment__report__has_bundle=True, suite_names__isnull=True)
    joined = 0
    for case in waiting.select_related("assessment__report"):
        if vault.has_key(case.assessment.report_id):
            _join(case, families.families_of_systems(intake.opened(case.assessment.report).told.affects), now=now)
            joined += 1
    return joined


@atomic_write
def _join(case: Case, named: Iterable[str], *, now: datetime) -> None:
    # A case whose report names no model is kept under no mark, so that it is looked at once.
    marks = [families.mark_of(family) for family in named] or [""]
    rows = [SuiteName(case=case, mark=mark) for mark in marks]
    SuiteName.objects.bulk_create(rows, ignore_conflicts=True)
    audit.record(EventTag.SUITE_JOINED, subject=case.pk, at=now, facts={"families": len(rows)})


def members(names: Iterable[str]) -> QuerySet[Case]:
    """Return the cases in the suites of these families, the oldest first."""
    marks = [families.mark_of(name) for name in names if name]
    found = Case.objects.filter(ENDED, suite_names__mark__in=marks, suite_exclusion__isnull=True)
    return found.select_related("entry", "assessment__report").distinct().order_by("opened_at", "pk")


def in_suites(viewer: Viewer) -> QuerySet[Case]:
    """Return every case that is in a suite or was kept out of it; those who coordinate see all, the others none."""
    if not viewer.has(Role.COORDINATOR):
        return Case.objects.none()
    found = Case.objects.filter(Q(suite_names__isnull=False) | Q(suite_exclusion__isnull=False))
    return found.select_related("entry", "assessment", "suite_exclusion").distinct().order_by("-opened_at")


@atomic_write
def exclude(*, case: Case, reason: str, by: Viewer, now: datetime) -> SuiteExclusion:
    """Keep the flaw of a case out of every suite.

    Raises:
        NotPermittedError: only those who coordinate decide that.
        IncompleteError: there is no reason.
        ConflictError: it is kept out already.
    """
    by.require(Role.COORDINATOR)
    Case.objects.select_for_update().get(pk=case.pk)
    said = _reason(reason)
    if SuiteExclusion.objects.filter(case=case).exists():
        raise ConflictError("this flaw is kept out already")
    sealed = vault.seal_text(said, subject=case.pk, place=exclusion_place(case.pk))
    made = SuiteExclusion.objects.create(case=case, reason=sealed, actor=by.actor, at=now)
    audit.record(EventTag.SUITE_EXCLUDED, subject=case.pk, actor=by.actor, at=now)
    return made


@atomic_write
def include(*, case: Case, by: Viewer, now: datetime) -> None:
    """Take the flaw of a case into its suites again.

    Raises:
        NotPermittedError: only those who coordinate decide that.
        ConflictError: it was never kept out.
    """
    by.require(Role.COORDINATOR)
    if not SuiteExclusion.objects.filter(case=case).delete()[0]:
        raise ConflictError("this flaw is not kept out")
    audit.record(EventTag.SUITE_INCLUDED, subject=case.pk, actor=by.actor, at=now)


@atomic_write
def check(*, target: Target, by: Viewer, now: datetime, family: str = "") -> SuiteCheck:
    """Try the suite of a family on a granted target; without a family, that of the target's own names.

    Raises:
        NotPermittedError: only those who coordinate ask for it.
        IncompleteError: no family is known by that name.
        ConflictError: the suite is empty.
    """
    by.require(Role.COORDINATOR)
    said = family.strip()
    names = (families.family_of(said),) if said else families.families_of_target(target)
    if not any(names) or len(family) > FAMILY_LIMIT:
        raise IncompleteError("no family is known by this name", hint="name the model family", missing=["family"])
    cases = list(members(names))
    if not cases:
        raise ConflictError("the suite of this family is empty", hint="flaws join when their case is closed or public")
    made = SuiteCheck(target=target, actor=by.actor, started_at=now)
    _fill(made, names, cases, now=now)
    audit.record(EventTag.SUITE_CHECK_STARTED, subject=made.pk, actor=by.actor, at=now, facts={"flaws": len(cases)})
    return made


@atomic_write
def check_before_fixed(campaign: Campaign, *, now: datetime) -> SuiteCheck:
    """Return the check of a campaign against the suite of its model family, made once; it may have no probes."""
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    existing = SuiteCheck.objects.filter(campaign=campaign).first()
    if existing is not None:
        return existing
    names = tuple(
        dict.fromkeys(
            (*families.families_of_target(campaign.patched), *families.families_of_target(campaign.unpatched))
        )
    )
    cases = list(members(names).exclude(pk=campaign.claim.case_id))
    made = SuiteCheck(target=campaign.patched, campaign=campaign, started_at=now)
    _fill(made, names, cases, now=now)
    audit.record(EventTag.SUITE_CHECK_STARTED, subject=made.pk, at=now, facts={"flaws": len(cases)})
    return made


@atomic_write
def end(made: SuiteCheck, *, now: datetime) -> None:
    """Note that every probe of a check has ended."""
    ended = SuiteCheck.objects.filter(pk=made.pk, ended_at__isnull=True).update(ended_at=now)
    if ended:
        audit.record(EventTag.SUITE_CHECK_ENDED, subject=made.pk, at=now)


def to_end() -> list[SuiteCheck]:
    """Return the checks by hand of which no probe waits or runs any more."""
    going = Probe.objects.filter(state__in=(ProbeState.QUEUED, ProbeState.RUNNING), check_run__isnull=False)
    open_ = SuiteCheck.objects.filter(ended_at__isnull=True, campaign__isnull=True)
    return list(open_.exclude(pk__in=going.values("check_run")))


def checks_for(viewer: Viewer) -> QuerySet[SuiteCheck]:
    """Return the checks that were made; those who coordinate see all, the others none."""
    if not viewer.has(Role.COORDINATOR):
        return SuiteCheck.objects.none()
    return SuiteCheck.objects.select_related("target", "campaign__claim__case__entry").prefetch_related("probes")


def check_for(viewer: Viewer, check_id: str) -> SuiteCheck:
    """Return one check.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    found = checks_for(viewer).filter(pk=check_id).first()
    if found is None:
        raise NotFoundError("no such check")
    return found


def case_in_suites(viewer: Viewer, case_id: str) -> Case:
    """Return a case that is in a suite or kept out.

    Raises:
        NotFoundError: there is none, or the viewer may not see it.
    """
    found = in_suites(viewer).filter(pk=case_id).first()
    if found is None:
        raise NotFoundError("no such flaw in a suite")
    return found


def family_told(made: SuiteCheck) -> str:
    """Return the families of a check in words. The caller has checked that the asker may see it."""
    return open_for(FAMILY, bytes(made.family), row=made.pk)


def reason_of(exclusion: SuiteExclusion) -> str:
    """Return why a flaw is kept out. The caller has checked that the asker may see it."""
    place = exclusion_place(exclusion.case_id)
    return vault.open_text(bytes(exclusion.reason), subject=exclusion.case_id, place=place)


def _fill(made: SuiteCheck, names: tuple[str, ...], cases: Iterable[Case], *, now: datetime) -> None:
    made.family = seal_for(FAMILY, ", ".join(names), row=made.pk)
    made.save(force_insert=True)
    for case in cases:
        Probe.objects.create(case=case, target=made.target, check_run=made, queued_at=now)


def _reason(text: str) -> str:
    said = text.strip()
    if not said:
        raise IncompleteError("say why", hint="one sentence is enough", missing=["reason"])
    if len(said) > REASON_LIMIT:
        raise TooLargeError(f"a reason may have {REASON_LIMIT} characters")
    return said
