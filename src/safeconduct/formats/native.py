# SPDX-License-Identifier: Apache-2.0
"""The native records: report (schema 1) and advisory (record 1), the only lossless form.

A record is one JSON object. `schema_version` marks a report, `record_version` an advisory; both follow semantic
versioning. A minor version only adds fields with defaults, and a field that holds its default is not written, so the
canonical form (RFC 8785, JCS) and its SHA-256 stay the same across minor versions. A record of a newer major version is
refused rather than half understood.

Written records are the canonical bytes with one line feed after them, so that equal records are equal files.
"""

import hashlib
import json
from importlib.resources import files
from typing import Final, TypeVar

from safeconduct.domain.advisory import RECORD_VERSION, Advisory
from safeconduct.domain.report import SCHEMA_VERSION, TITLE_LIMIT, Report
from safeconduct.domain.safe_json import DEFAULT_LIMITS, Json, JsonLimits, canonical_json, read_object
from safeconduct.errors import MalformedError, SafeconductError, TooLargeError, UnknownValueError
from safeconduct.formats.base import Fate, Level, Loss, LossEntry, Reading, Record, Remark, Writing, leaves
from safeconduct.formats.codec import decode, encode_fields
from safeconduct.formats.schema import json_schema
from safeconduct.formats.soundness import advisory_remarks, require_sound

NAME: Final = "native"
SCHEMA_FILES: Final = {Report: "report-1.schema.json", Advisory: "advisory-1.schema.json"}

_VERSION_FIELD: Final = {Report: "schema_version", Advisory: "record_version"}
_VERSION: Final = {Report: SCHEMA_VERSION, Advisory: RECORD_VERSION}
_KIND = TypeVar("_KIND", Report, Advisory)


def read_report(data: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> Report:
    """Return the report that the JSON bytes hold.

    Raises:
        TooLargeError: bytes, nesting, a text or a list pass a limit.
        IncompleteError: answers that every report needs are absent.
        MalformedError: the bytes are no report; `facts["problems"]` tells each place.
    """
    return report_from(read_object(data, limits=limits))


def report_from(data: Json) -> Report:
    """Return the report that plain data hold; same errors as `read_report`."""
    report = _record_from(Report, data)
    if len(report.title) > TITLE_LIMIT:
        raise TooLargeError(f"/title: longer than {TITLE_LIMIT} characters", hint="say the rest in the description")
    if not report.affects:
        raise MalformedError("/affects: at least one system is affected", hint="name it unknown if it is not known")
    for number, trials in enumerate(report.evidence.trials):
        if not 0 <= trials.hits <= (trials.hits if trials.n is None else trials.n):
            raise MalformedError(
                f"/evidence/trials/{number}: the counts are not those of a sample", hint="0 ≤ hits ≤ n, or n left out"
            )
    return report


def read_advisory(data: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> Advisory:
    """Return the advisory that the JSON bytes hold.

    Raises:
        TooLargeError: bytes, nesting, a text or a list pass a limit.
        IncompleteError: fields that every advisory needs are absent.
        MalformedError: the bytes are no sound advisory; `facts["problems"]` tells each place.
    """
    return advisory_from(read_object(data, limits=limits))


def advisory_from(data: Json) -> Advisory:
    """Return the advisory that plain data hold; same errors as `read_advisory`."""
    return require_sound(_record_from(Advisory, data))


def plain(record: Record) -> dict[str, Json]:
    """Return the record as plain JSON data; fields that hold their default are left out."""
    return encode_fields(record)


def canonical(record: Record) -> bytes:
    """Return the canonical bytes of the record (RFC 8785)."""
    return canonical_json(plain(record))


def digest(record: Record) -> str:
    """Return the SHA-256 of the canonical bytes in lower-case hex."""
    return hashlib.sha256(canonical(record)).hexdigest()


def schema_of(kind: type[Report | Advisory]) -> dict[str, Json]:
    """Return the JSON Schema of reports or of advisories, made from the types."""
    return json_schema(kind, title=f"Safeconduct {kind.__name__.lower()}", version=_VERSION[kind])


def published_schema(kind: type[Report | Advisory]) -> bytes:
    """Return the JSON Schema as it is published."""
    return files("safeconduct.formats").joinpath("data", SCHEMA_FILES[kind]).read_bytes()


def schema_bytes(kind: type[Report | Advisory]) -> bytes:
    """Return the bytes that the published schema must have."""
    return (json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n").encode()


def _record_from(kind: type[_KIND], data: Json) -> _KIND:
    name = _VERSION_FIELD[kind]
    if isinstance(data, dict):
        _require_known_version(data.get(name, _VERSION[kind]), name=name, known=_VERSION[kind])
    return decode(kind, data)


def _require_known_version(version: Json, *, name: str, known: str) -> None:
    major, _, _ = known.partition(".")
    if not isinstance(version, str) or version.partition(".")[0] != major:
        raise UnknownValueError(
            f"/{name}: this version reads {major}.x only", hint="use a newer safeconduct, or convert first"
        )


class NativeFormat:
    """The native format: reports and advisories, without loss."""

    name = NAME
    title = "Safeconduct's native record"

    def read(self, data: bytes) -> Reading:
        """Return the report or the advisory; see `Format.read`."""
        raw = read_object(data)
        is_advisory = _VERSION_FIELD[Advisory] in raw
        record: Record = advisory_from(raw) if is_advisory else report_from(raw)
        remarks = advisory_remarks(record) if isinstance(record, Advisory) else ()
        return Reading(record=record, loss=_lossless(raw), remarks=remarks)

    def write(self, record: Record) -> Writing:
        """Return the canonical record; see `Format.write`."""
        if isinstance(record, Advisory):
            require_sound(record)
        name = f"{record.id}.json" if isinstance(record, Advisory) else "report.json"
        return Writing(data=canonical(record) + b"\n", name=name, loss=_lossless(plain(record)))

    def check(self, data: bytes) -> tuple[Remark, ...]:
        """Return what is wrong or doubtful; see `Format.check`."""
        raw = read_object(data)
        try:
            if _VERSION_FIELD[Advisory] in raw:
                return advisory_remarks(_record_from(Advisory, raw))
            report_from(raw)
        except SafeconductError as error:
            return _remarks_of(error)
        return ()


def _remarks_of(error: SafeconductError) -> tuple[Remark, ...]:
    problems = error.facts.get("problems")
    if not isinstance(problems, list):
        return (Remark(level=Level.ERROR, rule=error.code, at="", message=error.message),)
    return tuple(
        Remark(level=Level.ERROR, rule=problem["kind"], at=problem["at"], message=problem["message"])
        for problem in problems
    )


def _lossless(data: Json) -> Loss:
    entries = tuple(LossEntry(source=place, fate=Fate.NATIVE, target=place) for place in leaves(data))
    return Loss(source_format=NAME, target_format=NAME, entries=entries)
