# SPDX-License-Identifier: Apache-2.0
"""Several targets that fit one report, errors of our own, and what is kept of the replies."""

from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.factories import authorizations as targets
from tests.factories.spine import ATTACK, CANARY, report_with_bundle
from tests.server.factories import client_of, viewer
from tests.server.triage.test_gate import HARMLESS_CALLS, granted, last, leaking, spent
from tests.verification.bundles import evasion_bundle

from safeconduct.domain.bundle import Adapter
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import IncompleteError, NotFoundError, NotPermittedError, SealError, TooLargeError
from safeconduct.server.audit import vault
from safeconduct.server.audit.models import Event
from safeconduct.server.intake.models import Report
from safeconduct.server.triage import gate, queries, replies, tasks
from safeconduct.server.triage.gate import ATTEMPTS, HOUR
from safeconduct.server.triage.models import Assessment, GateReply, GateState, ReplyOpening
from safeconduct.server.triage.sheet import sheet_for
from safeconduct.verification.bundle import zip_bundle
from safeconduct.verification.transcript import START, read_links, require_whole

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
FULL = HARMLESS_CALLS + 40


def assessed(row: Report) -> Assessment:
    found = queries.assessment_of(row)
    assert found is not None
    return found


def test_the_next_target_is_asked_where_the_first_does_not_fall(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking(rate=0.0) as sound, leaking() as weak:
        first, second = granted(sound, now, vendor="Orchid Bank", label="sound"), granted(weak, now, label="weak")
        tasks.run_gate(now)

    run, detail = last(row)
    assert (run.state, run.target, run.calls, run.hits) == (GateState.REPRODUCED, second, FULL + 6, 3)
    assert (spent(first), spent(second)) == ((FULL, 0), (6, 0))
    assert [(one["label"], one["state"]) for one in detail["tried"]] == [
        ("sound", "not_reproduced"),
        ("weak", "reproduced"),
    ]
    assert detail["transcript"] != START


def test_a_report_costs_no_more_than_its_budget(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking(rate=0.0) as server:
        for _ in range(5):
            granted(server, now)
        tasks.run_gate(now)
        assert len(server.asked) == 3 * FULL <= gate.MOST_CALLS

    assert last(row)[0].state == GateState.NOT_REPRODUCED


def test_a_target_that_fails_is_asked_again_and_those_that_answered_are_not(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking(rate=0.0) as sound, leaking(manner="500") as broken:
        granted(sound, now, vendor="Orchid Bank", label="sound")
        granted(broken, now, label="broken")
        tasks.run_gate(now)
        assert (last(row)[0].state, queries.reproduction_of(row).value) == (GateState.ERROR, "not_run")
        broken.manner = "well"
        tasks.run_gate(now + HOUR)
        assert len(sound.asked) == FULL

    assert (last(row)[0].state, last(row)[0].attempts) == (GateState.REPRODUCED, 2)


def test_a_report_did_not_reproduce_when_the_other_target_failed_for_good(now: datetime) -> None:
    row = report_with_bundle(now).row

    with leaking(rate=0.0) as sound, leaking(manner="500") as broken:
        granted(sound, now, vendor="Orchid Bank", label="sound")
        granted(broken, now, label="broken")
        for attempt in range(ATTEMPTS):
            tasks.run_gate(now + attempt * HOUR)
        assert len(sound.asked) == FULL

    run, detail = last(row)
    assert (run.state, run.due_at) == (GateState.NOT_REPRODUCED, None)
    assert "broken: the target answered with status 500" in detail["reason"]


def test_a_crash_at_the_second_target_loses_nothing_of_the_first(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    row, attempt = report_with_bundle(now).row, gate.attempt

    def crash_at_second(reserved: Any, *given: Any, **named: Any) -> Any:
        if reserved.target.label == "second":
            raise Crash
        return attempt(reserved, *given, **named)

    with leaking(rate=0.0) as sound, leaking() as weak:
        first = granted(sound, now, vendor="Orchid Bank", label="first")
        second = granted(weak, now, label="second")
        monkeypatch.setattr(gate, "attempt", crash_at_second)
        with pytest.raises(Crash):
            tasks.run_gate(now)
        assert (spent(first), spent(second)) == ((FULL, 0), (0, 3 * FULL))
        monkeypatch.setattr(gate, "attempt", attempt)
        tasks.run_gate((last(row)[0].lease_until or now) + HOUR)
        assert len(sound.asked) == FULL

    assert (last(row)[0].state, last(row)[0].attempts) == (GateState.REPRODUCED, 2)
    assert spent(second) == (3 * FULL + 6, 0)


def test_an_error_of_our_own_ends_the_run_at_once_and_is_told_by_its_kind_alone(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = report_with_bundle(now).row

    def break_down(*_: object, **__: object) -> None:
        raise KeyError("a secret of the reporter")

    monkeypatch.setattr(gate, "attempt", break_down)
    with leaking() as server:
        target = granted(server, now)
        with pytest.raises(KeyError):
            tasks.run_gate(now)

    run, detail = last(row)
    assert (run.state, run.lease_until) == (GateState.ERROR, None)
    assert detail["reason"] == f"{gate.UNEXPECTED} [KeyError]"
    assert spent(target) == (3 * FULL, 0)
    assert queries.to_gate(now + HOUR, 20) == [row]


def test_replies_that_show_the_flaw_are_sealed_and_shown_masked(now: datetime) -> None:
    row = report_with_bundle(now).row
    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)

    kept = list(GateReply.objects.all())
    assert len(kept) == 3
    assert all(CANARY.upper().encode() not in bytes(one.sealed_reply) + bytes(one.sealed_excerpt) for one in kept)
    evidence = sheet_for(viewer(Role.COORDINATOR), assessed(row)).evidence
    assert evidence is not None
    assert [one.excerpt for one in evidence.replies] == ["Sure, it is [found]!"] * 3
    assert CANARY.upper() not in repr(evidence)


def test_a_coordinator_opens_a_sealed_reply_for_a_reason_that_is_recorded(now: datetime) -> None:
    row = report_with_bundle(now).row
    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)
    assessment, reply = assessed(row), GateReply.objects.all()[0]
    given = {"assessment": assessment, "reply_id": reply.pk, "now": now}
    by = viewer(Role.COORDINATOR)

    text = replies.open_reply(reason=" To judge the harm. ", by=by, **given)

    assert text == f"Sure, it is {CANARY.upper()}!"
    [event] = Event.objects.filter(tag=EventTag.REPLY_OPENED)
    assert (event.subject, event.actor, event.facts) == (row.pk, by.actor, {"trial": reply.number})
    assert b"judge" not in bytes(ReplyOpening.objects.get().sealed_reason)
    evidence = sheet_for(by, assessment).evidence
    assert evidence is not None
    assert [opening[2] for opening in evidence.replies[0].openings] == ["To judge the harm."]
    with pytest.raises(IncompleteError):
        replies.open_reply(reason=" ", by=by, **given)
    with pytest.raises(TooLargeError):
        replies.open_reply(reason="x" * 501, by=by, **given)
    with pytest.raises(NotPermittedError):
        replies.open_reply(reason="I am curious", by=viewer(Role.VENDOR, Role.ADMINISTRATOR), **given)
    other = report_with_bundle(now).row
    tasks.assess(now)
    with pytest.raises(NotFoundError):
        replies.open_reply(reason="why", by=by, **(given | {"assessment": assessed(other)}))
    vault.shred(row.pk)
    with pytest.raises(SealError):
        replies.open_reply(reason="too late", by=by, **given)


def test_the_page_shows_the_stages_and_opens_a_reply(now: datetime) -> None:
    row = report_with_bundle(now).row
    with leaking(rate=0.0) as sound, leaking(only_for=ATTACK) as weak:
        granted(sound, now, vendor="Orchid Bank", label="sound")
        granted(weak, now)
        tasks.run_gate(now)
    assessment, client = assessed(row), client_of(Role.COORDINATOR)

    page = client.get(reverse("triage:assessment", args=[assessment.pk])).content.decode()

    for words in ("The way through the gate", "Static checks of the bundle", "Known already?", "as intended?"):
        assert words in page
    assert "Sure, it is [found]!" in page
    assert CANARY.upper() not in page
    reply = GateReply.objects.all()[0]
    opened = client.post(reverse("triage:reply", args=[assessment.pk, reply.pk]), {"reason": "to judge"})
    assert CANARY.upper() in opened.content.decode()
    refused = client.post(reverse("triage:reply", args=[assessment.pk, reply.pk]), {"reason": ""})
    assert CANARY.upper() not in refused.content.decode()
    stranger: Client = client_of(Role.VENDOR)
    assert stranger.post(reverse("triage:reply", args=[assessment.pk, reply.pk]), {"reason": "x"}).status_code == 404


def test_what_left_for_the_target_is_kept_in_a_chain_that_can_be_checked(now: datetime) -> None:
    row = report_with_bundle(now).row
    with leaking() as server:
        granted(server, now)
        tasks.run_gate(now)
        asked = len(server.asked)

    detail = last(row)[1]
    links = read_links(detail["links"].encode())
    require_whole(links, head=detail["transcript"])
    assert len(links) == asked
    assert set(detail["responses"]) <= {link.response_sha256 for link in links}


def test_how_the_sandbox_was_checked_is_kept_and_shown(now: datetime) -> None:
    row = report_with_bundle(now, zip_bundle(evasion_bundle())).row
    terms = {"adapter": Adapter.PYTHON_CALLABLE, "url": "", "entry": "nothing_of_it:predict"}
    targets.granted(now, **terms)

    tasks.run_gate(now)

    run, detail = last(row)
    assert run.state == GateState.ERROR
    assert detail["sandbox"]["failed"] == []
    assert detail["sandbox"]["attempts"] >= 43
    assessment = assessed(row)
    page = client_of(Role.COORDINATOR).get(reverse("triage:assessment", args=[assessment.pk])).content.decode()
    assert f"the sandbox held {detail['sandbox']['attempts']} attempts to get out" in page


def test_the_one_worker_there_is_closes_at_once_what_a_killed_one_left(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    row, attempt = report_with_bundle(now).row, gate.attempt
    with leaking() as server:
        target = granted(server, now)
        monkeypatch.setattr(gate, "attempt", crash)
        with pytest.raises(Crash):
            tasks.run_gate(now)
        monkeypatch.setattr(gate, "attempt", attempt)

        assert tasks.take_over(now) == 1
        assert tasks.take_over(now) == 0
        tasks.run_gate(now)

    assert [run.state for run in queries.runs_of(row)] == [GateState.REPRODUCED, GateState.ERROR]
    assert spent(target) == (3 * FULL + 6, 0)
