# SPDX-License-Identifier: Apache-2.0
"""Bundles from enemies: archives that bomb, climb, link and lie, and JSON that misleads. Each ends in one error of ours."""

import contextlib
import io
import json
import os
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.verification.bundles import leak_bundle

from safeconduct.errors import (
    IncompleteError,
    MalformedError,
    SafeconductError,
    TooLargeError,
    UnavailableError,
    UnknownValueError,
)
from safeconduct.verification.bundle import bundle_files, read_bundle, zip_bundle
from safeconduct.verification.bundle.archive import MAX_ARCHIVE, MAX_FILE
from safeconduct.verification.bundle.store import manifest_of

FILES = dict(bundle_files(leak_bundle()).files)


def packed(members: list[tuple[zipfile.ZipInfo | str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive with these members, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for member, data in members:
            archive.writestr(member, data, compress_type=method)
    return buffer.getvalue()


def with_file(name: str, data: bytes) -> bytes:
    """Return a bundle in which one file is replaced and the MANIFEST agrees."""
    files = {**FILES, name: data}
    files["MANIFEST"] = manifest_of(files)
    return packed(list(files.items()), zipfile.ZIP_STORED)


def with_json(name: str, change: Callable[[dict[str, object]], object]) -> bytes:
    """Return a bundle in which one document is changed."""
    document = json.loads(FILES[name])
    change(document)
    return with_file(name, json.dumps(document).encode())


def linked(name: str, mode: int) -> zipfile.ZipInfo:
    """Return a member of another kind than a file."""
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = mode << 16
    return member


def encrypted() -> bytes:
    """Return an archive whose members say that they are encrypted."""
    data = bytearray(zip_bundle(leak_bundle()))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(magic)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(magic, at + 4)
    return bytes(data)


@pytest.mark.parametrize(
    "name",
    [
        "../bundle.json",
        "/etc/passwd",
        "folder/bundle.json",
        "folder/",
        "..\\bundle.json",
        "C:\\bundle.json",
        "bundle.JSON",
        "payload.pkl",
        "\x1b[2Jbundle.json",
        "bündle.json",
    ],
)
def test_a_name_that_does_not_belong_is_refused(name: str) -> None:
    data = packed([*FILES.items(), (name, b"x")])

    with pytest.raises(MalformedError) as caught:
        read_bundle(data)

    assert "\x1b" not in str(caught.value.as_dict())


def test_a_name_with_a_zero_byte_is_refused() -> None:
    data = packed([*FILES.items(), ("bundle.json#.txt", b"x")]).replace(b"bundle.json#.txt", b"bundle.json\0.txt")

    with pytest.raises(MalformedError, match="does not belong"):
        read_bundle(data)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_member_that_is_no_regular_file_is_refused(kind: int) -> None:
    files = {name: data for name, data in FILES.items() if name != "env.json"}

    with pytest.raises(MalformedError, match="regular files"):
        read_bundle(packed([*files.items(), (linked("env.json", kind | 0o644), b"/etc/shadow")]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused() -> None:
    with pytest.raises(MalformedError, match="twice"):
        read_bundle(packed([*FILES.items(), ("env.json", b"{}")]))


def test_an_encrypted_archive_is_refused() -> None:
    with pytest.raises(MalformedError, match="encrypted"):
        read_bundle(encrypted())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(method: int) -> None:
    with pytest.raises(MalformedError, match="compression"):
        read_bundle(packed(list(FILES.items()), method))


def test_a_bomb_is_refused_by_its_ratio_and_takes_no_memory() -> None:
    bomb = packed(
        [*((name, data) for name, data in FILES.items() if name != "benign.jsonl"), ("benign.jsonl", b"\n" * MAX_FILE)]
    )

    tracemalloc.start()
    with pytest.raises(TooLargeError, match="unpacks to far more"):
        read_bundle(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < MAX_FILE


def test_a_member_that_lies_about_its_size_is_refused() -> None:
    honest = packed([("benign.jsonl", os.urandom(1000) + b"\n" * 100_000)])
    lying = honest.replace(struct.pack("<L", 101_000), struct.pack("<L", 900))

    with pytest.raises(MalformedError):
        read_bundle(lying)


def test_a_large_file_is_refused() -> None:
    with pytest.raises(TooLargeError, match="a file of the bundle"):
        read_bundle(packed([("benign.jsonl", bytes(MAX_FILE + 1))], zipfile.ZIP_STORED))


def test_a_large_archive_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "b.zip").open("wb") as file:
        file.truncate(MAX_ARCHIVE + 1)

    with pytest.raises(TooLargeError, match="the archive is too large"):
        read_bundle(tmp_path / "b.zip")


def test_files_that_are_too_large_together_are_refused() -> None:
    with pytest.raises(TooLargeError):
        read_bundle(packed([(name, os.urandom(MAX_FILE - 100)) for name in sorted(FILES)], zipfile.ZIP_STORED))


def test_files_of_a_folder_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    for name in sorted(FILES)[:5]:
        with (tmp_path / name).open("wb") as file:
            file.truncate(MAX_FILE)

    with pytest.raises(TooLargeError, match="the bundle is too large"):
        read_bundle(tmp_path)


def test_a_path_through_a_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"")

    with pytest.raises(UnavailableError):
        read_bundle(tmp_path / "b.zip" / "deeper")


def test_more_members_than_a_bundle_has_are_refused_before_they_are_read() -> None:
    many = packed([(str(number), b"") for number in range(10_001)], zipfile.ZIP_STORED)

    with pytest.raises(TooLargeError, match="too many members"):
        read_bundle(many)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda data: data[:100],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"#!/bin/sh\n" + data,
        lambda data: data[:40] + b"\xff\xff\xff\xff" + data[44:],
        lambda data: data.replace(b"PK\x01\x02", b"PK\x09\x09"),
        lambda data: data[:-22] + b"PK\x05\x06" + bytes(18),
    ],
)
def test_a_damaged_archive_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SafeconductError):
        read_bundle(spoil(zip_bundle(leak_bundle())))


@given(st.binary(max_size=200), st.integers(0, 5000))
@example(b"", 0)
def test_any_bytes_in_an_archive_end_in_our_error_or_in_the_same_bundle(noise: bytes, at: int) -> None:
    data = zip_bundle(leak_bundle())
    spoiled = data[:at] + noise + data[at + len(noise) :]
    with contextlib.suppress(SafeconductError):
        assert read_bundle(spoiled) == leak_bundle()


@pytest.mark.parametrize("where", ["env.json", "."])
def test_a_link_in_or_to_a_folder_is_refused(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    if where == ".":
        (tmp_path / "link").symlink_to(folder)
        folder = tmp_path / "link"
    else:
        (folder / where).unlink()
        (folder / where).symlink_to("/etc/shadow")

    with pytest.raises(MalformedError):
        read_bundle(folder)


def test_a_pipe_in_a_folder_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bundle.json")

    with pytest.raises(MalformedError, match="regular files"):
        read_bundle(tmp_path)


def test_a_device_is_no_bundle() -> None:
    with pytest.raises(MalformedError):
        read_bundle(Path("/dev/zero"))


def test_a_foreign_file_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")

    with pytest.raises(MalformedError, match="does not belong"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("name", sorted(set(FILES) - {"MANIFEST", "benign.jsonl"}))
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xe9"}',
        b'{"a":' + b"[" * 65 + b"]" * 65 + b"}",
        b"[" * 200_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"{} {}",
    ],
)
def test_bad_json_is_refused_with_its_place(name: str, data: bytes) -> None:
    with pytest.raises((MalformedError, TooLargeError, IncompleteError)) as caught:
        read_bundle(with_file(name, data))

    assert name in caught.value.message


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"id": 1}', b'{"id": "x", "id": "y"}', b"[" * 100, b"\xff"])
def test_a_bad_line_is_refused_with_its_number(line: bytes) -> None:
    with pytest.raises((MalformedError, TooLargeError, IncompleteError), match="line 3"):
        read_bundle(with_file("benign.jsonl", FILES["benign.jsonl"] + line + b"\n"))


