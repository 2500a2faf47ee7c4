# SPDX-License-Identifier: Apache-2.0
"""Foreign code at work inside the box: one line of JSON in, lines of JSON out.

The text of this file is sent into the box; it uses the standard library alone. The first line says what to load
(`entry`, `adapter`, `packages`, `form`, `watch`), each further line holds a `text`. The answer is `ready`, or the
`value` (a number or a label), with `scores` by class where the model has them, or `rows` of these for several inputs at
once. Whatever the code raises ends the worker with the kind of the error as `failed`; the message stays inside. The
code cannot write to the answers by accident: its standard output and error are the void.

An entry is `module:name`, or `file:name` for a model file that is loaded here and nowhere else. With the adapter
`model-file` there is one question only: load the named file with the entry, and say what happened.

With `watch` an audit hook (PEP 578) sees what the code attempts: writing files, reaching for a network, starting
processes, running text as code. The hook is told before the act and writes a line at once, so that code which ends the
process cannot take it back. Code that knows of the hook can act without it, from C: what was seen is evidence, what was
not seen is none by itself. What imports do (they run module code, and some make classes from text) is not counted.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

Predict = Callable[[Any], dict[str, Any]]
MOST_EVENTS = 100
BINARY = 2
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PROCESSES = (
    *("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn", "os.kill"),
)
NETWORKS = (
    *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostby"),
    *("urllib.Request", "http.client.connect", "ftplib.connect", "imaplib.open", "poplib.connect", "smtplib.connect"),
)
FILES = (
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "shutil."),
)
HARMLESS = ("/dev/null",)


def kind_of(event: str, arguments: tuple[Any, ...]) -> str:
    """Return the kind of an audited event, or nothing where it is no act that counts."""
    if event == "open":
        writes = isinstance(arguments[2], int) and bool(arguments[2] & WRITING)
        return "file" if writes and arguments[0] not in HARMLESS else ""
    for kind, names in (("process", PROCESSES), ("network", NETWORKS), ("file", FILES)):
        if event.startswith(names):
            return kind
    if event == "compile":
        return "code" if str(arguments[1]).startswith("<") else ""
    if event == "exec":
        return "code" if str(getattr(arguments[0], "co_filename", "")).startswith("<") else ""
    return ""


def is_importing(depth: int = 60) -> bool:
    """Say whether an import is going on: what modules do when they are loaded is not the act of the one who asks."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  # there is no other way to see who calls
    while frame is not None and depth:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame, depth = frame.f_back, depth - 1
    return False


def watch(tell: Callable[[dict[str, Any]], None]) -> None:  # pragma: no cover  # its text runs in the box alone
    """Tell of every act that counts, before it happens, up to a number."""
    told = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal told
        kind = kind_of(event, arguments)
        if not kind or told >= MOST_EVENTS or (kind == "code" and is_importing()):
            return
        told += 1
        tell({"event": kind, "name": " ".join((event, *filter(None, map(shown, arguments))))[:200]})

    sys.addaudithook(hook)


def shown(value: Any) -> str:
    """Return a plain value in signs that may be shown; nothing of what could run code while it is shown."""
    if type(value) in {tuple, list}:
        return " ".join(filter(None, map(shown, value[:4])))
    return ascii(value)[:200].strip("b'\"") if type(value) in {str, bytes, int} else ""


def found(entry: str) -> Any:
    """Return what the entry names: an attribute of a module, or the object in a model file."""
    module, _, name = entry.partition(":")
    if module == "file":
        return loaded(place_of(name))
    thing: Any = importlib.import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing


def place_of(name: str) -> str:
    """Return where in the shown folders the file is."""
    for folder in sys.path:
        path = os.path.join(folder, name)  # noqa: PTH118  # little is imported here
        if folder.startswith("/packages/") and os.path.isfile(path):  # noqa: PTH113  # the same
            return path
    raise FileNotFoundError(name)


def loaded(path: str) -> Any:
    """Return the object in a model file, by joblib where it is there."""
    try:
        return importlib.import_module("joblib").load(path)
    except ModuleNotFoundError:
        with open(path, "rb") as file:  # noqa: PTH123  # the same
            return importlib.import_module("pickle").load(file)


def predictor(plan: dict[str, Any]) -> Predict:
    """Return the function that answers one question."""
    model = found(plan["entry"])
    ask = (lambda inputs: [plain(one) for one in model(inputs)]) if plan["adapter"] != "sklearn" else rows_of(model)
    if plan.get("form") != "json":
        return lambda text: ask([text])[0]

    def answer(text: str) -> dict[str, Any]:
        inputs = json.loads(text)
        if isinstance(inputs, list) and inputs and isinstance(inputs[0], list | str | dict):
            return {"rows": ask(inputs)}
        return dict(ask([inputs])[0])

    return answer


def rows_of(model: Any) -> Callable[[list[Any]], list[dict[str, Any]]]:
    """Return how a scikit-learn estimator is asked: its probabilities by class, or else what it predicts."""
    if not hasattr(model, "predict_proba"):
        return lambda inputs: [plain(one) for one in model.predict(inputs)]

    def ask(inputs: list[Any]) -> list[dict[str, Any]]:
        return [of_scores(list(model.classes_), [float(one) for one in row]) for row in model.predict_proba(inputs)]

    return ask


def of_scores(classes: list[Any], scores: list[float]) -> dict[str, Any]:
    """Return the answer for the probabilities of the classes: of two, the second one's; of more, the likeliest."""
    names = [str(plain(one)["value"]) for one in classes]
    by_name = dict(zip(names, scores, strict=True))
    best = max(range(len(scores)), key=scores.__getitem__)
    value = scores[1] if len(scores) == BINARY else names[best]
    return {"value": value, "scores": by_name, "best": names[best], "confidence": scores[best]}


def plain(value: Any) -> dict[str, Any]:
    """Return one prediction as JSON has it: a text, a whole number as it is, another number, or an object."""
    value = getattr(value, "item", lambda: value)()
    if isinstance(value, dict):
        return dict(value)
    return {"value": value if isinstance(value, str | int) and not isinstance(value, bool) else float(value)}


def detonate(plan: dict[str, Any]) -> dict[str, Any]:
    """Load the named file with the entry and say what came of it."""
    path = place_of(plan["file"])
    if plan["entry"] in {"pickle:load", "marshal:load"}:
        with open(path, "rb") as file:  # noqa: PTH123  # little is imported here
            thing = found(plan["entry"])(file)
    else:
        thing = found(plan["entry"])(path)
    return {"loaded": type(thing).__name__}


def lines() -> Iterator[dict[str, Any]]:
    """Return the questions until the input ends."""
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:  # pragma: no cover  # its text runs in the box alone
    """Load, then answer line by line until the input ends."""
    answers = os.dup(1)
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, 1)
    os.dup2(void, 2)

    def say(line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(answers, data) :]

    sys.excepthook = lambda kind, _error, _trace: say({"failed": kind.__name__})
    questions = lines()
    plan = next(questions)
    sys.path[:0] = [f"/packages/{number}" for number in range(plan["packages"])]
    if plan["adapter"] == "model-file":
        watch(say)
        say(detonate(plan))
        return
    predict = predictor(plan)
    say({"ready": True})
    if plan.get("watch"):
        watch(say)
    for question in questions:
        say(predict(question["text"]))


if __name__ == "__main__":  # pragma: no cover  # true in the box alone
    main()
