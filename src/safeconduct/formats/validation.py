# SPDX-License-Identifier: Apache-2.0
"""What a compiled JSON Schema says of a document, as remarks."""

import jsonschema_rs

from safeconduct.domain.safe_json import Json, printable
from safeconduct.formats.base import Level, Remark
from safeconduct.formats.codec import pointer

REMARKS_LIMIT = 100
MESSAGE_LIMIT = 500


def schema_remarks(validator: jsonschema_rs.Validator, raw: Json, *, rule: str) -> tuple[Remark, ...]:
    """Return one error for each place at which the document breaks the schema, at most a hundred."""
    found = []
    for error in validator.iter_errors(raw):
        place = ""
        for step in error.instance_path:
            place = pointer(place, step)
        message = printable(error.message[:MESSAGE_LIMIT])
        found.append(Remark(level=Level.ERROR, rule=rule, at=printable(place[:MESSAGE_LIMIT]), message=message))
        if len(found) == REMARKS_LIMIT:
            break
    return tuple(found)
