# SPDX-License-Identifier: Apache-2.0
"""The machines, guards and messages of the protocol, checked exhaustively."""

import csv
import json
from collections import Counter
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path

import pytest

from safeconduct.domain.case import (
    CaseFact,
    CaseState,
    Consent,
    ConsentEvent,
    EmbargoEvent,
    EmbargoState,
    Position,
    ProtocolMessage,
    ReportEvent,
    ReportState,
    VendorFix,
)
from safeconduct.domain.embargo import AttackOverride
from safeconduct.domain.instants import parse_instant
from safeconduct.errors import ConflictError, IncompleteError, TransitionError
from safeconduct.policy import histories, lifecycle, messages
from safeconduct.policy.decision import Outcome

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "coordination"
OVERRIDE = AttackOverride(
    by="coordinator", reason="the attacks use another flaw", at=parse_instant("2026-11-23T00:00Z")
)
START = Position()
M = ProtocolMessage


def at(case: str = "Vfdpxa", report: str = "A", embargo: str = "N", *, is_vendor: bool = True) -> Position:
    return Position(
        report=ReportState(report),
        embargo=EmbargoState(embargo),
        case=CaseState.parse(case),
        is_vendor=is_vendor,
    )


def steps(position: Position, *, overrides: bool) -> list[Position]:
    """Return where every message leads that may be sent or arrive."""
    reached = []
    for message in ProtocolMessage:
        if messages.may_send(position, message).outcome is not Outcome.BLOCKED:
            reached.append(messages.send(position, message).position)
        reached.append(messages.receive(position, message).position)
    attackable = position.embargo in lifecycle.UNDER_EMBARGO and position.report is not ReportState.CLOSED
    if overrides and attackable and CaseFact.ATTACKS_OBSERVED not in position.case.facts:
        reached.append(messages.record(position, CaseFact.ATTACKS_OBSERVED, override=OVERRIDE).position)
        reached.append(messages.receive(position, M.CASE_ATTACKS_OBSERVED, override=OVERRIDE).position)
    return reached


def explore(*, overrides: bool = False) -> set[Position]:
    """Return every position that a vendor can reach, whatever is sent and whatever arrives."""
    seen, todo = {START}, [START]
    while todo:
        for position in steps(todo.pop(), overrides=overrides):
            if position not in seen:
                seen.add(position)
                todo.append(position)
    return seen


def count(positions: set[Position], claim: str) -> int:
    """Count the positions that break an invariant."""
    broken = {
        "I1": lambda p: p.embargo in "AR" and p.case.facts & {CaseFact.PUBLIC_AWARE, CaseFact.EXPLOIT_PUBLIC},
        "I2": lambda p: p.embargo in "AR" and CaseFact.ATTACKS_OBSERVED in p.case.facts,
        "I3": lambda p: p.embargo == "P" and p.case.public,
        "I4": lambda p: CaseFact.FIX_READY in p.case.facts and p.report in "SRIV",
        "I5": lambda p: CaseFact.PUBLIC_AWARE in p.case.facts and CaseFact.VENDOR_AWARE not in p.case.facts,
        "I6": lambda p: CaseFact.EXPLOIT_PUBLIC in p.case.facts and CaseFact.PUBLIC_AWARE not in p.case.facts,
        "I7": lambda p: p.report == "C" and p.embargo in "AR",
    }[claim]
    return sum(bool(broken(position)) for position in positions)


def test_exactly_187_positions_can_be_reached_and_no_invariant_breaks() -> None:
    reached = explore()

    assert len(reached) == 187
    assert [count(reached, f"I{n}") for n in range(1, 8)] == [0, 0, 0, 0, 0, 0, 6]


def test_an_override_of_attacks_adds_thirteen_positions_and_no_other_breach() -> None:
    reached = explore(overrides=True)

    assert len(reached) == 200
    assert [count(reached, f"I{n}") for n in range(1, 7)] == [0, 13, 0, 0, 0, 0]
    assert {p.embargo for p in reached if count({p}, "I2")} == {EmbargoState.ACTIVE}


def test_without_discouraged_closing_no_case_closes_under_an_embargo() -> None:
    reached, todo = {START}, [START]
    while todo:
        here = todo.pop()
        for message in ProtocolMessage:
            sent = messages.may_send(here, message).outcome
            there = [messages.receive(here, message).position]
            there += [messages.send(here, message).position] if sent is Outcome.ALLOWED else []
            todo.extend(set(there) - reached)
            reached.update(there)

    assert len(reached) == 181
    assert count(reached, "I7") == 0


