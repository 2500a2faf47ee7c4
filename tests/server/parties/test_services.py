# SPDX-License-Identifier: Apache-2.0
"""The acts on parties: one-time links work once, roles have limits, the last administrator stays."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from tests.conftest import NOON, PASSWORD
from tests.server.factories import client_of, make_organization, make_party, viewer

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role, Scope
from safeconduct.errors import ConflictError, IncompleteError, NotFoundError, NotPermittedError
from safeconduct.server.audit import queries as audit
from safeconduct.server.parties import queries, services
from safeconduct.server.parties.access import viewer_of, viewer_of_token
from safeconduct.server.parties.models import ApiToken, Invitation, Party, WebSession
from safeconduct.server.parties.viewer import ANYONE

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=400)


def join(secret: str, handle: str = "ada") -> Party:
    return services.join(secret=secret, handle=handle, password=PASSWORD, name="Ada", email="", now=NOON)


def test_an_invited_person_gets_the_roles_and_the_organization() -> None:
    organization = make_organization("Acme")
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.COORDINATOR), now=NOON, organization=organization)

    party = join(link.secret)

    assert party.roles == {Role.VENDOR}
    assert list(party.organizations.all()) == [organization]
    assert viewer_of(party).organizations == {organization.pk}


def test_a_link_works_once() -> None:
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.COORDINATOR), now=NOON)
    join(link.secret)

    with pytest.raises(NotFoundError):
        join(link.secret, handle="bob")


def test_a_link_ends_with_its_days() -> None:
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.COORDINATOR), now=NOON)

    with pytest.raises(NotFoundError):
        queries.open_invitation(link.secret, now=LATER)


def test_a_withdrawn_link_does_not_work() -> None:
    by = viewer(Role.COORDINATOR)
    link = services.invite(roles=[Role.VENDOR], by=by, now=NOON)
    services.withdraw_invitation(invitation=link.invitation, by=by, now=NOON)

    with pytest.raises(NotFoundError):
        join(link.secret)


def test_the_secret_of_a_link_is_not_stored() -> None:
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.COORDINATOR), now=NOON)

    stored = str(list(Invitation.objects.values()))

    assert link.secret not in stored
    assert link.secret not in repr(link)


def test_a_used_invitation_forgets_for_whom_it_was() -> None:
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.COORDINATOR), now=NOON, name="Ada", email="a@x.example")
    join(link.secret)

    used = Invitation.objects.get()

    assert (used.name, used.email) == ("", "")


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.COORDINATOR, Role.REGULATOR])
def test_a_coordinator_may_not_give_roles_above_vendors(role: Role) -> None:
    with pytest.raises(NotPermittedError):
        services.invite(roles=[Role.VENDOR, role], by=viewer(Role.COORDINATOR), now=NOON)


@pytest.mark.parametrize("role", [Role.VENDOR, Role.DEPLOYER, Role.OBSERVER, Role.REGULATOR])
def test_others_may_not_invite(role: Role) -> None:
    with pytest.raises(NotPermittedError):
        services.invite(roles=[Role.VENDOR], by=viewer(role), now=NOON)


def test_an_invitation_without_role_is_refused() -> None:
    with pytest.raises(IncompleteError):
        services.invite(roles=[], by=viewer(Role.ADMINISTRATOR), now=NOON)


def test_a_taken_handle_is_refused_and_the_link_stays_open() -> None:
    make_party(handle="ada")
    link = services.invite(roles=[Role.VENDOR], by=viewer(Role.COORDINATOR), now=NOON)

    with pytest.raises(ConflictError):
        join(link.secret, handle="ada")

    assert queries.open_invitation(link.secret, now=NOON).pk == link.invitation.pk


def test_the_first_administrator_gets_one_link_at_a_time() -> None:
    first = services.first_administrator_link(now=NOON)
    second = services.first_administrator_link(now=NOON)
    assert first is not None
    assert second is not None

    with pytest.raises(NotFoundError):
        join(first.secret)
    party = join(second.secret)

    assert party.roles == {Role.ADMINISTRATOR, Role.COORDINATOR}
    assert services.first_administrator_link(now=NOON) is None


def test_the_last_administrator_cannot_step_down_or_be_closed() -> None:
    admin = make_party(Role.ADMINISTRATOR)
    make_party(Role.COORDINATOR)

    with pytest.raises(ConflictError):
        services.change_roles(party=admin, roles=[Role.COORDINATOR], by=viewer_of(admin), now=NOON)
    with pytest.raises(ConflictError):
        services.deactivate(party=admin, by=viewer_of(admin), now=NOON)

    assert queries.is_any_administrator()


def test_a_second_administrator_lets_the_first_go() -> None:
    admin, other = make_party(Role.ADMINISTRATOR), make_party(Role.ADMINISTRATOR)

    services.change_roles(party=admin, roles=[Role.OBSERVER], by=viewer_of(other), now=NOON)

    assert Party.objects.get(pk=admin.pk).roles == {Role.OBSERVER}


def test_a_closed_administrator_does_not_count() -> None:
    admin, other = make_party(Role.ADMINISTRATOR), make_party(Role.ADMINISTRATOR)
    services.deactivate(party=other, by=viewer_of(admin), now=NOON)

    with pytest.raises(ConflictError):
        services.deactivate(party=admin, by=viewer_of(admin), now=NOON)


def test_a_closed_account_loses_tokens_and_sessions() -> None:
    party = make_party(Role.VENDOR)
    issued = services.issue_token(by=viewer_of(party), name="ci", scopes=[Scope.CASE_READ], days=9, now=NOON)
    client = client_of(party)
    assert client.get("/account/").status_code == 200

    services.deactivate(party=party, by=viewer(Role.ADMINISTRATOR), now=NOON)

    assert client.get("/account/").status_code == 302
    with pytest.raises(NotPermittedError):
        viewer_of_token(issued.text, now=NOON)


@pytest.mark.parametrize("act", [services.deactivate, services.reset_second_factor, services.password_link])
def test_only_administrators_act_on_accounts(act) -> None:
    with pytest.raises(NotPermittedError):
        act(party=make_party(Role.VENDOR), by=viewer(Role.COORDINATOR), now=NOON)


def test_a_lost_second_factor_is_removed_with_all_sessions() -> None:
    party = make_party(Role.COORDINATOR)
    TOTP.activate(party, "A" * 32)
    client = client_of(party)
    client.get("/account/")
    services.reset_second_factor(party=party, by=viewer(Role.ADMINISTRATOR), now=NOON)

    assert not queries.has_second_factor(party)
    assert not WebSession.objects.filter(party_id=party.pk).exists()
    assert audit.events_of(party.pk).filter(tag=EventTag.PARTY_FACTOR_RESET).exists()


def test_the_seed_of_a_second_factor_is_stored_sealed() -> None:
    party = make_party(Role.COORDINATOR)
    TOTP.activate(party, "JBSWY3DPEHPK3PXP")

    assert "JBSWY3DPEHPK3PXP" not in str(Authenticator.objects.get().data)


def test_a_password_link_sets_a_password_once() -> None:
    party = make_party(Role.VENDOR)
    link = services.password_link(party=party, by=viewer(Role.ADMINISTRATOR), now=NOON)

    services.set_password(secret=link.secret, password="another long password", now=NOON)

    assert Party.objects.get(pk=party.pk).check_password("another long password")
    with pytest.raises(NotFoundError):
        services.set_password(secret=link.secret, password="a third long password", now=NOON)


def test_a_password_link_does_not_join_and_an_invitation_sets_no_password() -> None:
    admin = viewer(Role.ADMINISTRATOR)
    reset = services.password_link(party=make_party(Role.VENDOR), by=admin, now=NOON)
    invitation = services.invite(roles=[Role.VENDOR], by=admin, now=NOON)

    with pytest.raises(ConflictError):
        join(reset.secret)
    with pytest.raises(ConflictError):
        services.set_password(secret=invitation.secret, password=PASSWORD, now=NOON)


def test_a_token_acts_within_its_scopes_and_only_as_digest() -> None:
    party = make_party(Role.COORDINATOR)
    issued = services.issue_token(by=viewer_of(party), name="ci", scopes=[Scope.TRIAGE], days=9, now=NOON)

    program = viewer_of_token(issued.text, now=NOON)

    assert program.party_id == party.pk
    assert program.may(Scope.TRIAGE)
    assert not program.may(Scope.CASE_READ)
    assert issued.text not in str(list(ApiToken.objects.values()))
    assert issued.text not in repr(issued)


@pytest.mark.parametrize("days", [9, 30])
def test_a_token_ends_with_its_days(days: int) -> None:
    issued = services.issue_token(by=viewer(Role.VENDOR), name="ci", scopes=[Scope.CASE_READ], days=days, now=NOON)

    with pytest.raises(NotPermittedError):
        viewer_of_token(issued.text, now=NOON + timedelta(days=days))


def test_a_revoked_or_foreign_token_is_refused() -> None:
    party = make_party(Role.VENDOR)
    issued = services.issue_token(by=viewer_of(party), name="ci", scopes=[Scope.CASE_READ], days=9, now=NOON)
    services.revoke_token(token=issued.token, by=viewer_of(party), now=NOON)

    for text in (issued.text, "sct_00000000_nothing", ""):
        with pytest.raises(NotPermittedError):
            viewer_of_token(text, now=NOON)


def test_neither_the_anonymous_nor_programs_issue_tokens() -> None:
    issued = services.issue_token(by=viewer(Role.VENDOR), name="ci", scopes=[Scope.CASE_READ], days=9, now=NOON)
    program = viewer_of_token(issued.text, now=NOON)

    for who in (ANYONE, program):
        with pytest.raises(NotPermittedError):
            services.issue_token(by=who, name="more", scopes=[Scope.CASE_READ], days=9, now=NOON)


def test_a_token_without_scope_is_refused() -> None:
    with pytest.raises(IncompleteError):
        services.issue_token(by=viewer(Role.VENDOR), name="ci", scopes=[], days=9, now=NOON)


def test_nobody_sees_foreign_tokens_sessions_and_accounts() -> None:
    mine, other = viewer(Role.VENDOR), make_party(Role.VENDOR)
    issued = services.issue_token(by=viewer_of(other), name="ci", scopes=[Scope.CASE_READ], days=9, now=NOON)
    client_of(other).get("/account/")
    foreign = WebSession.objects.filter(party_id=other.pk).first()
    assert foreign is not None

    with pytest.raises(NotFoundError):
        queries.token_of(mine, issued.token.pk)
    with pytest.raises(NotFoundError):
        queries.session_of(mine, queries.reference_of(foreign), now=NOON)
    with pytest.raises(NotFoundError):
        queries.party_for(mine, other.pk)
    with pytest.raises(NotFoundError):
        queries.organization_for(mine, make_organization().pk)
    with pytest.raises(NotFoundError):
        queries.invitation_for(mine, "inv_x", now=NOON)


def test_every_act_leaves_one_event_without_secret() -> None:
    admin = viewer(Role.ADMINISTRATOR)
    link = services.invite(roles=[Role.VENDOR], by=admin, now=NOON, name="Ada Lovelace")
    join(link.secret, handle="ada.lovelace@example.org")

    told = str([(event.tag, event.subject, event.actor, event.facts) for event in audit.events_tagged(*EventTag)])

    assert "ada" not in told.lower()
    assert link.secret not in told
