# SPDX-License-Identifier: Apache-2.0
"""Asking all rules of a report and writing down what they answered; used by the acts and by the gate.

Looking for what resembles the report opens other reports, so it is done before a transaction begins (`known`); inside
it only one report is opened and pure rules are asked.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from functools import cache
from importlib.metadata import version

from safeconduct.domain.flaw import Track
from safeconduct.domain.safe_json import canonical_json
from safeconduct.domain.severity import Exploitation
from safeconduct.errors import UnknownValueError
from safeconduct.policy.completeness import Proof
from safeconduct.policy.decision import plain
from safeconduct.policy.duplicates import Match
from safeconduct.policy.ml_profile import MlProfile, parse_profile
from safeconduct.server.audit import vault
from safeconduct.server.intake import queries as intake
from safeconduct.server.intake.models import Report
from safeconduct.server.triage import queries
from safeconduct.server.triage.judgment import Judgment, Set, judge
from safeconduct.server.triage.models import Assessment, GateState
from safeconduct.server.triage.places import answers_place, overrides_place

SETTABLE = ("cvss", "profile", "exploitation", "tracks")


def judgment_of(row: Report, *, chosen: Set, matches: tuple[Match, ...]) -> Judgment:
    """Ask every rule of a report with what a person set.

    Raises:
        MalformedError: the set vector or profile cannot be read.
        SealError: the report was shredded.
    """
    return judge(
        intake.opened(row).told,
        proof=Proof(bundle=row.has_bundle, attachment=row.attachments.exists()),
        reproduction=queries.reproduction_of(row),
        matches=matches,
        received_at=row.received_at,
        chosen=chosen,
        statements=queries.statements(),
    )


def write_down(assessment: Assessment, judged: Judgment, *, now: datetime) -> None:
    """Save what the rules answered. Call it inside the act's transaction."""
    answers = {name: decision.as_dict() for name, decision in judged.answers.items()}
    seal_answers(assessment, {**answers, "matches": [match.as_dict() for match in judged.matches]})
    found = judged.severity
    assessment.tier, assessment.tier_low = found.tier, found.tier_low
    assessment.cvss_vector, assessment.ml_profile = found.cvss_vector, found.ml_profile
    assessment.exploitation = found.exploitation
    assessment.tracks = [track.value for track in judged.tracks]
    assessment.priority = judged.order
    assessment.gate = gate_of(assessment.report)
    assessment.rulebook = f"safeconduct {_release()}; tiers {found.table}"
    assessment.changed_at = now
    assessment.save()


def gate_of(row: Report) -> GateState:
    """Return what the gate says of a report now."""
    run = queries.last_run(row)
    return GateState(run.state) if run else GateState.NOT_RUN


def seal_answers(assessment: Assessment, answers: Mapping[str, object]) -> None:
    """Seal what the rules answered for its place; the caller saves."""
    place = answers_place(assessment.pk)
    assessment.answers = vault.seal(canonical_json(plain(answers)), subject=assessment.report_id, place=place)


def seal_overrides(assessment: Assessment, overrides: list[dict[str, str]]) -> None:
    """Seal what persons set for its place; the caller saves."""
    place = overrides_place(assessment.pk)
    assessment.overrides = vault.seal(canonical_json(overrides), subject=assessment.report_id, place=place)


def set_from(facts: Mapping[str, object]) -> Set:
    """Return what a person set from its plain form."""
    tracks = facts.get("tracks")
    return Set(
        cvss=str(facts.get("cvss", "")),
        profile=str(facts.get("profile", "")),
        exploitation=Exploitation(str(facts["exploitation"])) if facts.get("exploitation") else None,
        tracks=tuple(Track(item) for item in tracks) if isinstance(tracks, list) else (),
    )


def plain_set(chosen: Set) -> dict[str, object]:
    """Return what a person set as plain data; what is not set is left out."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(chosen).items() if value}


def with_value(chosen: Set, field: str, value: str) -> Set:
    """Return what a person set with one more value; an empty value takes it back.

    Raises:
        UnknownValueError: there is no such field or value.
        MalformedError: the profile cannot be read.
    """
    said = value.strip()
    try:
        match field:
            case "cvss":
                return replace(chosen, cvss=said)
            case "profile":
                return replace(chosen, profile=_readable(said))
            case "exploitation":
                return replace(chosen, exploitation=Exploitation(said) if said else None)
            case "tracks":
                return replace(chosen, tracks=tuple(Track(item.strip()) for item in said.split(",") if item.strip()))
            case _:
                raise UnknownValueError("this cannot be set", hint=f"one of {', '.join(SETTABLE)}")
    except ValueError as error:
        raise UnknownValueError("this value is not in the list", hint="choose one of the values shown") from error


def lock(row: Report) -> Report:
    """Wait for others who change the assessment or its report, and return the report as it is then."""
    list(Assessment.objects.select_for_update().filter(report=row))
    return Report.objects.select_for_update().get(pk=row.pk)


def profile_of(assessment: Assessment) -> MlProfile:
    """Return the profile that counts."""
    return parse_profile(assessment.ml_profile)


def _readable(profile: str) -> str:
    if profile:
        parse_profile(profile)
    return profile


@cache
def _release() -> str:
    return version("safeconduct")
