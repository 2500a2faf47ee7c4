# SPDX-License-Identifier: Apache-2.0
"""picklescan, the scanner of pickles: what it prints as evidence.

As picklescan 1.0 prints it, standard output and error together. It has no other form. A row is one file: a hit where a
dangerous import was found, not judged where a suspicious one was, an error where the file could not be parsed. The rest
of the scanned files are misses, and are not named. picklescan counts a file that it could not parse as scanned, and
ends with 0 as for a clean one: its warning on standard error is the only sign. Nothing scanned is not judged.
"""

import re
from typing import BinaryIO, Final, NoReturn

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.systems import ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.base import Level
from safeconduct.formats.evidence.reader import document_of, dropped, sha256_of
from safeconduct.formats.evidence.run import Provenance, ReadOptions, Row, RowSink, Run
from safeconduct.formats.evidence.tally import Tally
from safeconduct.formats.evidence.values import name_of, plain

FAMILY: Final = "unsafe model file"
FILES_LIMIT: Final = 100_000
SUMMARY: Final = "SCAN SUMMARY"
DANGEROUS: Final = "dangerous"
_FOUND: Final = re.compile(r"(.{1,4000}): (dangerous|suspicious) import '([^']{1,500})' FOUND")
_FAILED: Final = re.compile(
    r"(?:WARNING|ERROR): (?:could not parse|could not read|parsing|failed to \w+) (.{1,4000}?)(?: as \w+)?:? .*"
)
_COUNT: Final = re.compile(r"(Scanned files|Infected files|Suspicious globals|Dangerous globals): ([0-9]{1,9})")
_LOST: Final = dropped("/folders", why="folders of the reporter's machine")


def read_output(stream: BinaryIO, *, options: ReadOptions, sink: RowSink | None = None) -> Run:
    """Return the facts of a scan; see `Reader`. There are no options."""
    del options
    tally = Tally(Provenance(tool="picklescan", version="", sha256=sha256_of(stream)), sink=sink, seeds=False)
    text = document_of(stream, hint="scan fewer files at a time").decode("utf-8", "replace")
    lines = text.splitlines()
    if not any(SUMMARY in line for line in lines):
        _refuse("there is no scan summary: the output was cut, or picklescan did not write it")
    counts = {match[1]: int(match[2]) for line in lines if (match := _COUNT.fullmatch(line.strip()))}
    if "Scanned files" not in counts or "Infected files" not in counts:
        _refuse("the scan summary lacks its counts")
    if counts["Scanned files"] > FILES_LIMIT:
        raise TooLargeError(f"more than {FILES_LIMIT} files were scanned", hint="scan fewer at a time")
    outcomes, findings = _named(lines)
    _take(tally, outcomes, scanned=counts["Scanned files"])
    infected = list(outcomes.values()).count(TrialOutcome.HIT)
    tally.contradict("infected files", told=counts["Infected files"], counted=infected)
    return Run(
        source=tally.source,
        kind="output",
        model=", ".join(_short(name) for name, found in outcomes.items() if found is TrialOutcome.HIT)[:100],
        component=ComponentType.WEIGHTS_FILE,
        flaw_class=FlawClass.MODEL_FILE,
        stochastic=False,
        families=tally.families,
        findings=findings,
        again="Run: picklescan --path FILE",
        lost=_LOST,
        remarks=tally.remarks(),
    )


def _named(lines: list[str]) -> tuple[dict[str, TrialOutcome], tuple[str, ...]]:
    """Return what is said of each file that a line names, and what was found in words."""
    outcomes: dict[str, TrialOutcome] = {}
    findings: dict[str, None] = {}
    for line in lines:
        if failed := _FAILED.fullmatch(line):
            outcomes.setdefault(failed[1], TrialOutcome.ERROR)
        if found := _FOUND.fullmatch(line):
            is_hit = found[2] == DANGEROUS or outcomes.get(found[1]) is TrialOutcome.HIT
            outcomes[found[1]] = TrialOutcome.HIT if is_hit else TrialOutcome.ABSTAIN
            findings[f"{_short(found[1])}: {found[2]} import {plain(found[3])}"] = None
    return outcomes, tuple(findings)


def _take(tally: Tally, outcomes: dict[str, TrialOutcome], *, scanned: int) -> None:
    """Count the named files, and those that were scanned and are not named."""
    for number, (name, outcome) in enumerate(outcomes.items(), start=1):
        _count(tally, f"{number} {_short(name)}", outcome)
    for number in range(len(outcomes) + 1, scanned + 1):
        _count(tally, f"{number}", TrialOutcome.MISS)
    if not scanned:
        tally.note("nothing", "nothing was scanned: that is not the same as clean")
        _count(tally, "nothing was scanned", TrialOutcome.ABSTAIN)
    elif len(outcomes) > scanned:
        message = f"{len(outcomes)} files are named and {scanned} were scanned: the named ones are counted"
        tally.note("mismatch", message, at="scanned files", level=Level.ERROR)
    elif TrialOutcome.ERROR not in outcomes.values():
        tally.note("warnings", "a file that cannot be parsed is told on standard error only: was that kept as well?")


def _count(tally: Tally, name: str, outcome: TrialOutcome) -> None:
    tally.take(Row(family=FAMILY, judge="picklescan", cluster=name, outcome=outcome, foreign_id=name))


def _short(path: str) -> str:
    """Return the last part of a path, fit for a page."""
    return name_of(re.split(r"[/\\]", path)[-1])


def _refuse(message: str) -> NoReturn:
    raise MalformedError(message, hint="give all that picklescan printed: picklescan --path FILE > FILE.txt 2>&1")
