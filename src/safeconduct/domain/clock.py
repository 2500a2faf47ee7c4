# SPDX-License-Identifier: Apache-2.0
"""The facts that clocks run on, and the deadlines that follow from them (ISO/IEC 29147 clause 6; see policy.deadlines).

Only facts are kept: when something happened, what was granted, what was paused. A deadline is always derived. `None`
means "has not happened" for an instant, and "not known" for a question of yes and no; the rules treat what is not
known in the cautious way and say so.
"""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from safeconduct.domain.instants import utc
from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.errors import ConflictError, MalformedError


class DeadlineKind(StrEnum):
    """What is due."""

    ACKNOWLEDGE = "acknowledge"
    ASSESS = "assess"
    STATUS = "status"
    MITIGATE = "mitigate"
    REMEDIATE = "remediate"
    EMBARGO = "embargo"
    PUBLISH = "publish"


class DeadlineState(StrEnum):
    """Where a deadline stands."""

    WAITING = "waiting"
    """What starts the clock has not happened."""
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    LATE = "late"
    """Done, after the due instant."""
    MISSED = "missed"
    """The due instant has come and it is not done."""
    WAIVED = "waived"
    """The case was closed before it was done."""


class Remediability(StrEnum):
    """What kind of remedy the flaw allows (ML profile, RM)."""

    PATCH = "P"
    MITIGATION = "M"
    RETRAIN = "R"
    IRRECOVERABLE = "N"
    UNKNOWN = "X"


class ExtensionReason(StrEnum):
    """Why more time may be granted. A marketing calendar and a silent vendor are no reasons."""

    ACTIVE_PROGRESS = "active_progress"
    DOWNSTREAM_INTEGRATION = "downstream_integration"
    RETRAIN_REQUIRED = "retrain_required"
    SAFETY_CRITICAL_ROLLOUT = "safety_critical_rollout"
    MULTI_PARTY_SYNC = "multi_party_sync"


class PauseReason(StrEnum):
    """Why a clock may stand still."""

    AWAITING_REPORTER = "awaiting_reporter_info"
    DUPLICATE_MERGE = "duplicate_merge"
    LEGAL_ORDER = "legal_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """More time for one deadline, as granted. `evidence` says what progress was shown."""

    kind: DeadlineKind
    length: timedelta
    reason: ExtensionReason
    granted_at: datetime
    evidence: str = ""

    def __post_init__(self) -> None:
        """Keep the instant in UTC.

        Raises:
            MalformedError: no zone, or no length.
        """
        object.__setattr__(self, "granted_at", utc(self.granted_at))
        if self.length <= timedelta():
            raise MalformedError("an extension has a length", hint="write it like P14D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A time in which clocks stand still: `until` at the latest, or to `ended_at` if that came earlier."""

    reason: PauseReason
    started_at: datetime
    until: datetime
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        """Keep the instants in UTC.

        Raises:
            MalformedError: an instant names no zone.
            ConflictError: the pause ends before it starts, or later than it may.
        """
        for name in ("started_at", "until", "ended_at"):
            instant = getattr(self, name)
            object.__setattr__(self, name, utc(instant) if instant else None)
        if not self.started_at <= (self.ended_at or self.until) <= self.until:
            raise ConflictError("a pause ends after it starts and not later than stated", hint="check the three dates")

    @property
    def end(self) -> datetime:
        """Return when the pause ended or will end."""
        return self.ended_at or self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """All that the clocks of one case look at. Instants are kept in UTC; `zone` and `holidays` are for working days.

    `exploited_at` is when exploitation became known here, `leaked_at` when embargoed details, or the flaw by someone
    else, became public. `systemic` says whether the flaw reaches three or more vendors, sits in a shared component
    or dataset, or cannot be recalled.
    """

    received_at: datetime
    acknowledged_at: datetime | None = None
    assessed_at: datetime | None = None
    tier: Tier | None = None
    is_provisional: bool = False
    remediability: Remediability = Remediability.UNKNOWN
    systemic: bool | None = None
    exploitation: Exploitation | None = None
    exploited_at: datetime | None = None
    exploit_public_at: datetime | None = None
    harm_imminent_at: datetime | None = None
    leaked_at: datetime | None = None
    vendor_notified_at: datetime | None = None
    vendor_answered_at: datetime | None = None
    status_at: datetime | None = None
    mitigated_at: datetime | None = None
    fixed_at: datetime | None = None
    verified_at: datetime | None = None
    published_at: datetime | None = None
    closed_at: datetime | None = None
    embargo_ends_at: datetime | None = None
    embargo_ended_at: datetime | None = None
    extensions: tuple[Extension, ...] = ()
    pauses: tuple[Pause, ...] = ()
    zone: str = "UTC"
    holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        """Keep every instant in UTC and refuse what cannot have happened in this order.

        Raises:
            MalformedError: an instant names no zone.
            ConflictError: something of ours is dated before the report, or a fix was verified before it was there.
        """
        for name in INSTANTS:
            instant = getattr(self, name)
            object.__setattr__(self, name, utc(instant) if instant else None)
        early = [name for name in _AFTER_RECEIPT if (getattr(self, name) or self.received_at) < self.received_at]
        if early:
            raise ConflictError("dated before the report was received", hint="check these dates", dates=early)
        if self.verified_at and not (self.fixed_at and self.fixed_at <= self.verified_at):
            raise ConflictError("a fix is verified after it is there", hint="check fixed_at and verified_at")

    def known_at(self, now: datetime) -> "CaseFacts":
        """Return the facts as they were known then: what happened later is not in them, nor is a later assessment."""
        changes: dict[str, Any] = {
            name: None for name in INSTANTS if name not in _AHEAD and (getattr(self, name) or now) > now
        }
        if "assessed_at" in changes:
            changes["tier"] = None
        if "exploited_at" in changes:
            changes["exploitation"] = None
        return replace(
            self,
            **changes,
            extensions=tuple(one for one in self.extensions if one.granted_at <= now),
            pauses=tuple(_as_known(one, now) for one in self.pauses if one.started_at <= now),
        )


