# SPDX-License-Identifier: Apache-2.0
"""The coordinator and the vendor: two people with a browser each, who do everything on the portal's own pages."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from demo.browser import Browser, Page
from demo.processes import wait_for
from demo.subject import Severity, Subject
from safeconduct.domain.authorization import TargetGrant
from safeconduct.errors import ConflictError, NotFoundError

PATIENCE_SECONDS = 1800.0
SHORT_SECONDS = 120.0
REPRODUCED = "reproduced"
UNDECIDED = frozenset({"not run", "queued", "running"})
ASSESSMENT = re.compile(r"/triage/asm_\w+/")
GATE = re.compile(r'id="evidence">Evidence <span class="badge[^"]*">([^<]+)</span>')
VERDICT = re.compile(r'<span class="badge badge-(?:ok|bad|warn)">(NOT FIXED|FIXED|INCONCLUSIVE|HARNESS INVALID)</span>')
ENDED = ("It could not be run", "It was stopped")
WARNING = re.compile(r'badge-warn">warning</span> ([^<]+) <span class="quiet">\((L\d{3})')


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How a person signs in: made for this demonstration, and only good on this machine."""

    handle: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the evidence gate found: its word, the calls it took, and the hits in words."""

    state: str
    calls: int
    hits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A case that was opened, and the one-time link for its vendor."""

    case_id: str
    embargo: str
    vendor_link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A verdict with the two files that prove it."""

    verdict: str
    address: str
    certificate: Path
    trials: Path


class Person:
    """Somebody with an account and a browser."""

    def __init__(self, base_url: str, handle: str) -> None:
        """Open a browser; nobody is signed in yet."""
        self.browser = Browser(base_url)
        self.sign_in = SignIn(handle=handle, password=secrets.token_urlsafe(12))

    def __enter__(self) -> Self:
        """Keep the browser open while the block runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the browser."""
        self.browser.close()

    def join(self, link: str, *, name: str) -> Page:
        """Make an account from a one-time link, and sign in with it."""
        page = self.browser.open(urlsplit(link).path)
        password = self.sign_in.password
        page = self.browser.submit(
            page, "/join/", {"handle": self.sign_in.handle, "name": name, "password": password, "again": password}
        )
        return self.browser.submit(page, "/account/", {"login": self.sign_in.handle, "password": password})


class Vendor(Person):
    """Who makes the model: keeps the embargo, says what is fixed."""

    def accept_embargo(self, case_id: str) -> Page:
        """Agree to the embargo and so open the report."""
        page = self.browser.open(f"/cases/{case_id}/")
        return self.browser.submit(page, "/come/", {"accepts": "yes"})

    def accept_report(self, case_id: str) -> None:
        """Say that the report is valid and that it will be worked on."""
        for message in ("RV", "RA"):
            page = self.browser.open(f"/cases/{case_id}/")
            self.browser.submit(page, "/say/", {"message": message})

    def claim_fix(self, case_id: str, note: str) -> None:
        """Say that a fix is deployed."""
        page = self.browser.open(f"/campaigns/case/{case_id}/")
        self.browser.submit(page, "/claim", {"note": note})


class Coordinator(Person):
    """Who carries the case: grants targets, assesses, opens the case, has fixes tested, publishes."""

    assessment = ""
    """The address of the assessment of the report."""

    def grant(self, subject: Subject, model: str, *, patched: bool = False) -> str:
        """Grant a target and return the address of its page."""
        page = self.browser.open("/targets/grant/")
        given = {
            "label": f"{subject.product}, {model}",
            "role": "patched" if patched else "unpatched",
            "vendor": subject.vendor,
            "product": subject.product,
            **_fields(subject.terms(model)),
        }
        return urlsplit(self.browser.submit(page, "/targets/grant/", given).url).path

    def gate(self) -> Gate | None:
        """Look at the only report of the queue: what the gate found of it, or nothing while that is not known."""
        queue = self.browser.open("/queue/")
        if not any(ASSESSMENT.fullmatch(link) for link in queue.links):
            return None
        self.assessment = queue.link(ASSESSMENT.pattern)
        page = self.browser.open(self.assessment)
        badge = GATE.search(page.html)
        if badge is None or badge.group(1) in UNDECIDED:
            return None
        return Gate(
            state=badge.group(1),
            calls=int(page.find(r"Calls\s+(\d+)") or 0),
            hits=page.find(r"Hits\s+(\d+ of \d+ trials)"),
        )

    def assess(self, judged: Severity) -> Page:
        """Judge the report: set the vector and the profile with reasons; return the page of the assessment."""
        page = self.browser.open(self.assessment)
        vector = {"cvss-vector": judged.cvss, "cvss-reason": judged.cvss_reason}
        page = self.browser.submit(page, "/set/vector/", vector)
        answers = {f"profile-{key}": value for key, value in judged.profile.items()}
        return self.browser.submit(page, "/set/profile/", {**answers, "profile-reason": judged.profile_reason})

    def open_case(self) -> Opened:
        """Accept the report, open its case, invite the vendor that the report names."""
        page = self.browser.submit(self.browser.open(self.assessment), "/cases/open/")
        page = self.browser.submit(
            page, "/cases/open/", {"guests-TOTAL_FORMS": page.form("/cases/open/").hidden["guests-TOTAL_FORMS"]}
        )
        case_id = re.search(r"/cases/(cas_\w+)/", page.html)
        link = re.search(r'<p class="secret">([^<]+)</p>', page.html)
        if case_id is None or link is None:
            raise NotFoundError("the case has no link for the vendor", hint=page.url)
        return Opened(
            case_id=case_id.group(1), embargo=page.find(r"(The embargo holds until [^\n]+)"), vendor_link=link.group(1)
        )

    def start_campaign(self, case_id: str, subject: Subject, model: str) -> str:
        """Have the newest claimed fix tested and return the address of the campaign's page."""
        page = self.browser.open(f"/campaigns/case/{case_id}/")
        numbers = [int(found) for form in page.forms for found in re.findall(r"/claim/(\d+)/start", form.action)]
        start = f"/claim/{max(numbers, default=0)}/start"
        form = page.form(start)
        chosen = {
            "unpatched": form.option("unpatched", subject.versions.reported),
            "patched": form.option("patched", model),
        }
        return urlsplit(self.browser.submit(page, start, chosen).url).path

    def verdict(self, campaign: str, folder: Path) -> Proof:
        """Wait for the verdict of a campaign and download what proves it.

        Raises:
            ConflictError: the campaign could not be run.
        """
        page = wait_for("the campaign", lambda: self._ended(campaign), seconds=PATIENCE_SECONDS, every=1.0)
        found = VERDICT.search(page.html)
        if found is None:
            raise ConflictError("the campaign came to no verdict", hint=page.find(r"It could not be run\s+(.+)"))
        folder.mkdir()
        proof = Proof(
            verdict=found.group(1),
            address=campaign,
            certificate=folder / "certificate.json",
            trials=folder / "trials.jsonl",
        )
        for path in (proof.certificate, proof.trials):
            path.write_bytes(self.browser.fetch(f"{campaign}{path.name}"))
        return proof

    def draft_advisory(self, case_id: str, words: Mapping[str, str]) -> Page:
        """Draft the advisory and write its words; return the page with what still blocks it."""
        page = self.browser.open(f"/advisories/case/{case_id}/")
        page = self.browser.submit(page, "/draft")
        return self.browser.submit(page, "/edit", words)

    def end_embargo(self, case_id: str, reason: str) -> None:
        """End the embargo before its time."""
        page = self.browser.open(f"/cases/{case_id}/embargo/end/")
        self.browser.submit(page, "/embargo/end/", {"reason": reason})

    def publish(self, case_id: str) -> tuple[str, tuple[str, ...]]:
        """Publish; return the public id and the warnings about the wording that were read and accepted."""
        page = self.browser.open(f"/advisories/case/{case_id}/")
        warnings = dict.fromkeys(WARNING.findall(page.html))
        given = {"what": "First version", "acknowledged": ",".join(rule for _, rule in warnings)}
        page = self.browser.submit(page, "/publish", given)
        found = re.search(r"/register/([^/]+)/", page.url)
        if found is None:
            raise NotFoundError("publishing led to no public page", hint=page.url)
        return found.group(1), tuple(f"{words} ({rule})" for words, rule in warnings)

    def _ended(self, campaign: str) -> Page | None:
        page = self.browser.open(campaign)
        is_over = VERDICT.search(page.html) or any(words in page.text for words in ENDED)
        return page if is_over else None


def _fields(terms: TargetGrant) -> dict[str, str | list[str]]:
    """Return the terms of a grant as a person types them into the form."""
    typed: dict[str, str | list[str]] = {
        "model": terms.model,
        "adapter": terms.adapter.value,
        "url": terms.url,
        "secret_name": terms.secret_name,
        "entry": terms.entry,
        "packages": terms.packages,
        "max_calls": str(terms.caps.calls),
        "max_tokens": str(terms.caps.tokens),
        "max_tokens_per_call": str(terms.caps.tokens_per_call),
        "call_seconds": str(terms.caps.call_seconds),
    }
    return typed | ({"allow_private": ["on"]} if terms.allow_private else {})
