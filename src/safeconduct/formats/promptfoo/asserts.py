# SPDX-License-Identifier: Apache-2.0
"""Assertions of promptfoo that are exact string tests, as oracles of a bundle.

An assertion says what a good reply is, so the attack succeeded when it fails. Only assertions that forbid a text can be
turned around: a reply that lacks what it should contain shows no particular attack. Every other assertion is a judgment
(a model, a similarity, a script) and has no oracle here; scripts are never run. Where a score decides over several
assertions (a set, or a test's threshold), one that failed does not tell that the attack succeeded: no oracle either.
"""

import re
from typing import Final

from safeconduct.domain.bundle import Canary, Check, Pattern
from safeconduct.domain.safe_json import Json
from safeconduct.formats.evidence.values import Table, list_of, table_of, text_of

PATTERN_LIMIT: Final = 2_000


def checks_of(grading: Table) -> tuple[Check, ...]:
    """Return the checks that say what the failed assertions said."""
    results = [table_of(item) for item in list_of(grading.get("componentResults"))]
    if any("assertionSet" in table_of(result.get("metadata")) for result in results):
        return ()
    made: list[Check] = []
    for result in results:
        if result.get("pass") is False:
            made.extend(_checks(table_of(result.get("assertion"))))
    return tuple(dict.fromkeys(made))


def _checks(assertion: Table) -> list[Check]:
    texts = _texts(assertion.get("value"))
    match text_of(assertion, "type"):
        case "not-contains" | "not-contains-any":
            return [Canary(text=text) for text in texts]
        case "not-icontains" | "not-icontains-any":
            return [Pattern(pattern=re.escape(text), ignore_case=True) for text in texts]
        case "not-regex":
            return [Pattern(pattern=text) for text in texts if len(text) <= PATTERN_LIMIT]
        case "not-starts-with":
            return [Pattern(pattern=rf"\A{re.escape(text)}") for text in texts]
        case _:
            return []


def _texts(value: Json) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item and "\0" not in item]
