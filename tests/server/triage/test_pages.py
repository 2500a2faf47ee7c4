# SPDX-License-Identifier: Apache-2.0
"""The pages of an assessment, as a browser without scripts uses them."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.factories import attachments, records
from tests.factories import authorizations as targets
from tests.factories import intake as reports
from tests.factories import triage as factory
from tests.factories.spine import ATTACK, CANARY, bundle_bytes, report_with_bundle
from tests.server.factories import client_of, make_party
from tests.verification.endpoint import endpoint

from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Evidence, Report, RestrictedMaterial
from safeconduct.policy.ml_profile import metrics
from safeconduct.server.audit import vault
from safeconduct.server.audit.models import Event
from safeconduct.server.intake import drafts
from safeconduct.server.intake import services as intake
from safeconduct.server.intake.models import Report as Row
from safeconduct.server.intake.storage import SealedFile
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.parties.models import Party
from safeconduct.server.registry import services as registry
from safeconduct.server.triage import queries, services, tasks
from safeconduct.server.triage.kindness import REASONS
from safeconduct.server.triage.models import Appeal, Assessment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> [a](javascript:alert(3)) {{ 7|add:7 }} {% now 'Y' %} "
    "https://evil.example \u202egnp.exe \x1b[31m \u200b \u2066x"
)


@pytest.fixture
def ada(db: None) -> Party:
    return make_party(Role.COORDINATOR, handle="ada")


@pytest.fixture
def client(ada: Party) -> Client:
    return client_of(ada)


def assessed(now: datetime, ada: Party, told: Report | None = None) -> Assessment:
    return factory.assessed(now, by=viewer_of(ada), told=told)


def url(name: str, assessment: Assessment, *rest: str) -> str:
    return reverse(f"triage:{name}", args=[assessment.pk, *rest])


def text(answer: Any) -> str:
    return answer.content.decode()


def main_of(answer: Any) -> str:
    return text(answer).partition("<main")[2].partition("</main>")[0]


def attached(row: Row, name: str, content: bytes, now: datetime) -> str:
    return str(attachments.attached(row, content, name=name, media_type="text/html", now=now).pk)


def test_the_first_look_acknowledges_the_report_and_the_second_does_not(client: Client, now: datetime) -> None:
    row = reports.received(now).row
    assessment = services.assess(row=row, now=now)

    for _ in range(2):
        assert client.get(url("assessment", assessment)).status_code == 200

    row.refresh_from_db()
    assert row.acknowledged_at is not None
    assert Event.objects.filter(tag=EventTag.REPORT_OPENED, subject=row.pk).count() == 1


def test_everything_that_was_told_is_on_the_page(client: Client, now: datetime, ada: Party) -> None:
    told = records.report(
        summary="sum-mark",
        expected_behavior="expected-mark",
        mitigation="mitigation-mark",
        severity_claim="claim-mark",
        public_references=("ref-mark",),
        recipients_requested=("recipient-mark",),
        authorization="window-mark",
        evidence=Evidence(controls="control-mark", trials=(TrialSummary(n=40, hits=39, family="family-mark"),)),
    )

    page = main_of(client.get(url("assessment", assessed(now, ada, told))))

    marks = ["sum", "expected", "mitigation", "claim", "ref", "recipient", "window", "control", "family"]
    assert [mark for mark in marks if f"{mark}-mark" not in page] == []
    for shown in (told.title, told.description, told.steps, "orchid-assistant-1", "39 of 40 episodes"):
        assert shown in unescape(page)


def test_each_rule_is_there_with_its_reasons_and_ids(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada)

    page = unescape(main_of(client.get(url("assessment", assessment))))

    for name, answer in queries.answers_of(assessment).items():
        if name == "matches":
            continue
        assert all(reason in page for reason in answer["reasons"]), name
        assert all(f"<code>{rule}</code>" in page for rule in answer["rules"]), name


def test_hostile_text_stays_text_in_every_field(client: Client, now: datetime, ada: Party) -> None:
    told = records.report(
        title=HOSTILE[:190],
        summary=HOSTILE,
        description=HOSTILE,
        steps=HOSTILE * 3,
        expected_behavior=HOSTILE,
        actual_behavior=HOSTILE,
        mitigation=HOSTILE,
        severity_claim=HOSTILE,
        authorization=HOSTILE,
        policies_violated=(HOSTILE,),
        public_references=(HOSTILE, "javascript:alert(9)"),
        recipients_requested=(HOSTILE,),
        affects=(records.hosted_model(vendor=HOSTILE, product=HOSTILE, status_note=HOSTILE),),
        evidence=Evidence(trials=(TrialSummary(n=40, hits=9, family=HOSTILE, model=HOSTILE),), transfers_to=(HOSTILE,)),
    )
    by = viewer_of(ada)
    reports.received(now, told=told)
    assessment = assessed(now, ada, told)
    attached(assessment.report, f"{HOSTILE}.html", b"<script>", now)
    intake.answer(row=assessment.report, text=HOSTILE, now=now)
    services.override(assessment=assessment, field="cvss", value="", reason=HOSTILE, by=by, now=now)
    other = queries.answers_of(assessment)["matches"][0]["id"]
    services.reject(assessment=assessment, reason=HOSTILE, by=by, now=now)
    appeal = services.appeal(row=assessment.report, text=HOSTILE, now=now)

    pages = [
        url("assessment", assessment),
        url("duplicate", assessment, other),
        reverse("triage:appeals"),
        reverse("triage:appeal", args=[appeal.pk]),
        f"{reverse('desk:queue')}?state=rejected",
        reverse("desk:queue"),
    ]
    for path in pages:
        answer = client.get(path)
        page = main_of(answer)
        assert answer.status_code == 200
        assert not re.search(r"<script|<img|onerror=[^&]*>\s*<|href=[\"']?(?:javascript|https?:)", page), path
        assert "14" not in re.findall(r"\{\{ 7\|add:7 \}\}|\b14\b(?=[^:<]*2026)", page)
        assert not re.search("[\u202e\x1b\u200b\u2066]", page), path
    shown = main_of(client.get(url("assessment", assessment)))
    assert "⟨U+202E⟩gnp.exe" in shown
    assert "{{ 7|add:7 }}" in shown


def test_restricted_material_is_shown_to_who_asks_and_that_is_recorded(
    client: Client, now: datetime, ada: Party
) -> None:
    told = records.report(restricted_material=RestrictedMaterial.CBRN_DETAIL, description="DETAIL", steps="DETAIL")
    assessment = assessed(now, ada, told)
    file = attached(assessment.report, "recipe.txt", b"recipe", now)

    hidden = client.get(url("assessment", assessment))
    assert "DETAIL" not in main_of(hidden)
    assert url("attachment", assessment, file) not in main_of(hidden)
    assert client.get(url("reveal", assessment)).status_code == 405
    assert client.get(url("attachment", assessment, file)).status_code == 409

    shown = client.post(url("reveal", assessment))

    assert "DETAIL" in main_of(shown)
    link = unescape(re.search(r'href="([^"]+restricted=yes)"', main_of(shown))[1])
    assert b"".join(client.get(link).streaming_content) == b"recipe"
    assert [event.actor for event in Event.objects.filter(tag=EventTag.RESTRICTED_SHOWN)] == [ada.pk]
    other = assessed(now, ada)
    assert "DETAIL" not in main_of(client.get(url("duplicate", other, assessment.report_id)))


def test_files_of_material_that_may_not_be_seen_are_never_handed_out(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada, records.report(restricted_material=RestrictedMaterial.CSAM, steps=""))
    # Intake refuses such a file; this is what an older or a mended row would be.
    key = vault.key_of(assessment.report_id)
    sealed = SealedFile(key=key, name="x", media_type="image/png", limit=9)
    sealed.write(b"x")
    drafts.attachment(assessment.report, sealed.finish(), key=key, now=now).save(force_insert=True)
    file = assessment.report.attachments.get().pk

    assert client.get(url("attachment", assessment, file), {"restricted": "yes"}).status_code == 409
    assert url("attachment", assessment, file) not in main_of(client.post(url("reveal", assessment)))


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("proof.html", "proof.html"),
        ("../../etc/passwd", "etc_passwd"),
        ('x".html"; filename="evil.exe', "x_.html_filename_evil.exe"),
        ("a\r\nSet-Cookie: x=1", "a_Set-Cookie_x_1"),
        ("\u202egnp.exe", "gnp.exe"),
        ("...", "file"),
        ("ä" * 90, "file"),
    ],
)
def test_an_attachment_is_bytes_that_no_browser_opens(
    client: Client, now: datetime, ada: Party, *, name: str, saved: str
) -> None:
    assessment = assessed(now, ada)
    file = attached(assessment.report, name, b"<script>alert(1)</script>", now)

    answer = client.get(url("attachment", assessment, file))

    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{file}-{saved}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].endswith("sandbox")


def test_an_attachment_of_another_report_is_not_there(client: Client, now: datetime, ada: Party) -> None:
    one, other = assessed(now, ada), assessed(now, ada)
    file = attached(other.report, "x", b"x", now)

    assert client.get(url("attachment", one, file)).status_code == 404


def test_the_evidence_is_told_with_counts_families_and_interval(client: Client, now: datetime) -> None:
    row = report_with_bundle(now).row
    with endpoint(canary=CANARY, rate=1.0, only_for=ATTACK) as server:
        target = targets.granted(now, url=server.url, allow_private=True, label="the stand")
        tasks.run_gate(now)
    assessment = queries.assessment_of(row)
    assert assessment is not None

    page = main_of(client.get(url("assessment", assessment)))

    assert reverse("authorizations:target", args=[target.pk]) in page
    for words in ("the stand", "3 of 3 trials", "between 53 % and 100 %", "Family of variants", "acme-1-0613"):
        assert words in page
    file = row.attachments.get()
    assert b"".join(client.get(url("attachment", assessment, file.pk)).streaming_content) == bundle_bytes()


def test_a_run_that_was_not_made_is_told_as_such_and_can_be_asked_for(client: Client, now: datetime) -> None:
    row = report_with_bundle(now).row
    tasks.run_gate(now)
    assessment = queries.assessment_of(row)
    assert assessment is not None
    page = main_of(client.get(url("assessment", assessment)))
    assert "says nothing against the report" in page

    assert client.post(url("run_gate", assessment)).status_code == 302
    assert client.post(url("run_gate", assessment)).status_code == 409

    assert "queued" in main_of(client.get(url("assessment", assessment)))


def test_a_vector_is_set_and_listed_with_who_when_and_why(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada)

    answer = client.post(
        url("set_vector", assessment), {"cvss-vector": factory.CVSS, "cvss-reason": "Anyone can."}, follow=True
    )

    page = main_of(answer)
    assert factory.CVSS in page
    assert "Anyone can." in page
    assert "· ada" in page
    assert re.search(r"<time datetime=\"20\d\d-", page.partition("Set by a person")[2])


@pytest.mark.parametrize(
    ("form", "field", "given", "words"),
    [
        ("set_vector", "cvss", {"vector": "CVSS:3.1/AV:N", "reason": "x"}, "not a CVSS 4.0 vector"),
        ("set_vector", "cvss", {"vector": factory.CVSS, "reason": ""}, "required"),
        ("set_profile", "profile", {"reason": "x"}, "required"),
        ("set_exploitation", "exploitation", {"exploitation": "maybe", "reason": "x"}, "valid choice"),
        ("set_tracks", "tracks", {"tracks": "nonsense", "reason": "x"}, "valid choice"),
    ],
)
def test_a_wrong_value_comes_back_with_what_was_written(
    client: Client, now: datetime, ada: Party, *, form: str, field: str, given: dict[str, str], words: str
) -> None:
    assessment = assessed(now, ada)

    answer = client.post(url(form, assessment), {f"{field}-{name}": value for name, value in given.items()})

    assert answer.status_code == 422
    assert words in text(answer)
    if given.get("vector"):
        assert given["vector"] in text(answer)
    assert queries.overrides_of(Assessment.objects.get(pk=assessment.pk)) == []


def test_the_profile_is_asked_in_plain_questions_and_kept_where_it_differs(
    client: Client, now: datetime, ada: Party
) -> None:
    told = records.report(evidence=Evidence(trials=(TrialSummary(n=100, hits=60),)))
    assessment = assessed(now, ada, told)
    page = unescape(main_of(client.get(url("assessment", assessment))))
    assert all(metric.asks in page for metric in metrics().values())

    given = {f"profile-{key}": "X" for key in metrics()} | {"profile-SR": "L", "profile-HM": "S", "profile-reason": "x"}
    client.post(url("set_profile", assessment), given)

    assessment.refresh_from_db()
    assert assessment.facts == {"profile": "MLP:1.0/HM:S"}
    assert "/SR:L/" in assessment.ml_profile


def test_use_in_the_wild_and_tracks_are_set_and_taken_back(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada)
    client.post(
        url("set_exploitation", assessment), {"exploitation-exploitation": "active", "exploitation-reason": "x"}
    )
    client.post(url("set_tracks", assessment), {"tracks-tracks": ["limitation"], "tracks-reason": "x"})
    assessment.refresh_from_db()
    assert (assessment.exploitation, assessment.tracks) == ("active", ["limitation"])

    client.post(url("set_exploitation", assessment), {"exploitation-exploitation": "", "exploitation-reason": "x"})
    client.post(url("set_tracks", assessment), {"tracks-reason": "x"})

    assessment.refresh_from_db()
    assert assessment.exploitation == "none"
    assert assessment.tracks != ["limitation"]
    assert "taken back" in main_of(client.get(url("assessment", assessment)))


def test_the_first_question_asks_what_is_missing(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada)
    page = unescape(main_of(client.get(url("assessment", assessment))))
    assert "- What should the system have done?" in page

    answer = client.post(url("ask", assessment), {"question": "Which version?"}, follow=True)

    assert "Which version?" in main_of(answer)
    assert "waiting for the reporter" in main_of(answer)
    assert client.post(url("ask", assessment), {"question": " "}).status_code == 422


@pytest.mark.parametrize("kind", REASONS)
def test_kind_words_are_offered_and_their_gaps_must_be_filled(
    client: Client, now: datetime, ada: Party, *, kind: str
) -> None:
    assessment = assessed(now, ada)
    words = REASONS[kind].text
    page = client.get(url("assessment", assessment), {"reason": kind})
    assert words in unescape(text(page))

    unfilled = client.post(url("reject", assessment), {"reason": words})
    assert unfilled.status_code == 422
    assert "Fill this in" in text(unfilled)

    filled = re.sub(r"\[[^]]+\]", "as we told you [sic]", words)
    answer = client.post(url("reject", assessment), {"reason": filled}, follow=True)
    assert "may appeal" in main_of(answer)
    assert filled in unescape(main_of(answer))


def test_a_decided_report_offers_no_decision_any_more(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada)
    services.reject(assessment=assessment, reason="No.", by=viewer_of(ada), now=now)

    page = main_of(client.get(url("assessment", assessment)))
    late = client.post(url("reject", assessment), {"reason": "Again."})

    assert url("reject", assessment) not in page
    assert url("set_vector", assessment) not in page
    assert late.status_code == 409
    assert "was decided: not accepted" in text(late)


def test_accepting_posts_to_the_page_that_opens_cases_and_leads_to_the_case(
    client: Client, now: datetime, ada: Party
) -> None:
    assessment = assessed(now, ada)
    page = main_of(client.get(url("assessment", assessment)))
    action = re.search(r'<form method="post" action="([^"]+)">[^<]*<input[^>]+><button>Accept', page)
    assert action is not None
    assert action[1] == reverse("cases:open", args=[assessment.pk])
    assert client.post(action[1]).status_code == 200
    none = client.get(reverse("desk:case_of", args=[assessment.report_id]))
    assert none.status_code == 404

    client.post(action[1], {"guests-TOTAL_FORMS": "0", "guests-INITIAL_FORMS": "0"})

    page = main_of(client.get(url("assessment", assessment)))
    case = reverse("desk:case_of", args=[assessment.report_id])
    assert case in page
    assert client.get(case).status_code == 302


def test_duplicates_are_compared_side_by_side_and_marked(client: Client, now: datetime, ada: Party) -> None:
    first = assessed(now, ada)
    second = assessed(now, ada)
    compare = url("duplicate", second, first.report_id)
    assert compare in main_of(client.get(url("assessment", second)))

    page = main_of(client.get(compare))
    assert "<mark>assistant</mark>" in page
    assert "the same text, word for word" in page
    assert url("assessment", first) in page

    answer = client.post(compare, follow=True)
    assert "marked as a duplicate" in text(answer)
    second.refresh_from_db()
    assert second.duplicate_of_id == first.report_id
    assert client.post(compare).status_code == 409
    assert "<form" not in main_of(client.get(compare))


def test_a_public_entry_is_compared_and_marked_too(client: Client, now: datetime, ada: Party) -> None:
    entry = registry.reserve(flaw_class=records.advisory("x").flaw_class, by=viewer_of(ada), now=now)
    told = records.report()
    registry.publish(
        entry=entry, record=records.advisory(entry.public_id, description=told.description), by=viewer_of(ada), now=now
    )
    assessment = assessed(now, ada, told)
    compare = url("duplicate_entry", assessment, entry.public_id)
    assert compare in main_of(client.get(url("assessment", assessment)))
    assert "In the register" in main_of(client.get(compare))

    answer = client.post(compare, follow=True)

    assert reverse("registry:entry", args=[entry.public_id]) in main_of(answer)


@pytest.mark.parametrize("wanted", ["", "rep_missing", "SC-2026-missing0", "../../x", "<script>"])
def test_what_is_not_there_cannot_be_compared(client: Client, now: datetime, ada: Party, *, wanted: str) -> None:
    assert client.get(url("compare", assessed(now, ada)), {"with": wanted}).status_code == 404


def test_any_report_and_entry_can_be_compared_by_identifier(client: Client, now: datetime, ada: Party) -> None:
    one, other = assessed(now, ada), reports.received(now).row

    answer = client.get(url("compare", one), {"with": f" {other.pk} "})

    assert answer.headers["Location"] == url("duplicate", one, other.pk)
    assert client.get(answer.headers["Location"]).status_code == 200
    assert client.post(url("duplicate", one, one.report_id)).status_code == 409


def test_the_rules_can_be_asked_again(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now - timedelta(days=2), ada)

    client.post(url("judge", assessment))

    assert Assessment.objects.get(pk=assessment.pk).changed_at > assessment.changed_at


def test_appeals_are_listed_and_decided_by_somebody_else(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada)
    services.reject(assessment=assessment, reason="No.", by=viewer_of(ada), now=now)
    appeal = services.appeal(row=assessment.report, text="Look again, please.", now=now)
    path = reverse("triage:appeal", args=[appeal.pk])
    assert "another coordinator decides" in main_of(client.get(reverse("triage:appeals")))
    assert "<form" not in main_of(client.get(path))
    assert client.post(path, {"upheld": "yes", "reason": "I was right."}).status_code == 409

    bob = client_of(Role.COORDINATOR)
    assert "Look again, please." in main_of(bob.get(path))
    assert bob.post(path, {"upheld": "yes"}).status_code == 422
    assert bob.post(path, {"reason": "x"}).status_code == 422
    assert bob.post(path, {"upheld": "no", "reason": "It stands."}).status_code == 302

    assert Appeal.objects.get().upheld is False
    assert bob.get(path).status_code == 404
    assert "No appeal waits" in text(bob.get(reverse("triage:appeals")))


def test_a_shredded_report_is_told_and_not_a_failure(client: Client, now: datetime, ada: Party) -> None:
    assessment = assessed(now, ada)
    other = assessed(now, ada)
    vault.shred(assessment.report_id)

    assert client.get(url("assessment", assessment)).status_code == 409
    assert client.get(url("assessment", other)).status_code == 200


@pytest.mark.parametrize("role", [Role.VENDOR, Role.DEPLOYER, Role.OBSERVER, Role.REGULATOR, Role.ADMINISTRATOR])
def test_others_get_the_same_answer_for_what_is_there_and_what_is_not(now: datetime, ada: Party, *, role: Role) -> None:
    assessment, outsider = assessed(now, ada), client_of(role)
    file = attached(assessment.report, "x", b"x", now)
    missing = outsider.get(reverse("triage:assessment", args=["asm_missing"]))

    gets = [url("assessment", assessment), url("attachment", assessment, file), url("compare", assessment)]
    gets += [reverse("triage:appeals"), reverse("desk:queue"), reverse("desk:case_of", args=[assessment.report_id])]
    posts = [url(name, assessment) for name in ("reveal", "set_vector", "ask", "reject", "judge", "run_gate")]
    answers = [outsider.get(path) for path in gets] + [outsider.post(path, {"reason": "x"}) for path in posts]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, missing.content)}
