# SPDX-License-Identifier: Apache-2.0
"""The machine's Chromium, persons who use it without scripts, and axe, which looks at what they saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, sync_playwright

ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PROGRAM = which("chromium") or which("chromium-browser") or which("google-chrome")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
STATIC = Path(__file__).parents[2] / "src/safeconduct/server/project/static"
KINDS = {".css": "text/css", ".svg": "image/svg+xml"}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser with a profile of its own and stop it at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(ARGUMENTS), chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(slots=True)
class Album:
    """Pictures and pages of a story in the order in which they were seen."""

    folder: Path
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)

    def keep(self, page: Page, name: str) -> None:
        """Keep the page as it stands: its picture and its markup."""
        title = f"{len(self.pages) + 1:02d}-{name}"
        page.screenshot(path=self.folder / f"{title}.png", full_page=True)
        self.pages[title] = (urlsplit(page.url).path, page.content())


class Person:
    """Somebody with a browser of their own, without scripts."""

    def __init__(self, browser: Browser, base: str, *, name: str, album: Album) -> None:
        self.context = browser.new_context(
            java_script_enabled=False, base_url=base, viewport=WIDE, service_workers="block", accept_downloads=True
        )
        self.context.set_default_timeout(20_000)
        self.context.set_default_navigation_timeout(60_000)
        self.page = self.context.new_page()
        self.name, self.album = name, album

    def open(self, path: str, seen: str = "") -> None:
        """Go to an address, which must answer."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status, self.text())
        if seen:
            self.look(seen)

    def look(self, seen: str) -> None:
        """Keep what is on the screen."""
        self.album.keep(self.page, f"{self.name}-{seen}")

    def fill(self, *, within: str = "main", **said: str) -> None:
        """Type into the fields of these names."""
        for name, value in said.items():
            self.page.locator(f'{within} :is([name="{name}"], [name$="-{name}"]):not([type=hidden])').first.fill(value)

    def choose(self, *, within: str = "main", **said: str) -> None:
        """Pick from lists and radio buttons of these names."""
        for name, value in said.items():
            field = f'{within} :is([name="{name}"], [name$="-{name}"])'
            if self.page.locator(f'{field} > option[value="{value}"]').count():
                self.page.locator(field).first.select_option(value)
            else:
                self.page.locator(f'{field}[value="{value}"]').first.check()

    def unfold(self, summary: str) -> None:
        """Open a folded part."""
        self.page.locator("main summary", has_text=summary).first.click()

    def press(self, label: str, *, within: str = "main", answered: int | tuple[int, ...] = 200) -> int:
        """Press the button of this label, wait for the page that follows, and return its status."""
        button = self.page.locator(within).get_by_role("button", name=label, exact=True).first
        return self._leave(button.click, answered=answered)

    def say(self, message: str) -> None:
        """Press the button that says this message of the protocol; its words may change, its code may not."""
        self._leave(self.page.locator(f'main button[name=message][value="{message}"]').first.click)

    def follow(self, label: str, *, within: str = "body") -> None:
        """Follow the link of this label."""
        self._leave(self.page.locator(within).get_by_role("link", name=label).first.click)

    def _leave(self, act: Callable[[], Any], *, answered: int | tuple[int, ...] = 200) -> int:
        with self.page.expect_navigation(wait_until="load") as found:
            act()
        answer = found.value
        assert answer is not None
        expected = answered if isinstance(answered, tuple) else (answered,)
        assert answer.status in expected, (self.page.url, answer.status, self.text())
        return int(answer.status)

    def save(self, label: str) -> bytes:
        """Press a button or link that downloads a file and return the file."""
        with self.page.expect_download() as found:
            self.page.locator("main").locator("a, button").get_by_text(label).first.click()
        return Path(found.value.path()).read_bytes()

    def get(self, path: str) -> bytes:
        """Return what is at an address, as this person gets it."""
        answer = self.context.request.get(path)
        assert answer.ok, (path, answer.status)
        return answer.body()

    def text(self) -> str:
        """Return what is written on the screen."""
        return self.page.locator("main").inner_text()

    def until(self, badge: str, *, turns: int = 120) -> None:
        """Look again until a badge of these words is there."""
        for _ in range(turns):
            if self.page.locator("main .badge").get_by_text(badge, exact=True).count():
                return
            self.page.wait_for_timeout(500)
            self.page.reload()
        raise AssertionError(f"{badge!r} did not come: {self.text()}")


class Scanner:
    """Shows markup in a browser with scripts and lets axe and a ruler look at it. Nothing is fetched from anywhere."""

    def __init__(self, browser: Browser, *, pictures: Path | None = None) -> None:
        self.context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
        self.axe, self.pictures = Axe(), pictures
        self.markup = ""
        self.context.route("**/*", self._serve)
        self.page = self.context.new_page()

    def faults(self, markup: str, path: str) -> list[str]:
        """Return what axe finds in either color scheme, and whether the page is wider than a telephone."""
        self.markup = markup
        self.page.set_viewport_size(WIDE)
        self.page.emulate_media(color_scheme="light")
        self.page.goto(f"http://service.invalid{path}")
        found = self._axe({})
        self._keep(path, "light")
        self.page.emulate_media(color_scheme="dark")
        found += [f"dark: {fault}" for fault in self._axe({"runOnly": ["color-contrast"]})]
        self.page.set_viewport_size(NARROW)
        self._keep(path, "dark-narrow")
        if overflow := self.page.evaluate(OVERFLOW):
            found.append(f"wider than a telephone: {overflow}")
        return found

    def _keep(self, path: str, manner: str) -> None:
        if self.pictures is not None:
            name = f"{path.strip('/').replace('/', '-') or 'front'}-{manner}.png"
            self.page.screenshot(path=self.pictures / name, full_page=True)

    def _axe(self, options: dict[str, Any]) -> list[str]:
        found = self.axe.run(self.page, options={"resultTypes": ["violations"], **options}).response["violations"]
        return [f"{fault['id']}: {node['html'][:160]}" for fault in found for node in fault["nodes"]]

    def _serve(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        file = STATIC / re.sub(r"^/static/|\.[0-9a-f]{12}(?=\.)", "", path)
        if route.request.is_navigation_request():
            route.fulfill(body=self.markup, content_type="text/html; charset=utf-8")
        elif path.startswith("/static/") and file.is_file():
            route.fulfill(body=file.read_bytes(), content_type=KINDS.get(file.suffix, "application/octet-stream"))
        else:
            route.fulfill(status=404)


OVERFLOW = """() => {
  const limit = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= limit) return "";
  const scrolls = (node) => node && (["auto", "scroll", "hidden"].includes(getComputedStyle(node).overflowX)
    || scrolls(node.parentElement));
  const wide = [...document.querySelectorAll("main *, header *, footer *")]
    .filter((node) => node.getBoundingClientRect().right > limit + 1 && !scrolls(node.parentElement));
  return wide.slice(0, 3).map((node) => node.outerHTML.slice(0, 120)).join(" | ") || "unknown";
}"""
