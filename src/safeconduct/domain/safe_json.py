# SPDX-License-Identifier: Apache-2.0
"""Reading JSON from strangers (RFC 8259, with the restrictions of I-JSON, RFC 7493).

Refused with one error of ours, always with line and column where there is one: any encoding but UTF-8 without byte
order mark, a repeated key, `NaN` and `Infinity` (also when spelled `1e999`), a lone surrogate, an integer of more than
40 digits, text after the value, and whatever passes a stated limit. Nesting is measured before the parser runs, so a
tower of brackets cannot exhaust the stack.

`read_lines` reads JSON Lines as a stream, one value per line. A line that was cut in the middle is named by its number.

Not done here: no schema (see the formats), no comments or trailing commas, no repair.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NoReturn, TypeAlias

import rfc8785

from safeconduct.errors import MalformedError, TooLargeError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

INTEGER_DIGITS = 40
SHOWN_LENGTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """How much is read: bytes of a document, its nesting, bytes of one line, lines and bytes of a stream."""

    document_bytes: int = 8 * 2**20
    depth: int = 64
    line_bytes: int = 8 * 2**20
    lines: int = 1_000_000
    stream_bytes: int = 2**30


DEFAULT_LIMITS = JsonLimits()


def read_json(data: bytes, *, limits: JsonLimits = DEFAULT_LIMITS, nan_is_null: bool = False) -> Json:
    """Return the one JSON value that the bytes hold.

    `nan_is_null` reads the words NaN and Infinity, with which some tools say "no value", as null.

    Raises:
        TooLargeError: the document is longer or deeper than the limits allow.
        MalformedError: it is not UTF-8, not JSON, or not JSON that every reader understands alike.
    """
    if len(data) > limits.document_bytes:
        raise TooLargeError(
            f"the document has {len(data)} bytes, more than {limits.document_bytes}",
            hint="send large evidence as an attachment",
            size=len(data),
            limit=limits.document_bytes,
        )
    text = _decode(data)
    _check_depth(data, limit=limits.depth)
    return _parse(data, text, decoder=_LENIENT if nan_is_null else _DECODER)


def read_object(data: bytes, *, limits: JsonLimits = DEFAULT_LIMITS, nan_is_null: bool = False) -> dict[str, Json]:
    """Return the JSON object that the bytes hold.

    Raises:
        TooLargeError: the document is longer or deeper than the limits allow.
        MalformedError: it cannot be read, or is another kind of value.
    """
    value = read_json(data, limits=limits, nan_is_null=nan_is_null)
    if not isinstance(value, dict):
        raise MalformedError("the document is not a JSON object", hint="it starts with { and ends with }")
    return value


def read_lines(stream: BinaryIO, *, limits: JsonLimits = DEFAULT_LIMITS) -> Iterator[tuple[int, Json]]:
    """Yield line number (from 1) and value of each line; blank lines are passed over.

    Raises:
        TooLargeError: a line, their number or the whole stream passes its limit.
        MalformedError: a line cannot be read; `facts["line"]` is its number in the stream.
    """
    seen = 0
    number = 0
    while line := stream.readline(limits.line_bytes + 1):
        number += 1
        seen += len(line)
        _check_line(line, number=number, seen=seen, limits=limits)
        if line.strip():
            yield number, _read_line(line, number=number, limits=limits)


def canonical_json(value: object) -> bytes:
    """Return the canonical bytes of plain data (RFC 8785, JCS): equal data have equal bytes.

    Raises:
        MalformedError: the data hold what canonical JSON cannot: a lone surrogate, a number that is not finite, an
            integer of more than 53 bits, or something that is not JSON.
    """
    try:
        return _common(value).encode()
    except _Uncommon:
        pass
    except UnicodeEncodeError as error:
        raise MalformedError("the data have no canonical JSON form", hint=str(error)) from error
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # it judges the value itself
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise MalformedError("the data have no canonical JSON form", hint=str(error)) from error


class _Uncommon(Exception):  # noqa: N818  # says which way to go, never leaves the module
    """A value needs the whole of the standard: a number with a fraction, a name beyond ASCII, a type of our own."""


_quote = json.encoder.encode_basestring
_COMMON_INTEGER = 2**53 - 1


def _common(value: object) -> str:
    """Return the canonical text of what documents mostly consist of, several times faster than the library.

    The standard sorts names by UTF-16 units, which for ASCII is the order of Python; and its escapes in strings are
    those that Python writes.
    """
    kind = type(value)
    if isinstance(value, str) and kind is str:
        return _quote(value)
    if isinstance(value, dict) and kind is dict:
        if not all(type(name) is str and name.isascii() for name in value):
            raise _Uncommon
        return f"{{{','.join(f'{_quote(name)}:{_common(value[name])}' for name in sorted(value))}}}"
    if isinstance(value, list) and kind is list:
        return f"[{','.join(map(_common, value))}]"
    if value is None or kind is bool:
        return "null" if value is None else ("true" if value else "false")
    if isinstance(value, int) and kind is int and abs(value) <= _COMMON_INTEGER:
        return str(value)
    raise _Uncommon


def shown(text: str) -> str:
    """Return a foreign text fit for a message: quoted, escaped and short."""
    cut = text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"
    return json.dumps(cut, ensure_ascii=any(not char.isprintable() for char in cut))


def printable(text: str) -> str:
    """Return a foreign text for one line of a terminal or a log: control characters are replaced."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _check_line(line: bytes, *, number: int, seen: int, limits: JsonLimits) -> None:
    for passed, what in (
        (len(line) > limits.line_bytes, f"line {number} has more than {limits.line_bytes} bytes"),
        (number > limits.lines, f"the file has more than {limits.lines} lines"),
        (seen > limits.stream_bytes, f"the file has more than {limits.stream_bytes} bytes"),
    ):
        if passed:
            raise TooLargeError(what, hint="split the file, or raise the limit", line=number)


