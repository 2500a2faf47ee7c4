# SPDX-License-Identifier: Apache-2.0
"""The two JSON files that the coordination commands read, and what they become inside.

`embargo resolve` reads an `EmbargoFile`, `deadlines` a `FactsFile`; every field is named below, unknown names are
refused. Instants carry a zone (`2026-12-07T09:00:00+01:00`), lengths are ISO 8601 (`P45D`). What is absent or null has
not happened, or is not known.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeVar

from safeconduct.domain.clock import (
    CaseFacts,
    DeadlineKind,
    Extension,
    ExtensionReason,
    Pause,
    Remediability,
)
from safeconduct.domain.embargo import Answer, EmbargoTerms
from safeconduct.domain.instants import parse_duration
from safeconduct.domain.safe_json import JsonLimits, read_json
from safeconduct.domain.severity import Exploitation, Tier
from safeconduct.errors import ConflictError, MalformedError
from safeconduct.formats.codec import decode

LIMITS: Final = JsonLimits(document_bytes=2**20, depth=8)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsEntry:
    """Terms in the file: an end, or a length from `starts_at` on."""

    by: str
    id: str = ""
    ends_at: datetime | None = None
    length: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteEntry:
    """What one party said to the terms with this identifier."""

    terms: str
    by: str
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbargoFile:
    """The file of `embargo resolve`: who proposes what, whose default is what, and what was said to it."""

    as_of: datetime | None = None
    starts_at: datetime | None = None
    tier: Tier | None = None
    state: str = "vfdpxa"
    proposals: tuple[TermsEntry, ...] = ()
    defaults: tuple[TermsEntry, ...] = ()
    parties: tuple[str, ...] = ()
    votes: tuple[VoteEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionEntry:
    """An extension in the file."""

    kind: DeadlineKind
    length: str
    reason: ExtensionReason
    granted_at: datetime
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsFile:
    """The file of `deadlines`: the facts of a case (see `safeconduct.domain.clock.CaseFacts`)."""

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
    extensions: tuple[ExtensionEntry, ...] = ()
    pauses: tuple[Pause, ...] = ()
    zone: str = "UTC"
    holidays: tuple[date, ...] = ()


def read_file(path: Path, kind: type[_T]) -> _T:
    """Return the file as the given kind.

    Raises:
        TooLargeError: it is larger than a mebibyte, or nested too deeply.
        MalformedError: it is not UTF-8 JSON, or holds something else than the kind.
        IncompleteError: something required is missing.
        UnknownValueError: a value is not in its vocabulary.
    """
    with path.open("rb") as file:
        data = file.read(LIMITS.document_bytes + 1)
    return decode(kind, read_json(data, limits=LIMITS))


def facts_of(file: FactsFile) -> CaseFacts:
    """Return the facts for the clocks.

    Raises:
        MalformedError: a length is none.
        ConflictError: the dates contradict each other.
    """
    plain = {part.name: getattr(file, part.name) for part in fields(file)}
    extensions = tuple(
        Extension(
            kind=entry.kind,
            length=parse_duration(entry.length),
            reason=entry.reason,
            granted_at=entry.granted_at,
            evidence=entry.evidence,
        )
        for entry in file.extensions
    )
    return CaseFacts(**{**plain, "extensions": extensions, "holidays": frozenset(file.holidays)})


def terms_of(entries: tuple[TermsEntry, ...], *, start: datetime, kind: str) -> tuple[EmbargoTerms, ...]:
    """Return the terms; those without identifier are named by kind and place.

    Raises:
        MalformedError: an entry has no end, or two, or its length is none.
    """
    return tuple(
        EmbargoTerms(id=entry.id or f"{kind}-{place}", by=entry.by, ends_at=_end(entry, start))
        for place, entry in enumerate(entries, start=1)
    )


def votes_of(entries: tuple[VoteEntry, ...]) -> dict[str, dict[str, Answer]]:
    """Return the answers by terms and party.

    Raises:
        ConflictError: a party answers twice to the same terms.
    """
    votes: dict[str, dict[str, Answer]] = {}
    for entry in entries:
        said = votes.setdefault(entry.terms, {})
        if entry.by in said:
            raise ConflictError("a party answers twice to the same terms", hint="keep the last answer", by=entry.by)
        said[entry.by] = entry.answer
    return votes


def _end(entry: TermsEntry, start: datetime) -> datetime:
    """Return the end that the entry names in one of the two ways."""
    if bool(entry.length) == bool(entry.ends_at):
        raise MalformedError("terms have either an end or a length", hint="give ends_at, or length like P45D")
    return entry.ends_at or start + parse_duration(entry.length)
