# SPDX-License-Identifier: Apache-2.0
"""Waiting work: taken once, tried again, never lost; messages leave by mail or by hand and are then emptied."""

import smtplib
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connections
from django.urls import reverse
from tests.conftest import NOON
from tests.server.factories import client_of, make_party, viewer

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.errors import NotFoundError, NotPermittedError
from safeconduct.server.audit import queries as audit
from safeconduct.server.outbox import leases, queries, services, tasks
from safeconduct.server.outbox.models import Channel, Heartbeat, Job, Message, Outcome, Slot

LINK = "https://disclosure.example/join/secret-of-the-link/"


@pytest.fixture
def _with_mail(settings) -> None:
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, smtp_host="mail.example", smtp_sender="desk@example.org")


def put(now=NOON, **changed) -> Message:
    values = {"subject": "Something waits", "text": f"Look here: {LINK}", "now": now, "address": "ada@example.org"}
    return services.queue(**(values | changed))


def jobs(count: int, kind: str = "gate") -> list[Job]:
    return [services.schedule(kind=kind, subject=f"rep_{number}", due_at=NOON) for number in range(count)]


@pytest.mark.django_db
@pytest.mark.usefixtures("_with_mail")
def test_a_message_leaves_by_mail_and_is_emptied() -> None:
    message = put()

    assert tasks.deliver(NOON) == 1
    assert tasks.deliver(NOON) == 0

    message.refresh_from_db()
    assert (message.outcome, message.text, message.address) == (Outcome.DONE, "", "")
    sent = mail.outbox[0]
    assert LINK in sent.body
    assert sent.to == ["ada@example.org"]
    assert sent.from_email
    assert sent.reply_to == []
    assert sent.message()["Message-ID"].endswith("@127.0.0.1>")
    assert audit.events_of(message.pk).get().tag == EventTag.MESSAGE_SENT


@pytest.mark.django_db
@pytest.mark.usefixtures("_with_mail")
def test_a_message_to_a_party_uses_its_address_of_the_day() -> None:
    party = make_party(Role.VENDOR)
    party.email = "new@example.org"
    party.save()
    services.queue(subject="Hello", text="x", now=NOON, party=party)

    tasks.deliver(NOON)

    assert mail.outbox[0].to == ["new@example.org"]


@pytest.mark.django_db
def test_the_text_is_stored_sealed() -> None:
    put()

    assert b"secret-of-the-link" not in bytes(Message.objects.get().sealed_text)


@pytest.mark.django_db
def test_the_same_key_puts_in_one_message() -> None:
    assert put(key="deadline:1").pk == put(key="deadline:1").pk


@pytest.mark.django_db
@pytest.mark.usefixtures("_with_mail")
def test_a_mail_server_that_refuses_is_tried_again_and_then_a_person_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_message: object) -> None:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    message, now = put(), NOON

    assert tasks.deliver(now) == 0
    message.refresh_from_db()
    assert (message.outcome, message.attempts, message.trouble) == (Outcome.WAITING, 1, "unavailable")
    assert message.due_at == NOON + leases.FIRST_PAUSE
    for _ in range(leases.MOST_ATTEMPTS):
        now += leases.LONGEST_PAUSE
        tasks.deliver(now)
    message.refresh_from_db()

    assert message.kind == Channel.HAND
    assert LINK in message.text
    assert [found.pk for found in queries.to_pass_on(viewer(Role.COORDINATOR))] == [message.pk]
    assert audit.events_of(message.pk).get().tag == EventTag.MESSAGE_FAILED


@pytest.mark.django_db
def test_without_a_mail_server_a_coordinator_passes_it_on() -> None:
    message = put()
    client = client_of(Role.COORDINATOR)

    assert LINK in client.get(reverse("outbox:waiting")).content.decode()
    assert client.post(reverse("outbox:passed_on", args=[message.pk])).status_code == 302

    message.refresh_from_db()
    assert (message.outcome, message.text) == (Outcome.DONE, "")
    assert LINK not in client.get(reverse("outbox:waiting")).content.decode()
    assert client.post(reverse("outbox:passed_on", args=[message.pk])).status_code == 404


@pytest.mark.django_db
def test_a_vendor_sees_no_message_of_others() -> None:
    message = put()

    assert list(queries.to_pass_on(viewer(Role.VENDOR))) == []
    with pytest.raises(NotFoundError):
        queries.message_to_pass_on(viewer(Role.VENDOR), message.pk)
    with pytest.raises(NotPermittedError):
        services.mark_passed_on(message=message, by=viewer(Role.VENDOR), now=NOON)


