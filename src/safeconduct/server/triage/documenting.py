# SPDX-License-Identifier: Apache-2.0
"""The list of what vendors document as intended: a coordinator adds an entry with its reference, or retires one.

An entry never decides on a report. Reports that wait are asked about it when their rules are asked again.
"""

from datetime import datetime
from urllib.parse import urlsplit

from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import ConflictError, IncompleteError, MalformedError, TooLargeError
from safeconduct.policy.documented import Statement
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.parties.viewer import Viewer
from safeconduct.server.triage.models import NAME_LENGTH, DocumentedBehavior

TEXT_LENGTH = 500
MOST_PHRASES = 20


@atomic_write
def document(*, statement: Statement, by: Viewer, now: datetime) -> DocumentedBehavior:
    """Add what a vendor documents; the identifier of the statement is not used.

    Raises:
        NotPermittedError: only those who coordinate keep the list.
        IncompleteError: the vendor, the words, the reference, or both class and phrases are missing.
        MalformedError: the reference is no web address, or there is no such class.
        TooLargeError: a text is too long, or there are too many phrases.
    """
    by.require(Role.COORDINATOR)
    require_whole(statement)
    made = DocumentedBehavior.objects.create(
        vendor=statement.vendor.strip(),
        product=statement.product.strip(),
        flaw_class=statement.flaw_class,
        phrases="\n".join(_phrases(statement)),
        says=statement.says.strip(),
        reference=statement.reference.strip(),
        added_at=now,
        added_by_id=by.party_id,
    )
    audit.record(EventTag.BEHAVIOR_DOCUMENTED, subject=str(made.pk), actor=by.actor, at=now)
    return made


@atomic_write
def retire(*, behavior: DocumentedBehavior, by: Viewer, now: datetime) -> DocumentedBehavior:
    """Take an entry off the list; it is kept, because reports were ranked by it.

    Raises:
        NotPermittedError: only those who coordinate keep the list.
        ConflictError: it is off the list already.
    """
    by.require(Role.COORDINATOR)
    current = DocumentedBehavior.objects.select_for_update().get(pk=behavior.pk)
    if current.retired_at is not None:
        raise ConflictError("this entry is off the list already", hint="load the page again")
    current.retired_at = now
    current.save(update_fields=["retired_at"])
    audit.record(EventTag.BEHAVIOR_RETIRED, subject=str(current.pk), actor=by.actor, at=now)
    return current


def require_whole(statement: Statement) -> None:
    """Refuse a statement that could not be kept.

    Raises:
        IncompleteError: the vendor, the words, the reference, or both class and phrases are missing.
        MalformedError: the reference is no web address, or there is no such class.
        TooLargeError: a text is too long, or there are too many phrases.
    """
    phrases = _phrases(statement)
    texts = {"vendor": statement.vendor, "says": statement.says, "reference": statement.reference}
    missing = [name for name, text in texts.items() if not text.strip()]
    if not phrases and not statement.flaw_class:
        missing.append("phrases")
    if missing:
        raise IncompleteError("the entry is not complete", hint="a vendor alone fits nothing", missing=missing)
    if statement.flaw_class and statement.flaw_class not in {item.value for item in FlawClass}:
        raise MalformedError("there is no such class of flaws", hint="choose one of the list")
    address = urlsplit(statement.reference.strip())
    if address.scheme not in {"http", "https"} or not address.netloc:
        raise MalformedError("the reference is no web address", hint="where the vendor documents it, https://…")
    long = max(len(statement.vendor), len(statement.product)) > NAME_LENGTH
    long = long or max(len(statement.says), len(statement.reference), *map(len, phrases), 0) > TEXT_LENGTH
    if long or len(phrases) > MOST_PHRASES:
        raise TooLargeError("the entry is too long", hint=f"at most {MOST_PHRASES} phrases, each short")


def _phrases(statement: Statement) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in statement.phrases if phrase.strip())
