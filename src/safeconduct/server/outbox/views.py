# SPDX-License-Identifier: Apache-2.0
"""The page of messages that a coordinator passes on by hand, because no mail server carries them."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from safeconduct.domain.parties import Role
from safeconduct.server.outbox import queries, services
from safeconduct.server.parties.access import PartyRequest, acts_for


@require_safe
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def waiting(request: PartyRequest) -> HttpResponse:
    """List the messages to pass on."""
    return render(request, "outbox/waiting.html", {"waiting": queries.to_pass_on(request.viewer)})


@require_POST
@acts_for(Role.COORDINATOR, Role.ADMINISTRATOR)
def passed_on(request: PartyRequest, message_id: str) -> HttpResponse:
    """Note that a message was passed on; its text is emptied."""
    message = queries.message_to_pass_on(request.viewer, message_id)
    services.mark_passed_on(message=message, by=request.viewer, now=request.now)
    messages.success(request, "Noted. The text is deleted.")
    return redirect("outbox:waiting")
