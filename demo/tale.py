# SPDX-License-Identifier: Apache-2.0
"""What a story carries from chapter to chapter: its persons, its things, and the book of calls."""

from dataclasses import dataclass, field
from pathlib import Path

from demo.calls import Book
from demo.people import Coordinator, Proof, Vendor
from demo.portal import Portal
from demo.subject import Subject
from demo.telling import Teller


@dataclass(slots=True, kw_only=True)
class Tale:
    """The persons and things of one story, and what came of them so far."""

    subject: Subject
    portal: Portal
    teller: Teller
    folder: Path
    seed: int
    coordinator: Coordinator
    vendor: Vendor
    book: Book = field(default_factory=Book)
    case_id: str = ""
    proofs: dict[str, Proof] = field(default_factory=dict)
