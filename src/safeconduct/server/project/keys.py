# SPDX-License-Identifier: Apache-2.0
"""The key that signs sessions and forms: made at first start, kept in a file of mode 0600, never in the database."""

import os
import secrets
from pathlib import Path

from safeconduct.errors import ConfigurationError

FILE_NAME = "django.key"
OTHERS = 0o077


def ensure_secret_key(folder: Path) -> bool:
    """Make the folder (0700) and the key (0600) if they are missing; tell whether a key was made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE_NAME
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_urlsafe(64))
        stream.flush()
        os.fsync(stream.fileno())
    return True


def secret_key(folder: Path) -> str:
    """Return the key, or an empty text (with which Django refuses to serve) while none was made.

    Raises:
        ConfigurationError: other accounts of the machine can read the key.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return ""
    if path.stat().st_mode & OTHERS:
        raise ConfigurationError("the key file can be read by other accounts", hint=f"chmod 600 {path}")
    return path.read_text(encoding="ascii").strip()
