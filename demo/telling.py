# SPDX-License-Identifier: Apache-2.0
"""How the story is told on a terminal: chapters, plain sentences, facts in two columns, numbers in tables."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from safeconduct.verification.stats.intervals import clopper_pearson

WIDTH = 104
CONFIDENCE = 0.95
INDENT = 2


class Teller:
    """Tells the story."""

    def __init__(self, console: Console | None = None) -> None:
        """Tell it on this console, by default on standard output."""
        self.console = console or Console(highlight=False, width=WIDTH)
        self._chapter = 0
        self._began = time.monotonic()

    def title(self, words: str, under: str) -> None:
        """Begin the story."""
        self.console.print()
        self.console.print(Text(words, style="bold"))
        self.console.print(Text(under, style="italic"))

    def chapter(self, words: str) -> None:
        """Begin a chapter, with the time that has passed."""
        self._chapter += 1
        passed = int(time.monotonic() - self._began)
        self.console.print()
        self.console.print(Rule(Text(f"{self._chapter}. {words}", style="bold"), align="left", style="dim"))
        self.console.print(Text(f"after {passed // 60}:{passed % 60:02d} minutes", style="dim"))

    def say(self, words: str) -> None:
        """Say a sentence."""
        self.console.print(Padding(Text(words), (0, 0, 0, INDENT), expand=False))

    def command(self, *words: str) -> None:
        """Show a command that is run."""
        self.console.print(
            Padding(Text("$ " + " ".join(words), style="cyan"), (0, 0, 0, INDENT), expand=False), soft_wrap=True
        )

    def holds(self, words: str) -> None:
        """Say that something was checked and holds."""
        self.console.print(Padding(Text.assemble(("✓ ", "green"), words), (0, 0, 0, INDENT), expand=False))

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Show facts in two columns."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(Text(name), Text(value))
        self.console.print(Padding(table, (0, 0, 0, INDENT), expand=False))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Show a table whose first column is words and the others are numbers."""
        table = Table(box=None, padding=(0, 2), header_style="dim")
        for place, head in enumerate(heads):
            table.add_column(head, justify="right" if place else "left", no_wrap=bool(place))
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(Padding(table, (0, 0, 0, INDENT), expand=False))

    @contextmanager
    def waiting(self, words: str) -> Iterator[None]:
        """Show on a terminal that something takes time."""
        if not self.console.is_terminal:
            yield
            return
        with self.console.status(words):
            yield


class Counter:
    """Shows how far a row of calls is, on a terminal only."""

    def __init__(self, teller: Teller, words: str, *, of: int) -> None:
        """Begin at none."""
        self._teller, self._words, self._of, self._done = teller, words, of, 0
        self._status = teller.console.status(words) if teller.console.is_terminal else None

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show no more."""
        if self._status:
            self._status.stop()

    def step(self, _what: object) -> None:
        """One more is done."""
        self._done += 1
        if self._status:
            self._status.update(f"{self._words} {self._done} of {self._of}")


def rate(hits: int, n: int) -> str:
    """Return a rate with its exact interval at 95 %."""
    if n == 0:
        return "-"
    found = clopper_pearson(hits, n, confidence=CONFIDENCE)
    return f"{hits / n:.0%}  [{found.lower:.0%}, {found.upper:.0%}]"
