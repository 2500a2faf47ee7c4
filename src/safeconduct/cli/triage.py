# SPDX-License-Identifier: Apache-2.0
"""`safeconduct severity`, `classify`, `report`, `registry duplicates` and `advisory lint`: triage at a prompt.

Exit codes: `report check` 0 complete, 1 something is missing; `advisory lint` 0 without errors, 1 with; the others 0.
A file or an argument that cannot be read ends with 4. These commands need no server.
"""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from safeconduct.cli.output import ExitCode, JsonFlag, answer
from safeconduct.cli.report_files import read_plain, read_report_file, write_template
from safeconduct.domain.safe_json import Json
from safeconduct.domain.severity import Exploitation
from safeconduct.errors import IncompleteError
from safeconduct.formats.codec import decode
from safeconduct.formats.native import read_advisory, report_from
from safeconduct.policy.classification import ClassificationFacts, classify, cvss_required, facts_from
from safeconduct.policy.completeness import Stage, gaps, questions
from safeconduct.policy.lint import Level, lint, score
from safeconduct.policy.ml_profile import EXAMPLE, parse_profile
from safeconduct.policy.severity import Assessment, assess

report = typer.Typer(help="The reporter's side: write, check and send a report.", no_args_is_help=True)
advisory = typer.Typer(help="Check what is about to be published.", no_args_is_help=True)

InputFile = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The file to read.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("severity")(severity)
    app.command("classify")(classify_file)
    app.add_typer(report, name="report")
    app.add_typer(advisory, name="advisory")


def severity(
    *,
    cvss: Annotated[str, typer.Option("--cvss", metavar="VECTOR", help="A CVSS 4.0 vector.")] = "",
    ml_profile: Annotated[str, typer.Option("--ml-profile", metavar="MLP", help=f"Such as {EXAMPLE}.")] = "",
    exploited: Annotated[Exploitation, typer.Option("--exploited", help="Known use in the wild.")] = Exploitation.NONE,
    content: Annotated[
        bool | None,
        typer.Option(
            "--content/--no-content",
            help="Whether the flaw is one of content; otherwise it is if the profile states OF.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say how bad a flaw is: the tier, and every rule that led to it."""
    profile = parse_profile(ml_profile) if ml_profile else None
    found = assess(cvss=cvss, profile=profile, exploitation=exploited, content=content)
    answer(_severity_data(found), as_json=as_json, text=_severity_text(found))


def _severity_data(found: Assessment) -> dict[str, object]:
    """Return the assessment as plain data."""
    vector = found.vector
    return {
        "tier": found.severity.tier.value,
        "tier_min": found.severity.tier_low.value,
        "tier_max": found.severity.tier.value,
        "provisional": found.is_provisional,
        "cvss": None
        if vector is None
        else {
            "vector": vector.vector,
            "score": vector.score,
            "rating": vector.rating.value,
            "nomenclature": vector.nomenclature,
        },
        "ml_profile": found.severity.ml_profile,
        "table": found.severity.table,
        **{name: value for name, value in found.decision.as_dict().items() if name != "outcome"},
    }


def _severity_text(found: Assessment) -> str:
    """Return the assessment for a person."""
    severity = found.severity
    range_told = f" (provisional: {severity.tier_low} to {severity.tier})" if found.is_provisional else ""
    lines = [f"tier {severity.tier}{range_told}"]
    if found.vector:
        vector = found.vector
        lines.append(f"{vector.nomenclature} {vector.score} {vector.rating}: {vector.vector}")
    return "\n".join((*lines, *(f"- {reason}" for reason in found.decision.reasons)))


def classify_file(file: InputFile, *, as_json: JsonFlag = False) -> None:
    """Say what a report is, from a file of answers (yes, no, unknown) or from the report itself."""
    decision = classify(_facts(read_plain(file)))
    data = {
        "tracks": [track.value for track in decision.outcome],
        "cvss_required": cvss_required(decision.outcome),
        **decision.as_dict(),
    }
    lines = [", ".join(track.value.replace("_", " ") for track in decision.outcome)]
    answer(data, as_json=as_json, text="\n".join((*lines, *(f"- {reason}" for reason in decision.reasons))))


def _facts(data: dict[str, Json]) -> ClassificationFacts:
    """Return the answers of the file, or those that follow from a report."""
    own = {field.name for field in fields(ClassificationFacts)}
    if "title" in data or ("schema_version" in data and not own >= data.keys()):
        return facts_from(report_from(data))
    return decode(ClassificationFacts, data)


@report.command("new")
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .toml (with comments) or .json.")] = Path(
        "report.toml"
    ),
    *,
    as_json: JsonFlag = False,
) -> None:
    """Write an empty report to fill in, each question beside its answer."""
    write_template(file)
    text = f"{file}: answer the ten questions, then try: safeconduct report check {file}"
    answer({"file": str(file)}, as_json=as_json, text=text)


@report.command("check")
def check(
    file: InputFile,
    *,
    stage: Annotated[Stage, typer.Option("--stage", help="How far the report is to go.")] = Stage.SUBMIT,
    as_json: JsonFlag = False,
) -> None:
    """List what a report still lacks, each gap with its question."""
    missing = _missing(file, stage)
    lines = [f"{name}: {question}" for name, question in missing.items()]
    text = "\n".join(lines) if lines else f"nothing is missing to {_STAGE_WORDS[stage]}"
    data = {
        "complete": not missing,
        "stage": stage.value,
        "missing": [{"field": name, "question": question} for name, question in missing.items()],
    }
    answer(data, as_json=as_json, text=text)
    raise typer.Exit(ExitCode.NO if missing else ExitCode.YES)


def _missing(file: Path, stage: Stage) -> dict[str, str]:
    """Return the question of every field that is missing, be it absent or empty."""
    try:
        found = read_report_file(file)
    except IncompleteError as error:
        absent = error.facts.get("missing")
        names = [str(name).replace("/", ".") for name in absent] if isinstance(absent, list) else []
        return {name: questions().get(name, "An answer is required.") for name in names}
    return {gap.field: gap.question for gap in gaps(found, stage=stage)}


_STAGE_WORDS = {Stage.SUBMIT: "submit it", Stage.TRIAGE: "leave triage", Stage.PUBLISH: "publish it"}


@advisory.command("lint")
def lint_file(file: InputFile, *, as_json: JsonFlag = False) -> None:
    """Check how an advisory tells of a risk: errors keep it from being published, warnings are to be considered."""
    findings = lint(read_advisory(file.read_bytes()))
    errors = sum(finding.level is Level.ERROR for finding in findings)
    data = {
        "score": score(findings),
        "errors": errors,
        "warnings": len(findings) - errors,
        "findings": [finding.as_dict() for finding in findings],
    }
    lines = [f"{finding.level} {finding.rule} {finding.at}: {finding.message}" for finding in findings]
    answer(data, as_json=as_json, text="\n".join((*lines, f"score {score(findings)} of 100")))
    raise typer.Exit(ExitCode.NO if errors else ExitCode.YES)
