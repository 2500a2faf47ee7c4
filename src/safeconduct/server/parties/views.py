# SPDX-License-Identifier: Apache-2.0
"""The pages of people: who is here, invitations, one's own account with tokens and sessions."""

from zoneinfo import available_timezones

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.server.parties import links, queries, services
from safeconduct.server.parties.access import OpenRequest, PartyRequest, acts_for, open_to_all
from safeconduct.server.parties.forms import InviteForm, JoinForm, PasswordForm, RolesForm, TokenForm, ZoneForm
from safeconduct.server.parties.zones import COOKIE, COOKIE_SECONDS, zone_name_of


@require_safe
@acts_for(Role.ADMINISTRATOR, Role.COORDINATOR)
def people(request: PartyRequest) -> HttpResponse:
    """List the accounts and the open invitations."""
    context = {
        "parties": queries.parties_for(request.viewer),
        "invitations": queries.invitations_open(request.viewer, now=request.now),
    }
    return render(request, "parties/people.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for(Role.ADMINISTRATOR, Role.COORDINATOR)
def invite(request: PartyRequest) -> HttpResponse:
    """Make a one-time link and show it once."""
    form = InviteForm(request.POST or None)
    if not form.is_valid():
        return render(request, "parties/invite.html", {"form": form})
    link = services.invite_to(
        roles=form.cleaned_data["roles"],
        organization_name=form.cleaned_data["organization"],
        name=form.cleaned_data["name"],
        by=request.viewer,
        now=request.now,
    )
    url = links.join_url(settings.SAFECONDUCT.base_url, link)
    return render(request, "parties/link.html", {"url": url, "invitation": link.invitation})


@require_POST
@acts_for(Role.ADMINISTRATOR, Role.COORDINATOR)
def withdraw(request: PartyRequest, invitation_id: str) -> HttpResponse:
    """Withdraw an invitation."""
    invitation = queries.invitation_for(request.viewer, invitation_id, now=request.now)
    services.withdraw_invitation(invitation=invitation, by=request.viewer, now=request.now)
    messages.success(request, "The invitation is withdrawn.")
    return redirect("parties:people")


@require_safe
@acts_for(Role.ADMINISTRATOR, Role.COORDINATOR)
def person(request: PartyRequest, party_id: str) -> HttpResponse:
    """Show one account and, to administrators, what may be done with it."""
    party = queries.party_for(request.viewer, party_id)
    form = RolesForm(initial={"roles": sorted(party.roles)})
    context = {"party": party, "form": form, "has_factor": queries.has_second_factor(party)}
    return render(request, "parties/person.html", context)


@require_POST
@acts_for(Role.ADMINISTRATOR)
def change_roles(request: PartyRequest, party_id: str) -> HttpResponse:
    """Give an account other roles."""
    party = queries.party_for(request.viewer, party_id)
    form = RolesForm(request.POST)
    if not form.is_valid():
        context = {"party": party, "form": form, "has_factor": queries.has_second_factor(party)}
        return render(request, "parties/person.html", context, status=422)
    services.change_roles(party=party, roles=form.cleaned_data["roles"], by=request.viewer, now=request.now)
    messages.success(request, "The roles are changed.")
    return redirect("parties:person", party_id)


@require_POST
@acts_for(Role.ADMINISTRATOR)
def deactivate(request: PartyRequest, party_id: str) -> HttpResponse:
    """Close an account."""
    party = queries.party_for(request.viewer, party_id)
    services.deactivate(party=party, by=request.viewer, now=request.now)
    messages.success(request, "The account is closed.")
    return redirect("parties:person", party_id)


@require_POST
@acts_for(Role.ADMINISTRATOR)
def reset_factor(request: PartyRequest, party_id: str) -> HttpResponse:
    """Remove a lost second factor."""
    party = queries.party_for(request.viewer, party_id)
    services.reset_second_factor(party=party, by=request.viewer, now=request.now)
    messages.success(request, "The second factor is removed and all sessions are ended.")
    return redirect("parties:person", party_id)


@require_POST
@acts_for(Role.ADMINISTRATOR)
def password_link(request: PartyRequest, party_id: str) -> HttpResponse:
    """Make a one-time link for a new password and show it once."""
    party = queries.party_for(request.viewer, party_id)
    link = services.password_link(party=party, by=request.viewer, now=request.now)
    url = links.password_url(settings.SAFECONDUCT.base_url, link)
    return render(request, "parties/link.html", {"url": url, "invitation": link.invitation})


@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all
def join(request: OpenRequest, secret: str) -> HttpResponse:
    """Make an account from a one-time link."""
    invitation = queries.open_invitation(secret, now=request.now)
    form = JoinForm(request.POST or None)
    if not form.is_valid():
        return render(request, "parties/join.html", {"form": form, "invitation": invitation})
    services.join(
        secret=secret,
        handle=form.cleaned_data["handle"],
        password=form.cleaned_data["password"],
        name=form.cleaned_data["name"],
        email=form.cleaned_data["email"],
        now=request.now,
    )
    messages.success(request, "Your account is made. Sign in with the name and password you chose.")
    return redirect("account_login")


@require_http_methods(["GET", "HEAD", "POST"])
@open_to_all
def new_password(request: OpenRequest, secret: str) -> HttpResponse:
    """Choose a new password with a one-time link."""
    queries.open_invitation(secret, now=request.now)
    form = PasswordForm(request.POST or None)
    if not form.is_valid():
        return render(request, "parties/new_password.html", {"form": form})
    services.set_password(secret=secret, password=form.cleaned_data["password"], now=request.now)
    messages.success(request, "The new password is set. Sign in with it.")
    return redirect("account_login")


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for()
def account(request: PartyRequest) -> HttpResponse:
    """Show one's own account: second factor, tokens, sessions; issue a token and show it once."""
    form = TokenForm(request.POST or None)
    issued = None
    if form.is_valid():
        issued = services.issue_token(
            by=request.viewer,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            days=form.cleaned_data["days"],
            now=request.now,
        )
        form = TokenForm()
    context = {
        "party": request.party,
        "has_factor": queries.has_second_factor(request.party),
        "tokens": queries.tokens_of(request.viewer),
        "sessions": queries.sessions_of(request.viewer, current=request.session.session_key, now=request.now),
        "form": form,
        "issued": issued,
    }
    return render(request, "parties/account.html", context)


@require_POST
@acts_for()
def revoke_token(request: PartyRequest, token_id: str) -> HttpResponse:
    """End a token."""
    token = queries.token_of(request.viewer, token_id)
    services.revoke_token(token=token, by=request.viewer, now=request.now)
    messages.success(request, "The token is revoked.")
    return redirect("parties:account")


@require_POST
@acts_for()
def end_session(request: PartyRequest, reference: str) -> HttpResponse:
    """End one of one's own web sessions."""
    session = queries.session_of(request.viewer, reference, now=request.now)
    is_current = session.session_key == request.session.session_key
    services.end_session(session=session, by=request.viewer, now=request.now)
    if is_current:
        logout(request)
        return redirect("home")
    messages.success(request, "The session is ended.")
    return redirect("parties:account")


@require_http_methods(["GET", "HEAD", "POST"])
@acts_for()
def zone(request: PartyRequest) -> HttpResponse:
    """Choose the time zone in which times are shown beside UTC."""
    form = ZoneForm(request.POST or None, initial={"zone": zone_name_of(request)})
    if not form.is_valid():
        context = {"form": form, "zones": sorted(available_timezones())}
        return render(request, "parties/zone.html", context, status=422 if form.is_bound else 200)
    messages.success(request, f"Times are shown in {form.cleaned_data['zone']} and in UTC.")
    response = redirect("parties:account")
    response.set_cookie(
        COOKIE,
        form.cleaned_data["zone"],
        max_age=COOKIE_SECONDS,
        secure=settings.SAFECONDUCT.is_https,
        httponly=True,
        samesite="Strict",
    )
    return response
