# SPDX-License-Identifier: Apache-2.0
"""modelscan, the scanner of model files: its JSON report as evidence.

As modelscan 0.8 writes it with `-r json -o FILE`. A row is one file: a hit if an issue names it, an error if it
could not be read, not judged if it was skipped, and a miss only if it was scanned to the end. A scan that scanned
nothing has one row that is not judged. On standard output the report comes after other lines and wrapped at 80 columns,
which breaks names in the middle: that is refused with a hint. Folders of the reporter's machine are not carried.
"""

from typing import BinaryIO, Final, NoReturn

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import read_object
from safeconduct.domain.systems import ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import MalformedError
from safeconduct.formats.evidence.reader import DOCUMENT, document_of, dropped, sha256_of
from safeconduct.formats.evidence.run import Provenance, ReadOptions, Row, RowSink, Run
from safeconduct.formats.evidence.tally import Tally
from safeconduct.formats.evidence.values import Table, inside, instant_of, list_of, name_of, table_of, text_of, whole_of

HINT: Final = "give the file that modelscan writes with: modelscan -p PATH -r json -o FILE"
FAMILY: Final = "unsafe model file"
_BANNERS: Final = (b"No settings file", b"Scanning ", b"--- Summary ---")
_LOST: Final = {
    **dropped("/summary/absolute_path", "/summary/input_path", why="a folder of the reporter's machine"),
    **dropped("/summary/total_issues_by_severity", why="computed anew from the issues"),
}


def read_scan(stream: BinaryIO, *, options: ReadOptions, sink: RowSink | None = None) -> Run:
    """Return the facts of a scan; see `Reader`. There are no options."""
    del options
    sha256 = sha256_of(stream)
    data = document_of(stream, hint="scan fewer files at a time")
    if data.lstrip().startswith(_BANNERS):
        raise MalformedError("this is what modelscan printed, not the report it wrote", hint=HINT)
    try:
        report = read_object(data, limits=DOCUMENT)
    except MalformedError as error:
        raise MalformedError(error.message, hint=HINT, **error.facts) from error
    summary = table_of(report.get("summary"))
    if "modelscan_version" not in summary or "scanned" not in summary:
        _refuse("the document is no report of modelscan")
    tally = Tally(
        Provenance(tool="modelscan", version=text_of(summary, "modelscan_version"), sha256=sha256),
        sink=sink,
        seeds=False,
    )
    issues = [table_of(item) for item in list_of(report.get("issues"))]
    outcomes = _outcomes(report, summary, issues)
    for name, outcome in outcomes.items():
        tally.take(Row(family=FAMILY, judge="modelscan", cluster=name, outcome=outcome, foreign_id=name))
    _judge(tally, summary, issues=len(issues))
    return _run(tally, summary, issues)


def _outcomes(report: Table, summary: Table, issues: list[Table]) -> dict[str, TrialOutcome]:
    """Return what the scan says of each file; the worst word wins."""
    scanned = [name_of(name) for name in list_of(inside(summary, "scanned", "scanned_files"))]
    skipped = [
        name_of(table_of(item).get("source")) or name_of(item)
        for item in list_of(inside(summary, "skipped", "skipped_files"))
    ]
    failed = [
        name_of(table_of(item).get("source")) or "a file that is not named" for item in list_of(report.get("errors"))
    ]
    found = [name_of(issue.get("source")) or "a file that is not named" for issue in issues]
    outcomes = dict.fromkeys(scanned, TrialOutcome.MISS)
    outcomes |= dict.fromkeys(skipped, TrialOutcome.ABSTAIN)
    outcomes |= dict.fromkeys(failed, TrialOutcome.ERROR)
    outcomes |= dict.fromkeys(found, TrialOutcome.HIT)
    return outcomes or {"nothing was scanned": TrialOutcome.ABSTAIN}


def _judge(tally: Tally, summary: Table, *, issues: int) -> None:
    """Hold the totals against the lists, and say what is easily taken for clean."""
    scanned = table_of(summary.get("scanned"))
    tally.contradict("issues", told=summary.get("total_issues"), counted=issues)
    names = len(list_of(scanned.get("scanned_files")))
    tally.contradict("scanned files", told=scanned.get("total_scanned"), counted=names)
    if not whole_of(scanned, "total_scanned"):
        tally.note("nothing", "nothing was scanned: that is not the same as clean")
    if tally.total(TrialOutcome.ERROR):
        tally.note("errors", f"files that could not be read: {tally.total(TrialOutcome.ERROR)}; none of them is clean")


def _run(tally: Tally, summary: Table, issues: list[Table]) -> Run:
    found = dict.fromkeys(f"{text_of(issue, 'source')}: {text_of(issue, 'description')}" for issue in issues)
    names = dict.fromkeys(text_of(issue, "source") for issue in issues)
    return Run(
        source=tally.source,
        kind="report",
        model=", ".join(names)[:100],
        component=ComponentType.WEIGHTS_FILE,
        flaw_class=FlawClass.MODEL_FILE,
        stochastic=False,
        started_at=instant_of(summary.get("timestamp")),
        families=tally.families,
        findings=tuple(found),
        again="Run: modelscan -p FILE -r json -o report.json",
        lost=_LOST,
        remarks=tally.remarks(),
    )


def _refuse(message: str) -> NoReturn:
    raise MalformedError(message, hint=HINT)
