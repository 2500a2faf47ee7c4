# SPDX-License-Identifier: Apache-2.0
"""The story, chapter by chapter: found, reported, reproduced, judged, fixed badly, fixed well, published, checked.

Every number is taken from what happened: from the model's answers, the portal's pages, or the files that prove a
verdict. Nothing is prepared, so with another secret, seed or temperature the numbers are others.
"""

from dataclasses import dataclass, replace

from demo import fixing, publishing, researcher
from demo.calls import MOST
from demo.people import REPRODUCED
from demo.portal import BEAT_SECONDS
from demo.processes import wait_for
from demo.researcher import Evidence, Scan, Sent
from demo.subject import Severity
from demo.tale import Tale
from demo.telling import Counter, rate
from safeconduct.domain.evidence import TrialSummary, Verdict
from safeconduct.errors import VerificationError
from safeconduct.policy.reliability import reliability

GATE_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the story came to. Without a verdict FIXED nothing is published, and the public id is empty."""

    verdicts: tuple[str, str]
    calls: int
    counted: int | None
    scan: Scan
    public_id: str

    @property
    def is_as_told(self) -> bool:
        """Tell whether the bad fix was refuted and the real one confirmed within the calls that were promised."""
        return self.verdicts == (Verdict.NOT_FIXED, Verdict.FIXED) and max(self.calls, self.counted or 0) <= MOST


def tell(tale: Tale) -> Outcome:
    """Tell the whole story.

    Raises:
        SafeconductError: a step does not succeed; its message says which.
    """
    _introduce(tale)
    found = _scan(tale)
    evidence, sent = _report(tale, found)
    _gate(tale)
    _triage(tale, found)
    _open_case(tale)
    bad = fixing.first_patch(tale, found)
    good = fixing.real_fix(tale)
    public_id = ""
    if good == Verdict.FIXED:
        public_id = publishing.publish(tale)
        publishing.check(tale, sent, public_id)
    _numbers(tale, evidence)
    return Outcome(
        verdicts=(bad, good),
        calls=tale.book.total,
        counted=tale.subject.counted(),
        scan=found,
        public_id=public_id,
    )


def _introduce(tale: Tale) -> None:
    subject, teller = tale.subject, tale.teller
    teller.title("A flaw in a model, from report to verified advisory", subject.headline)
    teller.chapter("Who is here")
    link = tale.portal.ready()
    tale.coordinator.join(link, name="Ada of the coordination center")
    teller.facts(
        (
            ("Portal", f"{tale.portal.base_url} (safeconduct serve, process {tale.portal.pid})"),
            ("Home folder", str(tale.portal.home)),
            ("Vendor", f"{subject.vendor}, which runs {subject.product}"),
            *subject.about(),
            ("Seed of the scan", str(tale.seed)),
        )
    )
    teller.say("The coordinator joins by the one-time link that the portal printed, and from now on signs in as")
    teller.say(f"“{tale.coordinator.sign_in.handle}”. Nothing below was computed before.")


def _scan(tale: Tale) -> Scan:
    subject, teller = tale.subject, tale.teller
    teller.chapter("A researcher finds a flaw")
    teller.say("She draws questions at random, in other words and in changed spelling, and asks each once.")
    families = len(subject.bundle(now=researcher.now()).attack.families)
    with Counter(teller, "Asking the model:", of=subject.draws * families) as counter:
        found = researcher.scan(subject, seed=tale.seed, each=subject.draws, listen=counter.step)
    tale.book.note("the researcher's scan", found.calls, found.seconds)
    rows = [(family, str(hits), str(n), rate(hits, n)) for family, (hits, n) in found.counts().items()]
    teller.table(("family of questions", "hits", "calls", "rate, exact 95 % interval"), rows)
    for shot in [shot for shot in found.shots if shot.text in found.hitting[:1] + found.hitting[-1:]][:2]:
        teller.say(f"asked    {shot.text}")
        teller.say(f"answered {shot.reply}")
    if not found.hitting:
        raise VerificationError("the scan found no flaw, so there is no story to tell", hint="try another --seed")
    return found


def _report(tale: Tale, found: Scan) -> tuple[Evidence, Sent]:
    teller, folder = tale.teller, tale.folder
    teller.chapter("She reports it, without a name")
    evidence = researcher.write_evidence(tale.subject, found, folder, seed=tale.seed)
    teller.command("safeconduct convert", evidence.log.name, "--from garak --to native --bundle draft-bundle.zip")
    teller.say("The draft asks for what no scanner can know, and she answers:")
    for remark in evidence.remarks:
        teller.say(f"  {remark}")
    teller.command("safeconduct report check", evidence.report.name)
    with teller.waiting("Sending, and waiting for the next beat of the log"):
        sent = researcher.send(tale.portal.base_url, evidence, folder)
    teller.command("safeconduct report send", evidence.report.name, "--bundle bundle.zip --attach", evidence.log.name)
    teller.say("Sent through HTTP. No account, no address, no name: the portal knows digests of her mailbox keys only.")
    teller.facts(
        (
            ("Report", sent.report_id),
            ("Her codename", sent.codename),
            ("Promise", f"{sent.promise.name}, signed by the portal at once"),
            ("Receipt", f"{sent.receipt.name}, after the next beat of the log ({BEAT_SECONDS} seconds here)"),
        )
    )
    return evidence, sent


def _gate(tale: Tale) -> None:
    teller, subject, ada = tale.teller, tale.subject, tale.coordinator
    teller.chapter("The report proves itself")
    tale.portal.keep_secrets(subject.secrets)
    ada.grant(subject, subject.versions.reported)
    teller.say(
        f"{subject.vendor} agreed that its model is tested, so the coordinator grants it as a target, with caps."
    )
    with teller.waiting("The gate draws fresh variants and asks the model"):
        found = wait_for("the evidence gate", ada.gate, seconds=GATE_SECONDS)
    tale.book.note("the portal's evidence gate", found.calls)
    if found.state != REPRODUCED:
        raise VerificationError(
            f"the gate says: {found.state}; so there is no story to tell", hint="try another --seed"
        )
    teller.say(f"Before a person has looked, the portal ran the bundle on fresh variants: {found.state},")
    teller.say(f"{found.hits}, {found.calls} calls with the harmless ones. The report stands at the head of the queue.")


def _triage(tale: Tale, scan: Scan) -> None:
    teller = tale.teller
    teller.chapter("A person judges it")
    judged = _with_reliability(tale.subject.severity, scan)
    page = tale.coordinator.assess(judged)
    score = page.find(r"CVSS 4.0\s+([0-9.]+ \w+)")
    teller.say("Each rule has answered with its reasons; the coordinator sets what rules cannot know, and says why.")
    teller.facts(
        (
            ("CVSS 4.0", f"{score}, {judged.cvss}"),
            ("", judged.cvss_reason),
            ("ML profile", page.find(r"(?s).*ML profile\s+(MLP:\S+)")),
            ("", judged.profile_reason),
            ("Tier", page.find(r"Severity\s+(\w+)")),
        )
    )
    teller.say(f"See {tale.portal.base_url}{tale.coordinator.assessment}")


def _with_reliability(judged: Severity, scan: Scan) -> Severity:
    """Return the judgment with how often the flaw shows, as the trials of all families together tell."""
    hits, n = (sum(numbers) for numbers in zip(*scan.counts().values(), strict=True))
    shown = reliability(TrialSummary(n=n, hits=hits))
    reason = f"{judged.profile_reason} {shown.reasons[0].capitalize()}."
    return replace(judged, profile={**judged.profile, "SR": shown.outcome}, profile_reason=reason)


def _open_case(tale: Tale) -> None:
    teller, ada, vendor = tale.teller, tale.coordinator, tale.vendor
    teller.chapter("The case, under embargo")
    opened = ada.open_case()
    tale.case_id = opened.case_id
    vendor.join(opened.vendor_link, name=f"Grace of {tale.subject.vendor}")
    vendor.accept_embargo(opened.case_id)
    vendor.accept_report(opened.case_id)
    teller.facts((("Case", opened.case_id), ("Embargo", opened.embargo)))
    teller.say(f"{tale.subject.vendor} joins by a one-time link, agrees to the embargo, reads the report, accepts it.")


def _numbers(tale: Tale, evidence: Evidence) -> None:
    teller, counted = tale.teller, tale.subject.counted()
    teller.chapter("What it cost")
    teller.table(("step", "calls", "seconds per call"), tale.book.rows())
    if counted is not None:
        teller.say(f"The model's endpoint itself counted {counted} answers. At most {MOST} were promised.")
    teller.say(f"While the portal is up, evidence, receipt, certificates and advisory are in {evidence.log.parent}")
