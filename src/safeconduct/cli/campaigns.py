# SPDX-License-Identifier: Apache-2.0
"""`safeconduct campaign …`: tests of claimed fixes, for the operator on the machine of the service.

They are run by the background work of the service; these commands start, pause, resume and stop them, tell what one may
cost before and did cost after, and take a person's word on answers that a judge model took for successes.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from safeconduct.cli.operation import ConfigOption
from safeconduct.cli.output import ExitCode, JsonFlag, answer
from safeconduct.cli.targets import operator
from safeconduct.cli.whole_files import write_whole
from safeconduct.domain.evidence import Criterion
from safeconduct.domain.safe_json import printable

app = typer.Typer(help="Tests of claimed fixes, and a flaw tried on several systems.", no_args_is_help=True)

CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Identifier, such as cmp_….")]
ClaimId = Annotated[int, typer.Argument(metavar="CLAIM", help="Number of a claimed fix; `campaign list` tells it.")]
CaseId = Annotated[str, typer.Argument(metavar="CASE", help="Identifier, such as cas_….")]
Unpatched = Annotated[str, typer.Option("--unpatched", help="Target as reported, such as tgt_….")]
Patched = Annotated[str, typer.Option("--patched", help="Target with the claimed fix.")]
Tolerance = Annotated[float | None, typer.Option("--tolerance", help="FIXED excludes this rate or more.")]
Alpha = Annotated[float | None, typer.Option("--alpha", help="Chance of a wrong FIXED, at most.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", help="Calls at most.")]

ApproveCode = Annotated[
    list[str] | None,
    typer.Option("--approve-code", metavar="SHA256", help="A code file that you have read; it runs in the sandbox."),
]


@app.command("list")
def list_all(case: CaseId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List the claimed fixes of a case and their campaigns, and the rounds over several systems."""
    by = operator(config)
    from safeconduct.server.campaigns import queries, rounds
    from safeconduct.server.cases import queries as cases

    found = cases.case_for(by, case)
    claims: list[dict[str, Any]] = [
        {
            "claim": claim.pk,
            "by": claim.participant.name,
            "campaigns": [_facts(one) for one in claim.campaigns.all()],
        }
        for claim in queries.claims_for(by, found)
    ]
    tried = [_probe(probe) for probe in rounds.probes_for(by, found)]
    lines = [f"claim {claim['claim']} by {claim['by']}" for claim in claims]
    lines += [f"  {_line(one)}" for claim in claims for one in claim["campaigns"]]
    lines += [f"{probe['probe_id']}  {probe['state']}  {probe['target']} ({probe['vendor']})" for probe in tried]
    text = "\n".join(lines) or "nobody has claimed a fix"
    answer({"case_id": found.pk, "claims": claims, "probes": tried}, as_json=as_json, text=text)


