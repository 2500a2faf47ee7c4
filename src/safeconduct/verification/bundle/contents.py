# SPDX-License-Identifier: Apache-2.0
"""Which files a bundle may hold, and that they are text: everything else is refused and named.

A bundle has a fixed set of names in one flat level, and besides at most `MAX_CODE` files `code/<name>.py`. A name of
another spelling (`Bundle.json`), a decomposed or invisible character, a path that climbs and an archive in the archive
are all just names that do not belong; the hint says which of it was seen. The name is told escaped.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from safeconduct.errors import MalformedError, TooLargeError

MANIFEST_FILE: Final = "MANIFEST"
SIGNATURE_FILE: Final = "MANIFEST.dsse"
DATA_FILES: Final = frozenset(
    {
        "bundle.json",
        "target.json",
        "attack.json",
        "oracle.json",
        "benign.jsonl",
        "criterion.json",
        "limits.json",
        "env.json",
    }
)
FILE_NAMES: Final = DATA_FILES | {MANIFEST_FILE, SIGNATURE_FILE}
CODE_FOLDER: Final = "code"
CODE_PATH: Final = re.compile(r"code/([a-z][a-z0-9_]{0,50}\.py)")
MAX_CODE: Final = 8
MAX_CODE_FILE: Final = 64 << 10
ONLY_THESE: Final = f"a bundle holds {', '.join(sorted(FILE_NAMES))} and files such as code/judge.py"

_ARCHIVES: Final = re.compile(r"(?i)\.(?:zip|tar|t?gz|bz2|xz|zst|7z|rar|whl|jar)$")
_MODELS: Final = re.compile(r"(?i)\.(?:pkl|pickle|pth?|joblib|npy|npz|h5|onnx|bin|ckpt|safetensors|gguf|so|exe|dll)$")
_MAGIC: Final = {
    "a pickle": re.compile(rb"\x80[\x02-\x05]"),
    "a program": re.compile(rb"\x7fELF|MZ[\x00-\xff]\x00|\xfe\xed\xfa[\xce\xcf]|\xcf\xfa\xed\xfe|\x00asm"),
    "an archive": re.compile(rb"PK[\x03\x05]|\x1f\x8b|BZh[1-9]|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!"),
    "a file of a model": re.compile(rb"GGUF|\x93NUMPY|\x89HDF"),
}


def require_known(name: str) -> None:
    """Refuse every name that a bundle does not have.

    Raises:
        MalformedError: the name does not belong; it is told escaped, because it may hold escape codes.
    """
    if name not in FILE_NAMES and not CODE_PATH.fullmatch(name):
        hint = f"{_seen(name)}; {ONLY_THESE}"
        raise MalformedError("the bundle holds a file that does not belong there", hint=hint, name=ascii(name[:80]))


def _seen(name: str) -> str:
    """Say what is seen in a name that does not belong."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    if not name.isprintable():
        return "its name holds control or invisible characters"
    if ".." in name or name.startswith(("/", "\\")) or "\\" in name or ":" in name:
        return "its name is a path that leads elsewhere"
    if plain != name and plain in FILE_NAMES:
        return "its name is spelled otherwise than that of the file it stands for"
    if _ARCHIVES.search(name):
        return "it is an archive in the archive"
    if _MODELS.search(name):
        return "it is a model or a program, and a bundle holds text"
    return "it is in a folder" if "/" in name else "it has another name"


def require_text(files: Mapping[str, bytes]) -> None:
    """Refuse what is not text, and too much code.

    Raises:
        MalformedError: a file is binary.
        TooLargeError: there are too many code files, or one is too large.
    """
    for name, data in files.items():
        kind = next((kind for kind, magic in _MAGIC.items() if magic.match(data)), "binary" if b"\0" in data else "")
        if kind:
            raise MalformedError(
                f"{name} is {kind}, and a bundle holds text only",
                hint="send a model as evidence, and name it in target.json",
                name=name,
            )
    code = [name for name in files if CODE_PATH.fullmatch(name)]
    if len(code) > MAX_CODE or any(len(files[name]) > MAX_CODE_FILE for name in code):
        raise TooLargeError(
            "the bundle holds too much code", hint=f"at most {MAX_CODE} files of {MAX_CODE_FILE} bytes", limit=MAX_CODE
        )
