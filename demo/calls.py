# SPDX-License-Identifier: Apache-2.0
"""The book of model calls: how many each step of the story took, and how long they took."""

from dataclasses import dataclass, field

MOST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The calls of one step; `seconds` is None where only their number is known."""

    step: str
    calls: int
    seconds: float | None


@dataclass(slots=True)
class Book:
    """What was spent so far."""

    entries: list[Entry] = field(default_factory=list)

    def note(self, step: str, calls: int, seconds: float | None = None) -> None:
        """Write down a step."""
        self.entries.append(Entry(step=step, calls=calls, seconds=seconds))

    @property
    def total(self) -> int:
        """Return the number of all calls."""
        return sum(entry.calls for entry in self.entries)

    @property
    def seconds_per_call(self) -> float:
        """Return the mean time of those calls whose time is known."""
        timed = [(entry.calls, entry.seconds) for entry in self.entries if entry.seconds is not None]
        calls = sum(number for number, _ in timed)
        return sum(seconds for _, seconds in timed) / calls if calls else 0.0

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the book as lines to show."""
        shown = [(entry.step, str(entry.calls), _each(entry)) for entry in self.entries]
        return [*shown, ("all", str(self.total), f"{self.seconds_per_call:.2f}")]


def _each(entry: Entry) -> str:
    return "-" if entry.seconds is None or not entry.calls else f"{entry.seconds / entry.calls:.2f}"
