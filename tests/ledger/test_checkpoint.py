# SPDX-License-Identifier: Apache-2.0
"""Checkpoints."""

import pytest
from tests.crypto.seeded import entropy
from tests.ledger.factories import KEY, ORIGIN, OTHER_KEY

from safeconduct.crypto.signing import KeyType, SigningKey, VerifyKey
from safeconduct.errors import MalformedError, VerificationError
from safeconduct.ledger.checkpoint import Checkpoint, open_checkpoint, read_checkpoint, read_number, sign_checkpoint
from safeconduct.ledger.note import sign_note

CHECKPOINT = Checkpoint(origin=ORIGIN, size=5, root=bytes(32))


def signed(checkpoint: Checkpoint = CHECKPOINT, signer: SigningKey = KEY) -> bytes:
    return str(sign_checkpoint(checkpoint, signer)).encode()


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    assert open_checkpoint(signed(), KEY.verifier) == CHECKPOINT


def test_the_text_of_the_standard_is_read() -> None:
    checkpoint = read_checkpoint(
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )

    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)


def test_extension_lines_of_others_are_passed_over() -> None:
    assert read_checkpoint(CHECKPOINT.text + "extension\n") == CHECKPOINT


def test_another_key_of_the_same_name_is_not_believed() -> None:
    with pytest.raises(VerificationError):
        open_checkpoint(signed(signer=OTHER_KEY), KEY.verifier)


def test_a_key_speaks_for_its_own_log_only() -> None:
    other = Checkpoint(origin="example.org/other", size=5, root=bytes(32))

    with pytest.raises(VerificationError, match="another log"):
        open_checkpoint(signed(other), KEY.verifier)


def test_the_key_of_a_witness_is_no_key_of_a_log() -> None:
    witness = VerifyKey(name=ORIGIN, public=KEY.verifier.public, type=KeyType.COSIGNATURE)

    with pytest.raises(MalformedError, match="witness"):
        open_checkpoint(signed(), witness)


@pytest.mark.parametrize(
    "text",
    [
        "a\n5\n",
        "a\n\n5\nAAAA\n",
        "a\n5\nAAAA\n",
        "a\n-5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "a\n05\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "a\n٥\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "a\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        open_checkpoint(str(sign_note(text, KEY)).encode(), KEY.verifier)


@pytest.mark.parametrize("text", ["", "+1", "1 ", "00", "01", "1" * 20, "1_0", "0x1", "²"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        read_number(text, what="it")


def test_numbers_are_read() -> None:
    assert [read_number(text, what="it") for text in ("0", "7", "9223372036854775807")] == [0, 7, 2**63 - 1]


def test_a_fresh_key_makes_a_fresh_log() -> None:
    fresh = SigningKey.generate(ORIGIN, entropy(77))

    assert fresh.verifier.key_id != KEY.verifier.key_id
