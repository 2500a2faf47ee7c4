# SPDX-License-Identifier: Apache-2.0
"""The copies of a backup: whole or not at all, opened by the right identity only, and trusted in nothing."""

import hashlib
import io
import json
import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from django.conf import settings
from tests.postgres import new_database

from safeconduct.crypto.keys import KeyRing
from safeconduct.crypto.secret import Secret
from safeconduct.errors import ConflictError, IncompleteError, MalformedError, SealError, UnavailableError
from safeconduct.server.project import backup, dumps
from safeconduct.server.project.config import Config

SQLITE = dumps.SQLITE


@pytest.fixture
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def home(tmp_path: Path) -> Config:
    """Return a home with keys, a database, a log and sealed files."""
    import sqlite3

    config = replace(settings.SAFECONDUCT, home=tmp_path / "home", database="sqlite")
    config.home.mkdir()
    KeyRing.create(config.keys, origin="log.example", entropy=secrets.token_bytes)
    (config.keys / "targets").mkdir()
    (config.keys / "targets" / "ACME").write_text("canary-of-a-target")
    with sqlite3.connect(config.home / SQLITE) as connection:
        connection.execute("CREATE TABLE kept (words text)")
        connection.execute("INSERT INTO kept VALUES ('kept')")
    connection.close()
    for name in ("log/checkpoint", "log/tile/0/000.p/1", "log/.temporary", "sealed/ab/abcd", "sealed/ab/abce.part"):
        path = config.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return config


@pytest.fixture
def made(home: Config, identity: pyrage.x25519.Identity, tmp_path: Path, now: datetime) -> backup.Made:
    return backup.make(home, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 64 KiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk can be mounted as root only")
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def restored(home: Config, made: backup.Made, identity: pyrage.x25519.Identity, **changes) -> int:
    given = {"archive": made.archive, "keys": made.keys, "identities": [Secret(str(identity).encode())], **changes}
    return backup.restore(home, **given)


def another(home: Config, name: str = "another") -> Config:
    return replace(home, home=home.home.with_name(name))


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}


def rewritten(made: backup.Made, change) -> backup.Made:
    """Return the backup with its archive changed: `change` takes the list of (TarInfo, content) and returns another."""
    parts = []
    for name, content in members(made.archive).items():
        info = tarfile.TarInfo(name)
        info.size = len(content)
        parts.append((info, content))
    path = made.archive.with_name("changed.tar")
    with tarfile.open(path, "w") as archive:
        for info, content in change(parts):
            archive.addfile(info, io.BytesIO(content))
    return replace(made, archive=path)


