# SPDX-License-Identifier: Apache-2.0
"""Regular expressions of strangers: RE2, which takes time in proportion to the text, with a bound on the program.

RE2 has no look-around and no back-references. An expression that finds the empty text would find it everywhere.
"""

from collections.abc import Callable
from typing import Final

import re2

from safeconduct.errors import MalformedError

MAX_PATTERN_MEMORY: Final = 4 << 20

Search = Callable[[str], str | None]


def compile_expression(pattern: str, *, ignore_case: bool = False, groups: int | None = None) -> Search:
    """Return a search for an RE2 expression, which takes time in proportion to the text.

    The search answers the first group if `groups` is 1, otherwise what was found; None where nothing is.

    Raises:
        MalformedError: it is not RE2, compiles to too much, finds the empty text, or has another number of groups.
    """
    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise MalformedError(
            "a regular expression is not RE2 or compiles to too much",
            hint="RE2 has no look-around and no back-references; shorten repetitions",
        ) from error
    if compiled.search("") is not None:
        raise MalformedError("a regular expression matches the empty text", hint="every reply would be a hit")
    if groups is not None and compiled.groups != groups:
        raise MalformedError(f"a regular expression has {compiled.groups} groups", hint=f"it needs {groups}")

    def search(text: str) -> str | None:
        found = compiled.search(text)
        return None if found is None else found.group(groups or 0)

    return search
