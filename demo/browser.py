# SPDX-License-Identifier: Apache-2.0
"""A person at the portal: opens pages, reads them, and sends forms as a browser without scripts does.

What a form sends is what stands in its HTML, hidden fields and the token against forged forms too, with what the person
typed or chose instead. Nothing else of the portal is touched, so whatever the story does, a person can do.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from safeconduct.errors import ConflictError, NotFoundError

TIMEOUT_SECONDS = 120.0
REFUSED = 400
SILENT = frozenset({"style", "script", "title"})
PARAGRAPHS = frozenset(
    {"p", "li", "h1", "h2", "h3", "dt", "dd", "td", "th", "tr", "div", "section", "option", "pre", "br"}
)
CHOSEN = frozenset({"radio", "checkbox"})
UNSENT = frozenset({"submit", "button", "file", "image", "reset"})

Given = Mapping[str, str | Sequence[str]]


@dataclass(slots=True)
class Form:
    """One form of a page: where it sends to, what it holds as (name, value), and what it lets a person choose from."""

    action: str
    held: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    options: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)

    def takes(self, given: Given) -> bool:
        """Tell whether a person could give these values: typed into a field, or chosen from what is offered."""
        return all(self._offers(name, value) for name, values in given.items() for value in _listed(values))

    def filled(self, given: Given) -> dict[str, list[str]]:
        """Return what is sent when a person gives these values."""
        sent: dict[str, list[str]] = {}
        for name, value in self.held:
            if name not in given:
                sent.setdefault(name, []).append(value)
        return sent | {name: _listed(values) for name, values in given.items()}

    def option(self, name: str, words: str) -> str:
        """Return the value of the choice that shows these words.

        Raises:
            NotFoundError: there is no such choice.
        """
        for value, text in self.options.get(name, []):
            if words in text:
                return value
        raise NotFoundError("the form offers no such choice", hint=f"{name}: {words}")

    def _offers(self, name: str, value: str) -> bool:
        if name in self.hidden:
            return self.hidden[name] == value
        if name in self.options:
            return any(offered == value for offered, _ in self.options[name])
        return name in self.names


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as it was received."""

    url: str
    html: str
    forms: tuple[Form, ...]
    links: tuple[str, ...]
    text: str

    def form(self, address: str, given: Given | None = None) -> Form:
        """Return the first form that sends to an address with this part and takes these values.

        Raises:
            NotFoundError: there is none.
        """
        for form in self.forms:
            if address in form.action and form.takes(given or {}):
                return form
        raise NotFoundError("the page has no such form", hint=f"{address} with {list(given or ())} on {self.url}")

    def link(self, pattern: str) -> str:
        """Return the first link whose address matches the expression.

        Raises:
            NotFoundError: there is none.
        """
        for address in self.links:
            if re.search(pattern, address):
                return address
        raise NotFoundError("the page has no such link", hint=f"{pattern} on {self.url}")

    def find(self, pattern: str) -> str:
        """Return the first group of the expression in the page's text, or nothing."""
        found = re.search(pattern, self.text)
        return found.group(1) if found else ""


