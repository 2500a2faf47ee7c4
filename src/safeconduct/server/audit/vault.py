# SPDX-License-Identifier: Apache-2.0
"""What is stored sealed: every report and every case has a data key, and losing that key shreds it.

A subject is the identifier of a report or a case. Its data key is kept wrapped under an epoch key, which is a file
outside the database and outside its backup. `seal` binds a value to its table, column and row, so that a value moved
elsewhere does not open.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from types import MappingProxyType

from safeconduct.crypto.sealing import (
    DataKey,
    EpochKey,
    Place,
    SealWriter,
    Sink,
    Source,
    epoch_of,
    open_field,
    seal_field,
    unseal,
    unwrap_key,
    wrap_key,
)
from safeconduct.domain.ids import Entropy
from safeconduct.errors import SealError
from safeconduct.server.audit.models import SubjectKey
from safeconduct.server.audit.ring import key_ring

TABLE = "audit_subjectkey"
FETCHED_AT_ONCE = 500

_none: Mapping[str, DataKey] = MappingProxyType({})
_at_hand: ContextVar[Mapping[str, DataKey]] = ContextVar("keys at hand", default=_none)


def make_key(*, subject: str, now: datetime) -> DataKey:
    """Make and store the data key of a new subject. Call it inside the act's `atomic_write`."""
    key = DataKey.generate(secrets.token_bytes)
    keep_key(key, subject=subject, now=now)
    return key


def keep_key(key: DataKey, *, subject: str, now: datetime) -> None:
    """Store a data key that already sealed something, such as attachments that arrived before the report."""
    wrapped_key(key, subject=subject, now=now).save(force_insert=True)


def wrapped_key(key: DataKey, *, subject: str, now: datetime, entropy: Entropy = secrets.token_bytes) -> SubjectKey:
    """Return a data key as it is stored, for acts that store many at once."""
    wrapped = wrap_key(key, _current_epoch(now), place=_place_of_key(subject), entropy=entropy)
    return SubjectKey(subject=subject, wrapped=wrapped)


def key_of(subject: str) -> DataKey:
    """Return the data key of a subject.

    Raises:
        SealError: the subject was shredded, or the epoch key is gone.
    """
    if (key := _at_hand.get().get(subject)) is not None:
        return key
    row = SubjectKey.objects.filter(pk=subject).first()
    if row is None:
        raise SealError("the key of this record was destroyed", hint="its contents cannot be opened again")
    return _unwrapped(row)


@contextmanager
def keys_at_hand(subjects: Iterable[str]) -> Iterator[frozenset[str]]:
    """Fetch the keys of many subjects at once for what is opened inside the `with`; yield those that have one.

    Inside of another one, only those are fetched that are not at hand yet.
    """
    asked, outer = list(subjects), _at_hand.get()
    wanted = [subject for subject in asked if subject not in outer]
    parts = (wanted[start : start + FETCHED_AT_ONCE] for start in range(0, len(wanted), FETCHED_AT_ONCE))
    fetched = {row.subject: _unwrapped(row) for part in parts for row in SubjectKey.objects.filter(pk__in=part)}
    keys = {subject: outer[subject] for subject in asked if subject in outer} | fetched
    token = _at_hand.set(keys)
    try:
        yield frozenset(keys)
    finally:
        _at_hand.reset(token)


def shred(subject: str) -> None:
    """Destroy the data key of a subject. Call it inside the act's `atomic_write`."""
    SubjectKey.objects.filter(pk=subject).delete()


def has_key(subject: str) -> bool:
    """Tell whether the contents of a subject can be opened: it was not shredded."""
    return SubjectKey.objects.filter(pk=subject).exists()


def seal(plaintext: bytes, *, subject: str, place: Place) -> bytes:
    """Return the plaintext sealed for its place with the subject's key."""
    return seal_under(key_of(subject), plaintext, place=place)


def seal_under(key: DataKey, plaintext: bytes, *, place: Place, entropy: Entropy = secrets.token_bytes) -> bytes:
    """Return the plaintext sealed for its place with a key at hand, such as that of a subject not stored yet."""
    return seal_field(key, plaintext, place=place, entropy=entropy)


def open_sealed(sealed: bytes, *, subject: str, place: Place) -> bytes:
    """Return the plaintext.

    Raises:
        SealError: the key is gone or another, or the value was changed or moved.
    """
    return open_field(key_of(subject), bytes(sealed), place=place)


def seal_text(text: str, *, subject: str, place: Place) -> bytes:
    """Return the text sealed for its place."""
    return seal(text.encode(), subject=subject, place=place)


def open_text(sealed: bytes, *, subject: str, place: Place) -> str:
    """Return the text that was sealed.

    Raises:
        SealError: the key is gone or another, or the value was changed or moved.
    """
    return open_sealed(sealed, subject=subject, place=place).decode()


def opener(subject: str) -> Callable[[bytes, Place], str]:
    """Return a function that opens texts of one subject, whose key is fetched and unwrapped once for all of them.

    Raises:
        SealError: the key is gone; the function raises it where a text was changed or moved.
    """
    key = key_of(subject)
    return lambda sealed, place: open_field(key, bytes(sealed), place=place).decode()


def writer(sink: Sink, *, key: DataKey, place: Place) -> SealWriter:
    """Return a writer that seals a stream chunk by chunk into the sink."""
    return SealWriter(key, sink, place=place, entropy=secrets.token_bytes)


def reader(source: Source, *, subject: str, place: Place) -> Iterator[bytes]:
    """Yield the plaintext of a sealed stream.

    Raises:
        SealError: the key is gone or another, or the bytes were changed or cut.
    """
    return unseal(key_of(subject), source, place=place)


def _unwrapped(row: SubjectKey) -> DataKey:
    wrapped = bytes(row.wrapped)
    return unwrap_key(wrapped, key_ring().epoch(epoch_of(wrapped)), place=_place_of_key(row.subject))


def _current_epoch(now: datetime) -> EpochKey:
    """Return the epoch key of the week; the folder is read again as soon as any name in it has changed."""
    ring = key_ring()
    seen = (str(ring.folder), ring.folder.stat().st_mtime_ns, now.isocalendar()[:2])
    if seen not in _epochs:
        epoch = ring.current_epoch(now, entropy=secrets.token_bytes)
        _epochs.clear()
        _epochs[(seen[0], ring.folder.stat().st_mtime_ns, seen[2])] = epoch
        return epoch
    return _epochs[seen]


_epochs: dict[tuple[str, int, tuple[int, ...]], EpochKey] = {}


def _place_of_key(subject: str) -> Place:
    return Place(table=TABLE, column="wrapped", row=subject)