def _as_known(pause: Pause, now: datetime) -> Pause:
    """Return the pause without an end that is still ahead."""
    return replace(pause, ended_at=None) if pause.ended_at and pause.ended_at > now else pause


INSTANTS: Final = tuple(part.name for part in fields(CaseFacts) if part.name.endswith("_at"))
"""The names of the facts that are instants."""

_AHEAD: Final = frozenset({"received_at", "embargo_ends_at"})
_AFTER_RECEIPT: Final = ("acknowledged_at", "assessed_at", "status_at", "published_at", "closed_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """One derived deadline: what is due when, by which rules, on which grounds.

    `due` is None while what starts the clock has not happened. `is_provisional` says that the tier may still change.
    """

    kind: DeadlineKind
    state: DeadlineState
    due: datetime | None
    started_at: datetime | None = None
    done_at: datetime | None = None
    rules: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    is_provisional: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether something is still to be done."""
        return self.state in {DeadlineState.RUNNING, DeadlineState.PAUSED, DeadlineState.MISSED}

    @property
    def key(self) -> str:
        """Return what identifies this firing of the deadline: another due instant is another firing."""
        return f"{self.kind.value}@{self.due:%Y-%m-%dT%H:%M:%SZ}" if self.due else self.kind.value


class EscalationAction(StrEnum):
    """What is done when somebody stays silent, a date is missed, or the silence is broken."""

    SECOND_CHANNEL = "second_channel"
    PEER_COORDINATOR = "peer_coordinator"
    FINAL_NOTICE = "final_notice"
    PUBLISH_WITHOUT_VENDOR = "publish_without_vendor"
    TELL_ALL_PARTIES = "tell_all_parties"
    TELL_COORDINATOR = "tell_coordinator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One derived step of an escalation: what, when, why. `is_due` says that its instant has come."""

    action: EscalationAction
    at: datetime
    is_due: bool
    rules: tuple[str, ...]
    grounds: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return what identifies this step."""
        return f"{self.action.value}@{self.at:%Y-%m-%dT%H:%M:%SZ}:{self.rules[0]}"
