# SPDX-License-Identifier: Apache-2.0
"""The settings of the tests."""

from safeconduct.server.project.settings import *  # noqa: F403
