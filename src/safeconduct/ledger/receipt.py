# SPDX-License-Identifier: Apache-2.0
"""The receipt: a proof that an entry is in the log, checked offline (C2SP tlog-proof v1).

    c2sp.org/tlog-proof@v1
    extra <base64 of the entry>
    index <number>
    <base64 of a hash>              the inclusion path, from the leaf's sibling up
                                    (blank line)
    <the signed checkpoint>

The extra line is not authenticated by itself; here it carries the entry, which the path ties to the signed root. The
entry is public in the log, and nothing secret is in the file.

A receipt proves that the log holds the entry. What the entry stands for is proven by the opening (`commitment`), and
when it was there by witnesses (`witness`): the log's own word about time proves nothing.
"""

from dataclasses import dataclass

from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.signing import VerifyKey
from safeconduct.errors import MalformedError, TooLargeError, VerificationError
from safeconduct.ledger.checkpoint import Checkpoint, read_checkpoint, read_number, verify_checkpoint
from safeconduct.ledger.commitment import Opening
from safeconduct.ledger.entry import Entry, decode_entry
from safeconduct.ledger.merkle import HASH_LENGTH, leaf_hash, verify_inclusion
from safeconduct.ledger.note import NOTE_LIMIT, Note, parse_note
from safeconduct.ledger.reader import Fetch, TileReader
from safeconduct.ledger.tiles import CHECKPOINT, ENTRY_LIMIT

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MOST_HASHES = 63
_HEAD_LINES = 3
RECEIPT_LIMIT = NOTE_LIMIT + 2 * ENTRY_LIMIT
_HINT = "use the receipt file as it was given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A parsed receipt; nothing of it is verified yet."""

    index: int
    path: tuple[bytes, ...]
    entry: bytes
    checkpoint: Note

    def __str__(self) -> str:
        lines = [FIRST_LINE, f"extra {encode64(self.entry)}", f"index {self.index}", *map(encode64, self.path)]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a receipt proves: the entry stands at the index of the log that signed the checkpoint."""

    index: int
    entry: Entry
    checkpoint: Checkpoint


def parse_receipt(data: bytes) -> Receipt:
    """Return the receipt that the bytes hold, without verifying it.

    Raises:
        TooLargeError: it is longer than any receipt.
        MalformedError: it is not a receipt, or carries no entry.
    """
    if len(data) > RECEIPT_LIMIT:
        raise TooLargeError("this is too long for a receipt", hint=_HINT, limit=RECEIPT_LIMIT)
    head, divider, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("the receipt has a character that does not belong there", hint=_HINT) from error
    if not divider or lines[0] != FIRST_LINE or not _HEAD_LINES <= len(lines) <= _HEAD_LINES + MOST_HASHES:
        raise MalformedError("this is not a receipt", hint=f"its first line is {FIRST_LINE}")
    _, extra, index, *hashes = lines
    if not extra.startswith("extra ") or not index.startswith("index "):
        raise MalformedError("the receipt lacks its entry or its index", hint=_HINT)
    return Receipt(
        entry=decode64(extra.removeprefix("extra "), what="the entry of the receipt"),
        index=read_number(index.removeprefix("index "), what="the index of the receipt"),
        path=tuple(decode64(one, what="a hash of the receipt", length=HASH_LENGTH) for one in hashes),
        checkpoint=parse_note(note),
    )


def verify_receipt(receipt: Receipt, key: VerifyKey) -> Proven:
    """Return what the receipt proves under the verifier key of the log.

    Raises:
        MalformedError: checkpoint or entry are not what they should be.
        VerificationError: the key did not sign the checkpoint, or the entry is not in the log.
    """
    checkpoint = verify_checkpoint(receipt.checkpoint, key)
    leaf = leaf_hash(receipt.entry)
    verify_inclusion(leaf, index=receipt.index, size=checkpoint.size, path=receipt.path, root=checkpoint.root)
    return Proven(index=receipt.index, entry=decode_entry(receipt.entry), checkpoint=checkpoint)


def verify_opening(proven: Proven, opening: Opening) -> None:
    """Check that the opening belongs to the entry that a receipt proved.

    Raises:
        VerificationError: it belongs to another entry, or a field was changed.
    """
    if opening.commitment() != proven.entry.commitment:
        raise VerificationError(
            "the opening does not belong to this receipt", hint="a field was changed, or it is of another report"
        )


def prove(fetch: Fetch, index: int, *, key: VerifyKey | None = None) -> Receipt:
    """Return a receipt made from the static files of a log, at its present checkpoint.

    With a key it is verified before it is returned; without one only its path is.

    Raises:
        NotFoundError: the log has no such entry, or lacks a file.
        MalformedError: a file of the log is not what it should be.
        VerificationError: the files do not lead to the root of the checkpoint, or the key did not sign it.
    """
    note = parse_note(fetch(CHECKPOINT))
    checkpoint = verify_checkpoint(note, key) if key else read_checkpoint(note.text)
    reader = TileReader(fetch, size=checkpoint.size)
    entry = reader.entry(index)
    receipt = Receipt(index=index, path=reader.inclusion_path(index), entry=entry, checkpoint=note)
    verify_inclusion(leaf_hash(entry), index=index, size=checkpoint.size, path=receipt.path, root=checkpoint.root)
    return receipt
