# SPDX-License-Identifier: Apache-2.0
"""Thirteen model files that run code or could, all harmless, and three that do not, made here byte by byte.

The payloads touch a file or print inside the box at most; nothing is loaded while they are made. The kinds are those
that scanners are known to tell apart, or to miss: plain calls, broken tails, gadgets of the standard library, members
with an innocent name in an archive.
"""

import collections
import io
import pickle  # noqa: TID251  # only written here, and only of our own values
import struct
import zipfile
from pathlib import Path

DEED = "touch /tmp/deed"
WRITE = "open('/tmp/deed', 'w').close()"


def call(module: str, name: str, *arguments: object) -> bytes:
    """Return a pickle that calls the function with the arguments when it is loaded."""
    values = b"".join(value(argument) for argument in arguments)
    return b"\x80\x04" + text(module) + text(name) + b"\x93(" + values + b"tR."


def text(words: str) -> bytes:
    data = words.encode()
    return b"\x8c" + bytes([len(data)]) + data


def value(argument: object) -> bytes:
    if isinstance(argument, str):
        return text(argument)
    if isinstance(argument, int):
        return b"J" + struct.pack("<i", argument)
    return b"]"


def old(module: str, name: str, argument: str) -> bytes:
    """Return the same in the oldest protocol, which is text."""
    return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()


def hidden_under_pops() -> bytes:
    """Return a pickle whose names are exchanged on the stack, so that the last strings written are innocent ones."""
    innocent = text("collections") + b"0" + text("OrderedDict") + b"0"
    return b"\x80\x04" + text("os") + text("system") + innocent + b"\x93(" + text(DEED) + b"tR."


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, data in members.items():
            opened.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return stream.getvalue()


HARMFUL = {
    "system.pkl": call("os", "system", DEED),
    "posix.pkl": call("posix", "system", DEED),
    "popen.pkl": call("subprocess", "check_output", DEED.split(" ", maxsplit=1)[0]),
    "eval.pkl": call("builtins", "eval", WRITE),
    "exec.pkl": call("builtins", "exec", WRITE),
    "old-protocol.pkl": old("os", "system", DEED),
    "broken-tail.pkl": call("os", "system", DEED)[:-1] + b"\xff\xff garbage",
    "runpy.pkl": call("runpy", "run_module", "this"),
    "locate.pkl": call("pydoc", "locate", "antigravity.nothing"),
    "methodcaller.pkl": call("operator", "methodcaller", "system"),
    "timeit.pkl": call("timeit", "timeit", "pass", WRITE),
    "exchanged.pkl": hidden_under_pops(),
    "member.pt": archive(
        model__data_dot_pkl=pickle.dumps({"layer": [1.0]}), model__notes_dot_txt=call("os", "system", DEED)
    ),
}
ACTING = (
    "system.pkl",
    "posix.pkl",
    "eval.pkl",
    "exec.pkl",
    "old-protocol.pkl",
    "broken-tail.pkl",
    "timeit.pkl",
    "exchanged.pkl",
)
"""Those that do something here when `pickle:load` opens them."""
CLEAN = {
    "weights.pkl": pickle.dumps(collections.OrderedDict(layer=[0.25, 0.5], bias=[0.0])),
    "table.pkl": pickle.dumps({"words": ["harbor", "lamp"], "size": 2}, protocol=0),
    "clean.pt": archive(model__data_dot_pkl=pickle.dumps(collections.OrderedDict(layer=[1.0])), model__version=b"3\n"),
}


def place_files(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    folder.chmod(0o755)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder
