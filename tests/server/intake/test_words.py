# SPDX-License-Identifier: Apache-2.0
"""The words on the reporter's pages can be read at nine years of school (Flesch-Kincaid grade, counted here anew)."""

import re

import pytest
from django.test import Client
from tests.factories import intake
from tests.factories.clock import Clock
from tests.server.factories import viewer
from tests.server.intake.browser import STAGES, Browser, Reader

from safeconduct.domain.parties import Role
from safeconduct.server.intake import services

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
NINE = 9.0
SHORTEST = 5


def syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1
    return max(1, groups - silent)


def grade(text: str) -> float:
    # A label of two words is no sentence and would make every page look easy.
    parts = [re.findall(r"[A-Za-z']+", part) for part in re.split(r"[.!?]\s|\n", text)]
    sentences = [part for part in parts if len(part) >= SHORTEST]
    words = [word.lower() for part in sentences for word in part]
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def words_of(page: str) -> str:
    """Return what a person reads: each block is a line, and words that this house did not choose are left out."""
    main = page.split("<main")[1].split("</main>", maxsplit=1)[0]
    without = re.sub(r"<(code|pre|time|script|textarea)[^>]*>.*?</\1>|<input[^>]*>", " ", main, flags=re.DOTALL)
    without = re.sub(r'<(\w+)[^>]*translate="no"[^>]*>.*?</\1>', " ", without, flags=re.DOTALL)
    lines = re.sub(r"</(p|li|h\d|label|legend|option|summary|dt|dd|td|th|button|div|a)>", "\n", without)
    reader = Reader("")
    reader.feed(lines)
    return reader.text


def test_the_count_agrees_with_known_texts() -> None:
    assert grade("The cat sat on the mat.") < 2
    assert grade("Notwithstanding organizational considerations, implementation necessitates authorization.") > 20


def test_the_report_form_is_plain(client: Client, clock: Clock) -> None:
    browser = Browser(client)
    read = [browser.page]
    for answers in STAGES.values():
        browser.press("next")
        read.append(browser.page)
        browser.press("next", **answers)
        read.append(browser.page)
    browser.press("send")
    read.append(browser.page)
    clock.pass_by(minutes=1)
    browser.press("send")
    read.append(browser.page)
    browser = Browser(client)
    browser.press("next", **(STAGES[1] | {"restricted_material": "csam"}))
    read.append(browser.page)

    grades = [round(grade(words_of(page)), 1) for page in read]

    assert max(grades) <= NINE, grades


def test_the_mailbox_is_plain(client: Client, clock: Clock) -> None:
    own = intake.own_mailbox(clock.now)
    read = [client.get("/mailbox/"), client.post("/mailbox/", {"words": "one two"})]
    client.post("/mailbox/", {"words": own.words})
    services.withdraw(row=intake.own_mailbox(clock.now).row, reason="", now=clock.now)
    services.mark_opened(row=own.row, by=viewer(Role.COORDINATOR), now=clock.now)
    pages = ("room", "answer", "files", "withdraw", "appeal")
    read += [client.get(f"/mailbox/{name}/") for name in pages]

    grades = [round(grade(words_of(answer.content.decode())), 1) for answer in read]

    assert max(grades) <= NINE, grades
