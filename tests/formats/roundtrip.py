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
    kept = old.keys() - lost
    found = [f"{place} has no fate" for place in old if told.count(place) != 1]
    found += [f"{place} was lost without notice" for place in kept if new.get(place, _GONE) != old[place]]
    found += [f"{place} is declared lost and survives" for place in lost if new.get(place, _GONE) == old[place]]
    return found + [
        f"{place} comes from nowhere" for place in new.keys() - old.keys() if not _emptied(place, new, lost)
    ]


def _emptied(place: str, new: dict[str, Json], lost: set[str]) -> bool:
    """Say whether the place is what remains of an object all of whose fields are declared lost."""
    return new[place] in ({}, []) and any(name.startswith(f"{place}/") for name in lost)


_GONE = object()
