# SPDX-License-Identifier: Apache-2.0
"""Starts Django for a command: checks the configuration, makes the home folder, loads the models."""

import os
from pathlib import Path

import django

from safeconduct.errors import ConfigurationError
from safeconduct.server.project.config import Config, load_config
from safeconduct.server.project.keys import ensure_secret_key

SETTINGS = "safeconduct.server.project.settings"


def load_django(file: Path | None = None) -> Config:
    """Check the configuration, make the home folder and start Django. Call it once, before any model is imported.

    Raises:
        ConfigurationError: a setting is wrong, or the home folder cannot be made.
    """
    if file is not None:
        os.environ["SAFECONDUCT_CONFIG"] = str(file)
    config = load_config(os.environ)
    try:
        config.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        ensure_secret_key(config.keys)
    except OSError as error:
        raise ConfigurationError("the home folder cannot be written", hint=str(config.home)) from error
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    django.setup()
    return config
