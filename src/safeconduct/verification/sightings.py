# SPDX-License-Identifier: Apache-2.0
"""What was seen while a target answered: events in the box, scanners' verdicts on a file, tokens.

Nothing seen and nobody watching are two things: only where somebody watched to the end is an absence a miss.
"""

from dataclasses import dataclass
from typing import Final

from safeconduct.domain.observed import EventKind, ScanLevel, ScannerName


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One act that was attempted in the box: its kind, and the audited event with what it was about."""

    kind: EventKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one scanner said of one file, and what it found."""

    scanner: ScannerName
    level: ScanLevel
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """All that was seen of one reply; `watched` says that somebody watched from the question to the answer."""

    events: tuple[Seen, ...] = ()
    watched: bool = False
    scans: tuple[Scan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The tokens of one exchange, as the target states them; nothing is known where both are zero."""

    sent: int = 0
    made: int = 0


NOTHING_SEEN: Final = Sighting()
NOT_STATED: Final = Usage()
