# SPDX-License-Identifier: Apache-2.0
"""What is sealed of a report: the report as it was told, and the salts that make its opening again.

The opening shows the report once more, so only its salts are kept beside the report. They are in the order of the names
of the fields, and `files` are the digests of the files that came with the report, in their order: what is added later
is not part of the commitment.
"""

import json
from collections.abc import Mapping, Sequence

from safeconduct.crypto.age import pad, unpad
from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import Json, read_object
from safeconduct.errors import MalformedError
from safeconduct.formats import native
from safeconduct.ledger.commitment import ATTACHMENT_PREFIX, SALT_LENGTH, Opening, ShownField


def packed(told: Mapping[str, Json], *, files: Sequence[str], opening: Opening) -> bytes:
    """Return the padded content of the sealed body."""
    salts = [encode64(one.salt) for one in opening.fields if isinstance(one, ShownField)]
    content = {"report": told, "files": list(files), "salt": encode64(opening.salt), "salts": salts}
    return pad(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def report_in(content: bytes) -> Report:
    """Return the report of an opened body."""
    return native.report_from(read_object(unpad(content)).get("report"))


def opening_in(content: bytes, *, log_key: str) -> Opening:
    """Return the opening of an opened body."""
    match read_object(unpad(content)):
        case {"report": dict(report), "files": list(files), "salt": str(salt), "salts": list(salts)}:
            named = report | {f"{ATTACHMENT_PREFIX}{number}": digest for number, digest in enumerate(files, start=1)}
            fields = tuple(
                ShownField(name=name, value=named[name], salt=_salt(one))
                for name, one in zip(sorted(named), salts, strict=True)
            )
            return Opening(salt=_salt(salt), fields=fields, log_key=log_key)
        case _:
            raise MalformedError("the stored report is of an unknown form", hint="it was written by a newer version")


def _salt(text: Json) -> bytes:
    return decode64(str(text), what="a salt", length=SALT_LENGTH)
