# SPDX-License-Identifier: Apache-2.0
"""Control groups around a box, where this process may make them: they bound all processes of a box together.

Version 2 is used where the controllers are handed down (a service with `Delegate=yes`), version 1 where its folders can
be written. Where neither holds nothing happens: rlimits bound each process by itself, and the box never depends on a
group. A group that a crash left is empty, and is taken away by a later box.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safeconduct.domain.bundle import Limits

ROOT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
PREFIX: Final = "safeconduct-"
OURS: Final = 4
"""Processes of ours in a group: the launcher and those of bubblewrap."""
STALE_SECONDS: Final = 3600.0
_TRIES, _PAUSE = 50, 0.02
_LIMIT_1: Final = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}
_LIMIT_2: Final = {"memory": "memory.max", "pids": "pids.max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The groups of one box; none where none could be made."""

    folders: tuple[Path, ...] = ()

    @property
    def doors(self) -> list[str]:
        """Return the files into which the launcher writes itself."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    async def remove(self) -> None:
        """Take the groups away as soon as the kernel has let go of their last process."""
        for folder in self.folders:
            for _ in range(_TRIES):
                try:
                    folder.rmdir()
                except OSError:
                    await asyncio.sleep(_PAUSE)
                else:
                    break


def groups_for(limits: Limits, *, spare_bytes: int, root: Path = ROOT, own: Path = OWN) -> Groups:
    """Make the groups of one box, as far as this machine allows it."""
    wanted = {"memory": limits.memory_bytes + spare_bytes, "pids": limits.processes + OURS}
    name = PREFIX + secrets.token_hex(8)
    made: list[Path] = []
    for parent, files in _parents(root, own):
        _sweep(parent)
        if _make(parent / name, {files[kind]: wanted[kind] for kind in files}):
            made.append(parent / name)
    return Groups(folders=tuple(made))


def _make(folder: Path, values: dict[str, int]) -> bool:
    """Make one group with its limits; one that takes none of them is taken away again."""
    try:
        folder.mkdir(mode=0o755)
    except OSError:
        return False
    try:
        for name, value in values.items():
            (folder / name).write_text(str(value), encoding="ascii")
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        return False
    return True


def _parents(root: Path, own: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the folders below which a group may be made, with the files of its limits."""
    for kinds, path in _memberships(own):
        if kinds:
            for kind in set(kinds) & set(_LIMIT_1):
                yield root / kind / path, {kind: _LIMIT_1[kind]}
        elif (root / "cgroup.controllers").is_file():
            for parent in (root / path, (root / path).parent):
                if set(_LIMIT_2) <= set(_handed_down(parent)):
                    yield parent, _LIMIT_2
                    break


def _memberships(own: Path) -> Iterator[tuple[list[str], str]]:
    """Yield the controllers and the path of each hierarchy in which this process is; version 2 names no controller."""
    with contextlib.suppress(OSError):
        for line in own.read_text("utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            yield [kind for kind in kinds.split(",") if kind], path.strip("/")


def _handed_down(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / "cgroup.subtree_control").read_text("ascii").split()
    return []


def _sweep(parent: Path) -> None:
    """Take away groups that nobody is in and that are old."""
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > STALE_SECONDS:
                    folder.rmdir()