@pytest.mark.django_db
def test_a_party_finds_its_own_messages() -> None:
    party = make_party(Role.VENDOR)
    mine = services.queue(subject="Hello", text="x", now=NOON, party=party, about="cas_1")
    from safeconduct.server.parties.access import viewer_of

    assert [message.pk for message in queries.messages_for(viewer_of(party))] == [mine.pk]
    assert [message.pk for message in queries.messages_about("cas_1")] == [mine.pk]
    assert list(queries.messages_for(viewer(Role.VENDOR))) == []


@pytest.mark.django_db
def test_work_is_taken_once_until_its_lease_ends() -> None:
    jobs(3)

    first = leases.claim(Job, "gate", now=NOON, limit=2)
    second = leases.claim(Job, "gate", now=NOON)
    after = leases.claim(Job, "gate", now=NOON + leases.LEASE)

    assert len(first) == 2
    assert len(second) == 1
    assert {job.pk for job in after} == {job.pk for job in first} | {job.pk for job in second}


@pytest.mark.django_db
def test_work_is_taken_by_kind_and_when_due() -> None:
    jobs(1, kind="other")
    services.schedule(kind="gate", subject="rep_late", due_at=NOON + timedelta(minutes=1))

    assert leases.claim(Job, "gate", now=NOON) == []
    assert len(leases.claim(Job, "gate", now=NOON + timedelta(minutes=1))) == 1
    assert queries.waiting_jobs("other").count() == 1


@pytest.mark.django_db
def test_finished_work_stays_finished() -> None:
    jobs(1)
    (job,) = leases.claim(Job, "gate", now=NOON)

    assert leases.finish(job, now=NOON)
    assert not leases.finish(job, now=NOON)
    assert leases.claim(Job, "gate", now=NOON + timedelta(days=9)) == []


@pytest.mark.django_db
def test_a_worker_that_overslept_its_lease_cannot_finish_the_work_of_the_next() -> None:
    jobs(1)
    (old,) = leases.claim(Job, "gate", now=NOON)
    (new,) = leases.claim(Job, "gate", now=NOON + leases.LEASE)

    assert not leases.finish(old, now=NOON)
    assert not leases.fail(old, code="late", now=NOON)
    assert leases.finish(new, now=NOON)


@pytest.mark.django_db
def test_pauses_double_and_have_an_end() -> None:
    jobs(1)
    pauses, now = [], NOON
    for _ in range(leases.MOST_ATTEMPTS):
        (job,) = leases.claim(Job, "gate", now=now)
        is_given_up = leases.fail(job, code="target", now=now)
        job.refresh_from_db()
        pauses.append(job.due_at - now)
        now = max(job.due_at, now)

    assert pauses[:3] == [leases.FIRST_PAUSE, leases.FIRST_PAUSE * 2, leases.FIRST_PAUSE * 4]
    assert max(pauses) <= leases.LONGEST_PAUSE
    assert is_given_up
    assert job.outcome == Outcome.FAILED


@pytest.mark.django_db(transaction=True)
def test_no_two_workers_take_the_same_work() -> None:
    jobs(60)
    taken: list[str] = []

    def work() -> None:
        while batch := leases.claim(Job, "gate", now=NOON, limit=4):
            taken.extend(job.pk for job in batch)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == len(set(taken)) == 60


@pytest.mark.django_db
def test_a_slot_is_taken_by_one() -> None:
    hour = timedelta(hours=1)

    assert services.take_slot("sweep", every=hour, now=NOON)
    assert not services.take_slot("sweep", every=hour, now=NOON + timedelta(minutes=59))
    assert services.take_slot("sweep", every=hour, now=NOON + hour)
    assert services.take_slot("other", every=hour, now=NOON)


@pytest.mark.django_db
def test_silence_of_the_background_work_is_seen() -> None:
    within = timedelta(minutes=1)
    assert queries.last_heartbeat() is None
    assert not queries.is_worker_alive(now=NOON, within=within)

    services.give_heartbeat("one", now=NOON)

    assert queries.is_worker_alive(now=NOON + timedelta(seconds=59), within=within)
    assert not queries.is_worker_alive(now=NOON + within, within=within)
    assert queries.last_heartbeat() == NOON


@pytest.mark.django_db
def test_old_signs_of_life_and_slots_are_forgotten() -> None:
    services.give_heartbeat("old", now=NOON)
    services.take_slot("old", every=timedelta(hours=1), now=NOON)

    services.give_heartbeat("new", now=NOON + timedelta(days=500))

    assert [beat.worker for beat in Heartbeat.objects.all()] == ["new"]
    assert not Slot.objects.exists()