@app.command("show")
def show(campaign: CampaignId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Tell how far a campaign is, or its verdict with its grounds, what would change it, and what it cost."""
    by = operator(config)
    from safeconduct.server.campaigns import queries
    from safeconduct.server.campaigns.findings import finding_of
    from safeconduct.server.campaigns.models import CampaignState

    found = queries.campaign_for(by, campaign)
    facts = _facts(found)
    if found.state == CampaignState.DECIDED:
        finding = finding_of(found)
        facts |= {"statement": finding.statement, "reasons": list(finding.report.reasons)}
        facts["would_change"] = list(finding.changes)
    lines = [_line(facts), str(facts.get("statement", "")), *(f"- {one}" for one in facts.get("would_change", ()))]
    answer(facts, as_json=as_json, text="\n".join(line for line in lines if line))


@app.command("estimate")
def estimate(
    claim: ClaimId,
    *,
    unpatched: Unpatched,
    patched: Patched,
    tolerance: Tolerance = None,
    alpha: Alpha = None,
    max_calls: MaxCalls = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell what a campaign may cost, in calls, tokens and by the prices of the grants; nothing is asked."""
    by = operator(config)
    from safeconduct.server.campaigns import queries, services
    from safeconduct.server.campaigns.costs import prices_of
    from safeconduct.server.campaigns.estimates import expected_of
    from safeconduct.verification.cost import cost_facts

    claimed = queries.claim_for(by, claim)
    bundle = services.bundle_to_approve(claimed.case)
    terms = _terms(bundle.criterion, tolerance=tolerance, alpha=alpha, max_calls=max_calls)
    code = [{"name": file.name, "bytes": file.size, "sha256": file.sha256} for file in bundle.code]
    prices = prices_of(_target(by, unpatched), _target(by, patched))
    found = expected_of(bundle, terms, prices)
    rows = [{"if_the_attack_then_succeeds_in": row.share, **cost_facts(row.cost)} for row in found.rows]
    lines = [f"at most {found.most} calls; expected where the attack then succeeds in"]
    lines += [f"  {row.share}: {row.cost.calls:g} calls" for row in found.rows]
    lines += [printable(f"code/{file.name}, {file.size} bytes, SHA-256 {file.sha256}") for file in bundle.code]
    answer({"calls_at_most": found.most, "expected": rows, "code": code}, as_json=as_json, text="\n".join(lines))


@app.command("start")
def start(
    claim: ClaimId,
    *,
    unpatched: Unpatched,
    patched: Patched,
    tolerance: Tolerance = None,
    alpha: Alpha = None,
    max_calls: MaxCalls = None,
    approve_code: ApproveCode = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Freeze the terms of a campaign and put it into the queue."""
    by = operator(config)
    from safeconduct.server.campaigns import queries, services

    claimed = queries.claim_for(by, claim)
    terms = services.bundle_to_approve(claimed.case).criterion
    made = services.start(
        claim=claimed,
        unpatched=_target(by, unpatched),
        patched=_target(by, patched),
        criterion=_terms(terms, tolerance=tolerance, alpha=alpha, max_calls=max_calls),
        approved_code=frozenset(approve_code or ()),
        by=by,
        now=datetime.now(tz=UTC),
    )
    _tell(made, as_json=as_json)


@app.command("pause")
def pause(campaign: CampaignId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Let a campaign rest; what was asked counts."""
    _act("pause", campaign, config=config, as_json=as_json)


@app.command("resume")
def resume(campaign: CampaignId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Let a campaign that rests go on where it was."""
    _act("resume", campaign, config=config, as_json=as_json)


@app.command("cancel")
def cancel(campaign: CampaignId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Stop a campaign; it comes to no verdict."""
    _act("cancel", campaign, config=config, as_json=as_json)


@app.command("answers")
def answers(campaign: CampaignId, *, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List the answers that a judge took for successes; exit code 1 while a person has to look at one."""
    by = operator(config)
    from safeconduct.server.campaigns import adjudications, queries

    found = adjudications.finds_of(queries.campaign_for(by, campaign))
    rows = [{"number": find.number, "excerpt": find.excerpt, "ruling": find.ruling} for find in found]
    text = "\n".join(f"{find.number}  {find.ruling or '?'}  {find.excerpt}" for find in found)
    answer({"answers": rows}, as_json=as_json, text=text or "no answer has to be looked at")
    raise typer.Exit(ExitCode.NO if any(find.ruling is None for find in found) else ExitCode.YES)


@app.command("rule")
def rule(
    campaign: CampaignId,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the answer, as `campaign answers` tells it.")],
    *,
    ruling: Annotated[str, typer.Option("--ruling", help="hit, miss or unclear.")],
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what an answer is; after the last one the campaign goes on."""
    by = operator(config)
    from safeconduct.server.campaigns import adjudications, queries
    from safeconduct.server.campaigns.models import Ruling

    if ruling not in Ruling.values:
        raise typer.BadParameter("hit, miss or unclear", param_hint="--ruling")
    found = queries.campaign_for(by, campaign)
    moved = adjudications.rule(campaign=found, number=number, ruling=Ruling(ruling), by=by, now=datetime.now(tz=UTC))
    _tell(moved, as_json=as_json)


@app.command("round")
def round_over(
    case: CaseId,
    *,
    on: Annotated[list[str], typer.Option("--on", help="TARGET=SEAT: whose system it is. Give it once for each.")],
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Try the flaw of a case on the systems of several vendors, a run for each."""
    by = operator(config)
    from safeconduct.server.campaigns import rounds
    from safeconduct.server.cases import queries as cases

    found = cases.case_for(by, case)
    chosen = {}
    for pair in on:
        target_id, _, seat_id = pair.partition("=")
        chosen[_target(by, target_id)] = cases.participant_for(by, found, seat_id)
    made = rounds.start(case=found, chosen=chosen, by=by, now=datetime.now(tz=UTC))
    probes = [_probe(probe) for probe in made.probes.select_related("target", "seat")]
    text = "\n".join(f"{probe['probe_id']}  {probe['target']} ({probe['vendor']})" for probe in probes)
    answer({"round_id": made.pk, "probes": probes}, as_json=as_json, text=text)


@app.command("handout")
def handout(
    case: CaseId,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The ZIP file to write.")],
    form: Annotated[str, typer.Option("--to", help="bundle, inspect, promptfoo or garak.")] = "bundle",
    for_training: Annotated[bool, typer.Option("--for-training", help="If its reporter allows that.")] = False,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write what a vendor may see of a case's bundle: nothing held out. That it was handed over is recorded."""
    by = operator(config)
    from safeconduct.server.campaigns import handing_over
    from safeconduct.server.cases import queries as cases

    found, now = cases.case_for(by, case), datetime.now(tz=UTC)
    wanted = handing_over.Form.of(form)
    made = handing_over.hand_over(case=found, form=wanted, by=by, now=now, for_training=for_training)
    write_whole(out, made.content)
    facts = {"case_id": found.pk, "bundle_id": made.bundle_id, "form": wanted.value, "out": str(out)}
    answer(facts, as_json=as_json, text=printable(f"Wrote {out} with the part of the bundle that a vendor may see."))


def _act(act: str, campaign_id: str, *, config: Any, as_json: bool) -> None:
    by = operator(config)
    from safeconduct.server.campaigns import queries, services

    acts = {"pause": services.pause, "resume": services.resume, "cancel": services.cancel}
    found = queries.campaign_for(by, campaign_id)
    _tell(acts[act](campaign=found, by=by, now=datetime.now(tz=UTC)), as_json=as_json)


def _target(by: Any, target_id: str) -> Any:
    from safeconduct.server.authorizations import queries as authorizations

    return authorizations.target_for(by, target_id)


def _terms(bundle: Criterion, *, tolerance: float | None, alpha: float | None, max_calls: int | None) -> Criterion:
    """Return the bundle's own terms with what was set; the design and the reproduction follow the tolerance."""
    terms = bundle
    if tolerance is not None:
        terms = replace(
            terms,
            tolerance=tolerance,
            design=min(terms.design, tolerance / 5),
            reproduction=max(terms.reproduction, tolerance),
        )
    if alpha is not None:
        terms = replace(terms, alpha=alpha)
    return terms if max_calls is None else replace(terms, max_calls=max_calls)


def _tell(campaign: Any, *, as_json: bool) -> None:
    facts = _facts(campaign)
    answer(facts, as_json=as_json, text=_line(facts))


def _line(facts: dict[str, Any]) -> str:
    return f"{facts['campaign_id']}  {facts['verdict'] or facts['state']}  {facts['patched']}"


def _facts(campaign: Any) -> dict[str, Any]:
    from safeconduct.server.campaigns import adjudications, queries
    from safeconduct.server.campaigns.costs import costs_of

    return {
        "campaign_id": campaign.pk,
        "claim": campaign.claim_id,
        "state": campaign.state,
        "verdict": queries.verdict_of(campaign).value if campaign.verdict else "",
        "unpatched": campaign.unpatched_id,
        "patched": campaign.patched_id,
        "criterion": campaign.criterion,
        "approval": campaign.approval,
        "commitment": campaign.commitment,
        "progress": campaign.progress,
        "failure": campaign.failure,
        "waits_for_a_person": adjudications.is_waiting(campaign),
        "cost": [{"target": one.role, "calls": one.calls, "tokens": one.tokens} for one in costs_of(campaign)],
    }


def _probe(probe: Any) -> dict[str, Any]:
    return {
        "probe_id": probe.pk,
        "state": probe.state,
        "target": probe.target_id,
        "vendor": probe.seat.name if probe.seat else "",
        "calls": probe.calls,
    }
