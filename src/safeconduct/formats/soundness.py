# SPDX-License-Identifier: Apache-2.0
"""When an advisory's record is sound: what the types alone cannot say, and what every format relies on.

Sound is not the same as ready: whether an advisory may go public is the question of `policy.publication`. The rules
here are those without which a document of some format would be false or invalid: an id that is fit for a file name,
texts that say something, revisions without a gap, addresses that are addresses, positions that point to something.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from safeconduct.domain.advisory import Advisory, Remediation
from safeconduct.domain.report import TITLE_LIMIT
from safeconduct.errors import MalformedError
from safeconduct.formats.base import Level, Remark

PUBLISHER_CATEGORIES: Final = ("coordinator", "discoverer", "other", "user", "vendor")
"""Those of CSAF 2.0, 3.2.1.8.1, but for translators: a record is no translation."""

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:+-]{0,98}[A-Za-z0-9])?", re.ASCII)
# The characters of RFC 3986; international names and paths must come in their ASCII form.
_CHARS = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_WEB = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?"
    rf"(?:/{_CHARS}*)?(?:\?(?:{_CHARS}|\?)*)?(?:#(?:{_CHARS}|\?)*)?",
    re.ASCII,
)


def is_web_address(text: str) -> bool:
    """Say whether the text is an absolute address of http or https in the characters of RFC 3986."""
    return len(text) <= 2_000 and _WEB.fullmatch(text) is not None  # noqa: PLR2004  # what browsers and proxies carry


def is_public_id(text: str) -> bool:
    """Say whether the text can be the public id of an advisory."""
    return _ID.fullmatch(text) is not None


def require_sound(advisory: Advisory) -> Advisory:
    """Return the advisory if nothing is wrong with its record.

    Raises:
        MalformedError: something is; `facts["problems"]` lists all of it.
    """
    errors = [remark for remark in advisory_remarks(advisory) if remark.level is Level.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise MalformedError(
            f"{errors[0].at}: {errors[0].message}{more}",
            hint="mend the record",
            problems=[remark.as_dict() for remark in errors],
        )
    return advisory


def advisory_remarks(advisory: Advisory) -> tuple[Remark, ...]:
    """Return what is wrong or doubtful about the record."""
    return (
        *_texts(advisory),
        *_identity(advisory),
        *_history(advisory),
        *_addresses(advisory),
        *_remediations(advisory.remediations, systems=len(advisory.affected)),
    )


def _error(rule: str, at: str, message: str) -> Remark:
    return Remark(level=Level.ERROR, rule=f"record.{rule}", at=at, message=message)


def _warning(rule: str, at: str, message: str) -> Remark:
    return Remark(level=Level.WARNING, rule=f"record.{rule}", at=at, message=message)


def _texts(advisory: Advisory) -> Iterator[Remark]:
    said = {
        "/title": advisory.title,
        "/summary": advisory.summary,
        "/description": advisory.description,
        "/publisher/name": advisory.publisher.name,
    }
    said |= {f"/affected/{i}/vendor": item.vendor for i, item in enumerate(advisory.affected)}
    said |= {f"/affected/{i}/product": item.product for i, item in enumerate(advisory.affected)}
    said |= {f"/revisions/{i}/summary": item.summary for i, item in enumerate(advisory.revisions)}
    said |= {f"/timeline/{i}/what": item.what for i, item in enumerate(advisory.timeline)}
    said |= {f"/remediations/{i}/details": item.details for i, item in enumerate(advisory.remediations)}
    said |= {f"/aliases/{i}": item for i, item in enumerate(advisory.aliases)}
    for at, text in said.items():
        if not text.strip():
            yield _error("blank", at, "the text says nothing")
    if len(advisory.title) > TITLE_LIMIT:
        yield _error("title", "/title", f"the title is longer than {TITLE_LIMIT} characters")


def _identity(advisory: Advisory) -> Iterator[Remark]:
    if not is_public_id(advisory.id):
        yield _error("id", "/id", "an id begins and ends with a letter or digit and holds only these and . _ : + -")
    if advisory.publisher.category not in PUBLISHER_CATEGORIES:
        yield _error("publisher", "/publisher/category", f"one of {', '.join(PUBLISHER_CATEGORIES)} is expected")
    if not advisory.affected:
        yield _error("affected", "/affected", "at least one system is affected, which may be unknown")
    if len(set(advisory.aliases)) < len(advisory.aliases):
        yield _error("aliases", "/aliases", "an alias stands twice")


def _history(advisory: Advisory) -> Iterator[Remark]:
    revisions = advisory.revisions
    if [item.version for item in revisions] != list(range(1, len(revisions) + 1)) or not revisions:
        yield _error("revisions", "/revisions", "revisions count from 1 without a gap")
    if any(later.at < earlier.at for earlier, later in pairwise(revisions)):
        yield _error("revisions.order", "/revisions", "a later revision has an earlier date")
    if advisory.modified_at < advisory.published_at:
        yield _error("dates", "/modified_at", "it was modified before it was published")
    if revisions and advisory.modified_at < revisions[-1].at:
        yield _warning("dates.modified", "/modified_at", "the last revision is later")
    if revisions and advisory.published_at < revisions[0].at:
        yield _warning("dates.published", "/published_at", "the first revision is later")


def _addresses(advisory: Advisory) -> Iterator[Remark]:
    given = {"/publisher/namespace": advisory.publisher.namespace}
    given |= {f"/references/{i}/url": item.url for i, item in enumerate(advisory.references)}
    given |= {f"/remediations/{i}/url": item.url for i, item in enumerate(advisory.remediations) if item.url}
    if advisory.verification and advisory.verification.certificate_url:
        given["/verification/certificate_url"] = advisory.verification.certificate_url
    for at, url in given.items():
        if not is_web_address(url):
            yield _error("address", at, "an absolute address of http or https is expected")


def _remediations(remediations: Iterable[Remediation], *, systems: int) -> Iterator[Remark]:
    for i, item in enumerate(remediations):
        products = list(item.products)
        if products != sorted(set(products)) or not all(0 <= number < systems for number in products):
            at = f"/remediations/{i}/products"
            yield _error("products", at, "products are positions in /affected, each once and in order")
