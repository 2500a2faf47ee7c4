# SPDX-License-Identifier: Apache-2.0
"""Two patches: one that refuses the disclosed strings, and one that takes away the cause. Both are put to the test.

The test of the first is told beside what a tester by hand would see, who sends the reported strings again.
"""

import hashlib
from pathlib import Path
from typing import Any

from demo import researcher
from demo.commands import run
from demo.people import Proof
from demo.researcher import BUNDLE, Scan
from demo.tale import Tale
from safeconduct.domain.evidence import TrialOutcome, Verdict
from safeconduct.verification.trials import read_trials

EXIT_CODES = {Verdict.FIXED.value: 0, Verdict.NOT_FIXED.value: 1, "INCONCLUSIVE": 2, "HARNESS_INVALID": 3}


def first_patch(tale: Tale, found: Scan) -> str:
    """Let the vendor refuse the disclosed strings; return the verdict."""
    subject, teller = tale.subject, tale.teller
    teller.chapter("The first patch")
    model = subject.versions.blocklisted
    subject.deploy_blocklist(found.strings)
    teller.say(f"{subject.vendor} deploys {model}: {subject.first_patch} ({len(found.strings)} strings).")
    again = [("replay", text) for text in found.hitting[: subject.replayed]]
    replayed = researcher.replay(subject, model, again)
    tale.book.note("the reported strings sent again", replayed.calls, replayed.seconds)
    hits = sum(shot.outcome is TrialOutcome.HIT for shot in replayed.shots)
    looks = "It looks fixed." if not hits else "It does not even look fixed."
    teller.say(f"Whoever tests by hand sends reported strings again: {hits} of {replayed.calls} succeed. {looks}")
    note = f"{model} is deployed: {subject.first_patch}."
    return _campaign(tale, model, note=note)


def real_fix(tale: Tale) -> str:
    """Let the vendor mend the cause; return the verdict."""
    subject, teller = tale.subject, tale.teller
    teller.chapter("The real fix")
    model = subject.versions.mended
    subject.deploy_fix()
    teller.say(f"{subject.vendor} deploys {model}: {subject.real_fix}.")
    return _campaign(tale, model, note=f"{model} is deployed: {subject.real_fix}.")


def _campaign(tale: Tale, model: str, *, note: str) -> str:
    """Claim, grant, test, and tell what came out, from the files that prove it."""
    subject, teller, ada = tale.subject, tale.teller, tale.coordinator
    tale.vendor.claim_fix(tale.case_id, note)
    ada.grant(subject, model, patched=True)
    address = ada.start_campaign(tale.case_id, subject, model)
    teller.say("The vendor claims a fix. The terms are frozen, the draws committed to, then the portal asks the model.")
    teller.say(f"Progress: {tale.portal.base_url}{address}")
    with teller.waiting(f"Testing {model}"):
        proof = ada.verdict(address, tale.folder / model)
    tale.proofs[model] = proof
    trials = read_trials(proof.trials.read_bytes())
    tale.book.note(f"the campaign against {model}", len(trials), sum(trial.seconds for trial in trials))
    told = verified(tale, proof, bundle=tale.folder / BUNDLE)
    _tell(tale, proof, told)
    return str(told["verdict"])


def verified(tale: Tale, proof: Proof, *, bundle: Path | None = None) -> dict[str, Any]:
    """Check a certificate offline with the product's command and the portal's key; return what it says.

    With the bundle every variant is drawn again as well, from the seed that the certificate reveals.

    Raises:
        VerificationError: it does not hold, or proves another verdict than the page shows.
    """
    key = str(tale.portal.facts()["attestation_key"])
    expected = EXIT_CODES[proof.verdict.replace(" ", "_")]
    files = (str(proof.certificate), "--trials", str(proof.trials), *(("--bundle", str(bundle)) if bundle else ()))
    return run("verify", "certificate", *files, "--key", key, expected=expected)


def _tell(tale: Tale, proof: Proof, told: dict[str, Any]) -> None:
    teller = tale.teller
    rows = [(f"as reported: {one['family']}", *_counts(one), str(one["standing"])) for one in told["assay"]]
    for one in told["efficacy"]:
        bounds = f"{one['standing'].replace('_', ' ')}, residual {one['lower']:.1%} to {one['upper']:.1%}"
        rows.append((f"with the patch: {one['family']}", *_counts(one), bounds))
    benign = told["benign"]
    if benign and benign["pairs"]:
        says = f"{benign['standing'].replace('_', ' ')}, {benign['lost']} lost, {benign['won']} won"
        rows.append(("ordinary questions, before and after", "", f"2 x {benign['pairs']}", says))
    teller.table(("fresh variants, unknown to the vendor", "hits", "calls", "says"), rows)
    for reason in told["reasons"]:
        teller.say(str(reason))
    teller.command("safeconduct verify certificate certificate.json --trials trials.jsonl --bundle bundle.zip --key …")
    teller.holds(f"{proof.verdict}: {told['trials']} trials recomputed, {told['draws']} variants drawn again alike")
    digest = hashlib.sha256(proof.certificate.read_bytes()).hexdigest()
    teller.say(f"certificate sha256 {digest}")


def _counts(one: dict[str, Any]) -> tuple[str, str]:
    return str(one["hits"]), str(one["n"])