def test_too_many_controls_are_refused() -> None:
    with pytest.raises(TooLargeError, match="lines"):
        read_bundle(with_file("benign.jsonl", b"{}\n" * 20_001))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bundle.json", lambda document: document.update(schema_version="safeconduct-bundle/9")),
        ("bundle.json", lambda document: document.update({"class": "world-domination"})),
        ("bundle.json", lambda document: document["safety"].update(handling="TLP:PINK")),
        ("target.json", lambda document: document.update(adapter="shell")),
        ("attack.json", lambda document: document["steps"][0].update(role="root")),
        ("attack.json", lambda document: document["seeds"][0].update(part="secret")),
        ("attack.json", lambda document: document["families"][0]["chains"][0]["mutators"][0].update(name="exec")),
        ("oracle.json", lambda document: document.update(combine="xor")),
        ("oracle.json", lambda document: document["checks"][0].update(kind="python")),
        ("oracle.json", lambda document: document["checks"][0].update(normalization="fuzzy")),
        ("limits.json", lambda document: document.update(network="host")),
    ],
)
def test_a_word_outside_the_vocabulary_is_refused(name: str, change: Callable[[dict[str, object]], object]) -> None:
    with pytest.raises(UnknownValueError):
        read_bundle(with_json(name, change))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bundle.json", lambda document: document.update(title=["x"])),
        ("bundle.json", lambda document: document.update(created="yesterday")),
        ("bundle.json", lambda document: document.update(created="2026-01-01T00:00:00")),
        ("bundle.json", lambda document: document.update(taxonomy=["CWE-1427"])),
        ("bundle.json", lambda document: document.update(taxonomy=[1])),
        ("bundle.json", lambda document: document["safety"].update(contains_harmful_output="no")),
        ("bundle.json", lambda document: document.update(run="rm -rf /")),
        ("target.json", lambda document: document.update(secret="sk-live-value")),
        ("target.json", lambda document: document.update(labels=3)),
        ("target.json", lambda document: document["sampling"].update(max_tokens=True)),
        ("target.json", lambda document: document["sampling"].update(max_tokens=0)),
        ("target.json", lambda document: document["sampling"].update(temperature="hot")),
        ("attack.json", lambda document: document.update(seeds={})),
        ("attack.json", lambda document: document["families"][0]["chains"][0]["mutators"][0].update(version=2)),
        (
            "attack.json",
            lambda document: document["families"][0]["chains"][0]["mutators"][0].update(params={"rate": 1.0}),
        ),
        (
            "attack.json",
            lambda document: document["families"][0]["chains"][0]["mutators"][0].update(params={"table": {"a": 1}}),
        ),
        ("criterion.json", lambda document: document.update(alpha=2)),
        ("criterion.json", lambda document: document.update(alpha=True)),
        ("criterion.json", lambda document: document.update(alpha="small")),
        ("criterion.json", lambda document: document.update(max_calls=1.5)),
        ("criterion.json", lambda document: document.update(per_family=1)),
        ("limits.json", lambda document: document.update(memory_bytes=-1)),
        ("limits.json", lambda document: document.update(processes=1 << 40)),
        ("env.json", lambda document: document.update(packages=["x"])),
    ],
)
def test_a_value_of_another_kind_is_refused(name: str, change: Callable[[dict[str, object]], object]) -> None:
    with pytest.raises((MalformedError, IncompleteError)) as caught:
        read_bundle(with_json(name, change))

    assert "sk-live-value" not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bundle.json", lambda document: document.update(title="x" * 501)),
        ("attack.json", lambda document: document.update(steps=document["steps"] * 40)),
        (
            "attack.json",
            lambda document: document["families"][0].update(chains=document["families"][0]["chains"] * 101),
        ),
        (
            "attack.json",
            lambda document: document["families"][0]["chains"][0]["mutators"][0].update(
                name="translation_table", params={"table": {str(number): "x" for number in range(2001)}}
            ),
        ),
    ],
)
def test_too_much_of_anything_is_refused(name: str, change: Callable[[dict[str, object]], object]) -> None:
    with pytest.raises(TooLargeError):
        read_bundle(with_json(name, change))