class Browser:
    """One person's browser, with cookies of its own."""

    def __init__(self, base_url: str) -> None:
        """Open it at a portal."""
        self._client = httpx.Client(base_url=base_url, follow_redirects=True, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close it."""
        self._client.close()

    def open(self, address: str) -> Page:
        """Open a page.

        Raises:
            ConflictError: the portal refuses.
        """
        return _page(self._client.get(address))

    def fetch(self, address: str) -> bytes:
        """Download a file.

        Raises:
            ConflictError: the portal refuses.
        """
        return _accepted(self._client.get(address)).content

    def submit(self, page: Page, address: str, given: Given | None = None) -> Page:
        """Send a form of the page, the one whose address has this part, with what is given.

        Raises:
            NotFoundError: the page has no form that takes this.
            ConflictError: the portal refuses what is sent.
        """
        form = page.form(address, given)
        return _page(self._client.post(form.action, data=form.filled(given or {}), headers={"Referer": page.url}))


def _listed(values: str | Sequence[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= REFUSED:
        page = _read(answer)
        told = " ".join(page.text.split())[:600]
        raise ConflictError(f"the portal answered {answer.status_code} to {answer.request.url.path}", hint=told)
    return answer


def _page(answer: httpx.Response) -> Page:
    page = _read(_accepted(answer))
    # A form with mistakes comes back as a page, and not everywhere with a status that says so.
    mistakes = re.search(r'class="notice notice-error"[^>]*>(.*?)</div>', page.html, re.DOTALL)
    if mistakes and answer.request.method == "POST":
        told = re.sub(r"<[^>]+>", " ", mistakes.group(1))
        raise ConflictError(
            f"the portal does not take the form at {answer.request.url.path}", hint=" ".join(told.split())
        )
    return page


def _read(answer: httpx.Response) -> Page:
    reader = _Reader(str(answer.url))
    reader.feed(answer.text)
    reader.close()
    return Page(
        url=str(answer.url),
        html=answer.text,
        forms=tuple(reader.forms),
        links=tuple(reader.links),
        text=re.sub(r"[ \t]+", " ", re.sub(r"\s*\n\s*", "\n", "".join(reader.said))),
    )


class _Reader(HTMLParser):
    """Collects forms, links and text of a page."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.said: list[str] = []
        self._silent = 0
        self._area = ""
        self._typed: list[str] = []
        self._select = ""
        self._option: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._silent += tag in SILENT
        if tag in PARAGRAPHS:
            self.said.append("\n")
        match tag:
            case "form":
                self.forms.append(Form(action=urljoin(self.url, given.get("action") or self.url)))
            case "a":
                self.links.append(given.get("href", ""))
            case "input" | "textarea" | "select" if self.forms and given.get("name"):
                self._begin_field(tag, given)
            case "button" if self.forms and given.get("name"):
                # A button sends its value only when it is the one that was pressed.
                self.forms[-1].options.setdefault(given["name"], []).append((given.get("value", ""), ""))
            case "option" if self._select:
                self._begin_option(given)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT
        if tag in PARAGRAPHS:
            self.said.append("\n")
        if tag == "textarea" and self._area:
            self.forms[-1].held.append((self._area, "".join(self._typed).removeprefix("\n")))
            self._area = ""
        elif tag == "select":
            self._end_select()

    def handle_data(self, data: str) -> None:
        if self._area:
            self._typed.append(data)
        elif self._select and self.forms[-1].options[self._select]:
            value, text = self.forms[-1].options[self._select][-1]
            self.forms[-1].options[self._select][-1] = (value, text + data)
        elif not self._silent:
            self.said.append(data)

    def _begin_field(self, tag: str, given: Mapping[str, str]) -> None:
        form, name = self.forms[-1], given["name"]
        form.names.add(name)
        kind = given.get("type", "text")
        if tag == "textarea":
            self._area, self._typed = name, []
        elif tag == "select":
            self._select, self._option = name, []
            form.options.setdefault(name, [])
        elif kind in CHOSEN:
            form.options.setdefault(name, []).append((given.get("value", "on"), ""))
            if "checked" in given:
                form.held.append((name, given.get("value", "on")))
        elif kind not in UNSENT:
            form.held.append((name, given.get("value", "")))
            if kind == "hidden":
                form.hidden[name] = given.get("value", "")

    def _begin_option(self, given: Mapping[str, str]) -> None:
        self.forms[-1].options[self._select].append((given.get("value", ""), ""))
        if "selected" in given:
            self._option.append(given.get("value", ""))

    def _end_select(self) -> None:
        if self._select:
            form = self.forms[-1]
            first = [value for value, _ in form.options[self._select][:1]]
            form.held.extend((self._select, value) for value in self._option or first)
            self._select = ""