def _read_line(line: bytes, *, number: int, limits: JsonLimits) -> Json:
    text = line.rstrip(b"\r\n")
    try:
        return read_json(text, limits=limits)
    except TooLargeError as error:
        raise TooLargeError(
            f"line {number}: {error.message}", hint=error.hint, **{**error.facts, "line": number}
        ) from error
    except MalformedError as error:
        cut = "" if line.endswith(b"\n") else "it is the last line and seems to be cut: get the whole file"
        raise MalformedError(
            f"line {number}: {error.message}", hint=cut or error.hint, **{**error.facts, "line": number}
        ) from error


def _decode(data: bytes) -> str:
    """Return the text, which must be UTF-8 without mark."""
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        raise MalformedError(
            "the text starts with a byte order mark or is not UTF-8",
            hint="save it as UTF-8 without mark",
            line=1,
            column=1,
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse("a byte is not UTF-8", data, error.start, hint="save the file as UTF-8")


# A string (also one that never ends), a bracket, a colon, a number, or a name that is no number. Every alternative is
# possessive or of one character, so the scan takes time in proportion to the text, whatever it holds.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}:]|-?Infinity|NaN|-?[0-9][0-9.eE+-]*+', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _check_depth(data: bytes, *, limit: int) -> None:
    if data.count(b"[") + data.count(b"{") <= limit:
        return
    depth = 0
    for token in _TOKEN.finditer(data):
        match token.group():
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
        if depth > limit:
            line, column = _place(data, token.start())
            raise TooLargeError(
                f"nested deeper than {limit} at line {line}, column {column}",
                hint="flatten the document",
                line=line,
                column=column,
                limit=limit,
            )


class _Refused(Exception):  # noqa: N818  # carries a finding of a hook to its place, never leaves the module
    """A hook of the parser refuses a value; `find` tells where it stands."""

    def __init__(self, message: str, find: Callable[[bytes], int]) -> None:
        super().__init__(message)
        self.find = find


def _parse(data: bytes, text: str, *, decoder: json.JSONDecoder) -> Json:
    try:
        value: Json = decoder.decode(text)
    except _Refused as refusal:
        _refuse(str(refusal), data, refusal.find(data))
    except json.JSONDecodeError as error:
        _refuse(error.msg[:1].lower() + error.msg[1:], data, len(text[: error.pos].encode()))
    if _SURROGATE.search(data):
        _check_surrogates(data)
    return value


def _check_surrogates(data: bytes) -> None:
    for token in _TOKEN.finditer(data):
        try:
            json.loads(token.group()).encode() if _SURROGATE.search(token.group()) else None
        except UnicodeEncodeError:
            _refuse("a string holds half of a surrogate pair", data, token.start())


def _pairs(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) < len(pairs):
        repeated = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise _Refused(
            f"the key {shown(repeated)} stands twice in one object",
            lambda data: min(place for place, name in _repeated_keys(data) if name == repeated),
        )
    return made


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a JSON number", lambda data: _find_token(data, name.encode()))


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Refused("a number is too large to be represented", lambda data: _find_token(data, digits.encode()))
    return value


def _int(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS:
        raise _Refused(
            f"an integer has more than {INTEGER_DIGITS} digits", lambda data: _find_token(data, digits.encode())
        )
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int, strict=True
)
_LENIENT = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=lambda _: None, parse_float=_float, parse_int=_int, strict=True
)


def _find_token(data: bytes, wanted: bytes) -> int:
    return next(token.start() for token in _TOKEN.finditer(data) if token.group() == wanted)


def _repeated_keys(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield place and name of every key that its object already holds."""
    scopes: list[set[str]] = []
    last = (0, "")
    for token in _TOKEN.finditer(data):
        match token.group()[:1]:
            case b"[" | b"{":
                scopes.append(set())
            case b"]" | b"}":
                scopes.pop()
            case b'"':
                last = (token.start(), json.loads(token.group()))
            case b":":
                if last[1] in scopes[-1]:
                    yield last
                scopes[-1].add(last[1])


def _place(data: bytes, offset: int) -> tuple[int, int]:
    """Return line and column, both from 1; the column counts characters."""
    before = data[:offset]
    return before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1


def _refuse(message: str, data: bytes, offset: int, *, hint: str = "") -> NoReturn:
    line, column = _place(data, offset)
    raise MalformedError(
        f"{message} at line {line}, column {column}", hint=hint or "mend the document there", line=line, column=column
    )
