# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify run`, `resume` and `cost`: test a claimed fix, go on with a paused test, know what it may cost.

`run` and `resume` end with the code of the verdict, or with 2 when the campaign is paused.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from safeconduct.cli import verify_options as options
from safeconduct.cli.bundles import BundlePath
from safeconduct.cli.output import JsonFlag, answer, remark
from safeconduct.cli.verify_order import (
    Order,
    Reach,
    TargetOption,
    bundle_path_of,
    campaign_name,
    criterion_of,
    held_out,
    order_facts,
    price_of,
    read_order,
)
from safeconduct.cli.verify_suite import suite_of
from safeconduct.cli.verify_words import (
    EXIT_CODES,
    estimate_facts,
    estimate_lines,
    ledger_lines,
    verdict_facts,
    verdict_lines,
)
from safeconduct.cli.verifying import Manner, conduct, signer_of
from safeconduct.domain.bundle import Bundle
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.campaign import CampaignResult, Terms
from safeconduct.verification.cost import Prices, estimate, ledger_facts
from safeconduct.verification.journal_file import JournalFile
from safeconduct.verification.statement import explain

PAUSED: Final = 2

JournalPath = Annotated[Path, typer.Argument(metavar="JOURNAL", help="The journal that `verify run --journal` began.")]
MovedBundle = Annotated[Path | None, typer.Option("--bundle", help="The bundle, if it lies elsewhere now.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    for command in (run, resume, cost):
        app.command()(command)


def run(
    path: BundlePath,
    *,
    target: options.Target,
    model: options.Model,
    unpatched: options.Unpatched = "",
    unpatched_model: options.UnpatchedModel = "",
    entry: options.Entry = "",
    unpatched_entry: options.UnpatchedEntry = "",
    secret_env: options.SecretEnv = "",
    judge: options.Judge = "",
    judge_secret_env: options.JudgeSecretEnv = "",
    out: options.Out = None,
    allow_private: options.AllowPrivate = False,
    max_calls: options.MaxCalls = None,
    tolerance: options.Tolerance = None,
    seed: options.Seed = "",
    width: options.Width = 1,
    sign_with: options.SignWith = None,
    journal: options.JournalOption = None,
    suite: options.SuiteFile = None,
    price: options.PriceOption = "",
    unpatched_price: options.UnpatchedPrice = "",
    engine: options.Engine = options.EngineName.LOCAL,
    approve_code: options.ApproveCode = None,
    progress: options.Show = None,
    as_json: JsonFlag = False,
) -> None:
    """Test a claimed fix on fresh variants and certify the verdict. Ctrl-C halts it with what it has, or pauses it."""
    read = read_bundle(path)
    prices = Prices(unpatched=price_of(unpatched_price or price), patched=price_of(price))
    terms = _terms(read, seed=seed, max_calls=max_calls, tolerance=tolerance, prices=prices)
    terms = replace(terms, approved_code=frozenset(approve_code or ()))
    after = TargetOption(place=target, model=model, entry=entry)
    before = TargetOption(place=unpatched or target, model=unpatched_model or read.target.model, entry=unpatched_entry)
    reach = Reach(secret_env=secret_env, allow_private=allow_private, width=width)
    reach = replace(reach, judge=judge, judge_secret_env=judge_secret_env)
    order = Order(terms=terms, bundle_path=path, patched=after, unpatched=before, reach=reach)
    manner = Manner(out=out, signer=signer_of(sign_with), show=progress, engine=engine, suite=suite_of(suite))
    _begin(order, manner, journal=journal, as_json=as_json)


def resume(
    path: JournalPath,
    *,
    bundle: MovedBundle = None,
    out: options.Out = None,
    sign_with: options.SignWith = None,
    suite: options.SuiteFile = None,
    engine: options.Engine = options.EngineName.LOCAL,
    progress: options.Show = None,
    as_json: JsonFlag = False,
) -> None:
    """Go on with a campaign that was paused or killed. No call that was paid for is made again."""
    with JournalFile(path) as file:
        order = read_order(file.terms, read_bundle(bundle or bundle_path_of(file.terms)))
        manner = Manner(
            out=out, signer=signer_of(sign_with), show=progress, engine=engine, suite=suite_of(suite), journal=file
        )
        _go(order, manner, journal=path, as_json=as_json)


def cost(
    path: BundlePath,
    *,
    max_calls: options.MaxCalls = None,
    tolerance: options.Tolerance = None,
    price: options.PriceOption = "",
    unpatched_price: options.UnpatchedPrice = "",
    as_json: JsonFlag = False,
) -> None:
    """Say what a campaign may cost: if the fix is perfect, if it is just good enough, and if it does nothing."""
    read = read_bundle(path)
    prices = Prices(unpatched=price_of(unpatched_price or price), patched=price_of(price))
    found = estimate(read, criterion_of(read, max_calls=max_calls, tolerance=tolerance), prices)
    answer({"estimate": estimate_facts(found)}, as_json=as_json, text="\n".join(estimate_lines(found)))


def _terms(read: Bundle, *, seed: str, max_calls: int | None, tolerance: float | None, prices: Prices) -> Terms:
    return Terms(
        bundle=read,
        criterion=criterion_of(read, max_calls=max_calls, tolerance=tolerance),
        held_out=held_out(seed),
        campaign=campaign_name(seed, read),
        prices=prices,
    )


def _begin(order: Order, manner: Manner, *, journal: Path | None, as_json: bool) -> None:
    """Conduct it with a new journal, or without one."""
    if journal is None:
        _go(order, manner, journal=None, as_json=as_json)
        return
    with JournalFile.begin(journal, order_facts(order)) as file:
        _go(order, replace(manner, journal=file), journal=journal, as_json=as_json)


def _go(order: Order, manner: Manner, *, journal: Path | None, as_json: bool) -> None:
    """Say what it may cost, conduct it, and tell what came of it."""
    terms = order.terms
    expected = estimate(terms.bundle, terms.criterion, terms.prices)
    if not as_json:
        remark("\n".join([f"Commitment to the draws: {terms.commitment}", *estimate_lines(expected)]))
    result = conduct(order, manner)
    statement = explain(result.report, terms.criterion, suite=manner.suite)
    facts = verdict_facts(result.report, statement) | {
        "campaign": terms.campaign,
        "halted": result.halted,
        "paused": result.paused,
        "bundle": result.bundle_id,
        "criterion_sha256": result.criterion_sha256,
        "commitment": result.commitment,
        "estimate": estimate_facts(expected),
        "cost": ledger_facts(result.cost),
        "abandoned": result.abandoned,
        "journal": str(journal) if journal else None,
        "out": str(manner.out) if manner.out else None,
    }
    if result.paused:
        answer(facts | {"exit_code": PAUSED}, as_json=as_json, text=_paused_text(result, journal))
        raise typer.Exit(PAUSED)
    lines = [*verdict_lines(result.report, statement), *ledger_lines(result.cost)]
    if manner.out:
        lines.append(f"  trials and certificate are in {manner.out}")
    answer(facts, as_json=as_json, text="\n".join(lines))
    raise typer.Exit(EXIT_CODES[result.report.verdict])


def _paused_text(result: CampaignResult, journal: Path | None) -> str:
    calls = result.report.calls
    return f"Paused after {calls} calls; nothing paid for is lost. Go on with: safeconduct verify resume {journal}"
