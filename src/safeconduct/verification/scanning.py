# SPDX-License-Identifier: Apache-2.0
"""Scanners of model files: our own reader of pickle instructions, and picklescan and modelscan where installed.

Each runs in a box of its own, as a process apart: a file that is made to break a scanner breaks nothing else. Known
gaps, measured on 13 harmless payloads: modelscan 0.8.8 missed nine; picklescan 1.0.5 calls a file that it cannot parse
clean. So the worst verdict counts, and a scanner that fails, says nothing or has read no file is an error, not clean.
"""

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from safeconduct.domain.bundle import Limits
from safeconduct.domain.observed import ScanLevel, ScannerName
from safeconduct.domain.safe_json import Json, read_object
from safeconduct.errors import MalformedError, SandboxError, TooLargeError
from safeconduct.verification.sandbox import Sandbox, opcodes
from safeconduct.verification.sightings import Scan

SCAN_SECONDS: Final = 60.0
_MOST_FOUND: Final = 50
# Numerical libraries start threads by the number of processors, which the limit on processes would refuse.
_QUIET: Final = "import os as _o; _o.environ.update(OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1'); del _o\n"
_SHOWN: Final = 200
_FIND: Final = """
import json, os, sys
plan = json.loads(sys.stdin.readline())
folders = [f"/packages/{number}" for number in range(plan["packages"])]
path = next(p for p in (os.path.join(f, plan["file"]) for f in folders) if os.path.isfile(p))
sys.path.insert(0, f"/packages/{plan['packages']}")
"""
_PICKLESCAN: Final = (
    _FIND
    + """
from picklescan.scanner import scan_file_path
result = scan_file_path(path)
levels = {"innocuous": "clean", "suspicious": "suspicious", "dangerous": "dangerous"}
worst = [(levels.get(g.safety.value, "error"), f"{g.module}.{g.name}") for g in result.globals]
order = ["clean", "error", "suspicious", "dangerous"]
level = max((one for one, _ in worst), key=order.index, default="clean")
if level == "clean" and (result.scan_err or not result.scanned_files):
    level = "error"
print(json.dumps({"level": level, "found": [name for one, name in worst if one != "clean"]}))
"""
)
_MODELSCAN: Final = (
    _FIND
    + """
import contextlib, io
sys.argv = ["modelscan", "scan", "-p", path, "-r", "json", "-o", "/tmp/report.json"]
from modelscan.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
report = json.load(open("/tmp/report.json"))
named = {"LOW": "suspicious", "MEDIUM": "suspicious", "HIGH": "dangerous", "CRITICAL": "dangerous"}
levels = [named.get(issue["severity"], "error") for issue in report["issues"]]
order = ["clean", "error", "suspicious", "dangerous"]
level = max(levels, key=order.index, default="clean")
if level == "clean" and (report["errors"] or not report["summary"]["scanned"]["total_scanned"]):
    level = "error"
print(json.dumps({"level": level, "found": [f"{one['module']}.{one['operator']}" for one in report["issues"]]}))
"""
)
_SOURCES: Final = {
    ScannerName.OPCODES: Path(opcodes.__file__).read_text("utf-8"),
    ScannerName.PICKLESCAN: _PICKLESCAN,
    ScannerName.MODELSCAN: _MODELSCAN,
}


def installed_scanners() -> dict[ScannerName, Path]:
    """Return the scanners of others that this installation has, each with the folder from which it is imported."""
    found = {name: importlib.util.find_spec(name.value) for name in ScannerName if name is not ScannerName.OPCODES}
    return {name: Path(spec.origin).parents[1] for name, spec in found.items() if spec is not None and spec.origin}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanners:
    """How files are scanned: in which box, from which folders, with which scanners of others and where these are."""

    sandbox: Sandbox
    packages: tuple[Path, ...]
    limits: Limits
    installed: Mapping[ScannerName, Path] = field(default_factory=installed_scanners)
    seen: dict[tuple[str, str], Scan] = field(default_factory=dict, compare=False)

    async def scan(self, file: str, scanners: Sequence[ScannerName], *, digest: str) -> tuple[Scan, ...]:
        """Return what each scanner says of the file, whose digest is given; the same bytes are scanned once.

        Raises:
            SandboxError: a box could not be made.
        """
        result = []
        for scanner in scanners:
            if (scanner.value, digest) not in self.seen:
                self.seen[scanner.value, digest] = await self._scan(file, scanner)
            result.append(self.seen[scanner.value, digest])
        return tuple(result)

    async def _scan(self, file: str, scanner: ScannerName) -> Scan:
        """Return what one scanner says."""
        if scanner is not ScannerName.OPCODES and scanner not in self.installed:
            return Scan(scanner=scanner, level=ScanLevel.ERROR, found=("it is not installed",))
        further = [self.installed[scanner]] if scanner in self.installed else []
        plan = {"file": file, "packages": len(self.packages)}
        limits = replace(self.limits, wall_seconds=SCAN_SECONDS)
        done = await self.sandbox.run(
            _QUIET + _SOURCES[scanner],
            stdin=json.dumps(plan).encode() + b"\n",
            limits=limits,
            packages=[*self.packages, *further],
        )
        return _scan_of(scanner, done.output if done.status == 0 else b"")


def file_sha256(folders: Sequence[Path], file: str) -> str:
    """Return the digest of the file in the first folder that has it.

    Raises:
        SandboxError: none has it, or its name leads out of them.
    """
    for folder in folders:
        path = (folder / file).resolve()
        if path.is_relative_to(folder.resolve()) and path.is_file():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
    raise SandboxError("the model file is not in the folders shown", hint="name a file below one of them")


def _scan_of(scanner: ScannerName, output: bytes) -> Scan:
    """Return what a scanner's line says; anything else than a line of the expected form is an error."""
    try:
        document = read_object(output)
        level = ScanLevel(str(document.get("level")))
        found = document.get("found")
    except (MalformedError, TooLargeError, ValueError):
        return Scan(scanner=scanner, level=ScanLevel.ERROR, found=("it failed on the file",))
    return Scan(scanner=scanner, level=level, found=_names(found))


def _names(found: Json) -> tuple[str, ...]:
    """Return the names found as they may be shown."""
    names = found if isinstance(found, list) else []
    return tuple(ascii(str(name))[1:-1][:_SHOWN] for name in names[:_MOST_FOUND])
