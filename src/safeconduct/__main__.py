# SPDX-License-Identifier: Apache-2.0
"""Run the command line with `python -m safeconduct`."""

from safeconduct.cli.main import run

if __name__ == "__main__":
    run()
