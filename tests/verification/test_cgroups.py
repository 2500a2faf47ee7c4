# SPDX-License-Identifier: Apache-2.0
"""Control groups around a box: made where the machine allows it, taken away, never needed."""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from safeconduct.domain.bundle import Limits
from safeconduct.verification.sandbox import Sandbox, cgroups
from safeconduct.verification.sandbox.cgroups import OURS, PREFIX, Groups, groups_for

LIMITS = Limits(memory_bytes=256 << 20, processes=16, cpu_seconds=10, wall_seconds=20.0)
MIB = 1 << 20


def made(root: Path, membership: str) -> Groups:
    own = root / "own"
    own.write_text(membership)
    return groups_for(LIMITS, spare_bytes=MIB, root=root, own=own)


def told(groups: Groups) -> list[dict[str, str]]:
    return [{file.name: file.read_text() for file in folder.iterdir()} for folder in groups.folders]


def test_version_1_bounds_memory_and_processes_where_its_folders_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "memory" / "service").mkdir(parents=True)
    (tmp_path / "pids").mkdir()

    groups = made(tmp_path, "5:cpu,cpuacct:/\n4:memory:/service\n3:pids:/\n0::/\n")

    assert told(groups) == [{"memory.limit_in_bytes": str(257 * MIB)}, {"pids.max": str(16 + OURS)}]
    assert all(folder.name.startswith(PREFIX) for folder in groups.folders)
    assert groups.doors == [str(folder / "cgroup.procs") for folder in groups.folders]


@pytest.mark.parametrize("handed_down_at", ["service/inner", "service"])
def test_version_2_is_used_where_the_controllers_are_handed_down(tmp_path: Path, handed_down_at: str) -> None:
    (tmp_path / "service" / "inner").mkdir(parents=True)
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / handed_down_at / "cgroup.subtree_control").write_text("memory pids\n")

    groups = made(tmp_path, "0::/service/inner\n")

    assert told(groups) == [{"memory.max": str(257 * MIB), "pids.max": str(16 + OURS)}]
    assert groups.folders[0].parent == tmp_path / handed_down_at


@pytest.mark.parametrize("membership", ["", "0::/service\n", "4:memory:/absent\n", "3:cpu:/\n"])
def test_where_none_can_be_made_there_is_none(tmp_path: Path, membership: str) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory pids\n")

    assert made(tmp_path, membership) == Groups()
    assert groups_for(LIMITS, spare_bytes=0, root=tmp_path, own=tmp_path / "absent") == Groups()


def test_a_group_that_takes_no_limit_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pids").mkdir()
    # No file has this name, so the limit cannot be written.
    monkeypatch.setitem(cgroups._LIMIT_1, "pids", "absent/pids.max")

    assert made(tmp_path, "3:pids:/\n") == Groups()
    assert list((tmp_path / "pids").iterdir()) == []


def test_groups_are_removed_and_old_ones_that_a_crash_left_too(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    old, young = pids / f"{PREFIX}old", pids / f"{PREFIX}young"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    full = pids / f"{PREFIX}full"
    (full / "inner").mkdir(parents=True)
    os.utime(full, (time.time() - 7200, time.time() - 7200))

    groups = made(tmp_path, "3:pids:/\n")
    for file in groups.folders[0].iterdir():
        file.unlink()
    asyncio.run(groups.remove())

    assert sorted(folder.name for folder in pids.iterdir()) == [full.name, young.name]


def test_a_group_that_somebody_is_in_is_waited_for_and_then_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "_PAUSE", 0.0)
    (tmp_path / "busy" / "process").mkdir(parents=True)

    asyncio.run(Groups(folders=(tmp_path / "busy",)).remove())

    assert (tmp_path / "busy").exists()


GREEDY = """
import os, signal
ready = []
for _ in range(4):
    read, write = os.pipe()
    if not (child := os.fork()):
        page = bytearray(80 << 20)
        page[::4096] = b"x" * len(page[::4096])
        os.write(write, b"r")
        signal.pause()
    os.close(write)
    ready.append((child, read))
held = sum(os.read(read, 1) == b"r" for _, read in ready)
for child, _ in ready:
    os.kill(child, signal.SIGKILL)
print(held, flush=True)
"""


def test_the_processes_of_a_box_share_one_bound_on_memory() -> None:
    probe = groups_for(LIMITS, spare_bytes=0)
    kinds = {file.name for folder in probe.folders for file in folder.iterdir()}
    asyncio.run(probe.remove())
    if not kinds & {"memory.limit_in_bytes", "memory.max"}:
        pytest.skip("no control group with a bound on memory can be made here")

    def held(memory_bytes: int) -> bytes:
        limits = replace(LIMITS, memory_bytes=memory_bytes)
        return asyncio.run(Sandbox.find().run(GREEDY, stdin=b"", limits=limits)).output

    assert held(512 * MIB) == b"4\n"
    assert held(150 * MIB) != b"4\n"
