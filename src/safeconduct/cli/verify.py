# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify`: look at a bundle, test a claimed fix, check a certificate.

Exit codes of `run` and `certificate`: 0 FIXED, 1 NOT FIXED (or REGRESSED), 2 INCONCLUSIVE, 3 HARNESS INVALID, 4 an
error; wrong usage ends with 2 as well, and says so on standard error. What looks at bundles is in `bundles`.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from safeconduct.cli import bundles
from safeconduct.cli.output import JsonFlag, answer
from safeconduct.cli.verifying import Order, TargetOption, conduct, read_limited, signer_of, verifier_keys
from safeconduct.domain.evidence import Verdict
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.campaign import CampaignResult
from safeconduct.verification.certificate import verify_certificate
from safeconduct.verification.findings import VerdictReport

CERTIFICATE_LIMIT: Final = 16 << 20
TRIALS_LIMIT: Final = 1 << 28
EXIT_CODES: Final = {
    Verdict.FIXED: 0,
    Verdict.NOT_FIXED: 1,
    Verdict.REGRESSED: 1,
    Verdict.INCONCLUSIVE: 2,
    Verdict.HARNESS_INVALID: 3,
}

app = typer.Typer(help="Look at a reproduction bundle, test a claimed fix, check a certificate.", no_args_is_help=True)
bundles.register(app)

KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="VKEY|FILE", help="Verifier key of the signer, or a file that holds it.")
]
Target = Annotated[
    str, typer.Option("--target", help="The patched target: base address, or folders of a local classifier.")
]
Model = Annotated[str, typer.Option("--model", help="The patched model's name.")]
Unpatched = Annotated[str, typer.Option("--unpatched", help="The unpatched target; default: as --target.")]
UnpatchedModel = Annotated[
    str, typer.Option("--unpatched-model", help="The unpatched model's name; default: that of the bundle.")
]
Entry = Annotated[str, typer.Option("--entry", help="module:function of a patched local classifier.")]
UnpatchedEntry = Annotated[
    str, typer.Option("--unpatched-entry", help="The same of the unpatched one; default: that of the bundle.")
]
SecretEnv = Annotated[str, typer.Option("--secret-env", help="Environment variable that holds the target's secret.")]
Out = Annotated[Path | None, typer.Option("--out", help="New folder for trials and certificate.")]
AllowPrivate = Annotated[bool, typer.Option("--allow-private", help="Grant private and loopback addresses.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", min=1, help="At most so many calls.")]
Tolerance = Annotated[
    float | None, typer.Option("--tolerance", help="The residual rate that FIXED excludes; default: the bundle's.")
]
Seed = Annotated[str, typer.Option("--seed", help="Seed of all draws, to repeat a run; default: a fresh one.")]
Width = Annotated[int, typer.Option("--width", min=1, max=64, help="Calls in flight at a time.")]
SignWith = Annotated[Path | None, typer.Option("--sign-with", help="File with the signing key; default: a fresh key.")]
TrialsFile = Annotated[Path | None, typer.Option("--trials", help="The trials; default: trials.jsonl beside it.")]
BundleOption = Annotated[Path | None, typer.Option("--bundle", help="The bundle, to draw every variant again.")]


@app.command()
def run(
    path: bundles.BundlePath,
    *,
    target: Target,
    model: Model,
    unpatched: Unpatched = "",
    unpatched_model: UnpatchedModel = "",
    entry: Entry = "",
    unpatched_entry: UnpatchedEntry = "",
    secret_env: SecretEnv = "",
    out: Out = None,
    allow_private: AllowPrivate = False,
    max_calls: MaxCalls = None,
    tolerance: Tolerance = None,
    seed: Seed = "",
    width: Width = 1,
    sign_with: SignWith = None,
    as_json: JsonFlag = False,
) -> None:
    """Test a claimed fix on fresh variants and certify the verdict. Ctrl-C halts it with what it has."""
    read = read_bundle(path)
    before = TargetOption(place=unpatched or target, model=unpatched_model or read.target.model, entry=unpatched_entry)
    order = Order(
        bundle=read,
        patched=TargetOption(place=target, model=model, entry=entry),
        unpatched=before,
        secret_env=secret_env,
        allow_private=allow_private,
        max_calls=max_calls,
        tolerance=tolerance,
        seed=seed,
        width=width,
        out=out,
        signer=signer_of(sign_with),
    )
    result, statement = conduct(order)
    _tell(result, statement, out=out, as_json=as_json)
    raise typer.Exit(EXIT_CODES[result.report.verdict])


def _tell(result: CampaignResult, statement: str, *, out: Path | None, as_json: bool) -> None:
    """Print the verdict of a run."""
    facts = _verdict_facts(result.report, statement) | {
        "halted": result.halted,
        "bundle": result.bundle_id,
        "criterion_sha256": result.criterion_sha256,
        "commitment": result.commitment,
        "out": str(out) if out else None,
    }
    answer(facts, as_json=as_json, text=_verdict_text(result.report, statement, out=out))


@app.command()
def certificate(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The certificate.", exists=True, dir_okay=False)],
    *,
    trials: TrialsFile = None,
    key: KeyOption = None,
    bundle_path: BundleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute a certificate from its trials, offline. Without --key, a key found beside it proves no signer."""
    check = verify_certificate(
        read_limited(path, CERTIFICATE_LIMIT),
        read_limited(trials or path.with_name("trials.jsonl"), TRIALS_LIMIT),
        verifier_keys(key, beside=path),
        bundle=read_bundle(bundle_path) if bundle_path else None,
    )
    facts = _verdict_facts(check.report, check.statement) | {
        "holds": True,
        "trials": len(check.trials),
        "draws": check.draws,
        "key_from": "given" if key else "delivered",
        "bundle": check.facts.bundle_sha256,
    }
    lines = [
        _verdict_text(check.report, check.statement),
        f"The certificate holds: {len(check.trials)} trials recomputed.",
    ]
    if check.draws is not None:
        lines.append(f"The reveal matches the commitment, and {check.draws} variants were drawn again alike.")
    if not key:
        lines.append(
            "The key was found beside the certificate: it proves that the files belong together, not who signed."
        )
    answer(facts, as_json=as_json, text="\n".join(lines))
    raise typer.Exit(EXIT_CODES[check.verdict])


def _verdict_facts(report: VerdictReport, statement: str) -> dict[str, object]:
    """Return a verdict as plain data."""
    return {**asdict(report), "statement": statement, "exit_code": EXIT_CODES[report.verdict]}


def _verdict_text(report: VerdictReport, statement: str, *, out: Path | None = None) -> str:
    """Return a verdict for a person."""
    lines = [report.verdict.value.replace("_", " "), statement, ""]
    lines += [
        f"  before  {ascii(one.family)[1:-1]:<24} {one.hits:>4} of {one.n:<5} {one.standing.value}"
        for one in report.assay
    ]
    lines += [
        f"  after   {ascii(one.family)[1:-1]:<24} {one.hits:>4} of {one.n:<5} {one.standing.value}"
        f"  (residual {one.lower:.2%} to {one.upper:.2%})"
        for one in report.efficacy
    ]
    if report.benign is not None:
        benign = report.benign
        lines.append(f"  benign  {benign.lost} lost, {benign.won} won in {benign.pairs} pairs  {benign.standing.value}")
    lines.append(f"  {report.calls} calls")
    if out:
        lines.append(f"  trials and certificate are in {out}")
    return "\n".join(lines)
