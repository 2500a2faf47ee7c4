# SPDX-License-Identifier: Apache-2.0
"""`safeconduct states`, `embargo` and `deadlines`: the rules of coordination at a prompt.

Exit codes: `states check` 0 possible, 1 impossible; `embargo resolve` 0 an embargo is active, 1 none is (yet);
`deadlines` 0 nothing is missed, 1 something is. A file or an argument that cannot be read ends with 4.
"""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, assert_never

import typer

from safeconduct.cli.case_files import EmbargoFile, FactsFile, facts_of, read_file, terms_of, votes_of
from safeconduct.cli.output import ExitCode, JsonFlag, answer
from safeconduct.domain.case import CaseState
from safeconduct.domain.clock import Deadline, DeadlineState
from safeconduct.domain.embargo import Resolution
from safeconduct.domain.instants import find_zone, parse_instant, show_utc
from safeconduct.policy import diagrams
from safeconduct.policy.deadline_policy import balanced
from safeconduct.policy.deadlines import deadlines as deadlines_of
from safeconduct.policy.deadlines import describe, next_check
from safeconduct.policy.decision import Decision, Outcome, plain
from safeconduct.policy.embargo_rules import longest
from safeconduct.policy.embargoes import opening, settle
from safeconduct.policy.histories import check_history, desiderata_met, parse_history
from safeconduct.policy.lifecycle import UNDER_EMBARGO, lifecycle, words

states = typer.Typer(help="The states of a case and their order.", no_args_is_help=True)
embargo = typer.Typer(help="Which embargo follows from proposals and policies.", no_args_is_help=True)

InputFile = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A JSON file.")]
AsOf = Annotated[
    str,
    typer.Option("--as-of", metavar="T", help="The instant to judge by, such as 2026-12-07T09:00:00Z; now if absent."),
]


class Diagram(StrEnum):
    """What `states diagram` can draw."""

    REPORT = "report"
    EMBARGO = "embargo"
    CONSENT = "consent"
    CASE = "case"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(states, name="states")
    app.add_typer(embargo, name="embargo")
    app.command("deadlines")(deadlines)


@states.command("check")
def check(
    history: Annotated[str, typer.Argument(metavar="HISTORY", help="Letters in the order they happened, like VFDPXA.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Say whether the facts of a case can have happened in this order, and how well that was coordinated."""
    decision = check_history(history)
    possible = decision.outcome is Outcome.ALLOWED
    met = desiderata_met(parse_history(history)) if possible else {}
    named = {f"{first.value}<{then.value}": value for (first, then), value in met.items()}
    lines = ["possible" if possible else "impossible", *decision.reasons]
    if possible:
        lines.append(f"state {decision.inputs['state']}, {sum(map(bool, named.values()))} of 12 desiderata met")
    answer({**decision.as_dict(), "desiderata": named}, as_json=as_json, text="\n".join(lines))
    raise typer.Exit(ExitCode.YES if possible else ExitCode.NO)


@states.command("diagram")
def diagram(what: Annotated[Diagram, typer.Argument(help="Which table.")], *, as_json: JsonFlag = False) -> None:
    """Print a table as a Mermaid state diagram."""
    table = lifecycle()
    match what:
        case Diagram.REPORT:
            text = diagrams.mermaid(table.report)
        case Diagram.EMBARGO:
            text = diagrams.mermaid(table.embargo)
        case Diagram.CONSENT:
            text = diagrams.mermaid(table.consent)
        case Diagram.CASE:
            text = diagrams.case_mermaid()
        case _:
            assert_never(what)
    answer({"diagram": what.value, "mermaid": text}, as_json=as_json, text=text.rstrip())


@embargo.command("resolve")
def resolve(file: InputFile, *, as_of: AsOf = "", as_json: JsonFlag = False) -> None:
    """Say which embargo follows from proposals, default policies and answers: the shortest terms win."""
    request = read_file(file, EmbargoFile)
    now = _instant(as_of, request.as_of)
    decision = _resolved(request, now)
    outcome = decision.outcome
    lines = [words(outcome.state), *(f"because: {reason}" for reason in decision.reasons)]
    lines += [f"on the table: {show_utc(terms.ends_at)} by {terms.by}" for terms in outcome.pending]
    answer({"as_of": plain(now), **decision.as_dict()}, as_json=as_json, text="\n".join(lines))
    raise typer.Exit(ExitCode.YES if outcome.state in UNDER_EMBARGO else ExitCode.NO)


def _resolved(request: EmbargoFile, now: datetime) -> Decision[Resolution]:
    """Open the negotiation, and settle it if something was said to the terms."""
    start = request.starts_at or now
    opened = opening(
        proposals=terms_of(request.proposals, start=start, kind="proposal"),
        defaults=terms_of(request.defaults, start=start, kind="default"),
        case=CaseState.parse(request.state),
        cap=start + longest(request.tier) if request.tier else None,
        now=now,
    )
    if not request.votes:
        return opened
    settled = settle(opened.outcome, votes_of(request.votes), parties=frozenset(request.parties), now=now)
    return replace(settled, reasons=(*opened.reasons, *settled.reasons), rules=(*opened.rules, *settled.rules))


def deadlines(file: InputFile, *, as_of: AsOf = "", as_json: JsonFlag = False) -> None:
    """Say what is due when for a case, by which rule and on which facts."""
    facts = facts_of(read_file(file, FactsFile))
    now = _instant(as_of, None)
    found = deadlines_of(facts, now=now)
    zone = find_zone(facts.zone)
    lines = [line for one in found for line in (describe(one, zone=zone, now=now), *_because(one))]
    data = {
        "as_of": plain(now),
        "policy": balanced().edition,
        "deadlines": plain(found),
        "next_check": plain(next_check(found, now=now)),
    }
    answer(data, as_json=as_json, text="\n".join(lines) or "nothing was received by then")
    raise typer.Exit(ExitCode.NO if any(one.state is DeadlineState.MISSED for one in found) else ExitCode.YES)


def _because(deadline: Deadline) -> list[str]:
    """Return the grounds, one to a line."""
    return [f"    {ground}" for ground in deadline.grounds]


def _instant(text: str, other: datetime | None) -> datetime:
    """Return the instant of the option, else that of the file, else now."""
    if text:
        return parse_instant(text)
    return other or datetime.now(UTC)
