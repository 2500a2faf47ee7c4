# SPDX-License-Identifier: Apache-2.0
"""A foreign document read leniently: a wrong kind of value counts as absent, and what nobody looked at is remembered.

`Node` is one place of the document. Readers ask it for what they know; afterward `unread` names every place whose value
went nowhere, which makes the loss report of a reading. Text loses only what no record may hold (NUL) and what passes
the limit of a text.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from safeconduct.domain.instants import parse_instant
from safeconduct.domain.safe_json import Json
from safeconduct.errors import MalformedError
from safeconduct.formats.base import Fate, LossEntry, leaves
from safeconduct.formats.codec import ITEMS_LIMIT, TEXT_LIMIT, pointer

NO_HOME: Final = "the record has no field for it, or cannot hold it as it is"


@dataclass(frozen=True, slots=True)
class Node:
    """One place of a foreign document; `value` is None where there is nothing."""

    value: Json
    at: str = ""
    taken: set[str] = field(default_factory=set)

    def __getitem__(self, key: str) -> "Node":
        """Return the place under the key, which may hold nothing."""
        inner = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(inner, pointer(self.at, key), self.taken)

    def each(self) -> Iterator["Node"]:
        """Yield the places of a list, at most as many as a record may hold."""
        if isinstance(self.value, list):
            for number, item in enumerate(self.value[:ITEMS_LIMIT]):
                yield Node(item, pointer(self.at, number), self.taken)

    def first(self) -> "Node":
        """Return the first place of a list, which may hold nothing."""
        return next(self.each(), Node(None, pointer(self.at, 0), self.taken))

    def text(self, *, limit: int = TEXT_LIMIT) -> str:
        """Return the text as far as a record can hold it, or an empty one; an altered one does not count as read."""
        text = self.peek().replace("\0", "\N{REPLACEMENT CHARACTER}")[:limit]
        if text == self.value:
            self.taken.add(self.at)
        return text

    def choice(self, known: Collection[str], default: str) -> str:
        """Return the text if it is one of the known ones, else the default; only a known one counts as read."""
        if self.peek() not in known:
            return default
        self.taken.add(self.at)
        return self.peek()

    def identifier(self) -> str:
        """Return the text as a public id: one underscore for each run of characters that an id may not hold."""
        made = re.sub(r"[^A-Za-z0-9._:+-]+", "_", self.peek().strip())
        if made == self.value:
            self.taken.add(self.at)
        return made

    def peek(self) -> str:
        """Return the text, or an empty one, without counting it as read."""
        return self.value if isinstance(self.value, str) else ""

    def texts(self) -> tuple[str, ...]:
        """Return the texts of a list that say something, each once."""
        return tuple(dict.fromkeys(text for item in self.each() if (text := item.text()).strip()))

    def instant(self) -> datetime | None:
        """Return the instant, or None where there is none that names its zone."""
        try:
            found = parse_instant(self.value) if isinstance(self.value, str) else None
        except MalformedError:
            return None
        self.taken.add(self.at)
        return found

    def whole(self) -> Json:
        """Return the value with all that is in it, as it is."""
        self.taken.update(leaves(self.value, self.at))
        return self.value

    def ignore(self) -> None:
        """Count the place as looked at: what it says is said elsewhere or follows from the format."""
        self.taken.update(leaves(self.value, self.at))

    def unread(self) -> tuple[LossEntry, ...]:
        """Return one entry for every place that went nowhere."""
        return tuple(
            LossEntry(source=place, fate=Fate.DROPPED, reason=NO_HOME)
            for place, leaf in leaves(self.value, self.at).items()
            if place not in self.taken and leaf is not None
        )
