# SPDX-License-Identifier: Apache-2.0
"""What the targets in the sandbox have in common: lines of the code in the box, and what they may be shown as.

The lines come from foreign code, which can write whatever it likes: an event that it invents speaks against itself.
"""

from typing import Final

from safeconduct.domain.observed import EventKind
from safeconduct.domain.safe_json import Json, read_object
from safeconduct.errors import MalformedError, TargetError, TooLargeError
from safeconduct.verification.sightings import Seen

# Numerical libraries start threads by the number of processors, which the limit on processes would refuse.
QUIET: Final = "import os as _o; _o.environ.update(OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1'); del _o\n"
_SHOWN: Final = 200
_MARK: Final = b'{"event"'


def read_line(line: bytes) -> dict[str, Json]:
    """Return the line as an object.

    Raises:
        TargetError: it is none.
    """
    try:
        return read_object(line)
    except (MalformedError, TooLargeError) as error:
        raise TargetError("the classifier answered garbage", hint=error.message) from error


def seen_in(line: bytes) -> Seen | None:
    """Return the act that the line tells of; nothing if it is another line.

    Raises:
        TargetError: it cannot be read.
    """
    if not line.startswith(_MARK):
        return None
    document = read_line(line)
    kind = str(document.get("event"))
    if kind not in {member.value for member in EventKind}:
        raise TargetError("the classifier answered garbage", hint="an event of no kind")
    return Seen(kind=EventKind(kind), name=plain_words(document.get("name")))


def plain_words(value: Json) -> str:
    """Return a value as it may be shown."""
    return ascii(str(value))[1:-1][:_SHOWN]
