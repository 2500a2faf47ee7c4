# SPDX-License-Identifier: Apache-2.0
"""The key ring: the folder that holds every secret of an instance, and nothing of it is in the database.

    ring.json           origin of the log; written last, so a ring that has it is whole
    instance.key        secret from which keys for other purposes are derived (`purpose_key`)
    mailbox.salt        public salt of the mailbox derivation; stable for the life of the instance
    log.key             signs checkpoints, under the origin
    acceptance.key      signs acceptance notes, under origin/accept, so that none can pass for a checkpoint
    attestation.key     signs statements, under origin/attest
    organization.age    the age identity that opens what is sealed to the organization
    recipients.txt      further age recipients, whose identities are kept elsewhere
    log.signed          the last checkpoint that was signed, written by `ledger.log`; not a secret, but it must not be
                        set back together with the database
    epoch-….key         keys that wrap the data keys of reports, one an ISO week; a destroyed one leaves its name

The folder must be 0700 and its files 0600: a ring that others could read is refused. Without a second recipient the
loss of this folder loses everything sealed to the organization, so `has_second_recipient` is for a visible warning.

Not promised: on flash disks and file systems that copy on write, an overwritten key may survive in the medium.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from safeconduct.crypto.age import checked_recipient, identity_from_seed, recipient_of
from safeconduct.crypto.durable import PRIVATE_FOLDER, create_durably, write_durably
from safeconduct.crypto.mailbox import SALT_LENGTH
from safeconduct.crypto.sealing import KEY_LENGTH, EpochKey
from safeconduct.crypto.secret import Secret, derive_key
from safeconduct.crypto.signing import SigningKey
from safeconduct.domain.ids import Entropy
from safeconduct.domain.safe_json import canonical_json, read_object
from safeconduct.errors import ConfigurationError, ConflictError, MalformedError, NotFoundError, SealError

MARKER = "ring.json"
RECIPIENTS = "recipients.txt"
OTHERS = 0o077
RING_FILES = re.compile(
    r"(?:ring\.json|instance\.key|mailbox\.salt|log\.key|acceptance\.key|attestation\.key"
    r"|organization\.age|recipients\.txt|log\.signed|epoch-\d{4}-W\d\d\.\d+\.key)"
)
_EPOCH_FILE = re.compile(r"epoch-(\d{4}-W\d\d)\.(\d+)\.key")
_DESTROYED = b"destroyed\n"
_PURPOSE = b"safeconduct/purpose/v1/"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """The keys of one instance, read once; epoch keys are read from their files each time."""

    folder: Path
    origin: str
    mailbox_salt: bytes
    log: SigningKey
    acceptance: SigningKey
    attestation: SigningKey
    identity: Secret = field(repr=False)
    instance: Secret = field(repr=False)
    further_recipients: tuple[str, ...] = ()

    @classmethod
    def create(cls, folder: Path, *, origin: str, entropy: Entropy) -> "KeyRing":
        """Make the ring of a new instance; a creation that was interrupted is carried to its end.

        Raises:
            ConflictError: there is a whole ring already.
            MalformedError: the origin cannot name a key.
            ConfigurationError: others can read the folder.
            UnavailableError: the disk does not take the keys.
        """
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        _refuse_lax(folder)
        if (folder / MARKER).exists():
            raise ConflictError("there is a key ring already", hint="it is never replaced; use the one there")
        marker = {MARKER: canonical_json({"origin": origin, "v": 1}) + b"\n"}
        for name, content in (_fresh(origin, entropy) | marker).items():
            # A file that is there is from an interrupted creation, or from a process that creates at the same time.
            with suppress(ConflictError):
                create_durably(folder / name, content)
        return cls.load(folder)

    @classmethod
    def ensure(cls, folder: Path, *, origin: str, entropy: Entropy) -> "KeyRing":
        """Return the ring in the folder, made at first start.

        Raises:
            ConfigurationError: the ring is of another origin, damaged, or readable by others.
            MalformedError: the origin cannot name a key.
            UnavailableError: the disk does not take the keys.
        """
        if not (folder / MARKER).exists():
            with suppress(ConflictError):
                return cls.create(folder, origin=origin, entropy=entropy)
        ring = cls.load(folder)
        if ring.origin != origin:
            raise ConfigurationError(
                "the log of this instance was begun under another origin",
                hint=f"set log_origin to {ring.origin}: a log keeps its name for life",
                origin=ring.origin,
            )
        return ring

    @classmethod
    def load(cls, folder: Path) -> "KeyRing":
        """Return the ring in the folder.

        Raises:
            ConfigurationError: there is no whole ring, a file cannot be read as what it should be, or others can
                read the folder or a file.
        """
        if not (folder / MARKER).exists():
            raise ConfigurationError("there is no key ring", hint="make one at first start, or restore its copy")
        _refuse_lax(folder)
        origin = _parsed(folder, MARKER, _origin)
        return cls(
            folder=folder,
            origin=origin,
            mailbox_salt=_parsed(folder, "mailbox.salt", _bytes_of(SALT_LENGTH)),
            log=_parsed(folder, "log.key", _signing_key(origin)),
            acceptance=_parsed(folder, "acceptance.key", _signing_key(f"{origin}/accept")),
            attestation=_parsed(folder, "attestation.key", _signing_key(f"{origin}/attest")),
            identity=_parsed(folder, "organization.age", _identity),
            instance=_parsed(folder, "instance.key", lambda data: Secret(_bytes_of(KEY_LENGTH)(data))),
            further_recipients=_parsed(folder, RECIPIENTS, _recipients),
        )

    @property
    def recipients(self) -> tuple[str, ...]:
        """Return all age recipients of the organization: its own first."""
        return (recipient_of(self.identity), *self.further_recipients)

    @property
    def has_second_recipient(self) -> bool:
        """Tell whether what is sealed to the organization survives the loss of this folder."""
        return bool(self.further_recipients)

    def add_recipient(self, recipient: str) -> "KeyRing":
        """Return the ring with one more recipient, whose identity is kept elsewhere.

        Raises:
            MalformedError: the text is not an age X25519 recipient.
            UnavailableError: the disk does not take the file.
        """
        new = checked_recipient(recipient)
        if new not in self.recipients:
            lines = "".join(f"{one}\n" for one in (*self.further_recipients, new))
            write_durably(self.folder / RECIPIENTS, lines.encode())
        return self.load(self.folder)

    def purpose_key(self, label: str) -> Secret:
        """Return the key that this instance uses for the named purpose, such as form tokens."""
        return derive_key(self.instance, label=_PURPOSE + label.encode())

    def epoch_ids(self) -> tuple[str, ...]:
        """Return the ids of all epochs, destroyed ones included, oldest first."""
        found = [match for path in self.folder.iterdir() if (match := _EPOCH_FILE.fullmatch(path.name))]
        return tuple(f"{week}.{number}" for week, number in sorted((one[1], int(one[2])) for one in found))

    def current_epoch(self, now: datetime, *, entropy: Entropy) -> EpochKey:
        """Return the key of this week, made at first use.

        Raises:
            ConfigurationError: others can read the file, or it holds no key.
            UnavailableError: the disk does not take the key.
        """
        of_week = [one for one in self.epoch_ids() if one.startswith(_week(now) + ".")]
        if of_week and not self._is_destroyed(of_week[-1]):
            return self.epoch(of_week[-1])
        return self.renew_epoch(now, entropy=entropy)

    def renew_epoch(self, now: datetime, *, entropy: Entropy) -> EpochKey:
        """Return a new key for this week, used from now on instead of an earlier one of the week.

        Raises:
            UnavailableError: the disk does not take the key.
        """
        generation = 1 + sum(one.startswith(_week(now) + ".") for one in self.epoch_ids())
        name = f"{_week(now)}.{generation}"
        try:
            create_durably(self._epoch_path(name), entropy(KEY_LENGTH).hex().encode() + b"\n")
        except ConflictError:
            # Another process made it between our look and our writing: both use what is there.
            return self.epoch(name)
        return self.epoch(name)

    def epoch(self, epoch_id: str) -> EpochKey:
        """Return the key of the epoch.

        Raises:
            NotFoundError: there is no such epoch.
            SealError: the key was destroyed, and with it what it wrapped.
            ConfigurationError: others can read the file, or it holds no key.
        """
        if epoch_id not in self.epoch_ids():
            raise NotFoundError("there is no such epoch key", hint="restore the copy of the keys", epoch=epoch_id)
        if self._is_destroyed(epoch_id):
            raise SealError("the epoch key was destroyed", hint="what it sealed cannot be opened again", epoch=epoch_id)
        key = _parsed(self.folder, self._epoch_path(epoch_id).name, _bytes_of(KEY_LENGTH))
        return EpochKey(id=epoch_id, key=Secret(key))

    def destroy_epoch(self, epoch_id: str) -> None:
        """Destroy the key of the epoch; wrap the data keys that shall live under another epoch first.

        Raises:
            NotFoundError: there is no such epoch.
            UnavailableError: the disk does not take the change.
        """
        if epoch_id not in self.epoch_ids():
            raise NotFoundError("there is no such epoch key", hint="see the list of epochs", epoch=epoch_id)
        path = self._epoch_path(epoch_id)
        with path.open("r+b") as stream:
            stream.write(b"0" * path.stat().st_size)
        write_durably(path, _DESTROYED)

    def _epoch_path(self, epoch_id: str) -> Path:
        return self.folder / f"epoch-{epoch_id}.key"

    def _is_destroyed(self, epoch_id: str) -> bool:
        return self._epoch_path(epoch_id).read_bytes() == _DESTROYED


def _fresh(origin: str, entropy: Entropy) -> dict[str, bytes]:
    identity = identity_from_seed(Secret(entropy(KEY_LENGTH)))
    age_file = f"# public key: {recipient_of(identity)}\n{identity.reveal().decode()}\n"
    return {
        "instance.key": entropy(KEY_LENGTH).hex().encode() + b"\n",
        "mailbox.salt": entropy(SALT_LENGTH).hex().encode() + b"\n",
        "log.key": SigningKey.generate(origin, entropy).reveal().encode() + b"\n",
        "acceptance.key": SigningKey.generate(f"{origin}/accept", entropy).reveal().encode() + b"\n",
        "attestation.key": SigningKey.generate(f"{origin}/attest", entropy).reveal().encode() + b"\n",
        "organization.age": age_file.encode(),
        RECIPIENTS: b"",
    }


def _week(now: datetime) -> str:
    year, week, _ = now.astimezone(UTC).isocalendar()
    return f"{year}-W{week:02d}"


def _refuse_lax(path: Path) -> None:
    if path.stat().st_mode & OTHERS:
        raise ConfigurationError(
            f"other accounts of this machine can use {path.name}",
            hint=f"chmod {'700' if path.is_dir() else '600'} {path}",
        )


def _parsed(folder: Path, name: str, parse: Callable[[bytes], _T]) -> _T:
    """Read a file of the ring; what is wrong with it is said without its content."""
    path = folder / name
    if not path.is_file():
        raise ConfigurationError(f"the key ring lacks {name}", hint="restore the copy of the keys")
    _refuse_lax(path)
    try:
        return parse(path.read_bytes())
    except (MalformedError, ValueError) as error:
        raise ConfigurationError(f"{name} of the key ring is damaged", hint="restore the copy of the keys") from error


def _bytes_of(length: int) -> Callable[[bytes], bytes]:
    def parse(data: bytes) -> bytes:
        found = bytes.fromhex(data.decode("ascii").strip())
        if len(found) != length:
            raise MalformedError(f"the key has {len(found)} bytes instead of {length}")
        return found

    return parse


def _signing_key(name: str) -> Callable[[bytes], SigningKey]:
    def parse(data: bytes) -> SigningKey:
        key = SigningKey.parse(data.decode("utf-8"))
        if key.name != name:
            raise MalformedError("the key has another name than the ring gives it")
        return key

    return parse


def _identity(data: bytes) -> Secret:
    lines = [line for line in data.splitlines() if line.strip() and not line.startswith(b"#")]
    if len(lines) != 1:
        raise MalformedError("the file does not hold exactly one identity")
    identity = Secret(lines[0].strip())
    recipient_of(identity)
    return identity


def _recipients(data: bytes) -> tuple[str, ...]:
    lines = (line.strip() for line in data.decode("ascii").splitlines())
    return tuple(checked_recipient(line) for line in lines if line and not line.startswith("#"))


def _origin(data: bytes) -> str:
    origin = read_object(data).get("origin")
    if not isinstance(origin, str):
        raise MalformedError("the ring does not name its origin")
    return origin
