# SPDX-License-Identifier: Apache-2.0
"""Approved code of a bundle at work inside the box: one line of JSON in, one line of JSON out.

The text of this file is sent into the box; it uses the standard library alone. The first line holds the `code` and the
`function` to call, each further line a `number` and the `arguments`. Every call is made in a child of its own, so that
no call can leave anything for the next one: a function that keeps a count would make draws that nobody can repeat. The
answer holds the number and the `value`, or the kind of what was raised as `failed`. What the code prints goes nowhere.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import IO, Any

Say = Callable[[dict[str, Any]], None]


def load(plan: dict[str, Any]) -> Callable[..., Any]:
    """Return the function of the code."""
    space: dict[str, Any] = {"__name__": "bundle"}
    exec(compile(plan["code"], "<bundle>", "exec"), space)  # noqa: S102  # this is what the box is for
    found: Callable[..., Any] = space[plan["function"]]
    return found


def answer(  # pragma: no cover  # forks, and its text runs in the box alone
    function: Callable[..., Any], asked: dict[str, Any], say: Say
) -> None:
    """Make one call in a child and tell what it says; one that says nothing has ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        # It stays open while an exception unwinds, because the hook tells of it afterwards.
        result = os.fdopen(writer, "w", encoding="ascii")
        sys.excepthook = lambda kind, _error, _trace: _tell(result, {"failed": kind.__name__})
        _tell(result, {"value": function(*asked["arguments"])})
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as results:
        told = results.read()
    os.waitpid(child, 0)
    say({"number": asked["number"], **(json.loads(told) if told else {"failed": "Ended"})})


def _tell(result: IO[str], line: dict[str, Any]) -> None:  # pragma: no cover  # its text runs in the box alone
    """Write the result of a child, all at once."""
    result.write(json.dumps(line))
    result.flush()


def main() -> None:  # pragma: no cover  # its text runs in the box alone
    """Load, then answer line by line until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, 1)
    os.dup2(void, 2)

    def say(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    sys.excepthook = lambda kind, _error, _trace: say({"failed": kind.__name__})
    lines = iter(sys.stdin.buffer.readline, b"")
    function = load(json.loads(next(lines)))
    say({"ready": True})
    for line in lines:
        answer(function, json.loads(line), say)


if __name__ == "__main__":  # pragma: no cover  # true in the box alone
    main()
