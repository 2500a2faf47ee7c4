# SPDX-License-Identifier: Apache-2.0
"""The secrets of targets: one file each below the keys, named as in the grant, never in the database or its backup."""

import re
from pathlib import Path

from django.conf import settings

from safeconduct.crypto.secret import Secret
from safeconduct.errors import ConfigurationError, UnknownValueError

FOLDER = "targets"
OTHERS = 0o077
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
MOST_BYTES = 16_384
HOW = f"write the secret itself into the file keys/{FOLDER}/NAME of the home folder, with mode 600, and give NAME here"


def secret_path(name: str) -> Path:
    """Return where the secret of that name belongs."""
    keys: Path = settings.SAFECONDUCT.keys
    return keys / FOLDER / name


def is_secret_there(name: str) -> bool:
    """Tell whether the secret can be read; what it is, nobody is told."""
    try:
        return bool(secrets_named(name))
    except ConfigurationError:
        return False


def require_secret(name: str) -> None:
    """Refuse a name under which no secret can be read. The name is not repeated: it may be a secret, pasted by mistake.

    Raises:
        UnknownValueError: there is none.
    """
    if name and not is_secret_there(name):
        raise UnknownValueError("no secret is stored under this name", hint=HOW)


def secrets_named(name: str) -> dict[str, Secret]:
    """Return the secret under its name, or nothing where the grant names none.

    Raises:
        ConfigurationError: the name is none, or the file is missing, empty, no file, or open to others.
    """
    if not name:
        return {}
    if not NAME.fullmatch(name):
        raise ConfigurationError("the secret of the target has no usable name", hint="letters, digits, - and _")
    path = secret_path(name)
    try:
        if path.stat().st_mode & OTHERS:
            raise ConfigurationError("the secret of a target can be read by other accounts", hint=f"chmod 600 {path}")
        with path.open("rb") as file:
            value = file.read(MOST_BYTES).strip()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"the secret {name} of the target is not there", hint=f"write it into {path} with mode 600"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"the secret {name} of the target cannot be read", hint=f"{path} is to be a file of this account"
        ) from error
    if not value:
        raise ConfigurationError(f"the secret {name} of the target is empty", hint=f"write it into {path}")
    return {name: Secret(value)}
