# SPDX-License-Identifier: Apache-2.0
"""Django's settings, derived from the checked configuration."""

SECRET_KEY = "replaced"  # noqa: S105
INSTALLED_APPS: list[str] = []
