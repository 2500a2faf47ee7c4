# SPDX-License-Identifier: Apache-2.0
"""What every format offers: read, write and check, and a loss report for each conversion.

The native record is the only lossless form; every other format is a projection. A conversion therefore tells for each
field of its source what became of it: carried natively, in the format's extension point, only in prose for people, or
not at all. Fields and places are JSON Pointers (RFC 6901) into source and target. Carried means: reading the written
document gives the same value back. `native → F → native` equals the record minus exactly what is told as prose or
dropped; tests hold every format to that with generated records.

A format is pure: bytes in, domain values out, and back. It knows no clock, no network and no file.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Protocol

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import Json
from safeconduct.errors import MalformedError
from safeconduct.formats.codec import pointer

Record = Report | Advisory


class Fate(StrEnum):
    """What became of a field in a conversion."""

    NATIVE = "native"
    EXTENSION = "extension"
    PROSE = "prose"
    DROPPED = "dropped"

    @property
    def survives(self) -> bool:
        """Say whether reading the target gives the value back."""
        return self in {Fate.NATIVE, Fate.EXTENSION}


@dataclass(frozen=True, slots=True, kw_only=True)
class LossEntry:
    """The fate of one field: where it stood, where it stands now, and why it did not arrive if it did not."""

    source: str
    fate: Fate
    target: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the entry as plain data."""
        return {"source": self.source, "fate": self.fate.value, "target": self.target, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a conversion carried and what it lost."""

    source_format: str
    target_format: str
    entries: tuple[LossEntry, ...] = ()

    @property
    def lost(self) -> tuple[LossEntry, ...]:
        """Return the entries whose value cannot be read back."""
        return tuple(entry for entry in self.entries if not entry.fate.survives)

    def as_dict(self) -> dict[str, object]:
        """Return the report as plain data: the two formats, how many fields met which fate, and every entry."""
        counts = {fate.value: sum(entry.fate is fate for entry in self.entries) for fate in Fate}
        return {
            "from": self.source_format,
            "to": self.target_format,
            "counts": counts,
            "entries": [entry.as_dict() for entry in self.entries],
        }


class Level(StrEnum):
    """How much a remark weighs."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One finding about a document: the rule that found it, the place, and what it says."""

    level: Level
    rule: str
    at: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the remark as plain data."""
        return {"level": self.level.value, "rule": self.rule, "at": self.at, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: the record, what of the document it could not hold, and what a person should know."""

    record: Record
    loss: Loss
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What was written: the bytes, the file name that the format asks for, and what they could not hold."""

    data: bytes
    name: str
    loss: Loss


class Format(Protocol):
    """One format. Left out on purpose: files, streams and signatures; they belong to the caller."""

    name: str
    title: str

    def read(self, data: bytes) -> Reading:
        """Return the record that a document of this format holds.

        Raises:
            MalformedError: the document cannot be read as this format.
            IncompleteError: it lacks what a record needs.
            TooLargeError: it passes a limit.
        """

    def write(self, record: Record) -> Writing:
        """Return the document that holds the record.

        Raises:
            MalformedError: the format holds another kind of record, or the record breaks its own rules.
        """

    def check(self, data: bytes) -> tuple[Remark, ...]:
        """Return what is wrong or doubtful about a document; nothing means that it is sound.

        Raises:
            MalformedError: it is not even the notation that the format uses.
            TooLargeError: it passes a limit.
        """


def require_advisory(record: Record, *, title: str) -> Advisory:
    """Return the record if it is an advisory.

    Raises:
        MalformedError: it is a report, which may hold what is not for publication.
    """
    if isinstance(record, Advisory):
        return record
    raise MalformedError(
        f"{title} carries advisories, and this is a report",
        hint="a report becomes an advisory through triage and a case; write it as native",
    )


def document(value: Json) -> bytes:
    """Return the bytes of a JSON document for publication: UTF-8, sorted keys, indented, one line feed at the end.

    Raises:
        MalformedError: a text holds half of a surrogate pair.
    """
    try:
        return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except UnicodeEncodeError as error:
        raise MalformedError("a text holds half of a surrogate pair", hint="mend the record") from error


def leaves(data: Json, at: str = "") -> dict[str, Json]:
    """Return every scalar and every empty container of the data by its JSON Pointer."""
    if isinstance(data, dict) and data:
        steps: Iterable[tuple[str | int, Json]] = data.items()
    elif isinstance(data, list) and data:
        steps = enumerate(data)
    else:
        return {at: data}
    return {place: leaf for step, item in steps for place, leaf in leaves(item, pointer(at, step)).items()}


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of the fields that a pattern names.

    In a pattern `*` stands for any one step and `**` for all that follows; the target may name them in the same order.
    """

    pattern: str
    fate: Fate
    target: str = ""
    reason: str = ""

    def entry(self, place: str) -> LossEntry | None:
        """Return the fate of the place, or nothing if the rule does not speak of it."""
        match = _regex(self.pattern).fullmatch(place)
        if match is None:
            return None
        steps = iter(match.groups())
        target = re.sub(r"\*+", lambda _: next(steps), self.target)
        return LossEntry(source=place, fate=self.fate, target=target, reason=self.reason)


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*\*", "(.*)").replace(r"\*", "([^/]*)"), re.DOTALL)


def declared(
    data: Json, rules: Iterable[Rule], *, special: Mapping[str, LossEntry] = MappingProxyType({})
) -> tuple[LossEntry, ...]:
    """Return the fate of every leaf.

    `special` names single places of this document, each with all that is below it, and goes before the rules. Of the
    rules the first that speaks of a place decides; the last one speaks of all.
    """
    ordered = tuple(rules)
    entries = []
    for place in leaves(data):
        known = next((special[part] for part in _upward(place) if part in special), None)
        entry = replace(known, source=place) if known else next(filter(None, (rule.entry(place) for rule in ordered)))
        entries.append(entry)
    return tuple(entries)


def _upward(place: str) -> Iterator[str]:
    """Yield the place and every place that holds it."""
    while place:
        yield place
        place = place.rpartition("/")[0]
