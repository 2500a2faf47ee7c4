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
from typing import Any

Say = Callable[[dict[str, Any]], None]


def load(plan: dict[str, Any]) -> Callable[..., Any]:
    """Return the function of the code."""
    space: dict[str, Any] = {"__name__": "bundle"}
    exec(compile(plan["code"], "<bundle>", "exec"), space)  # noqa: S102  # this is what the box is for
    found: Callable[..., Any] = space[plan["function"]]
    return found


def answer(function: Callable[..., Any], asked: dict[str, Any], say: Say) -> None:
    """Make one call in a child and let it answer."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if status:
            say({"number": asked["number"], "failed": "Ended"})
        return
    try:
        line = {"number": asked["number"], "value": function(*asked["arguments"])}
        json.dumps(line)
    except BaseException as error:  # noqa: BLE001  # whatever it raises is told by its kind
        line = {"number": asked["number"], "failed": type(error).__name__}
    say(line)
    os._exit(0)


def main() -> None:
    """Load, then answer line by line until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, 1)
    os.dup2(void, 2)

    def say(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    lines = iter(sys.stdin.buffer.readline, b"")
    try:
        function = load(json.loads(next(lines)))
    except BaseException as error:  # noqa: BLE001  # whatever it raises is told by its kind
        say({"failed": type(error).__name__})
        return
    say({"ready": True})
    for line in lines:
        answer(function, json.loads(line), say)


if __name__ == "__main__":
    main()
