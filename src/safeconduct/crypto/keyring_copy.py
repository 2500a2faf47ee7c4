# SPDX-License-Identifier: Apache-2.0
"""A copy of the key ring, sealed with age to people who keep it elsewhere.

The copy is one age file of canonical JSON: name of each file of the ring and its content in base64. It is never part of
the backup of the database: whoever has both can open everything. A copy holds epoch keys that are destroyed later, so
a strong deletion also asks for older copies to be deleted.
"""

from collections.abc import Sequence
from pathlib import Path

from safeconduct.crypto.age import open_with, seal_to
from safeconduct.crypto.durable import PRIVATE_FOLDER, create_durably
from safeconduct.crypto.encoding import decode64, encode64
from safeconduct.crypto.keys import MARKER, RING_FILES, KeyRing
from safeconduct.crypto.secret import Secret
from safeconduct.domain.safe_json import canonical_json, read_object
from safeconduct.errors import ConflictError, MalformedError


def export_ring(ring: KeyRing, *, recipients: Sequence[str]) -> bytes:
    """Return the sealed copy of the ring.

    Raises:
        MalformedError: there is no recipient, or one of them is not an age X25519 recipient.
    """
    files = {
        path.name: encode64(path.read_bytes()) for path in ring.folder.iterdir() if RING_FILES.fullmatch(path.name)
    }
    return seal_to(recipients, canonical_json({"files": files, "v": 1}))


def restore_ring(folder: Path, sealed: bytes, *, identities: Sequence[Secret]) -> KeyRing:
    """Write the ring of a sealed copy into a folder that has none, and return it.

    Raises:
        ConflictError: there is a ring, or a file of one, already.
        SealError: none of the identities opens the copy.
        MalformedError: what was sealed is not a copy of a ring.
        ConfigurationError: the copy lacks a file or holds a damaged one.
        UnavailableError: the disk does not take the files.
    """
    files = read_object(open_with(identities, sealed)).get("files")
    if not isinstance(files, dict) or not all(RING_FILES.fullmatch(name) for name in files) or MARKER not in files:
        raise MalformedError("this is not a copy of a key ring", hint="use the file that the export wrote")
    if (folder / MARKER).exists():
        raise ConflictError("there is a key ring already", hint="restore into an empty home")
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == MARKER):
        create_durably(folder / name, decode64(str(files[name]), what=name))
    return KeyRing.load(folder)
