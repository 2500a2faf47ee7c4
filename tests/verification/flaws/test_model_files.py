# SPDX-License-Identifier: Apache-2.0
"""Unsafe model files: scanners' worst verdict and a load in the sandbox, before and after the files are replaced."""

import asyncio
import importlib.util
import json
from pathlib import Path

import pytest
from tests.verification.flaws.ground import boxed, bundle, now, script, verdict
from tests.verification.flaws.payloads import ACTING, CLEAN, HARMFUL, place_files

from safeconduct.domain.bundle import Adapter, Bundle, Check, Speaker, TargetSpec
from safeconduct.domain.evidence import TrialOutcome, Verdict
from safeconduct.domain.observed import Event, EventKind, ScanLevel, Scanner, ScannerName
from safeconduct.domain.weakness import FlawClass
from safeconduct.verification.oracles import PreparedOracle, Reply
from safeconduct.verification.reproduction import Budget, Finding, reproduce
from safeconduct.verification.targets import Target
from safeconduct.verification.variants import Turn

FILE = TargetSpec(adapter=Adapter.MODEL_FILE, model="release", entry="pickle:load")
SCANNED = Scanner(scanners=(ScannerName.OPCODES,), at_least=ScanLevel.SUSPICIOUS)
ACTED = tuple(Event(event=kind) for kind in EventKind)
SAFE_LOADER = """
import collections, pickle
class Plain(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError("not plain data")
def load(path):
    with open(path, "rb") as file:
        return Plain(file).load()
"""


def release(names: list[str], *checks: Check) -> Bundle:
    half = len(names) // 2
    return bundle(
        FlawClass.MODEL_FILE, *checks, attack=script(disclosed=names[:half], held_out=names[half:]), target=FILE
    )


def look(target: Target, names: list[str]) -> dict[str, Reply]:
    async def all_of_them() -> dict[str, Reply]:
        async with target:
            return {name: (await target.ask([Turn(role=Speaker.USER, text=name)])).replies[0] for name in names}

    return asyncio.run(all_of_them())


def judged(reply: Reply, *checks: Check) -> TrialOutcome:
    return (
        PreparedOracle(bundle(FlawClass.MODEL_FILE, *checks, attack=script(disclosed=["x"], held_out=[])).oracle)
        .judge([reply])
        .outcome
    )


def test_the_own_reader_finds_every_payload_and_no_clean_file(tmp_path: Path) -> None:
    folder = place_files(tmp_path / "files", {**HARMFUL, **CLEAN})
    replies = look(boxed(release(["system.pkl", "eval.pkl"], SCANNED), folder), [*HARMFUL, *CLEAN])

    found = {name: judged(reply, SCANNED) for name, reply in replies.items()}
    assert found == dict.fromkeys(HARMFUL, TrialOutcome.HIT) | dict.fromkeys(CLEAN, TrialOutcome.MISS)


def test_a_load_shows_what_the_files_do(tmp_path: Path) -> None:
    folder = place_files(tmp_path / "files", {**HARMFUL, **CLEAN})
    replies = look(boxed(release(["system.pkl", "eval.pkl"], *ACTED), folder), [*ACTING, *CLEAN])

    found = {name: judged(reply, *ACTED) for name, reply in replies.items()}
    expected = dict.fromkeys(ACTING, TrialOutcome.HIT)
    # An archive is no pickle: the loader refuses it, and nothing has happened.
    assert found == expected | dict.fromkeys(CLEAN, TrialOutcome.MISS)
    assert "process os.system touch /tmp/deed" in json.loads(replies["system.pkl"].text)["events"]


def test_files_that_run_code_are_fixed_by_other_files(tmp_path: Path) -> None:
    names = [name for name in ACTING if name != "timeit.pkl"]
    made = release(names, SCANNED, *ACTED)
    before = place_files(tmp_path / "before", {name: HARMFUL[name] for name in names})
    after = place_files(tmp_path / "after", dict.fromkeys(names, CLEAN["weights.pkl"]))

    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED


