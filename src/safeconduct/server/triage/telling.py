# SPDX-License-Identifier: Apache-2.0
"""A report laid out for reading: every field that was told, in sections, as plain text.

What the report leaves open is not repeated here; the rule of completeness names it. Restricted sections hold what may
be the material itself, and are shown only to who asks for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.instants import show_utc
from safeconduct.domain.report import Answer, PriorContact, Report
from safeconduct.domain.systems import AffectedSystem
from safeconduct.policy.reliability import reliability

NOT_TOLD = frozenset({"", "not_told", "unknown"})
LONG = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One answer: its label, its text, and whether it is long enough to stand by itself."""

    label: str
    text: str
    is_long: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Answers that belong together. `is_restricted` where they may repeat restricted material."""

    title: str
    lines: tuple[Line, ...]
    is_restricted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTrials:
    """A series of trials that the report tells, with what the rule of reliability makes of it."""

    trials: TrialSummary
    reliability: str
    reasons: tuple[str, ...]


def sections(told: Report) -> tuple[Section, ...]:
    """Return the sections of the report that say something."""
    found = (
        Section(title="What happens", lines=tuple(_behavior(told)), is_restricted=True),
        *(_system(number, system) for number, system in enumerate(told.affects, start=1)),
        Section(title="Attack", lines=tuple(_attack(told))),
        Section(title="Harm and exposure", lines=tuple(_harm(told))),
        Section(title="Incident", lines=tuple(_incident(told)), is_restricted=True),
        Section(title="Evidence", lines=tuple(_evidence(told))),
        Section(title="Reporter and wishes", lines=tuple(_wishes(told))),
    )
    return tuple(section for section in found if section.lines)


def reported_trials(told: Report) -> tuple[ReportedTrials, ...]:
    """Return the series of trials that the report tells."""
    return tuple(_reported(trials) for trials in told.evidence.trials)


def systems_in_short(told: Report) -> str:
    """Return the affected systems in one line."""
    return "; ".join(" ".join(filter(None, (system.vendor, system.product, system.version))) for system in told.affects)


def _reported(trials: TrialSummary) -> ReportedTrials:
    found = reliability(trials)
    return ReportedTrials(trials=trials, reliability=found.outcome, reasons=found.reasons)


def _behavior(told: Report) -> Iterator[Line]:
    yield from _lines(Summary=told.summary, Description=told.description, Steps=told.steps)
    yield from _lines(Expected=told.expected_behavior, Actual=told.actual_behavior, Mitigation=told.mitigation)


def _system(number: int, system: AffectedSystem) -> Section:
    identity, seen = system.identity, system.observed
    lines = _lines(
        Vendor=system.vendor,
        Product=system.product,
        Version=system.version,
        Role=_word(system.role),
        Component=_word(system.component_type),
        Hosted="yes" if system.hosted else "",
        Status=f"{_word(system.status)} {system.status_note}".strip(),
        Model_string=identity.model_string,
        Package=identity.purl,
        CPE=identity.cpe,
        Endpoint=" ".join(filter(None, (identity.endpoint, identity.region, identity.service_tier))),
        Model_card=identity.model_card_url,
        Bill_of_materials=identity.sbom_ref,
        Digests=", ".join(f"{one.algorithm}:{one.value}" for one in identity.digests),
        Rests_on="; ".join(f"{_word(edge.relation)} {edge.other}" for edge in system.lineage),
    )
    times: tuple[Line, ...] = ()
    if seen is not None:
        until = _moment(seen.until) if seen.until else "still seen when reported"
        times = tuple(
            _lines(
                Observed=f"{_moment(seen.since)} to {until}",
                Snapshot=seen.snapshot,
                Fingerprint=seen.fingerprint,
                Sampling=", ".join(f"{name}={value}" for name, value in seen.sampling),
            )
        )
    return Section(title=f"Affected system {number}", lines=(*lines, *times))


def _attack(told: Report) -> Iterator[Line]:
    attack = told.attack
    yield from _lines(
        Must_control=_words(attack.capabilities),
        Knows=_word(attack.knowledge),
        Wants=_words(attack.objectives),
        Cost=attack.cost,
        Root_causes=_words(told.root_causes),
        Classified_as=", ".join(str(ref) for ref in told.taxonomy),
        Policies_violated="\n".join(told.policies_violated),
        In_use=_word(told.exploitation) if told.exploitation.value != "none" else "",
    )


def _harm(told: Report) -> Iterator[Line]:
    harm, reach, fair = told.harm, told.exposure, told.fairness
    yield from _lines(
        Harm=_word(harm.magnitude),
        Why=harm.rationale,
        Domains=_words(harm.domains),
        Who=_words(harm.stakeholders),
        Users=_number(reach.users),
        Deployments=_number(reach.downstream_deployments),
        Critical_sectors=", ".join(reach.critical_sectors),
        Systemic_risk=_answer(reach.gpai_systemic),
        Groups=", ".join(fair.groups),
        Measured_by=fair.metric,
        Gap=fair.gap,
        Held_against=fair.reference,
    )


def _incident(told: Report) -> Iterator[Line]:
    incident = told.incident
    yield from _lines(
        Occurred=_moment(incident.occurred_at) if incident.occurred_at else "",
        Where=incident.place,
        What=incident.narrative,
        Harmed=incident.harmed_parties,
        Goes_on=_answer(incident.ongoing),
        Deliberate=_answer(incident.deliberate),
    )


def _evidence(told: Report) -> Iterator[Line]:
    evidence = told.evidence
    yield from _lines(
        By_chance=_answer(evidence.stochastic),
        Controls=evidence.controls,
        Also_works_on=", ".join(evidence.transfers_to),
        Subjects=_subjects(told),
        Output=_word(evidence.output_fidelity),
        May_be_used_for_training=_word(evidence.may_train),
        Discovered=_day(told.discovered_at),
        How=_word(told.discovery_method),
        Authorization=told.authorization,
        Public_references="\n".join(told.public_references),
    )


def _wishes(told: Report) -> Iterator[Line]:
    reporter, wish = told.reporter, told.disclosure
    yield from _lines(
        Appears=_word(reporter.mode),
        Name=reporter.name,
        Contact=reporter.contact,
        Organization=" ".join(filter(None, (reporter.organization, reporter.country))),
        Is=_word(reporter.relationship),
        Credit=reporter.credit_name,
        Contact_may_go_to_the_vendor="yes" if reporter.share_contact_with_vendor else "no",
        Bounty=_answer(reporter.bounty_sought),
        Disclosure=" ".join(filter(None, (_word(wish.intent), _day(wish.on)))),
        Channels=wish.channels,
        Wants_silence_because=wish.embargo_reason,
        Told_before="\n".join(_contact(contact) for contact in told.prior_contacts),
        Wants_told=", ".join(told.recipients_requested),
        Sharing=told.tlp.value,
        Own_estimate=told.severity_claim,
    )


def _contact(contact: PriorContact) -> str:
    parts = (contact.who, _day(contact.when), contact.channel, contact.reference, contact.response)
    return ", ".join(part for part in parts if part)


def _subjects(told: Report) -> str:
    tried, hit = told.evidence.subjects_tried, told.evidence.subjects_hit
    return "" if hit is None else f"worked for {hit} of {'an unknown number' if tried is None else tried}"


def _lines(**told: str) -> Iterator[Line]:
    """Yield a line for each text that says something; the name is its label."""
    for name, text in told.items():
        said = text.strip()
        if said.casefold() not in NOT_TOLD:
            is_long = len(said) > LONG or "\n" in said
            yield Line(label=name.replace("_", " "), text=said, is_long=is_long)


def _word(value: StrEnum) -> str:
    return "" if value.value in NOT_TOLD else value.value.replace("_", " ")


def _words(values: tuple[StrEnum, ...]) -> str:
    return ", ".join(filter(None, map(_word, values)))


def _answer(value: Answer) -> str:
    return "" if value is Answer.UNKNOWN else value.value


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _day(value: date | None) -> str:
    return "" if value is None else value.isoformat()


def _moment(value: datetime) -> str:
    return show_utc(value)
