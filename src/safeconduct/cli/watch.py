# SPDX-License-Identifier: Apache-2.0
"""`safeconduct watch …` and `safeconduct suite …`: does a fix hold, and do old flaws stay away. For the operator.

Turns of watches are taken by the background work of the service; `watch run` takes those that are due in this process,
for a scheduler of one's own. Exit code 1 of `watch run` and `watch list` means that a flaw is back.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from safeconduct.cli.operation import ConfigOption
from safeconduct.cli.output import ExitCode, JsonFlag, answer
from safeconduct.cli.targets import Reason, operator

watch = typer.Typer(help="Regression watches of verified fixes.", no_args_is_help=True)
suite = typer.Typer(help="The historic suites of model families.", no_args_is_help=True)

WatchId = Annotated[str, typer.Argument(metavar="WATCH", help="Identifier, such as wch_….")]
CaseId = Annotated[str, typer.Argument(metavar="CASE", help="Identifier, such as cas_….")]
Days = Annotated[int | None, typer.Option("--every-days", help="Days between two looks; the setting if absent.")]
Draws = Annotated[int | None, typer.Option("--draws", help="Fresh variants a look; the setting if absent.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(watch, name="watch")
    app.add_typer(suite, name="suite")


@watch.command("list")
def list_all(*, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List the watches and where the detector of each stands; exit code 1 where a flaw is back."""
    by = operator(config)
    from safeconduct.server.campaigns import watches

    _tell(watches.watches_for(by), as_json=as_json)


@watch.command("start")
def start(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="One that said FIXED, such as cmp_….")],
    *,
    every_days: Days = None,
    draws: Draws = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Begin the watch of a verdict FIXED, or begin it anew; its first look is due now."""
    by = operator(config)
    from safeconduct.server.campaigns import queries, watches

    found = queries.campaign_for(by, campaign)
    begun = watches.start(campaign=found, by=by, now=datetime.now(tz=UTC), every_days=every_days, draws=draws)
    _tell([begun], as_json=as_json)


@watch.command("pause")
def pause(watch_id: WatchId, *, reason: Reason, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Let a watch rest."""
    by = operator(config)
    from safeconduct.server.campaigns import watches

    found = watches.watch_for(by, watch_id)
    _tell([watches.pause(watch=found, reason=reason, by=by, now=datetime.now(tz=UTC))], as_json=as_json)