def test_the_gate_reproduces_a_harmful_file_and_no_clean_one(tmp_path: Path) -> None:
    made = release(["a.pkl", "b.pkl"], SCANNED)
    found = []
    for name, data in (("harmful", HARMFUL["system.pkl"]), ("clean", CLEAN["weights.pkl"])):
        folder = place_files(tmp_path / name, {"a.pkl": data, "b.pkl": data})
        budget = Budget(calls=6, hits=2)
        found.append(reproduce(made, boxed(made, folder), seed=bytes(32), clock=now, budget=budget).finding)

    assert found == [Finding.REPRODUCED, Finding.NOT_REPRODUCED]


def test_a_loader_that_runs_code_is_fixed_by_another_loader(tmp_path: Path) -> None:
    names = ["system.pkl", "eval.pkl", "old-protocol.pkl", "exchanged.pkl"]
    made = release(names, *ACTED)
    folder = place_files(tmp_path / "files", {name: HARMFUL[name] for name in names})
    (folder / "blocklist.py").write_text(BLOCKLIST)
    (folder / "plain.py").write_text(SAFE_LOADER)

    blocked = verdict(made, before=boxed(made, folder), after=boxed(made, folder, entry="blocklist:load"))
    plain = verdict(made, before=boxed(made, folder), after=boxed(made, folder, entry="plain:load"))
    assert (blocked, plain) == (Verdict.NOT_FIXED, Verdict.FIXED)


BLOCKLIST = """
import pickle
def load(path):
    with open(path, "rb") as file:
        data = file.read()
    if b"os" in data and b"touch" in data and data[:1] == b"\\x80":
        raise ValueError("blocked")
    return pickle.loads(data)
"""


@pytest.mark.skipif(importlib.util.find_spec("picklescan") is None, reason="picklescan is not installed")
def test_picklescan_is_asked_and_the_worst_verdict_counts(tmp_path: Path) -> None:
    both = Scanner(scanners=(ScannerName.OPCODES, ScannerName.PICKLESCAN))
    alone = Scanner(scanners=(ScannerName.PICKLESCAN,))
    # picklescan calls this clean, because it scans nothing: an error here.
    files = {"system.pkl": HARMFUL["system.pkl"], "weights.pkl": CLEAN["weights.pkl"], "nothing.bin": b"\x00\x01\x02"}
    folder = place_files(tmp_path / "files", files)
    replies = look(boxed(release(["system.pkl", "weights.pkl"], both), folder), list(files))

    assert [judged(replies[name], both) for name in files] == [
        TrialOutcome.HIT,
        TrialOutcome.MISS,
        TrialOutcome.ABSTAIN,
    ]
    assert judged(replies["system.pkl"], alone) is TrialOutcome.HIT


@pytest.mark.skipif(importlib.util.find_spec("modelscan") is None, reason="modelscan is not installed")
def test_modelscan_is_asked(tmp_path: Path) -> None:
    check = Scanner(scanners=(ScannerName.MODELSCAN,))
    files = {"system.pkl": HARMFUL["system.pkl"], "weights.pkl": CLEAN["weights.pkl"], "nothing.bin": b"\x00\x01\x02"}
    folder = place_files(tmp_path / "files", files)
    replies = look(boxed(release(["system.pkl", "weights.pkl"], check), folder), list(files))

    assert [judged(replies[name], check) for name in files] == [
        TrialOutcome.HIT,
        TrialOutcome.MISS,
        TrialOutcome.ABSTAIN,
    ]


def test_a_scanner_that_is_not_there_is_no_clean_verdict(tmp_path: Path) -> None:
    missing = [
        name for name in ScannerName if name is not ScannerName.OPCODES and importlib.util.find_spec(name.value) is None
    ]
    if not missing:
        pytest.skip("all scanners are installed")
    check = Scanner(scanners=(ScannerName.OPCODES, missing[0]))
    folder = place_files(tmp_path / "files", {"weights.pkl": CLEAN["weights.pkl"]})
    replies = look(boxed(release(["weights.pkl", "weights.pkl"], check), folder), ["weights.pkl"])

    assert judged(replies["weights.pkl"], check) is TrialOutcome.ABSTAIN
