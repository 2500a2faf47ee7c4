# SPDX-License-Identifier: Apache-2.0
"""A local classifier at work inside the box: one line of JSON in, one line of JSON out.

The text of this file is sent into the box; it uses the standard library alone. The first line says what to load
(`entry`, `adapter`, `packages`), each further line holds a `text`. The answer is `ready`, or the `value` (a number or a
label). Whatever the classifier raises ends the worker with the kind of the error as `failed`; the message stays inside.
The classifier cannot write to the answers by accident: its standard output and error are the void.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

Predict = Callable[[str], Any]


def load(plan: dict[str, Any]) -> Predict:
    """Return the function that judges one text."""
    sys.path[:0] = [f"/packages/{number}" for number in range(plan["packages"])]
    module, _, name = plan["entry"].partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if plan["adapter"] == "python-callable":
        return lambda text: found([text])[0]
    if hasattr(found, "predict_proba"):
        return lambda text: found.predict_proba([text])[0][1]
    return lambda text: found.predict([text])[0]


def main() -> None:
    """Load, then answer line by line until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, 1)
    os.dup2(void, 2)

    def say(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    sys.excepthook = lambda kind, _error, _trace: say({"failed": kind.__name__})
    predict = load(json.loads(sys.stdin.readline()))
    say({"ready": True})
    for line in sys.stdin:
        value = predict(json.loads(line)["text"])
        say({"value": value if isinstance(value, str) else float(value)})


if __name__ == "__main__":
    main()
