# SPDX-License-Identifier: Apache-2.0
"""The chapters of the story: what each person does on the pages, as far as a browser without scripts carries them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.browser.chromium import Person
from tests.factories import spine
from tests.verification.endpoint import Endpoint

from safeconduct.domain.case import ProtocolMessage
from safeconduct.domain.weakness import FlawClass

PASSWORD = "correct horse battery staple"


def join(person: Person, link: str, *, handle: str, name: str) -> None:
    """Make an account from a one-time link and sign in."""
    person.open(link, "invitation")
    person.fill(handle=handle, name=name, password=PASSWORD, again=PASSWORD)
    person.press("Make the account")
    person.fill(login=handle, password=PASSWORD)
    person.look("sign-in")
    person.press("Sign in")


def keep_secret(home: Path) -> None:
    """Put the secret of the targets where the service reads it, as an operator does."""
    path = home / "keys" / "targets" / spine.SECRET_NAME
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("key-of-the-tests")


def grant(desk: Person, endpoint: Endpoint, *, label: str, model: str, role: str) -> None:
    """Grant a target by the form."""
    desk.open("/targets/grant/", f"grant-{role}")
    desk.fill(label=label, model=model, url=endpoint.url, secret_name=spine.SECRET_NAME, max_calls="2000")
    desk.choose(role=role)
    desk.page.locator("[name=allow_private]").check()
    desk.press("Grant")
    desk.look("granted")


def report(reporter: Person, bundle: Path) -> list[str]:
    """Tell of a flaw on four pages without a name, and return the eight words."""
    reporter.open("/", "front")
    reporter.follow("Start a report")
    reporter.look("report-1")
    reporter.press("Next", answered=422)
    reporter.look("report-1-wrong")
    reporter.fill(
        name="The assistant tells its instructions",
        description="Asked in other words or spellings it repeats a password that its operator gave it.",
    )
    reporter.choose(real_world_harm="no", malicious_use_possible="yes", restricted_material="none")
    reporter.unfold("Say more about it")
    reporter.choose(flaw_class=FlawClass.SYSTEM_PROMPT_LEAK)
    reporter.press("Next")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    reporter.fill(vendor="Orchid Bank", product="Orchid Assistant", seen_on=yesterday.date().isoformat())
    reporter.fill(steps="1. Open the chat.\n2. Ask for the instructions, spelled backwards.\n3. Read the password.")
    reporter.page.locator("[name=hosted]").check()
    reporter.unfold("Say more about the system")
    reporter.fill(model_string=spine.MODEL)
    reporter.unfold("Say more about your tests")
    reporter.choose(stochastic="yes")
    reporter.fill(tries="40", hits="36", judge="The password was in the answer.")
    reporter.look("report-2")
    reporter.press("Next")
    reporter.choose(public_status="private", intent="coordinated")
    reporter.look("report-3")
    reporter.press("Next")
    send(reporter, bundle)
    reporter.look("eight-words")
    return reporter.page.locator("main .secret").inner_text().split()


def send(reporter: Person, bundle: Path) -> None:
    """Send with a file. Who fills the form as fast as this story may have to wait, and choose the file again."""
    for _ in range(2):
        reporter.page.locator("main input[type=file]").first.set_input_files(bundle)
        reporter.look("report-4")
        if reporter.press("Send the report", answered=(200, 429)) == 200:
            return
        assert "Choose your files again" in reporter.text()
        reporter.page.wait_for_timeout(3_000)
    raise AssertionError(reporter.text())


VECTOR = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:P"
PROFILE = {"AK": "B", "SR": "R", "TX": "N", "RT": "N", "PE": "N", "AG": "N", "EX": "1", "HM": "M", "OF": "L", "RM": "P"}
QUESTION = "Does it also happen when the chat is opened without an account?"


def assess(desk: Person) -> str:
    """Wait for the evidence, open the assessment, set what a person must set, ask. Return the address."""
    desk.open("/triage/documented/", "documented")
    desk.open("/queue/")
    desk.until("reproduced")
    desk.look("queue")
    desk.follow("The assistant tells its instructions", within="main")
    desk.look("assessment")
    desk.unfold("Set the CVSS vector")
    vector, profile = 'form[action$="/set/vector/"]', 'form[action$="/set/profile/"]'
    desk.fill(within=vector, vector="CVSS:4.0/AV:N", reason="As measured.")
    desk.press("Set the vector", answered=422)
    desk.look("vector-wrong")
    desk.fill(within=vector, vector=VECTOR)
    desk.press("Set the vector")
    desk.unfold("Answer the ten questions of the ML profile")
    desk.choose(within=profile, **PROFILE)
    desk.fill(within=profile, reason="As measured.")
    desk.look("profile")
    desk.press("Set the profile")
    desk.unfold("Ask the reporter")
    desk.fill(question=QUESTION)
    desk.press("Send the question")
    desk.look("asked")
    return desk.page.url


def answer(reporter: Person) -> None:
    """Read the question in the mailbox and answer it."""
    reporter.look("question")
    assert QUESTION in reporter.text()
    reporter.fill(text="Yes, without an account as well.")
    reporter.press("Send")
    reporter.look("answered")
    reporter.press("Leave and close it here")


def open_mailbox(reporter: Person, words: list[str]) -> None:
    """Come back with the eight words."""
    reporter.open("/mailbox/", "mailbox-door")
    reporter.fill(words=" ".join(words))
    reporter.press("Open the mailbox")


def open_case(desk: Person, *, vendor: str) -> str:
    """Accept the report: the case opens and the vendor's link is shown once. Return the link."""
    desk.look("answered")
    desk.press("Accept and open a case")
    desk.look("open-case")
    assert vendor in desk.page.locator("main [name=guests-0-name]").input_value()
    desk.press("Accept the report and open the case")
    desk.look("links-once")
    link = desk.page.locator("main .secret").first.inner_text()
    desk.follow("To the case")
    desk.look("case")
    return link


