# SPDX-License-Identifier: Apache-2.0
"""Our own scanner of model files: reads the instructions of pickles without running them, against what is harmless.

The text of this file is sent into the box; it uses the standard library alone. Where others list what is dangerous,
this lists what is allowed (the constructors that scikit-learn, NumPy, PyTorch and collections need to rebuild plain
data), and everything else is suspicious: a gadget nobody has heard of is found as well. What is on the list of known
ways to run code is dangerous. A file that cannot be read to its end is an error, with what was found before the break.

Looked at: pickles (several in one file), and every member of ZIP archives (PyTorch, Keras, NumPy archives) whatever
its name says, because a loader may be told to load any; NumPy arrays of objects. Files of plain tensors (safetensors,
GGUF, ONNX) and text hold no instructions. Everything else is an error and never clean. Limits: 256 MB, 10,000 members.
"""

import io
import json
import os
import pickletools
import re
import sys
import zipfile
from typing import Any

CLEAN, ERROR, SUSPICIOUS, DANGEROUS = "clean", "error", "suspicious", "dangerous"
WORST = (CLEAN, ERROR, SUSPICIOUS, DANGEROUS)
MOST_BYTES = 256 << 20
MOST_MEMBERS = 10_000
MOST_FOUND = 50
SHOWN = 120
RUNS_CODE = frozenset(
    (
        *("__builtin__", "_io", "_posixsubprocess", "asyncio", "bdb", "builtins", "cProfile", "cloudpickle", "code"),
        *("codeop", "commands", "ctypes", "dill", "distutils", "doctest", "ensurepip", "fileinput", "ftplib"),
        *("functools", "http", "idlelib", "imaplib", "importlib", "io", "lib2to3", "linecache", "marshal", "mmap"),
        *("multiprocessing", "nntplib", "nt", "ntpath", "operator", "os", "pathlib", "pdb", "pickle", "pip", "pkgutil"),
        *("platform", "popen2", "poplib", "posix", "profile", "pty", "pydoc", "runpy", "setuptools", "shelve", "shlex"),
        *("shutil", "signal", "site", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "sys", "telnetlib"),
        *("tempfile", "test", "threading", "timeit", "trace", "turtle", "types", "unittest", "urllib", "uuid", "venv"),
        *("webbrowser", "xmlrpc", "zipapp", "zipimport"),
    )
)
ALLOWED_NAMES = frozenset(
    (
        *("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "collections.deque"),
        *("builtins.set", "builtins.frozenset", "builtins.bytearray", "builtins.complex", "builtins.object"),
        *("builtins.dict", "builtins.list", "builtins.int", "builtins.float", "builtins.tuple", "builtins.slice"),
        *("__builtin__.set", "__builtin__.frozenset", "__builtin__.object", "__builtin__.dict", "__builtin__.list"),
        *("copyreg._reconstructor", "copy_reg._reconstructor", "datetime.datetime", "datetime.date"),
        *("_codecs.encode", "decimal.Decimal", "fractions.Fraction"),
        *("numpy.ndarray", "numpy.dtype", "numpy.float64", "numpy.float32", "numpy.int64", "numpy.int32", "numpy.bool"),
        *("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"),
        *("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"),
        *("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"),
        *("numpy.random._pickle.__randomstate_ctor", "numpy.random._pickle.__bit_generator_ctor"),
        *("numpy.random._mt19937.MT19937", "joblib.numpy_pickle.NumpyArrayWrapper", "scipy.sparse._csr.csr_matrix"),
        *("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.FloatStorage"),
        *("torch.HalfStorage", "torch.BFloat16Storage", "torch.LongStorage", "torch.IntStorage", "torch.BoolStorage"),
    )
)
CLASSES_OF = "sklearn."
"""A package whose own classes restore plain state. What its modules import from elsewhere is not its own."""
NOT_ITS_OWN = frozenset({"Popen", "Path", "Parallel", "Memory", "Process", "Thread"})
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
STRINGS = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING", "STRING"}
)
MEMORIZING = frozenset({"BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"})
REMEMBERING = frozenset({"BINGET", "LONG_BINGET", "GET"})
PLAIN = (b"GGUF", b"\x93NUMPY\x01", b"\x93NUMPY\x02", b"\x93NUMPY\x03")


def scan(path: str) -> dict[str, Any]:
    """Return the verdict on a file: the level, and what was found."""
    with open(path, "rb") as file:  # noqa: PTH123  # little is imported in the box
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        return {"level": ERROR, "found": ["larger than can be read"]}
    levels, found = [], []
    for level, name in findings(data):
        levels.append(level)
        if name and name not in found:
            found.append(name[:SHOWN])
    return {"level": max(levels, key=WORST.index, default=ERROR), "found": found[:MOST_FOUND]}


