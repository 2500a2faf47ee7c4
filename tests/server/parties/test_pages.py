# SPDX-License-Identifier: Apache-2.0
"""The pages of people and accounts, as a browser without scripts uses them."""

import re
from dataclasses import replace

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from tests.conftest import NOON, PASSWORD
from tests.server.factories import client_of, make_party, viewer

from safeconduct.domain.parties import Role, Scope
from safeconduct.server.parties import services
from safeconduct.server.parties.access import viewer_of
from safeconduct.server.parties.models import Party, WebSession
from safeconduct.server.parties.sessions import SessionStore

pytestmark = pytest.mark.django_db
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(seed: str = SEED) -> str:
    return format_hotp_value(hotp_value(seed, next(iter(yield_hotp_counters_from_time()))))


def sign_in(client: Client, handle: str, password: str = PASSWORD):
    return client.post(reverse("account_login"), {"login": handle, "password": password})


def text(answer) -> str:
    return answer.content.decode()


def test_an_administrator_invites_and_the_guest_joins_and_signs_in(client: Client) -> None:
    form = {"name": "Ada", "organization": "Acme", "roles": ["vendor"]}
    answer = client_of(Role.ADMINISTRATOR).post(reverse("parties:invite"), form)
    link = re.search(r'class="secret">([^<]+)<', text(answer))
    assert link is not None
    path = "/" + link[1].split("/", 3)[3]

    assert "Acme" in text(client.get(path))
    values = {"handle": "Ada@Example.org", "name": "", "email": "", "password": PASSWORD, "again": PASSWORD}
    assert client.post(path, values).status_code == 302
    assert sign_in(client, "ada@example.org").status_code == 302

    assert "ada@example.org" in text(client.get(reverse("parties:account")))
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"again": "something else entirely"}, "differ"),
        ({"password": "short", "again": "short"}, "at least 12"),
        ({"handle": "with space"}, "Letters, digits"),
        ({"handle": "taken"}, "is taken"),
        ({"email": "no address"}, "valid email"),
        ({"handle": ""}, "required"),
    ],
)
def test_a_wrong_answer_is_told_beside_its_field(client: Client, changed: dict[str, str], words: str) -> None:
    make_party(handle="taken")
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.ADMINISTRATOR), now=NOON.replace(year=2099))
    values = {"handle": "ada", "name": "", "email": "", "password": PASSWORD, "again": PASSWORD} | changed

    answer = client.post(reverse("parties:join", args=[link.secret]), values)

    assert answer.status_code == 200
    assert words in text(answer)
    assert 'aria-invalid="true"' in text(answer)
    assert PASSWORD not in text(answer)
    assert not Party.objects.filter(handle="ada").exists()


def test_a_wrong_password_tells_nothing_and_many_are_stopped(client: Client) -> None:
    make_party(Role.VENDOR, handle="ada")

    answers = [text(sign_in(client, "ada", "wrong password")) for _ in range(7)]
    stranger = text(sign_in(client, "nobody", "wrong password"))

    assert "not correct" in answers[0]
    assert "not correct" in stranger
    assert "Too many failed" in answers[-1]


def test_a_closed_account_cannot_sign_in(client: Client) -> None:
    party = make_party(Role.VENDOR, handle="ada")
    services.deactivate(party=party, by=viewer(Role.ADMINISTRATOR), now=NOON)

    sign_in(client, "ada")

    assert client.get(reverse("parties:account")).status_code == 302


def test_a_second_factor_is_asked_for_at_sign_in(client: Client) -> None:
    party = make_party(Role.COORDINATOR, handle="ada")
    TOTP.activate(party, SEED)

    assert sign_in(client, "ada").headers["Location"] == reverse("mfa_authenticate")
    assert client.get(reverse("parties:account")).status_code == 302
    assert "Incorrect code" in text(client.post(reverse("mfa_authenticate"), {"code": "000000"}))
    client.post(reverse("mfa_authenticate"), {"code": code()})

    assert client.get(reverse("parties:account")).status_code == 200


def test_the_second_factor_is_set_up_without_scripts_and_gives_recovery_codes(client: Client) -> None:
    make_party(Role.COORDINATOR, handle="ada")
    sign_in(client, "ada")
    confirm = client.get(reverse("mfa_activate_totp")).headers["Location"]
    client.post(confirm, {"password": PASSWORD})
    page = text(client.get(reverse("mfa_activate_totp")))
    seed = re.search(r'class="secret">([A-Z2-7]+)<', page)
    assert seed is not None
    assert "<script" not in page
    assert "data:image/svg+xml" in page

    assert client.post(reverse("mfa_activate_totp"), {"code": code(seed[1])}).status_code == 302
    codes = text(client.get(reverse("mfa_view_recovery_codes")))

    assert len(re.findall(r"^[0-9a-z]{8}$", codes.split("<pre")[1], flags=re.MULTILINE)) >= 9
    assert "<script" not in codes


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.ADMINISTRATOR])
def test_outside_a_trial_coordinators_must_set_up_a_second_factor(settings, role: Role) -> None:
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, embedded=False)
    party = make_party(role)
    client = client_of(party)

    assert client.get(reverse("parties:people")).headers["Location"] == reverse("mfa_activate_totp")
    assert client.get("/").headers["Location"] == reverse("mfa_activate_totp")
    TOTP.activate(party, SEED)
    assert client.get(reverse("parties:people")).status_code == 200


def test_outside_a_trial_a_password_alone_gives_a_coordinator_no_token(settings) -> None:
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, embedded=False)
    party = make_party(Role.COORDINATOR)
    form = {"name": "p", "scopes": [Scope.TRIAGE.value], "days": 1}

    answer = client_of(party).post(reverse("parties:account"), form)

    assert answer.headers["Location"] == reverse("mfa_activate_totp")
    assert not party.tokens.exists()


def test_outside_a_trial_a_token_holds_with_the_second_factor_of_its_owner(settings) -> None:
    party = make_party(Role.COORDINATOR)
    token = services.issue_token(by=viewer_of(party), name="p", scopes=[Scope.TRIAGE], days=1, now=timezone.now()).text
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, embedded=False)
    caller = Client(headers={"Authorization": f"Bearer {token}"})

    before = caller.get("/api/v1/queue").status_code
    TOTP.activate(party, SEED)

    assert (before, caller.get("/api/v1/queue").status_code) == (401, 200)


def test_outside_a_trial_a_vendor_goes_on_without(settings) -> None:
    settings.SAFECONDUCT = replace(settings.SAFECONDUCT, embedded=False)

    assert client_of(Role.VENDOR).get(reverse("parties:account")).status_code == 200


def test_in_a_trial_a_coordinator_goes_on_without() -> None:
    assert client_of(Role.COORDINATOR).get(reverse("parties:people")).status_code == 200


def test_a_session_can_be_ended_from_another_one(client: Client) -> None:
    make_party(Role.VENDOR, handle="ada")
    sign_in(client, "ada")
    other = Client()
    sign_in(other, "ada")
    page = text(client.get(reverse("parties:account")))
    ends = re.findall(r'action="(/account/sessions/[0-9a-f]+/end/)"', page)
    assert len(ends) == 2
    assert not any(row.session_key in page for row in WebSession.objects.all())

    for end in ends:
        if client.post(end).headers["Location"] == reverse("parties:account"):
            break

    assert other.get(reverse("parties:account")).status_code == 302
    assert client.get("/").status_code == 200


def test_ending_the_own_session_signs_out(client: Client) -> None:
    make_party(Role.VENDOR, handle="ada")
    sign_in(client, "ada")
    end = re.findall(r'action="(/account/sessions/[0-9a-f]+/end/)"', text(client.get(reverse("parties:account"))))[0]

    client.post(end)

    assert client.get(reverse("parties:account")).status_code == 302


def test_a_session_row_knows_whose_it_is_and_when_it_began_and_nothing_else(client: Client) -> None:
    party = make_party(Role.VENDOR, handle="ada")
    client.post(
        reverse("account_login"),
        {"login": "ada", "password": PASSWORD},
        REMOTE_ADDR="203.0.113.77",
        HTTP_USER_AGENT="canary-agent",
    )

    row = WebSession.objects.get(party_id=party.pk)
    content = str(SessionStore().decode(row.session_data))

    assert row.began_at is not None
    assert {field.name for field in WebSession._meta.fields} == {
        "session_key",
        "session_data",
        "expire_date",
        "party_id",
        "began_at",
    }
    assert "203.0.113.77" not in content
    assert "canary-agent" not in content


def test_a_token_is_issued_shown_once_and_revoked() -> None:
    client = client_of(Role.VENDOR)
    answer = client.post(reverse("parties:account"), {"name": "ci", "scopes": ["case:read"], "days": 30})
    token = re.search(r'class="secret">(sct_[^<]+)<', text(answer))
    assert token is not None

    page = text(client.get(reverse("parties:account")))
    assert token[1] not in page
    revoke = re.search(r'action="(/account/tokens/[^"]+/revoke/)"', page)
    assert revoke is not None
    client.post(revoke[1])

    assert "revoked" in text(client.get(reverse("parties:account")))


def test_an_administrator_manages_an_account() -> None:
    admin, party = client_of(Role.ADMINISTRATOR), make_party(Role.VENDOR, handle="ada")

    admin.post(reverse("parties:change_roles", args=[party.pk]), {"roles": ["observer", "deployer"]})
    assert Party.objects.get(pk=party.pk).roles == {Role.OBSERVER, Role.DEPLOYER}
    assert admin.post(reverse("parties:change_roles", args=[party.pk]), {"roles": ["king"]}).status_code == 422
    assert admin.post(reverse("parties:reset_factor", args=[party.pk])).status_code == 302

    link = re.search(r'class="secret">([^<]+)<', text(admin.post(reverse("parties:password_link", args=[party.pk]))))
    assert link is not None
    path = "/" + link[1].split("/", 3)[3]
    guest = Client()
    assert guest.get(path).status_code == 200
    assert guest.post(path, {"password": "quite another one", "again": "quite another one"}).status_code == 302
    assert sign_in(guest, "ada", "quite another one").status_code == 302

    admin.post(reverse("parties:deactivate", args=[party.pk]))
    assert not Party.objects.get(pk=party.pk).is_active


def test_the_last_administrator_gets_a_409() -> None:
    admin = make_party(Role.ADMINISTRATOR)

    answer = client_of(admin).post(reverse("parties:deactivate", args=[admin.pk]))

    assert answer.status_code == 409
    assert "last administrator" in text(answer)


def test_a_coordinator_reads_people_and_changes_none() -> None:
    client, party = client_of(Role.COORDINATOR), make_party(Role.VENDOR)

    assert client.get(reverse("parties:person", args=[party.pk])).status_code == 200
    assert client.post(reverse("parties:deactivate", args=[party.pk])).status_code == 404


def test_a_missing_and_a_forbidden_account_look_the_same() -> None:
    client, party = client_of(Role.VENDOR), make_party(Role.VENDOR)

    forbidden = client.get(reverse("parties:person", args=[party.pk]))
    missing = client.get(reverse("parties:person", args=["pty_0000000000000000000000000"]))
    unknown = client.get("/nowhere/")

    assert {forbidden.status_code, missing.status_code, unknown.status_code} == {404}
    assert re.sub(r"csrf\w+", "", text(forbidden)) == re.sub(r"csrf\w+", "", text(missing)) == text(unknown)


def test_an_invitation_is_listed_and_withdrawn() -> None:
    client = client_of(Role.COORDINATOR)
    services.invite(roles=[Role.VENDOR], by=viewer(Role.COORDINATOR), now=NOON.replace(year=2099), name="Ada L.")
    page = text(client.get(reverse("parties:people")))
    withdraw = re.search(r'action="(/people/invitations/[^"]+/withdraw/)"', page)
    assert withdraw is not None
    assert "Ada L." in page

    client.post(withdraw[1])

    assert "Ada L." not in text(client.get(reverse("parties:people")))


@pytest.mark.parametrize("name", ["mfa_index", "account_change_password", "account_logout"])
def test_the_pages_of_the_account_library_wear_our_frame(name: str) -> None:
    answer = client_of(Role.VENDOR).get(reverse(name), follow=True)

    assert answer.status_code == 200
    assert 'href="#main"' in text(answer)
    assert "<script" not in text(answer)


def test_there_is_no_open_sign_up(client: Client) -> None:
    assert client.get("/account/signup/").status_code == 404


def test_passwords_are_hashed_with_argon2_in_production(settings) -> None:
    from safeconduct.server.project.settings import PASSWORD_HASHERS

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS

    assert make_password("x").startswith("argon2$argon2id$")