@watch.command("resume")
def resume(watch_id: WatchId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Let a watch that rests go on."""
    by = operator(config)
    from safeconduct.server.campaigns import watches

    found = watches.watch_for(by, watch_id)
    _tell([watches.go_on(watch=found, by=by, now=datetime.now(tz=UTC))], as_json=as_json)


@watch.command("stop")
def stop(watch_id: WatchId, *, reason: Reason, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """End a watch."""
    by = operator(config)
    from safeconduct.server.campaigns import watches

    found = watches.watch_for(by, watch_id)
    _tell([watches.stop(watch=found, reason=reason, by=by, now=datetime.now(tz=UTC))], as_json=as_json)


@watch.command("run")
def run(
    watch_id: Annotated[str, typer.Argument(metavar="[WATCH]", help="One watch, due or not; all that are due.")] = "",
    *,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take the looks that are due, in this process; exit code 1 where a flaw is back."""
    by = operator(config)
    from safeconduct.server.campaigns import turning, watches

    now = datetime.now(tz=UTC)
    found = [watches.look_now(watch=watches.watch_for(by, watch_id), by=by, now=now)] if watch_id else turning.due(now)
    for one in found:
        turning.take(one, now=now, clock=lambda: datetime.now(tz=UTC))
    _tell([watches.watch_for(by, one.pk) for one in found], as_json=as_json)


@suite.command("list")
def list_suites(*, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List the flaws that are in suites or were kept out, and the checks that were made."""
    by = operator(config)
    from safeconduct.server.campaigns import suites

    flaws = [_flaw(case) for case in suites.in_suites(by)]
    checks = [_check(one) for one in suites.checks_for(by)[:50]]
    lines = [f"{flaw['entry']}  {'kept out' if flaw['kept_out'] else 'in its suites'}" for flaw in flaws]
    lines += [_check_line(check) for check in checks]
    answer({"flaws": flaws, "checks": checks}, as_json=as_json, text="\n".join(lines) or "no flaw is in a suite")


@suite.command("check")
def check(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A granted new version, such as tgt_….")],
    *,
    family: Annotated[str, typer.Option("--family", help="Model family; that of the target if absent.")] = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Try the suite of a model family on a new version; the background work runs it."""
    by = operator(config)
    from safeconduct.server.authorizations import queries as authorizations
    from safeconduct.server.campaigns import suites

    found = authorizations.target_for(by, target)
    facts = _check(suites.check(target=found, family=family, by=by, now=datetime.now(tz=UTC)))
    answer(facts, as_json=as_json, text=_check_line(facts))


@suite.command("show")
def show(
    check_id: Annotated[str, typer.Argument(metavar="CHECK", help="Identifier, such as sui_….")],
    *,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell what a check found; exit code 1 where an old flaw reproduces."""
    by = operator(config)
    from safeconduct.server.campaigns import suites

    facts = _check(suites.check_for(by, check_id))
    lines = [_check_line(facts), *(f"  {flaw['entry']}  {flaw['state']}" for flaw in facts["flaws"])]
    answer(facts, as_json=as_json, text="\n".join(lines))
    raise typer.Exit(ExitCode.NO if facts["reproduced"] else ExitCode.YES)


@suite.command("exclude")
def exclude(case: CaseId, *, reason: Reason, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Keep a flaw out of every suite."""
    by = operator(config)
    from safeconduct.server.campaigns import suites

    found = suites.case_in_suites(by, case)
    suites.exclude(case=found, reason=reason, by=by, now=datetime.now(tz=UTC))
    _tell_flaw(suites.case_in_suites(by, case), as_json=as_json)


@suite.command("include")
def include(case: CaseId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Take a flaw into its suites again."""
    by = operator(config)
    from safeconduct.server.campaigns import suites

    found = suites.case_in_suites(by, case)
    suites.include(case=found, by=by, now=datetime.now(tz=UTC))
    _tell_flaw(suites.case_in_suites(by, case), as_json=as_json)


def _tell(found: Iterable[Any], *, as_json: bool) -> None:
    """Tell of watches; a flaw that is back is a finding."""
    rows = [_facts(one) for one in found]
    lines = [f"{row['watch_id']}  {row['state']}  {row['patched']}  next {row['next_at']}" for row in rows]
    answer({"watches": rows}, as_json=as_json, text="\n".join(lines) or "nothing is watched")
    raise typer.Exit(ExitCode.NO if any(row["state"] == "regressed" for row in rows) else ExitCode.YES)


def _tell_flaw(case: Any, *, as_json: bool) -> None:
    facts = _flaw(case)
    answer(facts, as_json=as_json, text=f"{facts['entry']}  {'kept out' if facts['kept_out'] else 'in its suites'}")


def _facts(found: Any) -> dict[str, Any]:
    from safeconduct.server.campaigns import turning, watches

    course = turning.course_of(found)
    return {
        "watch_id": found.pk,
        "campaign_id": found.campaign_id,
        "case_id": found.campaign.claim.case_id,
        "patched": found.campaign.patched_id,
        "state": found.state,
        "reason": watches.reason_of(found),
        "every_days": found.every_days,
        "draws": found.draws,
        "run_length": found.run_length,
        "next_at": found.next_at.isoformat(),
        "turns": found.turns.count(),
        "calls": course.detector.calls,
        "hits": course.detector.hits,
        "detector": course.detector.statistic,
        "report_id": found.report_id,
    }


def _flaw(case: Any) -> dict[str, Any]:
    from safeconduct.server.campaigns import suites
    from safeconduct.server.campaigns.models import SuiteExclusion

    exclusion = SuiteExclusion.objects.filter(case=case).first()
    return {
        "case_id": case.pk,
        "entry": case.entry.public_id,
        "kept_out": exclusion is not None,
        "reason": suites.reason_of(exclusion) if exclusion else "",
    }


def _check(made: Any) -> dict[str, Any]:
    from safeconduct.server.campaigns import suites

    probes = list(made.probes.select_related("case__entry"))
    return {
        "check_id": made.pk,
        "target": made.target_id,
        "family": suites.family_told(made),
        "campaign_id": made.campaign_id,
        "started_at": made.started_at.isoformat(),
        "is_over": made.ended_at is not None,
        "reproduced": sum(probe.state == "reproduced" for probe in probes),
        "flaws": [
            {"entry": probe.case.entry.public_id, "state": probe.state, "target": probe.target_id, "calls": probe.calls}
            for probe in probes
        ],
    }


def _check_line(facts: dict[str, Any]) -> str:
    over = f"{facts['reproduced']} reproduce" if facts["is_over"] else "under way"
    return f"{facts['check_id']}  {facts['family']}  {len(facts['flaws'])} flaws, {over}"
