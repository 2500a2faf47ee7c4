# SPDX-License-Identifier: Apache-2.0
"""A small Sphinx extension that writes facts from the code into the pages, so that they cannot drift apart.

A page asks for a fact with an otherwise empty fence that names it:

    ```{facts} error-codes
    ```

The fence is replaced by Markdown before the page is parsed, so headings and anchors work as if a person had written
them. A name that is not in `FACTS` stops the build. Nothing is written into the source folder and nothing is fetched.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from safeconduct_facts import commands, interface, machines, records, rules, vocabulary

FENCE = re.compile(r"^```\{facts\} ([a-z-]+)\n```$", re.MULTILINE)

FACTS: Mapping[str, Callable[[], str]] = {
    "api-operations": interface.operations,
    "bundle-format": records.bundle_format,
    "commands": commands.reference,
    "consent-machine": machines.consent,
    "deadlines": rules.deadlines,
    "embargo-machine": machines.embargo,
    "error-codes": vocabulary.error_codes,
    "event-tags": vocabulary.event_tags,
    "harm-bases": rules.harm_bases,
    "ml-profile": rules.ml_profile,
    "report-machine": machines.report,
    "report-questions": rules.report_questions,
    "report-schema": records.report_schema,
    "settings": vocabulary.settings,
    "trial-format": records.trial_format,
}


def fill(text: str) -> str:
    """Return the page with every fence replaced by the fact it names.

    Raises:
        ExtensionError: a fence names no fact.
    """

    def fact(match: re.Match[str]) -> str:
        if match[1] not in FACTS:
            raise ExtensionError(f"there is no fact named {match[1]}; known: {', '.join(sorted(FACTS))}")
        return FACTS[match[1]]()

    return FENCE.sub(fact, text)


def _fill_source(_app: Sphinx, _page: str, content: list[str]) -> None:
    content[0] = fill(content[0])


def _always_fresh(app: Sphinx, *_sets: object) -> list[str]:
    """Return the pages that hold facts: the code may have changed although the page did not."""
    return [page for page in app.env.found_docs if FENCE.search(app.env.doc2path(page).read_text(encoding="utf-8"))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("source-read", _fill_source)
    app.connect("env-get-outdated", _always_fresh)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
