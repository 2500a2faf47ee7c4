# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify certificate` and `merge`: recompute a certificate offline, and take several together.

Both end with the code of the verdict, and with 4 where a certificate does not hold or does not go with another.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from safeconduct.cli import verify_options as options
from safeconduct.cli.output import JsonFlag, answer
from safeconduct.cli.verify_words import EXIT_CODES, ledger_lines, outlook_lines, verdict_facts, verdict_lines
from safeconduct.cli.verifying import TRIALS_FILE, read_limited, verifier_keys
from safeconduct.domain.bundle import Bundle
from safeconduct.verification.bundle import read_bundle
from safeconduct.verification.certificate import CertificateCheck, require_unused, verify_certificate
from safeconduct.verification.cost import ledger_facts, ledger_of
from safeconduct.verification.merged import Merged, merge_certificates
from safeconduct.verification.outlook import outlook_facts
from safeconduct.verification.suite import suite_facts

CERTIFICATE_LIMIT: Final = 16 << 20
TRIALS_LIMIT: Final = 1 << 28

CertificateFile = Annotated[Path, typer.Argument(metavar="FILE", help="The certificate.", exists=True, dir_okay=False)]
CertificateFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="CERT...", help="Certificates, each with its trials.jsonl and verifier.key beside it.", exists=True
    ),
]
Earlier = Annotated[
    list[Path] | None,
    typer.Option("--earlier", help="Another certificate; a seed that served both is refused. May be repeated."),
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="VKEY|FILE", help="Verifier key of each signer, in the order of the certificates."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    for command in (certificate, merge):
        app.command()(command)


def certificate(
    path: CertificateFile,
    *,
    trials: options.TrialsFile = None,
    key: options.KeyOption = None,
    bundle_path: options.BundleOption = None,
    earlier: Earlier = None,
    approve_code: options.ApproveCode = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute a certificate from its trials, offline. Without --key, a key found beside it proves no signer."""
    bundle = read_bundle(bundle_path) if bundle_path else None
    check = _check(path, trials=trials, key=key, bundle=bundle, approved=frozenset(approve_code or ()))
    require_unused(check, [_check(other, trials=None, key=None, bundle=None) for other in earlier or ()])
    answer(_facts(check, key=key), as_json=as_json, text="\n".join(_lines(check, key=key)))
    raise typer.Exit(EXIT_CODES[check.verdict])


def merge(
    paths: CertificateFiles,
    *,
    key: Keys = None,
    bundle_path: options.BundleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take the certificates of several verifiers together: recompute each, then multiply their evidence."""
    bundle = read_bundle(bundle_path) if bundle_path else None
    keys = [*(key or ()), *([None] * len(paths))]
    checks = [_check(path, trials=None, key=given, bundle=bundle) for path, given in zip(paths, keys, strict=False)]
    found = merge_certificates(checks)
    facts = {**asdict(found), "exit_code": EXIT_CODES[found.verdict], "draws": [check.draws for check in checks]}
    answer(facts, as_json=as_json, text="\n".join(_merged_lines(found)))
    raise typer.Exit(EXIT_CODES[found.verdict])


def _check(
    path: Path,
    *,
    trials: Path | None,
    key: str | None,
    bundle: Bundle | None,
    approved: frozenset[str] = frozenset(),
) -> CertificateCheck:
    return verify_certificate(
        read_limited(path, CERTIFICATE_LIMIT),
        read_limited(trials or path.with_name(TRIALS_FILE), TRIALS_LIMIT),
        verifier_keys(key, beside=path),
        bundle=bundle,
        approved_code=approved,
    )


def _facts(check: CertificateCheck, *, key: str | None) -> dict[str, object]:
    facts = check.facts
    return verdict_facts(check.report, check.statement) | {
        "holds": True,
        "trials": len(check.trials),
        "draws": check.draws,
        "key_from": "given" if key else "delivered",
        "signer": check.signer,
        "campaign": facts.campaign,
        "bundle": facts.bundle_sha256,
        "cost": ledger_facts(ledger_of(check.trials, facts.prices)),
        "suite": None if facts.suite is None else suite_facts(facts.suite),
        "outlook": outlook_facts(check.outlook),
    }


def _lines(check: CertificateCheck, *, key: str | None) -> list[str]:
    lines = verdict_lines(check.report, check.statement)
    lines += ledger_lines(ledger_of(check.trials, check.facts.prices))
    lines += outlook_lines(check.outlook)
    lines += ["", f"The certificate holds: {len(check.trials)} trials recomputed."]
    if check.draws is not None:
        lines.append(f"The reveal matches the commitment, and {check.draws} variants were drawn again alike.")
    if not key:
        lines.append(
            "The key was found beside the certificate: it proves that the files belong together, not who signed."
        )
    return lines


def _merged_lines(found: Merged) -> list[str]:
    families = [
        f"  {ascii(one.family)[1:-1]:<24} {one.hits:>4} of {one.n:<5} {one.standing.value}" for one in found.families
    ]
    return [found.verdict.value.replace("_", " "), found.statement, "", *families]