def test_no_message_has_two_rows_for_one_position() -> None:
    doubled = [
        (position, message)
        for position, message in product(explore(overrides=True), ProtocolMessage)
        for rows in (messages.messages().send, messages.messages().receive)
        if position.report is not ReportState.CLOSED
        and sum(row.messages[0] in {message, "*"} and row.holds(position) for row in rows) > 1
    ]

    assert doubled == []


def test_the_table_has_34_rows_to_send_and_57_to_receive() -> None:
    table = messages.messages()

    assert len(table.receive) == 57
    assert len(table.send) == 34 + 5


def test_of_the_720_orders_exactly_the_70_histories_are_possible() -> None:
    with (VECTORS / "cvd_histories_70.csv").open(encoding="utf-8", newline="") as file:
        expected = {row["history"] for row in csv.DictReader(file)}

    orders = ["".join(order) for order in permutations("VFDPXA")]
    accepted = {order for order in orders if histories.check_history(order).outcome is Outcome.ALLOWED}

    assert (len(orders), len(expected)) == (720, 70)
    assert accepted == expected


def test_217_of_the_1957_beginnings_are_possible() -> None:
    beginnings = ["".join(order) for n in range(7) for order in permutations("VFDPXA", n)]

    accepted = [text for text in beginnings if histories.check_history(text).outcome is Outcome.ALLOWED]

    assert (len(beginnings), len(accepted)) == (1957, 217)


def chances() -> dict[tuple[CaseFact, ...], Fraction]:
    """Return every complete history with its probability if each legal next fact were equally likely."""
    current = {(): Fraction(1)}
    for _ in CaseFact:
        following: Counter[tuple[CaseFact, ...]] = Counter()
        for history, chance in current.items():
            legal = [fact for fact in CaseFact if histories.may_follow(history, fact).outcome is Outcome.ALLOWED]
            for fact in legal:
                following[*history, fact] += chance / len(legal)
        current = dict(following)
    return current


def test_the_baselines_are_those_of_luck() -> None:
    luck = chances()
    baselines = {
        pair: sum(chance for history, chance in luck.items() if histories.desiderata_met(history)[pair])
        for pair in histories.fact_rules().desiderata
    }

    assert sum(luck.values()) == 1
    assert baselines == histories.fact_rules().desiderata
    assert sum(baselines.values()) == pytest.approx(4.627, abs=0.001)


