# SPDX-License-Identifier: Apache-2.0
"""The whole public side as files: pages, documents, feed, log and style, for any web server, CDN or onion.

Pages are rendered by the service itself, as anyone without an account sees them, so what is written is what is served.
Links between written files are relative, so the tree may lie anywhere and can be read from a disk; every other link and
every form leads to the running service. A run writes beside the last tree and exchanges the two at the end: a reader
sees the old one or the new one, never a mix.
"""

import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from math import ceil
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.templatetags.static import static
from django.test import Client
from django.urls import reverse

from safeconduct.errors import ConflictError, UnavailableError
from safeconduct.server.advisories import queries as advisories
from safeconduct.server.advisories.queries import DOCUMENTS
from safeconduct.server.audit.ledger import FOLDER as LOG_FOLDER
from safeconduct.server.project.exchange import put_in_place
from safeconduct.server.project.relinking import relinked
from safeconduct.server.registry import queries as registry
from safeconduct.server.registry.queries import PER_PAGE
from safeconduct.server.rulebook import queries as rulebook
from safeconduct.server.rulebook.models import PolicyKind

MARKER = ".safeconduct-site"
STYLE = ("safeconduct.css", "mark.svg")
OK = 200
TRIES = 5
READABLE_FOLDER, READABLE_FILE = 0o755, 0o644
FILES = ("metrics:chart", "metrics:numbers", "advisories:feed", "rulebook:security_txt")
PAGES = ("metrics:index", "rulebook:policy")


def write_site(folder: Path) -> int:
    """Write the public side into the folder and return how many files it has.

    Raises:
        ConflictError: the folder holds something that an earlier run did not write.
        UnavailableError: a page could not be rendered, or the disk is full.
    """
    target = folder.resolve()
    try:
        if target.exists() and any(target.iterdir()) and not (target / MARKER).exists():
            raise ConflictError("this folder holds something else", hint="name an empty or a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.new-"))
        try:
            count = sum(1 for _ in _write_all(fresh))
            _write(fresh / MARKER, b"written by safeconduct publish\n")
            _make_readable(fresh)
            put_in_place(fresh, target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise UnavailableError("the site could not be written", hint=error.strerror or "") from error
    return count


def _write_all(folder: Path) -> Iterator[Path]:
    copied = _copy_log(settings.SAFECONDUCT.home / LOG_FOLDER, folder / LOG_FOLDER)
    yield from copied
    rendered = dict(_addresses())
    log = {path.relative_to(folder / LOG_FOLDER).as_posix() for path in copied}
    names = rendered | {reverse("log", args=[name]): f"{LOG_FOLDER}/{name}" for name in log}
    client = Client(headers={"host": urlsplit(settings.SAFECONDUCT.base_url).netloc}, raise_request_exception=False)
    for address, name in rendered.items():
        content = _rendered(client, address)
        yield _write(folder / name, _moved(content, address, names) if name.endswith(".html") else content)


def _copy_log(log: Path, folder: Path) -> list[Path]:
    """Copy the log while it grows: the checkpoint first, so that the tiles are never older than it."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            return [_write(folder / path.relative_to(log), path.read_bytes()) for path in _log_files(log)]
        except FileNotFoundError:
            # A partial tile was replaced by the full one after it was listed.
            continue
    raise UnavailableError("the log grows too fast to be copied", hint="try again")


def _log_files(log: Path) -> Iterator[Path]:
    checkpoint = log / "checkpoint"
    if checkpoint.exists():
        yield checkpoint
    for path in sorted(log.rglob("*")):
        if path != checkpoint and path.is_file() and not path.name.startswith("."):
            yield path


def _rendered(client: Client, address: str) -> bytes:
    response = client.get(address, secure=settings.SAFECONDUCT.is_https)
    if response.status_code != OK:
        raise UnavailableError(f"the page {address} answered {response.status_code}", hint="see the log")
    return b"".join(response) if response.streaming else response.content


def _moved(content: bytes, address: str, names: Mapping[str, str]) -> bytes:
    return relinked(content.decode(), address=address, names=names, base=settings.SAFECONDUCT.base_url).encode()


def _addresses() -> Iterator[tuple[str, str]]:
    """Yield what is rendered, each address with the name of its file."""
    yield reverse("home"), "index.html"
    for address in (*map(static, STYLE), *map(reverse, FILES)):
        yield address, address.lstrip("/")
    for address in (*map(reverse, PAGES), *_versions()):
        yield address, f"{address.strip('/')}/index.html"
    yield from _register()
    for advisory in advisories.published():
        record = registry.record_of(advisory.entry)
        versions = range(1, advisory.version + 1)
        yield from _documents(record.id, versions=versions, is_tested=record.verification is not None)


def _register() -> Iterator[tuple[str, str]]:
    index = reverse("registry:index")
    folder = index.strip("/")
    yield index, f"{folder}/index.html"
    entries = registry.public_entries()
    for number in range(1, ceil(entries.count() / PER_PAGE) + 1):
        yield f"{index}?page={number}", f"{folder}/page-{number}.html"
    for entry in entries:
        address = reverse("registry:entry", args=[entry.public_id])
        yield address, f"{address.strip('/')}/index.html"


def _versions() -> Iterator[str]:
    for kind in PolicyKind:
        for version in rulebook.versions(kind):
            yield reverse("rulebook:version", args=[kind, version.version])


def _documents(public_id: str, *, versions: Iterable[int], is_tested: bool) -> Iterator[tuple[str, str]]:
    names = [reverse("advisories:document", args=[public_id, kind]) for kind in DOCUMENTS]
    names += [reverse("advisories:version", args=[public_id, *one]) for one in product(versions, DOCUMENTS)]
    if is_tested:
        names += [reverse(f"advisories:{name}", args=[public_id]) for name in ("certificate", "trials")]
    for address in names:
        yield address, posixpath.normpath(address.lstrip("/"))


def _make_readable(folder: Path) -> None:
    """Let a web server of another account read the tree, whatever this process forbids to new files."""
    for place, _, files in os.walk(folder):
        Path(place).chmod(READABLE_FOLDER)
        for name in files:
            (Path(place) / name).chmod(READABLE_FILE)


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
