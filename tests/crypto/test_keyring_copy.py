# SPDX-License-Identifier: Apache-2.0
"""The sealed copy of the key ring: the drill for a lost folder."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.crypto.seeded import entropy

from safeconduct.crypto.age import identity_from_seed, open_with, recipient_of, seal_to
from safeconduct.crypto.keyring_copy import export_ring, restore_ring
from safeconduct.crypto.keys import KeyRing
from safeconduct.crypto.secret import Secret
from safeconduct.errors import ConfigurationError, ConflictError, MalformedError, SafeconductError, SealError

ELSEWHERE = identity_from_seed(Secret(entropy(99)(32)))
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    made = KeyRing.create(tmp_path / "keys", origin="example.org/log", entropy=entropy())
    return made.add_recipient(recipient_of(ELSEWHERE))


def sealed(document: object) -> bytes:
    return seal_to([recipient_of(ELSEWHERE)], json.dumps(document).encode())


def test_after_the_folder_is_lost_the_second_recipient_brings_everything_back(ring: KeyRing, tmp_path: Path) -> None:
    epoch = ring.current_epoch(MONDAY, entropy=entropy(2))
    report = seal_to(ring.recipients, b"a report")
    copy = export_ring(ring, recipients=ring.further_recipients)
    shutil.rmtree(ring.folder)

    back = restore_ring(tmp_path / "new", copy, identities=[ELSEWHERE])

    assert back.log == ring.log
    assert back.epoch(epoch.id) == epoch
    assert open_with([back.identity], report) == b"a report"
    assert {path.stat().st_mode & 0o777 for path in back.folder.iterdir()} == {0o600}


def test_the_copy_holds_only_files_of_the_ring(ring: KeyRing) -> None:
    (ring.folder / "django.key").write_bytes(b"of another owner")

    files = json.loads(open_with([ELSEWHERE], export_ring(ring, recipients=ring.further_recipients)))["files"]

    assert "django.key" not in files
    assert "log.key" in files


def test_the_copy_remembers_what_the_log_signed(ring: KeyRing, tmp_path: Path) -> None:
    (ring.folder / "log.signed").write_bytes(b"a checkpoint")

    copy = export_ring(ring, recipients=ring.further_recipients)

    assert (restore_ring(tmp_path / "new", copy, identities=[ELSEWHERE]).folder / "log.signed").read_bytes() == (
        b"a checkpoint"
    )


def test_the_copy_is_sealed_to_somebody(ring: KeyRing) -> None:
    with pytest.raises(MalformedError):
        export_ring(ring, recipients=())


def test_a_ring_is_not_overwritten(ring: KeyRing) -> None:
    copy = export_ring(ring, recipients=ring.further_recipients)

    with pytest.raises(ConflictError):
        restore_ring(ring.folder, copy, identities=[ELSEWHERE])


def test_a_stranger_cannot_restore(ring: KeyRing, tmp_path: Path) -> None:
    copy = export_ring(ring, recipients=ring.further_recipients)

    with pytest.raises(SealError):
        restore_ring(tmp_path / "new", copy, identities=[identity_from_seed(Secret(bytes(32)))])


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"files": []},
        {"files": {"log.key": "AAAA"}},
        {"files": {"ring.json": "AAAA", "../evil": "AAAA"}},
        {"files": {"ring.json": "?"}},
        {"files": {"ring.json": None}},
    ],
)
def test_what_is_no_copy_is_refused_and_escapes_nowhere(tmp_path: Path, document: object) -> None:
    with pytest.raises(SafeconductError):
        restore_ring(tmp_path / "new" / "keys", sealed(document), identities=[ELSEWHERE])

    assert not (tmp_path / "new" / "evil").exists()


def test_a_copy_that_lacks_a_file_is_told(ring: KeyRing, tmp_path: Path) -> None:
    document = json.loads(open_with([ELSEWHERE], export_ring(ring, recipients=ring.further_recipients)))
    del document["files"]["log.key"]

    with pytest.raises(ConfigurationError, match=r"lacks log\.key"):
        restore_ring(tmp_path / "new", sealed(document), identities=[ELSEWHERE])