def test_each_history_has_the_published_chance_and_merit() -> None:
    luck = chances()
    with (VECTORS / "cvd_histories_70.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            history = histories.parse_history(row["history"])
            assert luck[history] == Fraction(int(row["baseline_num"]), int(row["baseline_den"]))
            assert sum(map(bool, histories.desiderata_met(history).values())) == int(row["desiderata_met"])


def test_skill_counts_only_cases_that_decide() -> None:
    fix_first = [histories.parse_history("VFA")] * 7
    attack_first = [histories.parse_history("VA")] * 3
    undecided = [histories.parse_history("VP")]

    skill = histories.skill(fix_first + attack_first + undecided)

    fix_before_attack = skill[CaseFact.FIX_READY, CaseFact.ATTACKS_OBSERVED]
    assert (fix_before_attack.met, fix_before_attack.decided) == (7, 10)
    assert fix_before_attack.alpha == Fraction(52, 100)
    assert skill[CaseFact.PUBLIC_AWARE, CaseFact.EXPLOIT_PUBLIC].alpha == 1
    assert histories.skill([])[CaseFact.VENDOR_AWARE, CaseFact.PUBLIC_AWARE].alpha is None


@pytest.mark.parametrize(
    ("history", "rule"),
    [
        ("FVDPXA", "history.order"),
        ("VDFPXA", "history.order"),
        ("PFVDXA", "history.at-once"),
        ("VXFDPA", "history.at-once"),
        ("VV", "history.once"),
    ],
)
def test_an_impossible_history_names_the_place_and_the_rule(history: str, rule: str) -> None:
    decision = histories.check_history(history)

    assert decision.outcome is Outcome.BLOCKED
    assert decision.rules == (rule,)
    assert decision.reasons[0].startswith("fact ")


def test_a_history_in_the_middle_of_a_leak_tells_what_must_follow() -> None:
    decision = histories.check_history("P")

    assert decision.outcome is Outcome.ALLOWED
    assert decision.inputs["must_follow"] == "V"
    assert decision.reasons == ("at once must follow: “the vendor knows of the flaw”",)
    assert histories.may_follow((CaseFact.PUBLIC_AWARE,), CaseFact.ATTACKS_OBSERVED).rules == ("history.at-once",)


@pytest.mark.parametrize(
    ("file", "machine", "event", "expected"),
    [
        ("rm_traces_le7.json", lifecycle.lifecycle().report, ReportEvent, 15),
        ("em_traces_le7.json", lifecycle.lifecycle().embargo, EmbargoEvent, 72),
    ],
)
def test_the_machines_accept_exactly_the_published_words(file, machine, event, expected) -> None:
    published = set(json.loads((VECTORS / file).read_text(encoding="utf-8")))

    words = {"".join(word) for length in range(1, 8) for word in product(event, repeat=length) if machine.accepts(word)}

    assert len(published) == expected
    assert words == published


def test_an_illegal_step_is_refused_with_its_rule() -> None:
    with pytest.raises(TransitionError) as refused:
        lifecycle.require_report(ReportState.VALID, ReportEvent.CLOSE)

    assert refused.value.facts["rules"] == ["lifecycle.report"]
    assert lifecycle.require_report(ReportState.VALID, ReportEvent.ACCEPT) is ReportState.ACCEPTED
    assert lifecycle.require_embargo(EmbargoState.ACTIVE, EmbargoEvent.TERMINATE) is EmbargoState.EXITED
    assert lifecycle.require_consent(Consent.INVITED, ConsentEvent.ACCEPT) is Consent.SIGNATORY
    assert lifecycle.may_move_embargo(EmbargoState.EXITED, EmbargoEvent.PROPOSE).outcome is Outcome.BLOCKED


def test_an_invitation_never_takes_consent_away() -> None:
    assert lifecycle.may_move_consent(Consent.SIGNATORY, ConsentEvent.INVITE).outcome is Outcome.BLOCKED
    assert lifecycle.require_consent(Consent.SIGNATORY, ConsentEvent.REVISE) is Consent.LAPSED
    for consent in Consent:
        assert lifecycle.require_consent(consent, ConsentEvent.RESET) is Consent.NO_EMBARGO


def test_closing_under_an_active_embargo_is_discouraged_in_both_doors() -> None:
    step = lifecycle.may_move_report(ReportState.ACCEPTED, ReportEvent.CLOSE, embargo=EmbargoState.ACTIVE)
    message = messages.may_send(at(embargo="R"), M.REPORT_CLOSED)

    assert step.outcome is message.outcome is Outcome.DISCOURAGED
    assert step.rules == message.rules == ("lifecycle.park",)
    assert lifecycle.may_move_report(ReportState.ACCEPTED, ReportEvent.CLOSE).outcome is Outcome.ALLOWED
    assert lifecycle.may_move_report(ReportState.RECEIVED, ReportEvent.CLOSE).outcome is Outcome.BLOCKED


def test_the_steps_from_a_state_are_those_of_the_table() -> None:
    assert lifecycle.lifecycle().report.events(ReportState.INVALID) == (ReportEvent.VALIDATE, ReportEvent.CLOSE)
    assert lifecycle.lifecycle().report.events(ReportState.CLOSED) == ()


def test_states_have_words_for_people() -> None:
    assert "the vendor " + lifecycle.words(ReportState.ACCEPTED) == (
        "the vendor has accepted the report and works on it"
    )
    assert lifecycle.words(EmbargoState.EXITED) == "the embargo has ended"
    assert lifecycle.words(Consent.SIGNATORY) == "keeps the embargo"


@pytest.mark.parametrize("report", ["S", "R", "I", "V", "D"])
def test_a_fix_is_recorded_only_after_acceptance(report: str) -> None:
    with pytest.raises(TransitionError) as refused:
        messages.record(at("Vfdpxa", report), CaseFact.FIX_READY)

    assert refused.value.facts["rules"] == ["lifecycle.guard-1"]
    assert messages.record(at("Vfdpxa", "A"), CaseFact.FIX_READY).position.case.fix is VendorFix.READY


def test_a_valid_report_is_not_called_invalid_later() -> None:
    assert messages.may_send(at(report="V"), M.REPORT_INVALID).rules == ("lifecycle.guard-2",)
    assert messages.send(at(report="R"), M.REPORT_INVALID).position.report is ReportState.INVALID


def test_a_leak_before_the_vendor_knew_is_recorded_with_its_awareness() -> None:
    effect = messages.record(START, CaseFact.PUBLIC_AWARE)

    assert effect.position == at("VfdPxa", "R", "N")
    assert effect.recorded == (CaseFact.VENDOR_AWARE, CaseFact.PUBLIC_AWARE)
    assert effect.announce == (M.CASE_VENDOR_AWARE,)
    assert "lifecycle.guard-3" in effect.rules


def test_a_public_exploit_makes_the_flaw_public_and_ends_the_embargo() -> None:
    effect = messages.record(at(embargo="A"), CaseFact.EXPLOIT_PUBLIC)

    assert effect.position == at("VfdPXa", "A", "X")
    assert effect.announce == (M.CASE_PUBLIC_AWARE, M.EMBARGO_TERMINATION)
    assert effect.reasons == (
        "What is public, or exploitable by the public, ends the embargo at once; nobody may override it.",
    )


def test_attacks_end_the_embargo_unless_a_coordinator_overrides_it() -> None:
    ended = messages.record(at(embargo="R"), CaseFact.ATTACKS_OBSERVED)
    kept = messages.record(at(embargo="R"), CaseFact.ATTACKS_OBSERVED, override=OVERRIDE)

    assert ended.position == at("VfdpxA", "A", "X")
    assert kept.position == at("VfdpxA", "A", "A")
    assert kept.announce == (M.EMBARGO_REVISION_REJECTED,)
    assert "lifecycle.attacks" in ended.rules
    assert "lifecycle.attacks" in kept.rules


def test_nothing_but_attacks_on_an_active_embargo_can_be_overridden() -> None:
    with pytest.raises(ConflictError):
        messages.record(at(embargo="A"), CaseFact.PUBLIC_AWARE, override=OVERRIDE)
    with pytest.raises(ConflictError):
        messages.record(at(embargo="P"), CaseFact.ATTACKS_OBSERVED, override=OVERRIDE)
    with pytest.raises(IncompleteError):
        AttackOverride(by="coordinator", reason=" ", at=OVERRIDE.at)


@pytest.mark.parametrize("message", [M.EMBARGO_REVISION, M.EMBARGO_REVISION_ACCEPTED, M.EMBARGO_REVISION_REJECTED])
def test_under_an_override_a_revision_is_answered_with_an_error(message: ProtocolMessage) -> None:
    overridden = at("VfdpxA", "A", "A")

    effect = messages.receive(overridden, message)

    assert effect.position == overridden
    assert effect.reply == (M.EMBARGO_ERROR,)


def test_a_pending_proposal_falls_when_the_flaw_becomes_public() -> None:
    effect = messages.receive(at(embargo="P"), M.CASE_PUBLIC_AWARE)

    assert effect.position.embargo is EmbargoState.NONE
    assert effect.announce == (M.EMBARGO_REJECTED,)
    assert effect.reply == (M.CASE_ACKNOWLEDGED,)


def test_an_embargo_message_without_a_row_is_answered_with_an_error() -> None:
    effect = messages.receive(at(embargo="N"), M.EMBARGO_ACCEPTED)

    assert effect.reply == (M.EMBARGO_ERROR,)
    assert effect.position == at(embargo="N")


def test_a_message_that_cannot_be_said_now_is_refused() -> None:
    with pytest.raises(TransitionError):
        messages.send(at(embargo="N"), M.EMBARGO_ACCEPTED)


def test_who_has_closed_the_report_ignores_messages_but_not_what_is_the_case() -> None:
    closed = at("Vfdpxa", "C", "A")

    assert messages.receive(closed, M.EMBARGO_TERMINATION).position == closed
    assert messages.record_everywhere({"vendor": closed}, CaseFact.PUBLIC_AWARE)["vendor"].position == at(
        "VfdPxa", "C", "X"
    )


def test_a_leak_reaches_every_participant_alike() -> None:
    positions = {
        "unaware": at("vfdpxa", "S", "A"),
        "working": at("VFdpxa", "A", "A"),
        "reporter": at("vfdpxa", "A", "A", is_vendor=False),
    }

    effects = messages.record_everywhere(positions, CaseFact.PUBLIC_AWARE)

    assert {name: effect.position.case.code for name, effect in effects.items()} == {
        "unaware": "VfdPxa",
        "working": "VFdPxa",
        "reporter": "vfdPxa",
    }
    assert {effect.position.embargo for effect in effects.values()} == {EmbargoState.EXITED}
    assert effects["unaware"].position.report is ReportState.RECEIVED
    with pytest.raises(ConflictError):
        messages.record_everywhere(positions, CaseFact.FIX_READY)


def test_a_participant_who_is_no_vendor_takes_a_report_without_vendor_facts() -> None:
    observer = at("vfdpxa", "S", "N", is_vendor=False)

    effect = messages.receive(observer, M.REPORT_SUBMISSION)

    assert effect.position.report is ReportState.RECEIVED
    assert effect.reply == (M.REPORT_ACKNOWLEDGED,)
    assert messages.may_send(observer, M.CASE_VENDOR_AWARE).rules == ("lifecycle.vendor",)
    assert messages.receive(START, M.REPORT_SUBMISSION).reply == (M.REPORT_ACKNOWLEDGED, M.CASE_VENDOR_AWARE)


def test_recording_a_fact_twice_is_refused() -> None:
    with pytest.raises(TransitionError):
        messages.record(at("VfdPxa"), CaseFact.PUBLIC_AWARE)
