# SPDX-License-Identifier: Apache-2.0
"""From draft to published documents: what blocks, what is told, what stays, and the bytes that are served."""

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from tests.factories import advisories, cases, records
from tests.server.factories import client_of, viewer

from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.ids import IdKind
from safeconduct.domain.parties import Role
from safeconduct.domain.report import Reporter, ReporterMode, RestrictedMaterial
from safeconduct.errors import ConflictError, IncompleteError, NotFoundError, NotPermittedError, VerificationError
from safeconduct.formats import native
from safeconduct.formats.csaf import CsafFormat
from safeconduct.formats.osv import OsvFormat
from safeconduct.policy.decision import Outcome
from safeconduct.server.advisories import queries, services
from safeconduct.server.advisories.models import AdvisoryState, Publication
from safeconduct.server.audit import ledger
from safeconduct.server.audit.models import Commitment, Event
from safeconduct.server.registry import queries as registry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]

NAMED = Reporter(mode=ReporterMode.NAMED, name="Ada Canary", contact="ada@canary.example", credit_name="Ada Canary")


def reasons(made: advisories.Drafted, now: datetime, **changes) -> str:
    decision = queries.blockers(made.present(), said=advisories.said(**changes), now=now)
    return "; ".join(decision.reasons) if decision.outcome is not Outcome.ALLOWED else ""


def test_everything_that_blocks_is_listed_at_once(now: datetime) -> None:
    world = cases.opened(now, told=records.report())
    advisory = services.draft(case=world.present(), by=world.desk, now=now)

    with pytest.raises(ConflictError) as caught:
        services.publish(advisory=advisory, said=queries.Said(), by=world.desk, now=now)

    told = "; ".join(caught.value.facts["reasons"])
    for ground in ("embargo", "no verdict", "not informed yet: Orchid Bank", "/remediations"):
        assert ground in told
    assert not Publication.objects.exists()
    with pytest.raises(NotFoundError):
        registry.by_public_id(advisory.entry.public_id)


def test_warnings_hold_it_back_until_somebody_accepts_each(now: datetime) -> None:
    made = advisories.drafted(now, words={"summary": "An attacker may perhaps possibly repeat a password. " * 4})
    decision = queries.blockers(made.present(), said=advisories.said(acknowledged=frozenset()), now=now)

    assert decision.outcome is Outcome.DISCOURAGED
    rules = frozenset(rule.removeprefix("lint.") for rule in decision.rules)
    assert reasons(made, now, acknowledged=rules) == ""
    assert reasons(made, now, acknowledged=frozenset(sorted(rules)[1:]))


