# SPDX-License-Identifier: Apache-2.0
"""Landlock as an extra layer: what confined code may still do, on every version of the interface, and without any."""

import os
import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from safeconduct.verification.sandbox import landlock

_GETPID = {"x86_64": 39, "aarch64": 172}[platform.machine()]
SOURCE = Path(landlock.__file__).read_text("utf-8")
TRIES = """
import os, sys
def writes(name):
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError:
        return "refused"
    return "written"
print(writes(sys.argv[1]), writes(sys.argv[2]), writes("/dev/null"), open(sys.argv[3]).read())
"""


# Without it a process needs the rights of the superuser to confine itself.
POWERLESS = "import ctypes; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)\n"


def tried(tmp_path: Path, *, known: int) -> list[str]:
    """Return what code may do that was confined to a folder as if the kernel spoke this version."""
    inside, readable = tmp_path / "inside", tmp_path / "readable"
    inside.mkdir()
    readable.write_text("read")
    confine = (
        f"space = {{'__name__': 'x'}}\nexec({SOURCE!r}, space)\n"
        f"space.update(version=lambda: {known}, FOLDERS=({str(inside)!r},))\nspace['confine']()\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-c", POWERLESS + confine + TRIES),
            *(str(tmp_path / "outside"), str(inside / "file"), str(readable)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("known", range(1, 8))
def test_confined_code_reads_everything_and_writes_in_its_folders_only(tmp_path: Path, known: int) -> None:
    if landlock.version() < known:
        pytest.skip(f"this kernel speaks version {landlock.version()} of Landlock")

    assert tried(tmp_path, known=known) == ["refused", "written", "written", "read"]


def test_a_kernel_without_landlock_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(landlock, "CREATE", 1 << 20)

    assert (landlock.version(), landlock.confine()) == (0, 0)
    assert tried(tmp_path, known=0)[0] == "written"


def calls_of(monkeypatch: pytest.MonkeyPatch, *, known: int) -> list[tuple[int, ...]]:
    """Return what the kernel would be asked at this version, without asking it."""
    made: list[tuple[int, ...]] = []

    def note(number: int, *arguments: int | bytes) -> int:
        made.append((number, *arguments))  # type: ignore[arg-type]  # bytes are noted as they are
        return os.open("/dev/null", os.O_RDONLY) if number == landlock.CREATE else 0

    monkeypatch.setattr(landlock, "version", lambda: known)
    monkeypatch.setattr(landlock, "_call", note)
    assert landlock.confine() == known
    return made


@pytest.mark.parametrize(("known", "words"), [(1, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)])
def test_each_version_is_asked_for_the_rights_it_knows(monkeypatch: pytest.MonkeyPatch, known: int, words: int) -> None:
    monkeypatch.setattr(landlock, "DEVICES", ("/dev/null", "/dev/there-is-none"))

    create, *rules, restrict = calls_of(monkeypatch, known=known)

    handled = struct.unpack(f"<{words}Q", create[1])  # type: ignore[arg-type]  # these are the noted bytes
    assert bool(handled[0] & landlock.TRUNCATE) is (known >= 3)
    assert bool(handled[0] & landlock.REFER) is (known >= 2)
    assert bool(handled[0] & landlock.IOCTL) is (known >= 5)
    assert len(rules) == len(landlock.FOLDERS) + 1
    assert restrict[0] == landlock.RESTRICT


def test_a_kernel_that_refuses_ends_the_code() -> None:
    with pytest.raises(OSError, match="Landlock refuses"):
        landlock._call(landlock.RESTRICT, -1, 0)
    assert landlock._call(_GETPID) == os.getpid()
