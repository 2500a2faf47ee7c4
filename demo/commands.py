# SPDX-License-Identifier: Apache-2.0
"""The product's own commands, run as a person would run them: as a process, answering with JSON and an exit code."""

import json
import os
import subprocess
import sys
from typing import Any

from demo.processes import OWN_VARIABLES
from safeconduct.errors import VerificationError

SECONDS = 300.0


def run(*arguments: str, expected: int = 0, typed: str = "") -> dict[str, Any]:
    """Run `safeconduct … --json` and return its answer; `typed` is what a person types.

    Raises:
        VerificationError: the command ends with another code than expected.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
    done = subprocess.run(
        [sys.executable, "-m", "safeconduct", *arguments, "--json"],
        env=environ,
        input=typed,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != expected:
        told = (done.stdout + done.stderr).strip()[-600:]
        raise VerificationError(f"safeconduct {' '.join(arguments[:2])} ended with {done.returncode}", hint=told)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def validate_csaf(path: str) -> str:
    """Validate a CSAF document with the `csaf` package, which nobody here wrote; return its last line.

    Raises:
        VerificationError: it finds an error.
    """
    done = subprocess.run(
        [sys.executable, "-m", "csaf", "validate", "--spec-version", "v20", "--no-network", path],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    told = (done.stdout + done.stderr).strip()
    if done.returncode != 0:
        raise VerificationError("the csaf package finds the document not valid", hint=told[-600:])
    return told.splitlines()[-1] if told else "valid"
