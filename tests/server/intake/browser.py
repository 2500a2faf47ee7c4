# SPDX-License-Identifier: Apache-2.0
"""A browser without scripts: it sends what the form of a page holds, with what a person types or chooses."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client

STAGES: dict[int, dict[str, str]] = {
    1: {
        "name": "The bot tells its password",
        "description": "Ask for it backwards.\r\nIt answers.",
        "real_world_harm": "no",
        "malicious_use_possible": "yes",
        "restricted_material": "none",
        "actual_behavior": "It said <b>xyzzy</b> & more.",
    },
    2: {
        "vendor": "Orchid Bank",
        "product": "Orchid Assistant",
        "hosted": "on",
        "steps": "1. Ask.\r\n2. Ask again.",
        "seen_on": "2026-11-20",
        "tries": "40",
        "hits": "31",
        "stochastic": "yes",
    },
    3: {"public_status": "private", "intent": "coordinated"},
}


class Reader(HTMLParser):
    """Collects the fields of the form that sends to the given address, as a browser would send them."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.fields, self.inside = action, {}, False
        self.text, self._area, self._hidden = "", "", 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        match tag:
            case "form":
                self.inside = given.get("action") == self.action
            case "input" if self.inside and name:
                if given.get("type") not in {"radio", "checkbox", "file"} or "checked" in given:
                    self.fields[name] = given.get("value") or ""
            case "textarea" if self.inside:
                self._area = name
                self.fields[name] = ""
            case "select" if self.inside:
                self._select = name
            case "option" if self.inside and "selected" in given:
                self.fields[self._select] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._area:
            self.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # A browser drops the line end that follows the opening tag.
            self.fields[self._area] = self.fields[self._area].removeprefix("\r\n").removeprefix("\n")
            self._area = ""
        if tag == "form":
            self.inside = False


class Browser:
    """Goes from page to page."""

    def __init__(self, client: Client, address: str = "/report/") -> None:
        self.client, self.address = client, address
        self.answer = client.get(address)

    @property
    def page(self) -> str:
        return self.answer.content.decode()

    @property
    def text(self) -> str:
        reader = Reader("")
        reader.feed(self.page)
        return " ".join(reader.text.split())

    @property
    def fields(self) -> dict[str, str]:
        reader = Reader(self.address)
        reader.feed(self.page)
        # A browser sends every line end as two characters.
        return {name: "\r\n".join(value.splitlines()) for name, value in reader.fields.items()}

    @property
    def stage(self) -> int:
        return int(self.fields["stage"])

    def press(self, go: str, **typed: Any) -> Any:
        given = {name: value for name, value in (self.fields | typed).items() if value is not None}
        self.answer = self.client.post(self.address, given | {"go": go})
        return self.answer

    def to_the_end(self, **changes: Any) -> "Browser":
        """Answer every question and stop before the report is sent."""
        for number, answers in STAGES.items():
            own = {name: value for name, value in changes.items() if name in answers or name in EXTRA.get(number, ())}
            self.press("next", **(answers | own))
        return self


EXTRA = {
    1: ("flaw_class", "harm"),
    2: ("first_seen_on", "purl", "mitigation", "seen_time", "judge"),
    3: ("publish_on", "reporter_name", "contact", "credit_name", "credit_release", "public_references", "told_whom"),
}
