# SPDX-License-Identifier: Apache-2.0
"""The advisory, and the checks that anyone can make afterward without trusting the portal."""

import json

import httpx

from demo import fixing, researcher
from demo.commands import run, validate_csaf
from demo.researcher import Sent
from demo.tale import Tale
from safeconduct.errors import VerificationError

TIMEOUT_SECONDS = 120.0
DOCUMENTS = ("json", "csaf", "osv")


def publish(tale: Tale) -> str:
    """Draft, word, end the embargo, publish; return the public id."""
    teller, ada, subject = tale.teller, tale.coordinator, tale.subject
    teller.chapter("The world is told")
    ada.draft_advisory(tale.case_id, subject.words())
    teller.say("The draft takes over what the case knows; the coordinator writes it for readers.")
    ada.end_embargo(tale.case_id, "The fix is deployed and verified.")
    public_id, warnings = ada.publish(tale.case_id)
    for warning in warnings:
        teller.say(f"A warning about its wording, read and accepted: {warning}")
    teller.say(f"Published as {public_id}: as a page, as JSON, CSAF 2.0 and OSV, in the feed and the register.")
    return public_id


def check(tale: Tale, sent: Sent, public_id: str) -> None:
    """Make every check that an outsider can make.

    Raises:
        VerificationError: one of them does not hold.
    """
    tale.teller.chapter("Anyone can check it")
    _documents(tale, public_id)
    _receipt(tale, sent)
    _certificate(tale, public_id)
    _log(tale, sent)
    shown = researcher.mailbox(tale.portal.base_url, sent)
    tale.teller.say(f"The reporter opens her mailbox with the codename: {shown['status_words']}.")


def _documents(tale: Tale, public_id: str) -> None:
    teller, folder = tale.teller, tale.folder
    for kind in DOCUMENTS:
        (folder / f"{public_id}.{kind}.json").write_bytes(_fetched(tale, f"/advisories/{public_id}/{kind}.json"))
    csaf, osv = folder / f"{public_id}.csaf.json", folder / f"{public_id}.osv.json"
    teller.command(f"csaf validate --spec-version v20 {csaf.name}")
    teller.holds(f"CSAF 2.0, by the csaf package: {validate_csaf(str(csaf))}")
    for path, name in ((csaf, "csaf"), (osv, "osv")):
        back = folder / f"{public_id}.from-{name}.json"
        told = run("convert", str(path), "--from", name, "--to", "native", "--out", str(back))
        wrong = [item["message"] for item in told["remarks"] if item["level"] == "error"]
        if wrong:
            raise VerificationError(f"the {name} document is not valid", hint="; ".join(wrong))
    teller.holds(f"CSAF and OSV read back; OSV id {json.loads(osv.read_bytes())['id']}")
    if public_id.encode() not in _fetched(tale, "/advisories/feed.atom"):
        raise VerificationError("the feed does not name the advisory", hint=public_id)


def _receipt(tale: Tale, sent: Sent) -> None:
    files = (str(sent.receipt), "--opening", str(sent.opening), "--key", str(sent.log_key))
    tale.teller.command(f"safeconduct ledger verify {sent.receipt.name} --opening {sent.opening.name}")
    told = run("ledger", "verify", *files)
    tale.teller.holds(f"entry {told['index']} of {told['size']} in the log; the opening belongs to it")


def _certificate(tale: Tale, public_id: str) -> None:
    """Check that what is public is what the campaign proved."""
    proof = tale.proofs[tale.subject.versions.mended]
    for path in (proof.certificate, proof.trials):
        public = _fetched(tale, f"/advisories/{public_id}/{path.name}")
        if public != path.read_bytes():
            raise VerificationError(f"the public {path.name} is another than the campaign's", hint=public_id)
    tale.teller.command("safeconduct verify certificate certificate.json --trials trials.jsonl --key …")
    told = fixing.verified(tale, proof)
    tale.teller.holds(f"{told['verdict']}, recomputed from {told['trials']} public trials")


def _log(tale: Tale, sent: Sent) -> None:
    address, key = f"{tale.portal.base_url}/log", str(sent.log_key)
    tale.teller.command(f"safeconduct ledger audit {address} --key log.vkey")
    told = run("ledger", "audit", address, "--key", key)
    tale.teller.holds(f"{told['size']} entries, {told['tiles']} tiles, root {told['root']}")
    tale.teller.say("Most entries are cover, so that nobody learns from the log how much was reported or done.")


def _fetched(tale: Tale, address: str) -> bytes:
    """Return a public file, asked for without signing in."""
    answer = httpx.get(tale.portal.base_url + address, timeout=TIMEOUT_SECONDS)
    if answer.is_error:
        raise VerificationError(f"{address} is not public", hint=f"status {answer.status_code}")
    return answer.content
