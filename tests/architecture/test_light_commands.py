# SPDX-License-Identifier: Apache-2.0
"""Commands that need no server start without it."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from safeconduct.cli.main import run
try:
    run()
except SystemExit as stop:
    assert not stop.code, stop.code
loaded = sorted(name for name in sys.modules if name.split(".")[0] in {"django", "ninja", "allauth"})
assert not loaded, loaded[:5]
"""


@pytest.mark.parametrize("command", ["verify", "ledger", "convert", "severity", "states"])
def test_a_core_command_loads_no_django(command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, command, "--help"], capture_output=True, text=True, check=False, timeout=120
    )

    assert result.returncode == 0, result.stderr