def test_a_published_version_is_valid_in_every_format(now: datetime, client: Client, tmp_path: Path) -> None:
    made = advisories.published(now)
    public_id = made.advisory.entry.public_id

    found = {kind: client.get(f"/advisories/{public_id}/{kind}.json").content for kind in queries.DOCUMENTS}

    assert [remark for remark in CsafFormat().check(found["csaf"]) if remark.level == "error"] == []
    path = tmp_path / f"{public_id.lower()}.json"
    path.write_bytes(found["csaf"])
    judged = subprocess.run(
        [
            sys.executable,
            "-m",
            "csaf",
            "validate",
            "--spec-version",
            "v20",
            "--preset",
            "mandatory",
            "--no-network",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert [remark for remark in OsvFormat().check(found["osv"]) if remark.level == "error"] == []
    assert native.read_advisory(found["json"]) == registry.record_of(made.advisory.entry)


def test_the_bytes_that_are_served_are_those_that_were_stored(now: datetime, client: Client) -> None:
    made = advisories.published(now)
    stored = Publication.objects.get(advisory=made.advisory, format="csaf")

    answer = client.get(f"/advisories/{made.advisory.entry.public_id}/csaf.json")

    digest = hashlib.sha256(answer.content)
    assert answer.content == bytes(stored.content)
    assert answer["ETag"] == f'"{stored.sha256}"' == f'"{digest.hexdigest()}"'
    assert answer["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert Commitment.objects.filter(kind="advisory").count() == 1
    for header in (answer["ETag"], f"W/{answer['ETag']}", f'"other", {answer["ETag"]}', "*"):
        again = client.get(answer.request["PATH_INFO"], headers={"If-None-Match": header})
        assert (again.status_code, again.content) == (304, b"")


def test_a_document_changed_in_the_database_is_not_served(now: datetime, client: Client) -> None:
    made = advisories.published(now)
    Publication.objects.filter(advisory=made.advisory).update(content=b"{}")

    answer = client.get(f"/advisories/{made.advisory.entry.public_id}/csaf.json")

    assert answer.status_code == 422
    with pytest.raises(VerificationError):
        queries.document(made.advisory.entry.public_id, "csaf")


def test_a_second_version_keeps_the_day_of_the_first_and_its_documents(now: datetime, client: Client) -> None:
    made = advisories.published(now)
    later = now + timedelta(days=2)
    services.publish(advisory=made.advisory, said=advisories.said(what="More systems."), by=made.world.desk, now=later)
    entry = registry.by_public_id(made.advisory.entry.public_id)
    record = registry.record_of(entry)

    assert (record.published_at, record.modified_at) == (now, later)
    assert (entry.published_at, entry.modified_at) == (now, later)
    assert [revision.version for revision in record.revisions] == [1, 2]
    assert record.revisions[1].summary.startswith("More systems.")
    first, second = (client.get(f"/advisories/{record.id}/{number}/json.json") for number in (1, 2))
    assert native.read_advisory(first.content).revisions == record.revisions[:1]
    assert client.get(f"/advisories/{record.id}/json.json").content == second.content
    assert client.get(f"/advisories/{record.id}/3/json.json").status_code == 404
    assert "More systems." in client.get(f"/register/{record.id}/").content.decode()


def test_a_stated_reason_is_told_to_readers(now: datetime) -> None:
    made = advisories.drafted(now)
    services.publish(
        advisory=made.advisory,
        said=advisories.said(what="First version.", without_verdict="The vendor answers nobody."),
        by=made.world.desk,
        now=now,
    )

    [revision] = registry.record_of(registry.by_public_id(made.advisory.entry.public_id)).revisions

    assert revision.summary == (
        "First version. Published without a verdict that the fix holds: The vendor answers nobody."
        " Published although the report leaves questions open: The reporter is gone."
    )


def test_a_withdrawn_advisory_stays_readable_and_says_why(now: datetime, client: Client) -> None:
    made = advisories.published(now)
    public_id = made.advisory.entry.public_id
    before = client.get(f"/advisories/{public_id}/1/csaf.json").content
    services.withdraw(
        advisory=made.advisory, reason="It could not be repeated.", by=made.world.desk, now=now + timedelta(days=1)
    )

    page = client.get(f"/register/{public_id}/").content.decode()

    assert "It could not be repeated." in page.partition("</div>")[0] + page
    assert "This entry was withdrawn." in page
    assert client.get(f"/advisories/{public_id}/1/csaf.json").content == before
    assert json.loads(client.get(f"/advisories/{public_id}/osv.json").content)["withdrawn"]
    csaf = client.get(f"/advisories/{public_id}/csaf.json").content
    assert [remark for remark in CsafFormat().check(csaf) if remark.level == "error"] == []
    assert b"(withdrawn)" in client.get("/advisories/feed.atom").content
    with pytest.raises(ConflictError):
        services.withdraw(advisory=made.advisory, reason="Again.", by=made.world.desk, now=now)


def test_a_withdrawn_advisory_can_be_restored_by_another_version(now: datetime) -> None:
    made = advisories.published(now)
    gone = services.withdraw(advisory=made.advisory, reason="A mistake.", by=made.world.desk, now=now)

    back = services.publish(advisory=gone, said=advisories.said(what="Restored."), by=made.world.desk, now=now)

    entry = registry.by_public_id(back.entry.public_id)
    assert (entry.state, back.state, back.version) == ("public", AdvisoryState.PUBLISHED, 3)
    assert registry.record_of(entry).withdrawn_at is None


@pytest.mark.parametrize("act", ["draft", "edit", "publish", "withdraw"])
def test_only_those_who_coordinate_act(now: datetime, act: str) -> None:
    made = advisories.published(now)
    stranger = viewer(Role.VENDOR, Role.ADMINISTRATOR)
    given = {
        "draft": {"case": made.world.present()},
        "edit": {"advisory": made.advisory, "change": lambda draft: draft},
        "publish": {"advisory": made.advisory, "said": advisories.said()},
        "withdraw": {"advisory": made.advisory, "reason": "No."},
    }
    events = Event.objects.count()

    with pytest.raises(NotPermittedError):
        getattr(services, act)(**given[act], by=stranger, now=now)

    assert Event.objects.count() == events


def test_each_act_is_recorded_once(now: datetime) -> None:
    made = advisories.drafted(now)
    services.draft(case=made.world.present(), by=made.world.desk, now=now)
    out = services.publish(advisory=made.present(), said=advisories.said(), by=made.world.desk, now=now)
    services.withdraw(advisory=out, reason="No.", by=made.world.desk, now=now)

    tags = list(Event.objects.filter(subject=out.pk).order_by("pk").values_list("tag", flat=True))

    assert [tag.rpartition(":")[2] for tag in tags] == ["drafted", "edited", "edited", "published", "withdrawn"]


def test_what_identifies_a_record_cannot_be_edited(now: datetime) -> None:
    made = advisories.drafted(now)

    for change in ({"id": "SC-2026-00000000"}, {"publisher": replace(queries.publisher(), name="Somebody")}):
        with pytest.raises(ConflictError):
            services.edit(
                advisory=made.advisory, change=lambda draft, c=change: replace(draft, **c), by=made.world.desk, now=now
            )


def test_a_version_says_what_is_new_and_a_withdrawal_why(now: datetime) -> None:
    made = advisories.published(now)

    with pytest.raises(IncompleteError):
        services.publish(advisory=made.advisory, said=advisories.said(what=" "), by=made.world.desk, now=now)
    with pytest.raises(IncompleteError):
        services.withdraw(advisory=made.advisory, reason=" ", by=made.world.desk, now=now)


def test_a_document_that_would_be_invalid_is_not_published(now: datetime) -> None:
    made = advisories.drafted(now)
    services.edit(
        advisory=made.advisory,
        change=lambda draft: replace(draft, aliases=("CVE-not-one",), references=records.advisory("x").references),
        by=made.world.desk,
        now=now,
    )
    broken = services.FORMATS

    class Strict(CsafFormat):
        def check(self, _data: bytes):
            return CsafFormat().check(b"{}")

    services.FORMATS = (Strict(),)
    try:
        with pytest.raises(ConflictError, match="invalid"):
            services.publish(advisory=made.advisory, said=advisories.said(), by=made.world.desk, now=now)
    finally:
        services.FORMATS = broken

    assert not Publication.objects.exists()
    assert made.present().state == AdvisoryState.DRAFT


@pytest.mark.parametrize(("is_released", "names"), [(True, ["Ada Canary"]), (False, [])])
def test_a_name_is_thanked_only_if_it_was_released(now: datetime, is_released: bool, names: list[str]) -> None:  # noqa: FBT001
    told = records.report(reporter=replace(NAMED, credit_release=is_released))
    made = advisories.published(now, told=told)

    record = registry.record_of(registry.by_public_id(made.advisory.entry.public_id))

    assert [credit.name for credit in record.credits] == names


def test_a_name_that_was_not_released_is_noticed_in_the_words(now: datetime) -> None:
    made = advisories.drafted(
        now, told=records.report(reporter=NAMED), words={"detection": "Ada Canary saw it in the logs."}
    )

    assert "did not release" in reasons(made, now)
    assert reasons(made, now, acknowledged=advisories.ALL_WARNINGS | {"name"}) == ""


def test_the_steps_of_restricted_matter_are_noticed_in_the_words(now: datetime) -> None:
    told = records.report(
        steps="Say the secret words xyzzy plugh plover.",
        restricted_material=RestrictedMaterial.CBRN_DETAIL,
    )
    made = advisories.drafted(
        now, told=told, words={"detection": "Look for: SAY, the secret words: xyzzy plugh; plover!"}
    )

    assert "sealed reproduction" in reasons(made, now)


def test_nothing_sealed_stands_in_any_document(now: datetime, client: Client) -> None:
    system = records.hosted_model(status_note="canary-note")
    trials = TrialSummary(n=10, hits=3, source="canary-source", source_sha256="ca" * 32, model="orchid-assistant-1")
    told = records.report(
        title="canary-title",
        summary="canary-summary",
        description="canary-description",
        steps="canary-steps",
        affects=(system,),
        evidence=replace(records.report().evidence, trials=(trials,)),
        reporter=replace(NAMED, organization="canary-organization"),
    )
    made = advisories.published(now, told=told)
    public_id = made.advisory.entry.public_id

    written = b"".join(bytes(one.content) for one in Publication.objects.all())
    pages = b"".join(
        client.get(path).content
        for path in (f"/register/{public_id}/", "/register/", "/advisories/feed.atom", "/measures/")
    )

    assert b"canary" not in (written + pages).lower()
    assert ("ca" * 32).encode() not in written


def test_what_is_not_published_answers_like_what_is_not_there(now: datetime, client: Client) -> None:
    made = advisories.drafted(now)
    public_id = made.advisory.entry.public_id

    for path in ("csaf.json", "osv.json", "json.json", "1/csaf.json", "certificate.json", "trials.jsonl"):
        mine, none = (client.get(f"/advisories/{name}/{path}") for name in (public_id, "SC-2026-00000000"))
        assert (mine.status_code, mine.content) == (none.status_code, none.content) == (404, none.content)


@pytest.mark.parametrize("kind", ["native", "certificate", "trials", "draft", "", "..", "%00"])
def test_only_the_named_documents_are_served(now: datetime, client: Client, kind: str) -> None:
    made = advisories.published(now)

    assert client.get(f"/advisories/{made.advisory.entry.public_id}/{kind}.json").status_code == 404


def test_the_log_commits_to_the_published_document(now: datetime, client: Client) -> None:
    made = advisories.published(now)
    content = client.get(f"/advisories/{made.advisory.entry.public_id}/csaf.json").content
    from safeconduct.ledger.commitment import public_commitment

    ledger.beat(now=now)

    assert ledger.receipt_of(public_commitment(content)) is not None
    assert made.advisory.pk.startswith(IdKind.ADVISORY)


def test_the_page_keeps_what_was_typed_and_shows_what_blocks(now: datetime) -> None:
    made = advisories.drafted(now)
    coordinator = client_of(made.world.coordinator)
    page = f"/advisories/case/{made.world.case.pk}/"

    refused = coordinator.post(f"{page}publish", {"what": "typed-words", "acknowledged": ""})

    assert refused.status_code == 409
    shown = refused.content.decode()
    assert "typed-words" in shown
    assert "What still blocks it" in shown
    assert coordinator.post(f"{page}withdraw", {"reason": ""}).status_code == 422


def test_no_other_role_finds_the_draft(now: datetime) -> None:
    made = advisories.drafted(now)
    page = f"/advisories/case/{made.world.case.pk}/"

    for role in set(Role) - {Role.COORDINATOR}:
        assert client_of(role).get(page).status_code == 404
