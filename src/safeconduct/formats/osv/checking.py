# SPDX-License-Identifier: Apache-2.0
"""Whether a document is OSV 1.7.5: its shape, and what the prose of the format asks for beyond it."""

from collections.abc import Iterator
from functools import cache

import jsonschema_rs

from safeconduct.domain.safe_json import read_object
from safeconduct.formats.base import Level, Remark
from safeconduct.formats.foreign import Node
from safeconduct.formats.osv.vocabulary import document_schema
from safeconduct.formats.validation import schema_remarks


def check(data: bytes) -> tuple[Remark, ...]:
    """Return what is wrong or doubtful about an OSV document.

    Raises:
        MalformedError: it is not a JSON object.
        TooLargeError: it passes a limit.
    """
    raw = read_object(data)
    return schema_remarks(_validator(), raw, rule="osv.schema") or tuple(_doubts(Node(raw)))


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(document_schema(), validate_formats=True)


def _doubts(root: Node) -> Iterator[Remark]:
    if not any(True for _ in root["affected"].each()):
        yield _warning("osv.affected", "/affected", "no package is named, so no scanner will match the entry")
    for part in ("withdrawn", "published"):
        instant, modified = root[part].instant(), root["modified"].instant()
        if instant and modified and instant > modified:
            yield _warning("osv.dates", f"/{part}", f"{part} is later than the last modification")


def _warning(rule: str, at: str, message: str) -> Remark:
    return Remark(level=Level.WARNING, rule=rule, at=at, message=message)
