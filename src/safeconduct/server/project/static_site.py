# SPDX-License-Identifier: Apache-2.0
"""The whole public side as files: pages, documents, feed, log and style, for any web server, CDN or onion.

Pages are rendered by the service itself, as anyone without an account sees them, so what is written is what is served.
A run writes beside the last one and exchanges them at the end: a reader sees the old tree or the new one, never a mix.
"""

import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.server.advisories import queries as advisories
from safeconduct.server.advisories.queries import DOCUMENTS
from safeconduct.server.audit.ledger import FOLDER as LOG_FOLDER
from safeconduct.server.registry import queries as registry

MARKER = ".safeconduct-site"
STATIC = ("safeconduct.css", "mark.svg")
OK = 200
# Doors that need the running service stay links to it.
DYNAMIC = re.compile(r'(href|action)="(/(?:report|mailbox|account|join|api|desk|queue|targets|people|outbox)[^"]*)"')
INDEX_PAGES = ("registry:index", "metrics:index", "rulebook:policy")


def write_site(folder: Path) -> int:
    """Write the public side into the folder and return how many files it has.

    Raises:
        ConflictError: the folder holds something that an earlier run did not write.
        UnavailableError: a page could not be rendered, or the disk is full.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise ConflictError("this folder holds something else", hint="name an empty or a new folder")
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    try:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir(parents=True)
        count = sum(1 for _ in _write_all(fresh))
        (fresh / MARKER).write_text("written by safeconduct publish\n", encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise UnavailableError("the site could not be written", hint=str(error.strerror)) from error
    return count


def _write_all(folder: Path) -> Iterator[Path]:
    client = Client(headers={"host": settings.SAFECONDUCT.host})
    for address, name in _addresses():
        response = client.get(address, secure=settings.SAFECONDUCT.is_https)
        if response.status_code != OK:
            raise UnavailableError(f"the page {address} answered {response.status_code}", hint="see the log")
        content = b"".join(response) if response.streaming else response.content
        if name.endswith(".html"):
            content = _with_live_doors(content.decode()).encode()
        yield _write(folder / name, content)
    for name in STATIC:
        source = finders.find(name)
        if source:
            yield _write(folder / "static" / name, Path(source).read_bytes())
    log = settings.SAFECONDUCT.home / LOG_FOLDER
    for path in sorted(log.rglob("*")):
        if path.is_file():
            yield _write(folder / "log" / path.relative_to(log), path.read_bytes())


def _addresses() -> Iterator[tuple[str, str]]:
    yield reverse("home"), "index.html"
    for name in INDEX_PAGES:
        address = reverse(name)
        yield address, f"{address.strip('/')}/index.html"
    yield reverse("metrics:chart"), reverse("metrics:chart").lstrip("/")
    yield reverse("metrics:numbers"), reverse("metrics:numbers").lstrip("/")
    yield reverse("advisories:feed"), reverse("advisories:feed").lstrip("/")
    yield "/.well-known/security.txt", ".well-known/security.txt"
    for entry in registry.public_entries():
        address = reverse("registry:entry", args=[entry.public_id])
        yield address, f"{address.strip('/')}/index.html"
    for advisory in advisories.published():
        yield from _documents(advisory.entry.public_id, is_tested=bool(registry.record_of(advisory.entry).verification))


def _documents(public_id: str, *, is_tested: bool) -> Iterator[tuple[str, str]]:
    for kind in DOCUMENTS:
        address = reverse("advisories:document", args=[public_id, kind])
        yield address, address.lstrip("/")
    for name in ("certificate", "trials") if is_tested else ():
        address = reverse(f"advisories:{name}", args=[public_id])
        yield address, address.lstrip("/")


def _with_live_doors(page: str) -> str:
    base = settings.SAFECONDUCT.base_url.rstrip("/")
    return DYNAMIC.sub(lambda match: f'{match[1]}="{base}{unescape(match[2])}"', page)


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)
    return path
