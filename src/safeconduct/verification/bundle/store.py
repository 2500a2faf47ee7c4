# SPDX-License-Identifier: Apache-2.0
"""A bundle as files: strict reading, writing, its identity and its signature.

MANIFEST has one line `<sha256>  <name>` for every file, sorted by name, as `sha256sum -c MANIFEST` reads it. The
identity of a bundle is the SHA-256 of its MANIFEST. A signature is a DSSE envelope over the MANIFEST, in
`MANIFEST.dsse`; it belongs to the folder and not to the identity.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from safeconduct.crypto.dsse import open_envelope, sign_envelope
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.domain.bundle import BenignControl, Bundle
from safeconduct.domain.safe_json import Json, read_json
from safeconduct.domain.script import CodeFile
from safeconduct.errors import IncompleteError, MalformedError, TooLargeError, VerificationError
from safeconduct.verification.bundle import reading, scripts
from safeconduct.verification.bundle.archive import read_files, write_files, zip_files
from safeconduct.verification.bundle.contents import CODE_PATH, DATA_FILES, MANIFEST_FILE, SIGNATURE_FILE
from safeconduct.verification.bundle.writing import BENIGN_FILE, bundle_documents
from safeconduct.verification.fields import Fields

MANIFEST_TYPE: Final = "application/vnd.safeconduct.bundle-manifest"
MAX_CONTROLS: Final = 20_000
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFiles:
    """The files of a bundle whose MANIFEST holds, not yet read."""

    files: Mapping[str, bytes]

    @property
    def id(self) -> str:
        """Return the identity: the SHA-256 of the MANIFEST."""
        return hashlib.sha256(self.files[MANIFEST_FILE]).hexdigest()

    @property
    def is_signed(self) -> bool:
        """Say whether there is a signature, which is not yet verified."""
        return SIGNATURE_FILE in self.files


def open_bundle(source: Path | bytes) -> BundleFiles:
    """Return the files of a bundle after checking every digest of its MANIFEST.

    Raises:
        NotFoundError: there is nothing at the path.
        MalformedError: the archive, a name or the MANIFEST is not acceptable.
        TooLargeError: a limit is passed.
        IncompleteError: a file is missing.
        VerificationError: a file is not the one that the MANIFEST names.
    """
    files = read_files(source)
    _require_whole(set(files))
    if files[MANIFEST_FILE] != manifest_of(files):
        _explain(files)
    return BundleFiles(files=files)


def open_unsealed(source: Path | bytes) -> BundleFiles:
    """Return the files that somebody wrote by hand, with the MANIFEST that belongs to them; an older one is left out.

    Raises:
        SafeconductError: as `open_bundle`, except for what the MANIFEST says.
    """
    found = read_files(source)
    _require_whole(set(found) | {MANIFEST_FILE})
    files = {name: data for name, data in found.items() if name not in {MANIFEST_FILE, SIGNATURE_FILE}}
    return BundleFiles(files={**files, MANIFEST_FILE: manifest_of(files)})


def read_bundle(source: Path | bytes) -> Bundle:
    """Return the bundle of a folder, a ZIP file or the bytes of one.

    Whether it makes sense is the question of `check_bundle`.

    Raises:
        SafeconductError: as `open_bundle`; and MalformedError, UnknownValueError, IncompleteError or TooLargeError if
            a file is not what it should be.
    """
    return bundle_of(open_bundle(source))


def bundle_of(opened: BundleFiles) -> Bundle:
    """Return the bundle that the files tell of.

    Raises:
        SafeconductError: MalformedError, UnknownValueError, IncompleteError or TooLargeError, with the file's name.
    """
    files = opened.files
    return Bundle(
        about=_part(files, "bundle.json", reading.read_about),
        target=_part(files, "target.json", reading.read_target),
        attack=_part(files, "attack.json", scripts.read_attack),
        oracle=_part(files, "oracle.json", reading.read_oracle),
        benign=_controls(files[BENIGN_FILE]),
        criterion=_part(files, "criterion.json", reading.read_criterion),
        limits=_part(files, "limits.json", reading.read_limits),
        environment=_part(files, "env.json", reading.read_environment),
        code=_code(files),
        id=opened.id,
    )


def bundle_files(bundle: Bundle, *, signer: SigningKey | None = None) -> BundleFiles:
    """Return all files of the bundle: the same bytes for the same bundle."""
    files = bundle_documents(bundle)
    files[MANIFEST_FILE] = manifest_of(files)
    if signer is not None:
        files[SIGNATURE_FILE] = sign_envelope(files[MANIFEST_FILE], signer, payload_type=MANIFEST_TYPE)
    return BundleFiles(files=files)


def write_bundle(bundle: Bundle, destination: Path, *, signer: SigningKey | None = None) -> Bundle:
    """Write a ZIP file if the name ends in `.zip`, a folder otherwise, and return the bundle with its identity.

    Raises:
        ConflictError: there is already something at the destination.
        UnavailableError: the disk does not take it.
    """
    written = bundle_files(bundle, signer=signer)
    write_files(written.files, destination)
    return replace(bundle, id=written.id)


def zip_bundle(bundle: Bundle, *, signer: SigningKey | None = None) -> bytes:
    """Return the bundle as the bytes of a ZIP file."""
    return zip_files(bundle_files(bundle, signer=signer).files)


def verify_signature(opened: BundleFiles, keys: Sequence[VerifyKey]) -> None:
    """Check the signature of the bundle.

    Raises:
        VerificationError: it is not signed, not by a key at hand, or the signature does not hold.
        MalformedError: the signature cannot be read.
    """
    if not opened.is_signed:
        raise VerificationError("the bundle is not signed", hint=f"there is no {SIGNATURE_FILE}")
    signed = open_envelope(opened.files[SIGNATURE_FILE], keys, payload_type=MANIFEST_TYPE)
    if signed != opened.files[MANIFEST_FILE]:
        raise VerificationError("the signature is of another bundle", hint="sign it again")


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """Return the MANIFEST of the files."""
    names = sorted(set(files) - {MANIFEST_FILE, SIGNATURE_FILE})
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in names).encode()


def _require_whole(names: set[str]) -> None:
    """Refuse a bundle without one of its files.

    Raises:
        IncompleteError: a file is missing.
    """
    missing = sorted((DATA_FILES | {MANIFEST_FILE}) - names)
    if missing:
        raise IncompleteError("the bundle lacks files", hint=f"add {', '.join(missing)}", missing=missing)


def _explain(files: Mapping[str, bytes]) -> None:
    """Say which file is not the one that the MANIFEST names.

    Raises:
        VerificationError: a file differs.
        MalformedError: the MANIFEST itself is not in its one form.
    """
    stated = files[MANIFEST_FILE].split(b"\n")
    differing = [line.split()[1].decode() for line in manifest_of(files).splitlines() if line not in stated]
    if differing:
        raise VerificationError(
            "a file is not the one that the MANIFEST names", hint="get the bundle again", files=differing
        )
    raise MalformedError("the MANIFEST is not in its form", hint="one line per file, sorted by name, and nothing else")


def _part(files: Mapping[str, bytes], name: str, read: Callable[[Fields], _Part]) -> _Part:
    """Return one file, read by its reader and closed against unknown names."""
    fields = Fields.of(_json(files[name], at=name), at=name)
    part = read(fields)
    fields.done()
    return part


def _controls(data: bytes) -> tuple[BenignControl, ...]:
    """Return the lines of `benign.jsonl`."""
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) > MAX_CONTROLS:
        raise TooLargeError(f"{BENIGN_FILE} has more than {MAX_CONTROLS} lines", limit=MAX_CONTROLS)
    controls = []
    for number, line in enumerate(lines, start=1):
        at = f"{BENIGN_FILE}, line {number}"
        fields = Fields.of(_json(line, at=at), at=at)
        controls.append(reading.read_control(fields))
        fields.done()
    return tuple(controls)


def _code(files: Mapping[str, bytes]) -> tuple[CodeFile, ...]:
    """Return the code files, unread beyond that they are UTF-8."""
    code = []
    for path in sorted(files):
        if found := CODE_PATH.fullmatch(path):
            try:
                code.append(CodeFile(name=found.group(1), text=files[path].decode()))
            except UnicodeDecodeError as error:
                raise MalformedError(f"{path} is not UTF-8", hint="save it as UTF-8") from error
    return tuple(code)


def _json(data: bytes, *, at: str) -> Json:
    """Return the JSON of one file or line, with its place in the message if it is not acceptable."""
    try:
        return read_json(data)
    except (MalformedError, TooLargeError) as error:
        raise type(error)(f"{at}: {error.message}", hint=error.hint, **error.facts) from error
