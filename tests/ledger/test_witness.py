# SPDX-License-Identifier: Apache-2.0
"""Witnesses and policies."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.seeded import entropy
from tests.ledger.factories import KEY, ORIGIN, OTHER_KEY

from safeconduct.crypto.signing import KeyType, SigningKey, VerifyKey
from safeconduct.errors import MalformedError, SafeconductError, TooLargeError, VerificationError
from safeconduct.ledger.checkpoint import Checkpoint, sign_checkpoint
from safeconduct.ledger.note import Note, NoteSignature
from safeconduct.ledger.witness import parse_policy, verify_witnesses

CHECKPOINT = Checkpoint(origin=ORIGIN, size=7, root=bytes(32))
WITNESSES = {
    name: SigningKey.generate(f"{name}.example/w", entropy(number + 20)) for number, name in enumerate("ABCDE")
}
NOTE = sign_checkpoint(CHECKPOINT, KEY)
NOON = 1_795_435_200


def key_of(witness: SigningKey) -> VerifyKey:
    return VerifyKey(name=witness.name, public=witness.verifier.public, type=KeyType.COSIGNATURE)


def cosigned(**times: int) -> Note:
    """Return the checkpoint with cosignatures of the named witnesses."""
    lines = []
    for name, at in times.items():
        signature = WITNESSES[name].sign(f"cosignature/v1\ntime {at}\n{CHECKPOINT.text}".encode())
        key = key_of(WITNESSES[name])
        lines.append(NoteSignature(name=key.name, key_id=key.key_id, signature=at.to_bytes(8, "big") + signature))
    return Note(text=NOTE.text, signatures=(*NOTE.signatures, *lines))


def policy_text(rest: str, *, names: str = "ABCDE", logs: tuple[SigningKey, ...] = (KEY,)) -> bytes:
    lines = [f"log {key.verifier}" for key in logs]
    lines += [f"witness {name} {key_of(WITNESSES[name])} https://{name}.example" for name in names]
    return "\n".join([*lines, rest, ""]).encode()


def proven_time(rest: str, **times: int) -> datetime | None:
    return verify_witnesses(cosigned(**times), parse_policy(policy_text(rest))).since


def test_a_policy_without_quorum_proves_no_time() -> None:
    witnessed = verify_witnesses(cosigned(A=NOON), parse_policy(policy_text("quorum none")))

    assert witnessed.since is None
    assert witnessed.checkpoint == CHECKPOINT
    assert witnessed.key == KEY.verifier
    assert witnessed.seen == {"A": datetime.fromtimestamp(NOON, tz=UTC)}


@pytest.mark.parametrize(
    ("rest", "times", "expected"),
    [
        ("quorum A", {"A": 100}, 100),
        ("group X any A B C\nquorum X", {"A": 300, "C": 100}, 100),
        ("group X 2 A B C\nquorum X", {"A": 300, "B": 200, "C": 100}, 200),
        ("group X all A B C\nquorum X", {"A": 300, "B": 200, "C": 100}, 300),
        ("group X 2 A B C\ngroup Y any D E\ngroup Z all X Y\nquorum Z", {"A": 1, "B": 5, "E": 3, "D": 4}, 5),
        ("group X 2 A B C\ngroup Y any D E\ngroup Z any X Y\nquorum Z", {"A": 1, "B": 5, "E": 3, "D": 4}, 3),
        ("group X 1 A\nquorum X", {"A": 7}, 7),
    ],
)
def test_the_time_is_the_earliest_at_which_the_quorum_held(rest: str, times: dict[str, int], expected: int) -> None:
    assert proven_time(rest, **times) == datetime.fromtimestamp(expected, tz=UTC)


@given(st.lists(st.integers(1, 10**9), min_size=5, max_size=5), st.integers(1, 5))
def test_a_group_of_k_waits_for_its_kth_witness(times: list[int], needed: int) -> None:
    stated = dict(zip("ABCDE", times, strict=True))

    assert proven_time(f"group X {needed} A B C D E\nquorum X", **stated) == datetime.fromtimestamp(
        sorted(times)[needed - 1], tz=UTC
    )


@pytest.mark.parametrize(
    ("rest", "times"),
    [
        ("quorum A", {}),
        ("quorum A", {"B": 5}),
        ("quorum A", {"A": 0}),
        ("quorum A", {"A": 2**63}),
        ("group X 2 A B C\nquorum X", {"A": 5}),
        ("group X all A B\nquorum X", {"A": 5, "C": 5}),
    ],
)
def test_too_few_witnesses_prove_nothing(rest: str, times: dict[str, int]) -> None:
    with pytest.raises(VerificationError, match="too few"):
        proven_time(rest, **times)


def test_a_cosignature_that_fails_refuses_the_checkpoint() -> None:
    note = cosigned(A=100)
    last = note.signatures[-1]
    forged = NoteSignature(name=last.name, key_id=last.key_id, signature=bytes(8) + last.signature[8:])

    with pytest.raises(VerificationError):
        verify_witnesses(
            Note(text=note.text, signatures=(*NOTE.signatures, forged)), parse_policy(policy_text("quorum A"))
        )


def test_a_witness_unknown_to_the_policy_is_passed_over() -> None:
    policy = parse_policy(policy_text("quorum A", names="A"))

    assert set(verify_witnesses(cosigned(A=100, B=50), policy).seen) == {"A"}


def test_only_logs_of_the_policy_are_believed() -> None:
    with pytest.raises(VerificationError, match="no log of the policy"):
        verify_witnesses(cosigned(A=1), parse_policy(policy_text("quorum A", logs=(OTHER_KEY,))))
    assert verify_witnesses(cosigned(A=1), parse_policy(policy_text("quorum A", logs=(OTHER_KEY, KEY)))).since


def test_blanks_tabs_and_comments_are_allowed() -> None:
    text = f"\n \t# ours\n\tlog\t{KEY.verifier}   https://example.org/log \n\n#\nquorum none\n".encode()

    assert parse_policy(text).logs == (KEY.verifier,)


def test_thirty_two_of_each_are_read() -> None:
    keys = [SigningKey.generate(f"w{number}.example", entropy(number + 100)) for number in range(32)]
    lines = [f"log {SigningKey.generate(f'l{n}.example', entropy(n + 200)).verifier}" for n in range(32)]
    lines += [f"witness w{number} {key_of(key)}" for number, key in enumerate(keys)]
    lines += [f"group g{number} any w{number}" for number in range(32)]
    policy = parse_policy("\n".join([*lines, "quorum g31"]).encode())

    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (32, 32, 32)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "quorum",
        "quorum A B",
        "quorum unknown",
        "quorum none\nquorum none",
        "quorum A\nquorum B",
        "group X any\nquorum X",
        "group X any A A\nquorum X",
        "group X 0 A\nquorum X",
        "group X 3 A B\nquorum X",
        "group X -1 A B\nquorum X",
        "group X 01 A B\nquorum X",
        "group X some A B\nquorum X",
        "group X any Y\ngroup Y any A\nquorum X",
        "group X any X\nquorum X",
        "group X any none\nquorum X",
        "group A any B\nquorum A",
        "group none any B\nquorum none",
        "group X any A\ngroup Y any A\nquorum Y",
        "witness A2 {A}\nquorum none",
        "witness Z {log}\nquorum none",
        "witness Z nonsense\nquorum none",
        "log {log}\nquorum none",
        "log {A}\nquorum none",
        "nonsense\nquorum none",
        "quorum none\x00",
        "quorum none\r",
    ],
)
def test_a_damaged_policy_is_refused(rest: str) -> None:
    text = rest.replace("{A}", str(key_of(WITNESSES["A"]))).replace("{log}", str(KEY.verifier))

    with pytest.raises(MalformedError):
        parse_policy(policy_text(text))


def test_an_oversized_policy_is_refused() -> None:
    with pytest.raises(TooLargeError):
        parse_policy(b"#" * 300_000)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    try:
        assert parse_policy(data).quorum
    except SafeconductError as error:
        assert error.message  # noqa: PT017  # any of our errors is right