def findings(data: bytes, *, depth: int = 0) -> list[tuple[str, str]]:
    """Return what was found in the bytes, each with its level."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        return members(data, depth=depth)
    if data.startswith(PLAIN) and b"'descr': '|O'" in data[:512]:
        start = data.find(b"\x80")
        return findings(data[start:], depth=depth) if start > 0 else [(ERROR, "an array of objects without any")]
    if data.startswith(PLAIN) or is_tensors(data):
        return [(CLEAN, "")]
    if data[:1] == b"\x80" or not is_text(data):
        return instructions(data)
    return as_text(data)


def members(data: bytes, *, depth: int) -> list[tuple[str, str]]:
    """Return what was found in every member of an archive, whatever its name says."""
    if depth > 1:
        return [(ERROR, "an archive in an archive in an archive")]
    result: list[tuple[str, str]] = []
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.infolist()
            if len(names) > MOST_MEMBERS:
                return [(ERROR, "too many members")]
            for name in names:
                with archive.open(name) as file:
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0:
                    return [*result, (ERROR, "unpacks to more than can be read")]
                result += member(content, depth=depth)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        result.append((ERROR, f"a broken archive: {type(error).__name__}"))
    return result or [(CLEAN, "")]


def member(content: bytes, *, depth: int) -> list[tuple[str, str]]:
    """Return what was found in a member; raw numbers, which an archive of tensors is made of, are no instructions."""
    if content[:1] == b"\x80" or content.startswith(PLAIN) or zipfile.is_zipfile(io.BytesIO(content)):
        return findings(content, depth=depth + 1)
    read = instructions(content)
    if any(level == ERROR for level, _ in read):
        read = [one for one in read if IDENTIFIER.fullmatch(one[1])]
    return read or [(CLEAN, "")]


def as_text(data: bytes) -> list[tuple[str, str]]:
    """Return what was found in text: a pickle of the oldest protocol is text as well."""
    read = instructions(data)
    is_pickle = not any(level == ERROR for level, _ in read) or any(name for level, name in read if level != ERROR)
    return read if is_pickle else [(CLEAN, "")]


def is_text(data: bytes) -> bool:
    """Say whether the bytes are text."""
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def is_tensors(data: bytes) -> bool:
    """Say whether the bytes start as a file of safetensors does: a length, then a JSON object of that length."""
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= len(data) - 8:  # noqa: PLR2004  # the shortest object
        return False
    try:
        return isinstance(json.loads(data[8 : 8 + size]), dict)
    except (ValueError, RecursionError):
        return False


def instructions(data: bytes) -> list[tuple[str, str]]:
    """Return what the pickles in the bytes import, one after the other to the end."""
    result: list[tuple[str, str]] = []
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        try:
            imports(stream, result)
        except (ValueError, IndexError, KeyError, OverflowError, MemoryError, EOFError, UnicodeError) as error:
            result.append((ERROR, f"cannot be read to its end: {type(error).__name__}"))
            break
    return result or [(CLEAN, "")]


def imports(stream: io.BytesIO, result: list[tuple[str, str]]) -> None:
    """Add what one pickle imports.

    A name on the stack is believed only if its two strings were put there right before, with nothing in between that
    could have exchanged them; any other is computed, and suspicious.
    """
    strings: list[str] = []
    memory: dict[int, str] = {}
    for code, argument, _ in pickletools.genops(stream):
        if code.name in MEMORIZING:
            memory[len(memory) if argument is None else int(argument)] = strings[-1] if strings else ""
            continue
        if code.name in STRINGS:
            strings.append(str(argument))
            continue
        if code.name in REMEMBERING:
            strings.append(memory.get(int(argument or 0), ""))
            continue
        result += imported(code.name, argument, strings)
        strings = []


def imported(code: str, argument: object, strings: list[str]) -> list[tuple[str, str]]:
    """Return what an instruction imports, given the strings that were pushed right before it."""
    if code in {"GLOBAL", "INST"}:
        module, _, name = str(argument).partition(" ")
        return [level_of(module, name)]
    if code == "STACK_GLOBAL":
        pair = strings[-2:]
        return [level_of(*pair)] if len(pair) > 1 and all(pair) else [(SUSPICIOUS, "a computed name")]
    if code in {"EXT1", "EXT2", "EXT4"}:
        return [(SUSPICIOUS, "a name from the extension registry")]
    return []


def level_of(module: str, name: str) -> tuple[str, str]:
    """Return how an imported name is judged."""
    whole = f"{module}.{name}"
    if whole in ALLOWED_NAMES:
        return CLEAN, ""
    is_class = name[:1].isupper() and "." not in name and name not in NOT_ITS_OWN
    if module.startswith(CLASSES_OF) and is_class:
        return CLEAN, ""
    return (DANGEROUS if module.partition(".")[0] in RUNS_CODE else SUSPICIOUS), whole


def main() -> None:
    """Read one line with the path, write one line with the verdict."""
    plan = json.loads(sys.stdin.readline())
    for number in range(plan["packages"]):
        path = os.path.join(f"/packages/{number}", plan["file"])  # noqa: PTH118  # little is imported in the box
        if os.path.isfile(path):  # noqa: PTH113  # the same
            sys.stdout.write(json.dumps(scan(path)) + "\n")
            return
    sys.stdout.write(json.dumps({"level": ERROR, "found": ["there is no such file"]}) + "\n")


if __name__ == "__main__":  # pragma: no cover  # true in the box alone
    main()
