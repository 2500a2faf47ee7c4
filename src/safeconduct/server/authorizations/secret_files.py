# SPDX-License-Identifier: Apache-2.0
"""The secrets of targets: one file each below the keys, named as in the grant, never in the database or its backup."""

from pathlib import Path

from django.conf import settings

from safeconduct.crypto.secret import Secret
from safeconduct.errors import ConfigurationError

FOLDER = "targets"
OTHERS = 0o077


def secret_path(name: str) -> Path:
    """Return where the secret of that name belongs."""
    keys: Path = settings.SAFECONDUCT.keys
    return keys / FOLDER / name


def secrets_named(name: str) -> dict[str, Secret]:
    """Return the secret under its name, or nothing where the grant names none.

    Raises:
        ConfigurationError: the file is missing, or others can read it.
    """
    if not name:
        return {}
    path = secret_path(name)
    try:
        if path.stat().st_mode & OTHERS:
            raise ConfigurationError("the secret of a target can be read by other accounts", hint=f"chmod 600 {path}")
        return {name: Secret(path.read_bytes().strip())}
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"the secret {name} of the target is not there", hint=f"write it into {path} with mode 600"
        ) from error
