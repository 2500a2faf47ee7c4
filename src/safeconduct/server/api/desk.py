# SPDX-License-Identifier: Apache-2.0
"""Operations for those who handle reports: the queue, cases, and targets. All need a token with its scope."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Body, Router, Schema, Status
from pydantic import AwareDatetime, Field

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.parties import Scope
from safeconduct.server.api.app import Token, answers, now_of, viewer_in
from safeconduct.server.api.schemas import Strict
from safeconduct.server.authorizations import services as authorizations
from safeconduct.server.authorizations.models import TargetRole
from safeconduct.server.cases import queries as cases
from safeconduct.server.triage import queries as triage
from safeconduct.server.triage.queries import QueueFilter

router = Router(tags=["desk"])
MOST = 200


class QueueItemOut(Schema):
    """One report of the queue, without its content."""

    assessment_id: str
    report_id: str
    state: str
    gate: str
    tier: str
    tier_low: str
    received_at: datetime


class CaseOut(Schema):
    """One case, without its content. Tier and state are empty until the content is open to the asker."""

    case_id: str
    entry: str
    tier: str
    embargo: str
    embargo_ends_at: datetime | None
    state: str
    opened_at: datetime
    closed_at: datetime | None


class TargetIn(Strict):
    """A target to grant; the secret is given by name."""

    label: str = Field(min_length=1, max_length=200)
    model: str = Field(min_length=1, max_length=200)
    adapter: Adapter = Adapter.OPENAI_CHAT
    role: TargetRole = TargetRole.UNPATCHED
    vendor: str = Field(default="", max_length=200)
    product: str = Field(default="", max_length=200)
    url: str = Field(default="", max_length=500)
    entry: str = Field(default="", max_length=200)
    packages: str = Field(default="", max_length=500)
    secret_name: str = Field(default="", max_length=64)
    allow_private: bool = False
    max_calls: int = Field(default=1000, ge=1, le=1_000_000)
    max_tokens: int = Field(default=500_000, ge=1, le=1_000_000_000)
    max_tokens_per_call: int = Field(default=256, ge=1, le=100_000)
    calls_per_minute: int = Field(default=0, ge=0, le=100_000)
    call_seconds: float = Field(default=60.0, gt=0, le=3600)
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None


class TargetOut(Schema):
    """A granted target."""

    target_id: str
    label: str
    state: str


@router.get(
    "/queue",
    response=answers({200: list[QueueItemOut]}, authenticated=True),
    auth=Token(Scope.TRIAGE),
    operation_id="read_queue",
)
def queue(request: HttpRequest) -> list[dict[str, Any]]:
    """Read the head of the triage queue in its order."""
    found = triage.queue(viewer_in(request), QueueFilter())[:MOST]
    return [
        {
            "assessment_id": item.pk,
            "report_id": item.report_id,
            "state": item.state,
            "gate": item.gate,
            "tier": item.tier,
            "tier_low": item.tier_low,
            "received_at": item.report.received_at,
        }
        for item in found
    ]


@router.get(
    "/cases",
    response=answers({200: list[CaseOut]}, authenticated=True),
    auth=Token(Scope.CASE_READ),
    operation_id="list_cases",
)
def list_cases(request: HttpRequest) -> list[dict[str, Any]]:
    """List the cases that the token's party may know of."""
    result = []
    viewer = viewer_in(request)
    for case in cases.cases_for(viewer)[:MOST]:
        term = cases.active_term(case)
        is_open = cases.may_read(viewer, case)
        result.append(
            {
                "case_id": case.pk,
                "entry": case.entry.public_id,
                "tier": case.assessment.tier if is_open else "",
                "embargo": case.embargo,
                "embargo_ends_at": term.ends_at if term else None,
                "state": cases.state_for(viewer, case).code if is_open else "",
                "opened_at": case.opened_at,
                "closed_at": case.closed_at,
            }
        )
    return result


@router.post(
    "/targets",
    response=answers({201: TargetOut}, authenticated=True),
    auth=Token(Scope.TARGET_GRANT),
    operation_id="grant_target",
)
def grant_target(request: HttpRequest, body: Body[TargetIn]) -> Status[dict[str, Any]]:
    """Grant a target within caps and a window."""
    terms = TargetGrant(
        model=body.model,
        adapter=body.adapter,
        url=body.url,
        entry=body.entry,
        packages=body.packages,
        caps=Caps(
            calls=body.max_calls,
            tokens=body.max_tokens,
            tokens_per_call=body.max_tokens_per_call,
            calls_per_minute=body.calls_per_minute,
            call_seconds=body.call_seconds,
        ),
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        secret_name=body.secret_name,
        allow_private=body.allow_private,
    )
    target = authorizations.grant(
        label=body.label,
        terms=terms,
        by=viewer_in(request),
        now=now_of(request),
        role=body.role,
        vendor=body.vendor,
        product=body.product,
    )
    return Status(201, {"target_id": target.pk, "label": target.label, "state": target.state})
