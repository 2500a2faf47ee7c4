# SPDX-License-Identifier: Apache-2.0
"""The words under which an entry is found: folded, so that case, width and accents make no difference."""

import re
import unicodedata

from safeconduct.domain.advisory import Advisory

WORD = re.compile(r"[^\W_]+(?:[.\-][^\W_]+)*")
MAX_WORDS = 12
MAX_QUERY = 400


def fold(text: str) -> str:
    """Return the text in compatibility form, lower case and without accents."""
    spread = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in spread if not unicodedata.combining(letter))


def words(query: str) -> tuple[str, ...]:
    """Return the words of a query, folded; what is too long is cut, because a query is never worth an error."""
    return tuple(WORD.findall(fold(query[:MAX_QUERY])))[:MAX_WORDS]


def search_text(record: Advisory) -> str:
    """Return everything of a public record by which it may be found, folded."""
    systems = (
        part
        for system in record.affected
        for part in (system.vendor, system.product, system.version, system.identity.purl, system.identity.model_string)
    )
    tags = (part for ref in record.taxonomy for part in (str(ref), ref.id))
    parts = (
        record.id,
        *record.aliases,
        record.title,
        record.summary,
        record.description,
        record.flaw_class.value,
        *(track.value for track in record.tracks),
        *systems,
        *tags,
    )
    return fold(" \n".join(part for part in parts if part))
