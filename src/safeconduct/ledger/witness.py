# SPDX-License-Identifier: Apache-2.0
"""Witnesses: others who saw a checkpoint and say when (C2SP tlog-cosignature, `cosignature/v1`, and tlog-policy).

A witness signs `cosignature/v1`, a line `time <seconds since 1970>` and the text of the checkpoint. A policy file says
which logs and witnesses are trusted and how many witnesses make a quorum, with groups of witnesses and groups.

The time proven is the earliest at which the quorum held: the time of a witness is that of its cosignature, the time of
a group that needs k members is the k-th smallest of theirs. A cosignature with time zero says nothing about time and
does not count. There is no clock here, so a time in the future is shown as it is.

Not read: cosignatures by ML-DSA-44. A policy that names such a witness is refused rather than half obeyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from safeconduct.crypto.signing import KeyType, VerifyKey
from safeconduct.errors import MalformedError, TooLargeError, VerificationError
from safeconduct.ledger.checkpoint import Checkpoint, read_number, verify_checkpoint
from safeconduct.ledger.note import Note

POLICY_LIMIT = 256 * 1024
NONE = "none"
_TIME_BYTES = 8
_LATEST = 253402300799
_HINT = "see the format at c2sp.org/tlog-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of witnesses and groups of which `needed` must have seen a checkpoint."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Whom to trust: logs, witnesses by the names the policy gives them, groups, and what makes a quorum."""

    logs: tuple[VerifyKey, ...]
    witnesses: Mapping[str, VerifyKey]
    groups: Mapping[str, Group]
    quorum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """A checkpoint that satisfies a policy, who saw it when, and the time proven; no quorum asked, no time proven."""

    checkpoint: Checkpoint
    key: VerifyKey
    seen: Mapping[str, datetime]
    since: datetime | None


def verify_witnesses(note: Note, policy: Policy) -> Witnessed:
    """Return what the policy makes of a signed checkpoint.

    Raises:
        MalformedError: the note is not a checkpoint.
        VerificationError: no log of the policy signed it, a cosignature fails, or the quorum is not reached.
    """
    key = next((key for key in policy.logs if any(one.is_of(key) for one in note.signatures)), None)
    if key is None:
        raise VerificationError("no log of the policy signed this checkpoint", hint="use the policy for this log")
    checkpoint = verify_checkpoint(note, key)
    seen = {name: at for name, witness in policy.witnesses.items() if (at := _time_of(note, witness))}
    since = None if policy.quorum == NONE else _quorum_time(policy, seen, policy.quorum)
    if policy.quorum != NONE and not since:
        raise VerificationError("too few witnesses have seen this checkpoint", hint="fetch the receipt again later")
    moments = {name: datetime.fromtimestamp(at, tz=UTC) for name, at in seen.items()}
    return Witnessed(
        checkpoint=checkpoint, key=key, seen=moments, since=datetime.fromtimestamp(since, tz=UTC) if since else None
    )


def parse_policy(data: bytes) -> Policy:
    """Return the policy of a policy file.

    Raises:
        TooLargeError: the file is longer than any policy.
        MalformedError: a line cannot be read, a name is unknown or taken, or there is not exactly one quorum.
    """
    if len(data) > POLICY_LIMIT:
        raise TooLargeError("this is too long for a policy", hint=_HINT, limit=POLICY_LIMIT)
    # Names are opaque octets; Latin-1 gives each octet its own character.
    text = data.decode("latin-1")
    if any(char not in {"\t", "\n"} and (char < " " or char == "\x7f") for char in text):
        raise MalformedError("the policy has a control character", hint=_HINT)
    reader = _PolicyReader()
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if words and not words[0].startswith("#"):
            reader.read(words, number)
    return reader.policy()


class _PolicyReader:
    """Reads a policy line by line; names must be defined before they are used."""

    def __init__(self) -> None:
        self._logs: list[VerifyKey] = []
        self._witnesses: dict[str, VerifyKey] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[str] = set()
        self._quorum = ""

    def read(self, words: Sequence[str], number: int) -> None:
        match words:
            case ["log", key] | ["log", key, _]:
                self._logs.append(self._key(key, KeyType.ED25519, self._logs, number))
            case ["witness", name, key] | ["witness", name, key, _]:
                known = list(self._witnesses.values())
                self._witnesses[self._new(name, number)] = self._key(key, KeyType.COSIGNATURE, known, number)
            case ["group", name, needed, *members] if members:
                self._groups[self._new(name, number)] = self._group(needed, members, number)
            case ["quorum", name] if not self._quorum and (name == NONE or self._is_known(name)):
                self._quorum = name
            case _:
                raise _wrong(number, "it cannot be read, or names something not defined above")

    def policy(self) -> Policy:
        if not self._quorum:
            raise MalformedError("the policy has no quorum line", hint=_HINT)
        return Policy(logs=tuple(self._logs), witnesses=self._witnesses, groups=self._groups, quorum=self._quorum)

    def _is_known(self, name: str) -> bool:
        return name in self._witnesses or name in self._groups

    def _new(self, name: str, number: int) -> str:
        if name == NONE or self._is_known(name):
            raise _wrong(number, "its name is taken")
        return name

    def _key(self, text: str, kind: KeyType, known: Sequence[VerifyKey], number: int) -> VerifyKey:
        key = VerifyKey.parse(text.encode("latin-1").decode("utf-8", errors="replace"))
        if key.type is not kind or any(key.public == other.public for other in known):
            raise _wrong(number, "its key is of the wrong type, or listed twice")
        return key

    def _group(self, needed: str, members: Sequence[str], number: int) -> Group:
        if len(set(members)) < len(members) or not all(
            self._is_known(member) and member not in self._members for member in members
        ):
            raise _wrong(number, "a member is not defined above, or is a member already")
        self._members.update(members)
        counts = {"all": len(members), "any": 1}
        count = counts[needed] if needed in counts else read_number(needed, what="the number of a group")
        if not 1 <= count <= len(members):
            raise _wrong(number, "it needs more members than it has, or none")
        return Group(needed=count, members=tuple(members))


def _time_of(note: Note, witness: VerifyKey) -> int:
    """Return when the witness says it saw the checkpoint, or zero if it does not say."""
    times = []
    for line in note.signatures:
        if line.is_of(witness):
            at = int.from_bytes(line.signature[:_TIME_BYTES], "big")
            witness.verify(line.signature[_TIME_BYTES:], f"cosignature/v1\ntime {at}\n{note.text}".encode())
            times.append(at)
    stated = [at for at in times if 0 < at <= _LATEST]
    return min(stated, default=0)


def _quorum_time(policy: Policy, seen: Mapping[str, int], name: str) -> int:
    """Return the earliest time at which the named witness or group had seen the checkpoint, or zero."""
    if name in policy.witnesses:
        return seen.get(name, 0)
    group = policy.groups[name]
    times = sorted(at for member in group.members if (at := _quorum_time(policy, seen, member)))
    return times[group.needed - 1] if len(times) >= group.needed else 0


def _wrong(number: int, what: str) -> MalformedError:
    return MalformedError(f"line {number} of the policy does not hold: {what}", hint=_HINT, line=number)
