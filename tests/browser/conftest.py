# SPDX-License-Identifier: Apache-2.0
"""A browser, a running service with a database of its own, and an album of what was seen."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser
from tests.browser.chromium import PROGRAM, Album, chromium
from tests.postgres import new_database
from tests.server.project.test_serve import Server, free_port


@pytest.fixture
def chromium_here() -> Iterator[Browser]:
    """Return the machine's Chromium, or skip."""
    if PROGRAM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with chromium() as browser:
        yield browser


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service: its address, its home folder, and the link of its first administrator."""

    base: str
    home: Path
    first_link: str


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Start the real service on an empty home, on the database of this round."""
    configured = settings.SAFECONDUCT
    database = "sqlite" if configured.on_sqlite else new_database(configured.database)
    server = Server(tmp_path / "home", free_port(), log=tmp_path / "log", database=database)
    try:
        told = server.told()
        server.get("/readyz")
        yield Service(base=server.base, home=tmp_path / "home", first_link=told["administrator_link"])
    finally:
        if server.process.poll() is None:
            server.kill()
        if server.process.stdout is not None:
            server.process.stdout.close()


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """Return an empty album; the folder named by SAFECONDUCT_SCREENS keeps it."""
    folder = Path(os.environ.get("SAFECONDUCT_TEST_SCREENS") or tmp_path / "screens")
    folder.mkdir(parents=True, exist_ok=True)
    return Album(folder)
