# SPDX-License-Identifier: Apache-2.0
"""The chapters of the story: what each person does on the pages, as far as a browser without scripts carries them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.browser.chromium import Person
from tests.factories import spine
from tests.verification.endpoint import Endpoint

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
    reporter.press("Next", is_refused=True)
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
    reporter.page.locator("main input[type=file]").first.set_input_files(bundle)
    reporter.look("report-4")
    reporter.press("Send the report")
    reporter.look("eight-words")
    return reporter.page.locator("main .secret").inner_text().split()
