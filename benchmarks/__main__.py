# SPDX-License-Identifier: Apache-2.0
"""Run every benchmark, one after the other, each in a process of its own; `make bench` calls this.

Figures are ratios within one run wherever a machine's speed or load would matter.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FIRST = ("stats", "budget")


def names() -> list[str]:
    """Return the benchmarks: the exact ones first, then the measured ones."""
    found = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    return [*FIRST, *(name for name in found if name not in FIRST)]


def main() -> int:
    """Run them all and return the first exit code that is not zero."""
    wanted = sys.argv[1:] or names()
    code = 0
    for name in wanted:
        print(f"\n== {name} ".ljust(80, "="), flush=True)
        # One that misses its goal does not keep the others from being measured.
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        code = code or done.returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
