# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for the domain: any value that the types allow, and sound reports and advisories.

`values(Kind)` follows the type hints. Where the types say less than the rules of the domain (a text that must say
something, revisions that count from 1), `SPECIAL` has a strategy of its own.
"""

import types
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from functools import cache
from typing import Any, get_args, get_origin

from hypothesis import strategies as st

from safeconduct.domain.advisory import (
    RECORD_VERSION,
    Advisory,
    FamilyResult,
    Publisher,
    Reference,
    Remediation,
    Revision,
    TimelineEntry,
    VerificationSummary,
)
from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import SCHEMA_VERSION, TITLE_LIMIT, Evidence, Report
from safeconduct.domain.systems import AffectedSystem, Digest, Identity, Observation
from safeconduct.domain.weakness import TaxonomyRef
from safeconduct.formats.codec import fields_of

WHOLE = 2**53 - 1

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(CHARACTERS, max_size=20)
SAID = st.text(CHARACTERS, min_size=1, max_size=20).filter(str.strip)
LABELS = st.text(st.sampled_from("abcXYZ019.-_"), min_size=1, max_size=12)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))])
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=ZONES)  # noqa: DTZ001  # drawn with one
DAYS = st.dates(date(1970, 1, 1), date(2199, 12, 31))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
HEX = st.text(st.sampled_from("0123456789abcdef"), min_size=64, max_size=64)
WEB = st.builds(
    "https://{}.example/{}".format,
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9._~-]{0,6}(/[a-z%20]{0,3})?(\?q=[a-z]{1,3})?", fullmatch=True).filter(
        lambda path: "%" not in path
    ),
)
PURLS = st.sampled_from(
    [
        "pkg:pypi/transformers@4.41.0",
        "pkg:huggingface/acme/small-model@0123456789abcdef0123456789abcdef01234567",
        "pkg:npm/%40acme/agent@1.0.0",
        "pkg:mlflow/credit-model@3?repository_url=https%3A%2F%2Fmlflow.example",
    ]
)
CPES = st.just("cpe:2.3:a:acme:chat:1.0:*:*:*:*:*:*:*")
VECTORS = st.sampled_from(
    [
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:L/VA:N/SC:N/SI:N/SA:N",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:L/A:N",
    ]
)
PUBLIC_IDS = st.from_regex(r"SC-20[0-9]{2}-[0-9a-z]{8}", fullmatch=True)
ALIASES = st.one_of(st.sampled_from(["CVE-2026-12345", "CVE-2025-0001", "AVID-2026-V001", "GHSA-xxxx-yyyy-zzzz"]), SAID)

SPECIAL: Mapping[tuple[type, str], st.SearchStrategy[Any]] = {
    (Report, "schema_version"): st.just(SCHEMA_VERSION),
    (Report, "title"): st.text(CHARACTERS, max_size=TITLE_LIMIT),
    (TaxonomyRef, "edition"): LABELS,
    (TaxonomyRef, "id"): LABELS,
    (AffectedSystem, "vendor"): SAID,
    (AffectedSystem, "product"): SAID,
    (Identity, "purl"): st.just("") | PURLS | TEXTS,
    (Identity, "cpe"): st.just("") | CPES | TEXTS,
    (Identity, "sbom_ref"): st.just("") | WEB | TEXTS,
    (Digest, "algorithm"): st.sampled_from(["sha256", "sha512", "blake3"]),
    (Digest, "value"): HEX | TEXTS,
    (Publisher, "name"): SAID,
    (Publisher, "namespace"): WEB,
    (Publisher, "category"): st.sampled_from(["coordinator", "vendor", "other"]),
    (Reference, "url"): WEB,
    (Remediation, "details"): SAID,
    (Remediation, "url"): st.just("") | WEB,
    (TimelineEntry, "what"): SAID,
    (VerificationSummary, "certificate_url"): st.just("") | WEB,
    (FamilyResult, "family"): SAID,
    (Evidence, "trials"): st.deferred(lambda: st.lists(values(TrialSummary).map(counted), max_size=2).map(tuple)),
    (Observation, "sampling"): st.lists(st.tuples(LABELS, TEXTS), max_size=2).map(tuple),
}


def counted(trials: TrialSummary) -> TrialSummary:
    """Return the trials with counts that a sample can have."""
    counts = sorted((abs(trials.hits), abs(trials.n or 0)))
    return replace(trials, hits=counts[0], n=None if trials.n is None else counts[1])


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for everything that the hint allows."""
    if get_origin(hint) is tuple:
        return _tuples(get_args(hint))
    if isinstance(hint, types.UnionType):
        (inner,) = (item for item in get_args(hint) if item is not types.NoneType)
        return st.none() | values(inner)
    if is_dataclass(hint):
        return st.builds(hint, **_fields(hint))
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return {
        str: TEXTS,
        bool: st.booleans(),
        int: st.integers(-WHOLE, WHOLE),
        float: NUMBERS,
        datetime: INSTANTS,
        date: DAYS,
    }[hint]


def _tuples(hints: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if Ellipsis in hints:
        return st.lists(values(hints[0]), max_size=2).map(tuple)
    return st.tuples(*(values(hint) for hint in hints))


def _fields(kind: Any) -> dict[str, st.SearchStrategy[Any]]:
    """Return one strategy for each field; a field with a default is often left at it."""
    made = {}
    for spec in fields_of(kind):
        strategy = SPECIAL[kind, spec.name] if (kind, spec.name) in SPECIAL else values(spec.hint)
        made[spec.name] = strategy if spec.required else st.just(spec.default) | strategy
    return made


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report that can be written and read."""
    affects = tuple(draw(st.lists(values(AffectedSystem), min_size=1, max_size=2)))
    fields = {name: strategy for name, strategy in _fields(Report).items() if name != "affects"}
    return Report(affects=affects, **{name: draw(strategy) for name, strategy in fields.items()})


@st.composite
def advisories(draw: st.DrawFn) -> Advisory:
    """Draw a sound advisory."""
    affected = tuple(draw(st.lists(values(AffectedSystem), min_size=1, max_size=3)))
    moments = sorted(draw(st.lists(INSTANTS, min_size=1, max_size=3)))
    revisions = tuple(Revision(version=number, at=at, summary=draw(SAID)) for number, at in enumerate(moments, start=1))
    fixed = {
        "id": draw(PUBLIC_IDS),
        "record_version": RECORD_VERSION,
        "title": draw(SAID),
        "summary": draw(SAID),
        "description": draw(SAID),
        "affected": affected,
        "published_at": moments[0],
        "modified_at": moments[-1],
        "revisions": revisions,
        "aliases": tuple(draw(st.lists(ALIASES, max_size=3, unique=True))),
        "remediations": tuple(draw(st.lists(remediations(systems=len(affected)), max_size=2))),
    }
    rest = {name: strategy for name, strategy in _fields(Advisory).items() if name not in fixed}
    return Advisory(**fixed, **{name: draw(strategy) for name, strategy in rest.items()})


def remediations(*, systems: int) -> st.SearchStrategy[Remediation]:
    """Return a strategy for remediations whose products are positions of so many systems."""
    products = st.sets(st.integers(0, systems - 1)).map(lambda chosen: tuple(sorted(chosen)))
    return st.builds(Remediation, **{**_fields(Remediation), "products": products})
