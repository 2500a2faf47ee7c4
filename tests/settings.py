# SPDX-License-Identifier: Apache-2.0
"""The settings of the tests: a home folder of their own, fast password hashing, SQLite or a PostgreSQL of their own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.postgres import start_postgres

HOME = Path(tempfile.mkdtemp(prefix="safeconduct-tests-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
if os.environ.get("SAFECONDUCT_SOAK"):
    os.environ["SAFECONDUCT_TEST_SOAK"] = "1"
for name in [
    name for name in os.environ if name.startswith("SAFECONDUCT_") and not name.startswith("SAFECONDUCT_TEST_")
]:
    del os.environ[name]
os.environ["SAFECONDUCT_HOME"] = str(HOME)
os.environ["SAFECONDUCT_LOG_LEVEL"] = "error"
if os.environ.get("SAFECONDUCT_TEST_DATABASE", "sqlite") == "postgres":
    os.environ["SAFECONDUCT_DATABASE"] = start_postgres()

from safeconduct.server.project.keys import ensure_secret_key  # noqa: E402  # the environment is set first

ensure_secret_key(HOME / "keys")

from safeconduct.server.project.settings import *  # noqa: E402, F403  # same
from safeconduct.server.project.settings import ALLOWED_HOSTS, DATABASES, SAFECONDUCT  # noqa: E402  # same

ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if SAFECONDUCT.on_sqlite:
    DATABASES["default"]["TEST"] = {"NAME": str(HOME / "test.sqlite3")}