def relisted(parts, name: str, content: bytes, **kind):
    """Add a member and list it, as somebody would who knows the format."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in kind.items():
        setattr(info, key, value)
    listed = json.loads(parts[-1][1])
    listed["files"][name] = hashlib.sha256(content).hexdigest()
    manifest = json.dumps(listed).encode()
    parts[-1][0].size = len(manifest)
    return [*parts[:-1], (info, content), (parts[-1][0], manifest)]


def test_a_backup_holds_whole_files_and_no_key(made: backup.Made, tmp_path: Path) -> None:
    found = members(made.archive)

    assert set(found) == {"log/checkpoint", "log/tile/0/000.p/1", "database", "sealed/ab/abcd", "manifest.json"}
    assert made.sha256 == hashlib.sha256(made.archive.read_bytes()).hexdigest()
    whole = made.archive.read_bytes() + made.keys.read_bytes()
    assert b"canary-of-a-target" not in whole
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "copies").iterdir()} == {0o600}


def test_a_restored_home_is_what_it_was(made: backup.Made, home: Config, identity) -> None:
    new = another(home)

    assert restored(new, made, identity) == made.files == 4

    for name in ("log/checkpoint", "log/tile/0/000.p/1", "sealed/ab/abcd"):
        assert (new.home / name).read_bytes() == (home.home / name).read_bytes()
    assert KeyRing.load(new.keys).log.verifier == KeyRing.load(home.keys).log.verifier
    assert b"kept" in (new.home / SQLITE).read_bytes()
    assert {path.name for path in new.home.iterdir()} == {"keys", "log", "sealed", SQLITE}
    assert {oct(path.stat().st_mode & 0o777) for path in new.keys.iterdir()} == {"0o600"}


def test_a_wrong_identity_opens_nothing_and_writes_nothing(made: backup.Made, home: Config) -> None:
    new = another(home)

    with pytest.raises(SealError):
        restored(new, made, pyrage.x25519.Identity.generate())

    assert list(new.home.iterdir()) == []


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_one_flipped_bit_is_noticed_and_writes_nothing(made: backup.Made, home: Config, identity, share: float) -> None:
    content = bytearray(made.archive.read_bytes())
    end = content.rindex(b"}") if share > 0.8 else content.index(b"content of sealed")
    content[int(end * share)] ^= 1
    changed = made.archive.with_name("flipped.tar")
    changed.write_bytes(content)
    new = another(home)

    try:
        restored(new, replace(made, archive=changed), identity)
    except MalformedError:
        assert list(new.home.iterdir()) == []
    else:
        # The bit lay in the padding between two members, so every file is what it was.
        assert members(changed) == members(made.archive)


def test_a_flipped_bit_of_the_keys_is_noticed(made: backup.Made, home: Config, identity) -> None:
    content = bytearray(made.keys.read_bytes())
    content[-5] ^= 1
    made.keys.write_bytes(content)
    new = another(home)

    with pytest.raises(SealError):
        restored(new, made, identity)

    assert list(new.home.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", {}),
        ("sealed/../../outside", {}),
        ("/outside", {}),
        ("sealed/link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
        ("sealed/link", {"type": tarfile.LNKTYPE, "linkname": "database"}),
        ("sealed/pipe", {"type": tarfile.FIFOTYPE}),
        ("keys/log.key", {}),
        ("safeconduct.toml", {}),
        ("sealed//ab", {}),
        ("sealed/./ab", {}),
        ("log", {}),
        ("database/x", {}),
        ("sealed/ab/abcd/below-a-file", {}),
    ],
)
def test_what_is_no_plain_file_at_its_place_is_refused(
    made: backup.Made, home: Config, identity, name: str, kind: dict[str, object]
) -> None:
    hostile = rewritten(made, lambda parts: relisted(parts, name, b"hostile", **kind))
    new = another(home)

    with pytest.raises((MalformedError, UnavailableError)):
        restored(new, hostile, identity)

    assert list(new.home.iterdir()) == []
    assert not list(home.home.parent.rglob("outside"))


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts[:-1],
        lambda parts: parts[1:],
        lambda parts: [parts[0], *parts],
        lambda parts: [part for part in parts if part[0].name != "database"],
        lambda _parts: [],
    ],
)
def test_an_archive_that_is_not_what_it_lists_is_refused(made: backup.Made, home: Config, identity, change) -> None:
    new = another(home)

    with pytest.raises(MalformedError):
        restored(new, rewritten(made, change), identity)

    assert list(new.home.iterdir()) == []


def test_a_cut_archive_is_refused(made: backup.Made, home: Config, identity) -> None:
    content = made.archive.read_bytes()
    made.archive.write_bytes(content[: len(content) // 2])

    with pytest.raises(MalformedError):
        restored(another(home), made, identity)


def test_a_list_longer_than_a_report_is_still_read(home: Config, identity, tmp_path: Path, now: datetime) -> None:
    folder = home.home / "sealed" / ("n" * 200)
    folder.mkdir()
    for number in range(500):
        (folder / f"{'x' * 200}{number:05}").touch()

    made = backup.make(home, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)

    assert restored(another(home), made, identity) == made.files == 504


@pytest.mark.parametrize("name", ["sealed", "log", "keys", SQLITE])
def test_a_home_that_holds_anything_is_refused(made: backup.Made, home: Config, identity, name: str) -> None:
    new = another(home)
    (new.home / name).mkdir(parents=True)

    with pytest.raises(ConflictError):
        restored(new, made, identity)

    assert [path.name for path in new.home.iterdir()] == [name]


def test_the_recipient_beside_the_keys_is_no_outside_recipient(home: Config, tmp_path: Path, now: datetime) -> None:
    own = KeyRing.load(home.keys).recipients[0]

    with pytest.raises(IncompleteError):
        backup.make(home, folder=tmp_path / "copies", recipients=[own], now=now)
    with pytest.raises(MalformedError):
        backup.make(home, folder=tmp_path / "copies", recipients=["age1nonsense"], now=now)

    assert not (tmp_path / "copies").exists()


def test_a_backup_is_never_overwritten(made: backup.Made, home: Config, identity, now: datetime) -> None:
    before = made.archive.read_bytes()

    with pytest.raises(ConflictError):
        backup.make(home, folder=made.archive.parent, recipients=[str(identity.to_public())], now=now)

    assert made.archive.read_bytes() == before


def test_a_full_disk_leaves_no_half_of_a_backup(small_disk: Path, home: Config, identity, now: datetime) -> None:
    (home.home / "sealed" / "ab" / "large").write_bytes(secrets.token_bytes(200_000))

    with pytest.raises(UnavailableError):
        backup.make(home, folder=small_disk, recipients=[str(identity.to_public())], now=now)

    assert list(small_disk.iterdir()) == []


def test_a_full_disk_leaves_no_half_of_a_restored_home(
    small_disk: Path, home: Config, identity, tmp_path: Path, now: datetime
) -> None:
    (home.home / "sealed" / "ab" / "large").write_bytes(secrets.token_bytes(200_000))
    made = backup.make(home, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)
    new = replace(home, home=small_disk)

    with pytest.raises(UnavailableError):
        restored(new, made, identity)

    assert list(small_disk.iterdir()) == []


def test_a_home_without_a_database_cannot_be_backed_up(home: Config, identity, tmp_path: Path, now: datetime) -> None:
    (home.home / SQLITE).unlink()

    with pytest.raises(UnavailableError):
        backup.make(home, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)

    assert list((tmp_path / "copies").iterdir()) == []


def test_a_key_made_meanwhile_is_in_the_copy(
    home: Config, identity, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, copied = KeyRing.load(home.keys), []

    def copy_late(config: Config, destination: Path) -> None:
        copied.append(destination)
        if len(copied) == 1:
            ring.current_epoch(now + timedelta(days=7), entropy=secrets.token_bytes)
        dumps.copy_database(config, destination)

    monkeypatch.setattr(backup, "copy_database", copy_late)
    made = backup.make(home, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)
    new = another(home)
    restored(new, made, identity)

    assert len(copied) == 2
    assert KeyRing.load(new.keys).epoch_ids() == ring.epoch_ids() != ()
    assert len(list((tmp_path / "copies").iterdir())) == 2


def test_a_file_that_vanishes_during_the_backup_is_left_out(
    home: Config, identity, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_late(config: Config, destination: Path) -> None:
        (config.home / "log" / "tile" / "0" / "000.p" / "1").unlink()
        (config.home / "sealed" / "ab" / "abcd").unlink()
        dumps.copy_database(config, destination)

    listed = list(backup.members_of(home.home, "sealed"))
    monkeypatch.setattr(backup, "copy_database", copy_late)
    monkeypatch.setattr(backup, "members_of", lambda _home, folder: iter(listed) if folder == "sealed" else iter(()))

    made = backup.make(home, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)

    assert restored(another(home), made, identity) == 2


def test_a_backup_of_another_engine_is_refused(made: backup.Made, home: Config, identity) -> None:
    other = rewritten(
        made, lambda parts: [*parts[:-1], _with_content(parts[-1], parts[-1][1].replace(b"sqlite", b"oracle"))]
    )
    new = another(home)

    with pytest.raises(ConflictError):
        restored(new, other, identity)

    assert list(new.home.iterdir()) == []


def _with_content(part, content: bytes):
    info, _ = part
    info.size = len(content)
    return info, content


needs_postgres = pytest.mark.skipif(
    settings.SAFECONDUCT.on_sqlite or not shutil.which("pg_dump"), reason="PostgreSQL with its client tools"
)


@needs_postgres
def test_postgresql_is_copied_and_put_back_by_its_own_tools(home: Config, identity, tmp_path: Path, now) -> None:
    import psycopg

    live = replace(home, database=new_database(settings.SAFECONDUCT.database))
    with psycopg.connect(live.database) as connection:
        connection.execute("CREATE TABLE kept (words text)")
        connection.execute("INSERT INTO kept VALUES ('kept')")
    made = backup.make(live, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)
    new = replace(another(home), database=new_database(settings.SAFECONDUCT.database))

    restored(new, made, identity)

    with psycopg.connect(new.database) as connection:
        assert connection.execute("SELECT words FROM kept").fetchone() == ("kept",)
    with pytest.raises(ConflictError):
        restored(replace(another(home, "third"), database=new.database), made, identity)
    with pytest.raises(ConflictError):
        restored(another(home, "fourth"), made, identity)


@needs_postgres
def test_a_dump_that_cannot_be_put_back_leaves_an_empty_home(home: Config, identity, tmp_path: Path, now) -> None:
    live = replace(home, database=new_database(settings.SAFECONDUCT.database))
    made = backup.make(live, folder=tmp_path / "copies", recipients=[str(identity.to_public())], now=now)

    def broken(parts):
        parts = [part for part in parts if part[0].name != "database"]
        return relisted(parts, "database", b"PGDMP and nothing else")

    new = replace(another(home), database=new_database(settings.SAFECONDUCT.database))

    with pytest.raises(UnavailableError):
        restored(new, rewritten(made, broken), identity)

    assert list(new.home.iterdir()) == []
    restored(new, made, identity)


def test_a_missing_tool_is_named(home: Config, identity, tmp_path: Path, now, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(UnavailableError, match="pg_dump"):
        backup.make(
            replace(home, database="postgres://nobody@127.0.0.1:9/none"),
            folder=tmp_path / "copies",
            recipients=[str(identity.to_public())],
            now=now,
        )

    assert list((tmp_path / "copies").iterdir()) == []


def test_the_password_of_the_database_is_not_shown_to_other_accounts(tmp_path: Path, home: Config, monkeypatch) -> None:
    tool = tmp_path / "pg_dump"
    tool.write_text(f'#!/bin/sh\nprintf "%s %s" "$PGPASSWORD" "$*" > {tmp_path}/told\n')
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    config = replace(home, database="postgres://ada:p%40ss@db.example:5433/name?sslmode=require")

    dumps.copy_database(config, tmp_path / "copy")

    told = (tmp_path / "told").read_text()
    assert told.startswith("p@ss --dbname=postgres://ada@db.example:5433/name?sslmode=require ")
