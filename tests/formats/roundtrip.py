# SPDX-License-Identifier: Apache-2.0
"""The rule of round trips: native to another format and back equals native minus exactly the declared loss."""

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.safe_json import Json
from safeconduct.formats import native
from safeconduct.formats.base import Format, Writing, leaves


def surprises(form: Format, advisory: Advisory) -> list[str]:
    """Return every breach: a field lost without notice, one declared lost that survives, one from nowhere."""
    written = form.write(advisory)
    return compare(native.plain(advisory), native.plain(form.read(written.data).record), written)


def compare(before: Json, after: Json, written: Writing) -> list[str]:
    """Compare the leaves of two plain records under the declared loss."""
    old, new = leaves(before), leaves(after)
    lost = {entry.source for entry in written.loss.lost}
    told = [entry.source for entry in written.loss.entries]
    found = [f"{place} has no fate" for place in old if told.count(place) != 1]
    found += [
        f"{place} was lost without notice" for place in old if place not in lost and new.get(place, _GONE) != old[place]
    ]
    found += [f"{place} is declared lost and survives" for place in lost if new.get(place, _GONE) == old[place]]
    return found + [f"{place} comes from nowhere" for place in new if place not in old]


_GONE = object()