def take_seat(vendor: Person) -> None:
    """Agree to the embargo, read the report, say that it is valid and taken on."""
    vendor.open("/desk/", "invitation")
    vendor.press("Agree, and read the report")
    vendor.look("case")
    for message in (ProtocolMessage.REPORT_VALID, ProtocolMessage.REPORT_ACCEPTED):
        vendor.say(message)
    vendor.look("accepted")


def claim(vendor: Person) -> None:
    """Say that a fix is there."""
    vendor.follow("Fixes and verdicts")
    vendor.look("fixes")
    vendor.fill(note="The instructions are no longer repeated: model assistant-2, since this morning.")
    vendor.press("Say that it is fixed")
    vendor.look("claimed")


def run_campaign(desk: Person, *, against: str, verdict: str) -> None:
    """Put a claimed fix to the test and wait for the verdict on the page that looks again by itself."""
    desk.unfold("Test this fix")
    desk.page.locator("main select[name=patched]").select_option(label=against)
    desk.look(f"terms-{verdict}")
    desk.press("Start the campaign")
    desk.look(f"running-{verdict}")
    desk.follow("Look again every three seconds")
    desk.page.locator("main h1 + .badge").get_by_text(verdict, exact=True).wait_for(timeout=90_000)
    desk.look(f"verdict-{verdict}")


ADVISORY = {
    "title": "Orchid Assistant repeated its instructions",
    "summary": "Anyone could make the assistant repeat a password from its instructions. It is fixed.",
    "description": "Asked in other words or spellings, the assistant repeated text of its system prompt.",
    "detection": "Look for replies that repeat the instructions.",
    "advice": "Operators: nothing to do, the hosted assistant was changed. Builders: keep no secret in a prompt."
    " Users: change a password that you were told.",
    "vendor": "Orchid Bank",
    "product": "Orchid Assistant",
    "purl": "pkg:generic/orchid-assistant",
    "model_string": spine.MODEL,
}


def publish(desk: Person) -> str:
    """Draft the advisory, be told what blocks it, end the embargo, publish. Return the public identifier."""
    desk.follow("Go to the advisory")
    desk.look("no-draft")
    desk.press("Draft the advisory")
    desk.look("draft")
    assert "embargo" in desk.page.locator("section[aria-labelledby=blocks]").inner_text()
    desk.fill(**ADVISORY)
    desk.choose(remedy="vendor_fix")
    desk.press("Save the draft")
    desk.follow("SC-", within=".crumbs")
    desk.follow("End it now")
    desk.fill(reason="The fix is deployed and verified.")
    desk.look("end-embargo")
    desk.press("End the embargo")
    desk.look("case-after-embargo")
    desk.follow("Go to the advisory")
    desk.look("ready")
    findings = desk.page.locator("section[aria-labelledby=lint] li")
    warned = {word for text in findings.all_inner_texts() for word in re.findall(r"\b(L\d+)\b", text)}
    desk.fill(what="First version", acknowledged=", ".join(sorted(warned)))
    desk.press("Publish", answered=409)
    desk.look("refused")
    desk.fill(without_answers="The reporter told all that is known.")
    desk.press("Publish")
    desk.look("published")
    return desk.page.url.rstrip("/").rsplit("/", 1)[1]


def read_public(public: Person, public_id: str) -> None:
    """Find the entry in the register and look at the measures."""
    public.open("/register/", "register")
    public.follow(public_id)
    public.look("entry")
    assert "FIXED" in public.text()
    public.open("/measures/", "measures")
