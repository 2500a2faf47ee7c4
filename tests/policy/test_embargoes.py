# SPDX-License-Identifier: Apache-2.0
"""Embargoes: opening, revisions, ends, admission, windows, merging and parting."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.domain.case import CaseFact, CaseState, Consent, EmbargoState, ReportState, VendorFix
from safeconduct.domain.embargo import (
    Admission,
    Answer,
    AttackOverride,
    ConsentRecord,
    EmbargoTerms,
    EndDuty,
    Resolution,
)
from safeconduct.domain.instants import parse_instant
from safeconduct.domain.severity import Tier
from safeconduct.errors import ConflictError, MalformedError, TransitionError
from safeconduct.policy import embargo_course, embargo_rules, embargoes
from safeconduct.policy.decision import Outcome
from safeconduct.policy.embargo_course import EndFacts

NOW = parse_instant("2026-11-23T12:00Z")
OVERRIDE = AttackOverride(by="coordinator", reason="the attacks use another flaw", at=NOW)


def terms(days: float, *, name: str = "", by: str = "reporter") -> EmbargoTerms:
    return EmbargoTerms(id=name or f"{by}-{days}", by=by, ends_at=NOW + timedelta(days=days))


def accept(*names: str) -> dict[str, Answer]:
    return dict.fromkeys(names, Answer.ACCEPT)


PARTIES = frozenset({"reporter", "vendor", "coordinator"})


def test_without_terms_there_is_no_embargo() -> None:
    decision = embargoes.opening(now=NOW)

    assert decision.outcome == Resolution(state=EmbargoState.NONE)
    assert decision.rules == ("embargo.no-terms",)


def test_a_proposal_to_one_without_default_waits_for_the_answer() -> None:
    decision = embargoes.opening(proposals=[terms(45)], now=NOW)

    assert decision.outcome == Resolution(state=EmbargoState.PROPOSED, pending=(terms(45),))


def test_a_default_counts_as_proposed_and_accepted() -> None:
    default = terms(60, by="vendor")

    outcome = embargoes.opening(defaults=[default], now=NOW).outcome

    assert (outcome.state, outcome.active, outcome.pending) == (EmbargoState.ACTIVE, default, ())


def test_a_longer_proposal_than_the_default_becomes_a_revision() -> None:
    default, proposal = terms(45, by="vendor"), terms(90)

    outcome = embargoes.opening(proposals=[proposal], defaults=[default], now=NOW).outcome

    assert (outcome.state, outcome.active, outcome.pending) == (EmbargoState.REVISE, default, (proposal,))
    assert outcome.signatories == {"vendor", "reporter"}


def test_a_shorter_proposal_than_the_default_wins() -> None:
    default, proposal = terms(90, by="vendor"), terms(30)

    decision = embargoes.opening(proposals=[proposal], defaults=[default], now=NOW)

    assert (decision.outcome.active, decision.outcome.pending) == (proposal, (default,))
    assert decision.rules == ("embargo.shortest", "embargo.revisions")
    assert decision.reasons[0] == "the shortest terms win: the embargo is active until 2026-12-23 12:00 UTC"


def test_equal_ends_need_no_revision() -> None:
    outcome = embargoes.opening(proposals=[terms(45)], defaults=[terms(45, by="vendor")], now=NOW).outcome

    assert outcome.state is EmbargoState.ACTIVE
    assert outcome.signatories == {"vendor", "reporter"}


@pytest.mark.parametrize("state", ["VfdPxa", "VfdPXa", "VfdpxA"])
def test_what_is_public_or_attacked_has_no_embargo(state: str) -> None:
    decision = embargoes.opening(defaults=[terms(45)], case=CaseState.parse(state), now=NOW)

    assert decision.outcome.state is EmbargoState.NONE
    assert decision.rules == ("embargo.public",)


def test_ends_are_cut_at_the_cap_of_the_tier() -> None:
    cap = NOW + embargo_rules.longest(Tier.CRITICAL)

    decision = embargoes.opening(defaults=[terms(400, by="vendor")], cap=cap, now=NOW)

    assert decision.outcome.active is not None
    assert decision.outcome.active.ends_at == NOW + timedelta(days=75)
    assert decision.rules == ("embargo.cap", "embargo.shortest")


def test_an_end_that_is_not_ahead_does_not_count() -> None:
    decision = embargoes.opening(proposals=[terms(0)], defaults=[terms(-1, by="vendor")], now=NOW)

    assert decision.outcome.state is EmbargoState.NONE
    assert decision.rules == ("embargo.end", "embargo.end", "embargo.no-terms")


def test_terms_with_the_same_identifier_are_refused() -> None:
    with pytest.raises(ConflictError):
        embargoes.opening(proposals=[terms(1, name="a"), terms(2, name="a")], now=NOW)


def test_the_default_length_is_the_publication_date_of_the_tier() -> None:
    assert embargo_rules.default_length(Tier.HIGH) == timedelta(days=90)
    assert embargo_rules.default_length(None) == timedelta(days=45)
    assert embargo_rules.longest(Tier.LOW) == timedelta(days=240)


def active(days: float, *pending: EmbargoTerms) -> Resolution:
    return Resolution(
        state=EmbargoState.REVISE if pending else EmbargoState.ACTIVE,
        active=terms(days, name="active"),
        pending=pending,
        signatories=PARTIES,
    )


def test_revisions_are_settled_from_the_earliest_until_the_first_rejection() -> None:
    open_terms = (terms(90, name="c"), terms(50, name="a"), terms(70, name="b"))
    votes = {"a": accept(*PARTIES), "b": {"vendor": Answer.REJECT}, "c": accept(*PARTIES)}

    decision = embargoes.settle(active(45, *open_terms), votes, parties=PARTIES, now=NOW)

    assert decision.outcome.state is EmbargoState.ACTIVE
    assert decision.outcome.active == terms(50, name="a")
    assert [one.id for one in decision.outcome.rejected] == ["b", "c"]
    assert decision.rules == ("embargo.accepted", "embargo.rejected")


def test_if_the_earliest_revision_is_rejected_the_embargo_stays() -> None:
    before = active(45, terms(50, name="a"), terms(70, name="b"))

    after = embargoes.settle(
        before, {"a": {"vendor": Answer.REJECT}, "b": accept(*PARTIES)}, parties=PARTIES, now=NOW
    ).outcome

    assert (after.state, after.active) == (EmbargoState.ACTIVE, before.active)


def test_silence_is_not_consent() -> None:
    before = active(45, terms(50, name="a"))

    decision = embargoes.settle(before, {"a": accept("vendor")}, parties=PARTIES, now=NOW)

    assert decision.outcome == before
    assert decision.rules == ("embargo.open",)


def test_who_puts_terms_forward_agrees_to_them() -> None:
    before = active(45, terms(50, name="a", by="reporter"))

    after = embargoes.settle(before, {"a": accept("vendor", "coordinator")}, parties=PARTIES, now=NOW).outcome

    assert after.active == terms(50, name="a", by="reporter")
    assert after.state is EmbargoState.ACTIVE


def test_a_rejected_proposal_leaves_no_embargo_and_an_accepted_one_makes_it() -> None:
    before = Resolution(state=EmbargoState.PROPOSED, pending=(terms(45, name="a"),))

    rejected = embargoes.settle(before, {"a": {"vendor": Answer.REJECT}}, parties=PARTIES, now=NOW).outcome
    accepted = embargoes.settle(before, {"a": accept(*PARTIES)}, parties=PARTIES, now=NOW).outcome
    waiting = embargoes.settle(before, {}, parties=PARTIES, now=NOW).outcome

    assert [one.state for one in (rejected, accepted, waiting)] == [
        EmbargoState.NONE,
        EmbargoState.ACTIVE,
        EmbargoState.PROPOSED,
    ]


def test_terms_whose_end_has_come_are_rejected() -> None:
    before = active(45, terms(-1, name="a"))

    assert embargoes.settle(before, {"a": accept(*PARTIES)}, parties=PARTIES, now=NOW).outcome.active == before.active


def test_consent_to_an_older_proposal_is_refused() -> None:
    with pytest.raises(ConflictError) as refused:
        embargoes.settle(active(45, terms(50, name="new")), {"old": accept("vendor")}, parties=PARTIES, now=NOW)

    assert refused.value.facts["rules"] == ["embargo.stale-consent"]


def test_a_stranger_has_no_vote() -> None:
    with pytest.raises(ConflictError) as refused:
        embargoes.settle(active(45, terms(50, name="a")), {"a": accept("stranger")}, parties=PARTIES, now=NOW)

    assert refused.value.facts["rules"] == ["embargo.party"]


def test_a_revision_is_put_on_the_table_in_order() -> None:
    decision = embargoes.propose(active(45, terms(70, name="b")), terms(60, name="a"), now=NOW)

    assert decision.outcome.state is EmbargoState.REVISE
    assert [one.id for one in decision.outcome.pending] == ["a", "b"]
    first = embargoes.propose(Resolution(state=EmbargoState.NONE), terms(60), cap=NOW + timedelta(days=5), now=NOW)
    assert first.outcome.state is EmbargoState.PROPOSED
    assert first.outcome.pending[0].ends_at == NOW + timedelta(days=5)


def test_after_the_embargo_has_ended_nothing_is_proposed() -> None:
    with pytest.raises(TransitionError):
        embargoes.propose(Resolution(state=EmbargoState.EXITED), terms(60), now=NOW)
    with pytest.raises(ConflictError):
        embargoes.propose(active(45), terms(-1), now=NOW)
    with pytest.raises(ConflictError):
        embargoes.propose(active(45), terms(60, name="active"), now=NOW)


days = st.floats(min_value=0.01, max_value=1000, allow_nan=False)
many = st.lists(days, max_size=6)


@given(many, many, st.one_of(st.none(), days))
def test_the_embargo_never_outlasts_any_terms_nor_the_cap(
    offered: list[float], proposed: list[float], cap: float | None
) -> None:
    defaults = [terms(n, name=f"d{i}", by=f"vendor-{i}") for i, n in enumerate(offered)]
    proposals = [terms(n, name=f"p{i}") for i, n in enumerate(proposed)]
    limit = NOW + timedelta(days=cap) if cap else None

    outcome = embargoes.opening(proposals=proposals, defaults=defaults, cap=limit, now=NOW).outcome

    assert (outcome.active is not None) == bool(defaults)
    if outcome.active:
        ends = [one.ends_at for one in (*defaults, *proposals)]
        assert outcome.active.ends_at == min([*ends, *([limit] if limit else [])])
        assert all(one.ends_at > outcome.active.ends_at for one in outcome.pending)
        assert (outcome.state is EmbargoState.REVISE) == bool(outcome.pending)
    assert list(outcome.pending) == sorted(outcome.pending, key=lambda one: (one.ends_at, one.id))


@given(many, st.data())
def test_settling_changes_the_terms_only_to_what_all_accepted(pending: list[float], data: st.DataObject) -> None:
    revisions = tuple(terms(n, name=f"r{i}", by="vendor") for i, n in enumerate(pending))
    answers = st.dictionaries(st.sampled_from(sorted(PARTIES)), st.sampled_from(Answer))
    votes = {one.id: data.draw(answers) for one in revisions}
    before = active(45, *revisions)

    after = embargoes.settle(before, votes, parties=PARTIES, now=NOW).outcome

    assert after.active is not None
    if after.active != before.active:
        said = votes[after.active.id]
        assert Answer.REJECT not in said.values()
        assert set(said) | {"vendor"} >= PARTIES
    kept = {one.id for one in (*after.pending, *after.rejected)}
    assert kept <= {one.id for one in revisions}
    assert embargoes.settle(after, {}, parties=PARTIES, now=NOW).outcome == after


# --- when ---


@pytest.mark.parametrize(
    ("case", "report", "length", "outcome", "rule"),
    [
        ("vfdpxa", "R", 45, Outcome.ALLOWED, "embargo.public"),
        ("vfdpxa", "S", 45, Outcome.ALLOWED, "embargo.public"),
        ("VfdPxa", "A", 45, Outcome.BLOCKED, "embargo.public"),
        ("VfdpxA", "A", 45, Outcome.BLOCKED, "embargo.public"),
        ("VfdPXa", "A", 45, Outcome.BLOCKED, "embargo.public"),
        ("VFDpxa", "A", 5, Outcome.DISCOURAGED, "embargo.fix"),
        ("VFdpxa", "A", 15, Outcome.DISCOURAGED, "embargo.fix"),
        ("VFdpxa", "A", 14, Outcome.ALLOWED, "embargo.public"),
        ("Vfdpxa", "I", 45, Outcome.DISCOURAGED, "embargo.report"),
        ("Vfdpxa", "D", 45, Outcome.DISCOURAGED, "embargo.report"),
        ("Vfdpxa", "C", 45, Outcome.BLOCKED, "embargo.report"),
        ("Vfdpxa", "A", 0, Outcome.BLOCKED, "embargo.end"),
    ],
)
def test_when_an_embargo_may_be_proposed(case: str, report: str, length: int, outcome: Outcome, rule: str) -> None:
    decision = embargo_rules.may_propose(CaseState.parse(case), ReportState(report), terms=terms(length), now=NOW)

    assert decision.outcome is outcome
    assert decision.rules[0] == rule


@pytest.mark.parametrize(
    ("rule", "report", "outcome"),
    [
        (embargo_rules.may_accept, "S", Outcome.ALLOWED),
        (embargo_rules.may_accept, "I", Outcome.DISCOURAGED),
        (embargo_rules.may_revise, "R", Outcome.DISCOURAGED),
        (embargo_rules.may_revise, "V", Outcome.ALLOWED),
        (embargo_rules.may_revise, "C", Outcome.BLOCKED),
    ],
)
def test_who_may_accept_and_revise(rule: Any, report: str, outcome: Outcome) -> None:
    assert rule(CaseState(), ReportState(report), terms=terms(45), now=NOW).outcome is outcome


# --- course ---


@pytest.mark.parametrize(
    ("changes", "duty", "rule"),
    [
        ({}, EndDuty.CONTINUES, "embargo.runs"),
        ({"public": frozenset({CaseFact.PUBLIC_AWARE})}, EndDuty.MUST_END, "embargo.public"),
        ({"public": frozenset({CaseFact.EXPLOIT_PUBLIC})}, EndDuty.MUST_END, "embargo.exploit"),
        ({"public": frozenset({CaseFact.ATTACKS_OBSERVED})}, EndDuty.MUST_END, "embargo.attacks"),
        ({"public": frozenset({CaseFact.ATTACKS_OBSERVED}), "override": OVERRIDE}, EndDuty.CONTINUES, "embargo.runs"),
        (
            {"public": frozenset({CaseFact.PUBLIC_AWARE, CaseFact.ATTACKS_OBSERVED}), "override": OVERRIDE},
            EndDuty.MUST_END,
            "embargo.public",
        ),
        ({"ends_at": NOW}, EndDuty.MUST_END, "embargo.expired"),
        ({"adversaries_hold_exploit": True}, EndDuty.SHOULD_END, "embargo.adversaries"),
        ({"adversaries_know_details": True}, EndDuty.MAY_END, "embargo.adversaries"),
        ({"adversaries_know_details": False}, EndDuty.CONTINUES, "embargo.runs"),
        ({"vendors": (VendorFix.DEPLOYED, VendorFix.DEPLOYED)}, EndDuty.SHOULD_END, "embargo.deployed"),
        ({"vendors": (VendorFix.DEPLOYED, VendorFix.READY)}, EndDuty.MAY_END, "embargo.quorum"),
        ({"vendors": (VendorFix.READY, VendorFix.AWARE)}, EndDuty.CONTINUES, "embargo.runs"),
        ({"vendors": (VendorFix.READY, VendorFix.AWARE), "quorum": 0.5}, EndDuty.MAY_END, "embargo.quorum"),
        ({"vendors": (VendorFix.UNAWARE,), "quorum": 0.0}, EndDuty.CONTINUES, "embargo.runs"),
    ],
)
def test_when_an_embargo_ends(changes: dict[str, Any], duty: EndDuty, rule: str) -> None:
    decision = embargo_course.end_duty(EndFacts(**{"ends_at": NOW + timedelta(days=1), **changes}), now=NOW)

    assert decision.outcome is duty
    assert decision.rules[0] == rule
    assert decision.reasons


def window(asked: timedelta | None, ends_in: timedelta) -> tuple[timedelta, tuple[str, ...]]:
    decision = embargo_course.answer_window(NOW, asked=asked, embargo_ends_at=NOW + ends_in)
    return decision.outcome.closes_at - NOW, decision.rules


@pytest.mark.parametrize(
    ("asked", "ends_in", "length", "rules"),
    [
        (None, 45, 7 * 24, ("embargo.answer",)),
        (timedelta(hours=1), 45, 72, ("embargo.answer", "embargo.answer-least")),
        (timedelta(days=10), 45, 240, ("embargo.answer",)),
        (timedelta(days=90), 45, 45 * 24, ("embargo.answer", "embargo.answer-end")),
        (timedelta(hours=1), 2, 48, ("embargo.answer", "embargo.answer-least", "embargo.answer-end")),
        (None, -1, 0, ("embargo.answer", "embargo.answer-end")),
    ],
)
def test_the_answer_window_is_held_between_72_hours_and_the_end(
    asked: timedelta | None, ends_in: int, length: int, rules: tuple[str, ...]
) -> None:
    assert window(asked, timedelta(days=ends_in)) == (timedelta(hours=length), rules)


@given(st.timedeltas(timedelta(0), timedelta(days=400)), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_any_answer_window_lies_within_its_bounds(asked: timedelta, ends_in: timedelta) -> None:
    length, _ = window(asked, ends_in)

    assert min(timedelta(hours=72), ends_in) <= length <= ends_in


def test_a_late_acceptance_of_the_present_terms_still_counts() -> None:
    current = terms(45, name="now")
    opened = embargo_course.answer_window(NOW, asked=None, embargo_ends_at=current.ends_at).outcome

    def asked(at: timedelta, name: str) -> Any:
        return embargo_course.may_still_accept(opened, answered_at=NOW + at, terms=name, current=current)

    assert asked(timedelta(days=1), "now").reasons == ()
    assert asked(timedelta(days=10), "now").outcome is Outcome.ALLOWED
    assert asked(timedelta(days=10), "now").reasons == ("late, and still welcome",)
    assert asked(timedelta(days=1), "before").rules == ("embargo.stale-consent",)
    assert asked(timedelta(days=45), "now").rules == ("embargo.expired",)


@pytest.mark.parametrize(
    ("state", "consent", "on", "outcome"),
    [
        (EmbargoState.NONE, Consent.NO_EMBARGO, "active", Outcome.ALLOWED),
        (EmbargoState.EXITED, Consent.DECLINED, "active", Outcome.ALLOWED),
        (EmbargoState.PROPOSED, Consent.INVITED, "active", Outcome.DISCOURAGED),
        (EmbargoState.ACTIVE, Consent.SIGNATORY, "active", Outcome.ALLOWED),
        (EmbargoState.REVISE, Consent.SIGNATORY, "active", Outcome.ALLOWED),
        (EmbargoState.ACTIVE, Consent.SIGNATORY, "earlier", Outcome.BLOCKED),
        (EmbargoState.ACTIVE, Consent.LAPSED, "active", Outcome.BLOCKED),
        (EmbargoState.ACTIVE, Consent.INVITED, "active", Outcome.BLOCKED),
    ],
)
def test_content_is_shown_to_who_keeps_the_embargo_in_force(
    state: EmbargoState, consent: Consent, on: str, outcome: Outcome
) -> None:
    records = [ConsentRecord(participant="vendor", terms=on, consent=consent)]

    assert embargo_course.may_see_case(records, state=state, active=terms(45, name="active")).outcome is outcome


@pytest.mark.parametrize(
    ("length", "passes_on", "expected", "notify_in"),
    [
        (None, False, Admission.INVITE, 0),
        (45, False, Admission.INVITE, 0),
        (90, False, Admission.INVITE_EARLY, 0),
        (30, False, Admission.ADAPT, 15),
        (90, True, Admission.LAST, 45),
    ],
)
def test_how_a_further_participant_is_brought_in(
    *, length: int | None, passes_on: bool, expected: Admission, notify_in: int
) -> None:
    policy = None if length is None else timedelta(days=length)

    decision = embargo_course.admission(terms(45), policy_length=policy, passes_on=passes_on, now=NOW)

    assert decision.outcome is expected
    assert decision.inputs["notify_from"] == NOW + timedelta(days=notify_in)


def test_joined_cases_keep_the_earliest_end_unless_they_agree_anew() -> None:
    kept = embargo_course.merge([terms(60, name="a"), terms(45, name="b")]).outcome
    agreed = embargo_course.merge([terms(60), terms(45)], agreed=terms(50, name="new")).outcome

    assert kept.active == terms(45, name="b")
    assert agreed.active == terms(50, name="new")
    assert embargo_course.merge([]).outcome.state is EmbargoState.NONE


@pytest.mark.parametrize(
    ("child", "outcome"), [(44, Outcome.DISCOURAGED), (45, Outcome.ALLOWED), (46, Outcome.ALLOWED)]
)
def test_a_case_that_parts_should_not_end_earlier(child: int, outcome: Outcome) -> None:
    decision = embargo_course.may_split(terms(45), child_ends_at=NOW + timedelta(days=child))

    assert decision.outcome is outcome
    assert decision.reasons


def test_terms_without_zone_are_refused() -> None:
    with pytest.raises(MalformedError):
        EmbargoTerms(id="a", by="b", ends_at=datetime(2026, 1, 1))  # noqa: DTZ001  # the point of the test
