# SPDX-License-Identifier: Apache-2.0
"""PyRIT's memory as a SQLite file from a stranger, opened read-only and asked only what a fixed few sentences ask.

The file is opened with `mode=ro` and `immutable`, or read from bytes; nothing is written, no journal is replayed. Only
plain tables are read: a view or a virtual table of the wanted name is refused, because it would run the stranger's
statements. An authorizer denies everything but reading columns, so neither functions nor triggers nor attached files
come into play; a value has a limit, and so has the work of the whole reading.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.evidence.reader import DOCUMENT_LIMIT, document_of

MAGIC: Final = b"SQLite format 3\0"
VALUE_LIMIT: Final = 16 << 20
WORK_LIMIT: Final = 20_000
"""How many times the progress handler may be called: with `WORK_STEP` steps each, minutes of work."""
WORK_STEP: Final = 100_000
_ALLOWED: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})
_JOURNAL_BYTES: Final = slice(18, 20)
_HINT: Final = "give the file that PyRIT wrote, after PyRIT has ended"


class Memory:
    """The tables of one memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Look at the tables and close every way but reading."""
        self._connection = connection
        self._work = 0
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON"):
            list(self.rows(f"PRAGMA {pragma}"))
        self._kinds = {str(name): (kind, str(sql)) for kind, name, sql in self.rows(_TABLES)}

    def seal(self) -> None:
        """Deny everything but reading columns, and bound the work."""
        self._connection.set_authorizer(lambda act, *_: sqlite3.SQLITE_OK if act in _ALLOWED else sqlite3.SQLITE_DENY)
        self._connection.set_progress_handler(self._worked, WORK_STEP)

    def _worked(self) -> int:
        self._work += 1
        return int(self._work > WORK_LIMIT)

    def columns(self, table: str) -> frozenset[str]:
        """Return the names of the columns of a plain table, none where there is no such table.

        Raises:
            MalformedError: it is a view or a virtual table.
        """
        kind, sql = self._kinds.get(table, ("", ""))
        if not kind:
            return frozenset()
        if kind != "table" or sql.lstrip()[:14].upper().startswith("CREATE VIRTUAL"):
            raise MalformedError(f"{table} is no plain table", hint=_HINT)
        return frozenset(str(row[1]) for row in self.rows(f"PRAGMA table_info({table})"))

    def rows(self, sentence: str) -> Iterator[tuple[object, ...]]:
        """Yield the rows that one of our own sentences asks for.

        Raises:
            MalformedError: the file is damaged, or reading it would run what a stranger put there.
            TooLargeError: a value or the work passes its limit.
        """
        try:
            # Not `yield from`: a reading that ends early would close the cursor after its connection.
            for row in self._connection.execute(sentence):  # noqa: UP028  # see above
                yield row
        except sqlite3.DataError as error:
            raise TooLargeError(f"a value has more than {VALUE_LIMIT} bytes", hint="split the run") from error
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise TooLargeError("reading the file takes too much work", hint="split the run") from error
            raise MalformedError("the memory is damaged", hint=_HINT) from error


_TABLES: Final = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')"


@contextmanager
def opened(stream: BinaryIO) -> Iterator[Memory]:
    """Open the memory that the stream holds: a file by its path, anything else from its bytes.

    Raises:
        MalformedError: it is no SQLite file, is damaged, or PyRIT has not closed it.
        TooLargeError: bytes without a file pass the limit.
    """
    name = getattr(stream, "name", None)
    opener = _from_path(Path(name)) if isinstance(name, str) else _from_bytes(stream)
    try:
        connection = opener()
    except sqlite3.Error as error:
        raise MalformedError("the memory cannot be opened", hint=_HINT) from error
    with closing(connection):
        yield Memory(connection)


def _from_path(path: Path) -> Callable[[], sqlite3.Connection]:
    """Return how to open a file without ever writing beside it."""
    journal = path.with_name(f"{path.name}-wal")
    if journal.exists() and journal.stat().st_size:
        raise MalformedError("a journal with newer rows stands beside the memory", hint="let PyRIT end, and try again")
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return lambda: sqlite3.connect(address, uri=True, isolation_level=None)


def _from_bytes(stream: BinaryIO) -> Callable[[], sqlite3.Connection]:
    """Return how to open a copy in memory; its header is told that there is no journal."""
    data = bytearray(document_of(stream, hint=f"give a file; without one, at most {DOCUMENT_LIMIT} bytes are read"))
    data[_JOURNAL_BYTES] = b"\x01\x01"

    def opener() -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(bytes(data))
        return connection

    return opener
