# SPDX-License-Identifier: Apache-2.0
"""What a grant must be before it is given: an address that may be spoken to, caps, a window, names.

A host name is resolved only when a target is asked, and what it resolves to is judged then (see
`verification.addresses`); a numeric address can be judged at once. Numbers in odd forms (`0x7f.1`, `2130706433`) are
refused, because programs disagree about what they mean.
"""

import ipaddress
import math
import re
import shlex
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from safeconduct.domain.authorization import Caps, TargetGrant, WeeklyHours
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.instants import is_zone
from safeconduct.errors import IncompleteError, MalformedError, NotPermittedError
from safeconduct.server.authorizations.models import NAME_LENGTH, URL_LENGTH
from safeconduct.server.authorizations.secret_files import NAME
from safeconduct.verification.addresses import is_private, require_allowed

MOST_CALLS = 1_000_000
MOST_TOKENS = 1_000_000_000
MOST_TOKENS_PER_CALL = 100_000
MOST_CALLS_PER_MINUTE = 100_000
MOST_CALL_SECONDS = 3600.0
MOST_SPENDING = Decimal(10_000_000)
WEEK = frozenset(range(7))
ENTRY = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
FILE_ENTRY = re.compile(r"file:[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
WRITTEN = re.compile(r"[!-~]+")
HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?\.?", re.IGNORECASE)
NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE)


def require_terms(label: str, terms: TargetGrant, *, home: Path) -> None:
    """Refuse a grant that could not be kept.

    Raises:
        IncompleteError: the label, the model, or the address or entry is missing.
        MalformedError: a value cannot be meant.
    """
    _require_whole(label, terms)
    _require_caps(terms.caps)
    if terms.starts_at is not None and terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        raise MalformedError("the window ends before it starts", hint="both times are in UTC")
    _require_hours(terms.hours)
    _require_money(terms)
    if terms.secret_name and not NAME.fullmatch(terms.secret_name):
        raise MalformedError("the secret is given by name: letters, digits, - and _", hint="never its value")
    if terms.adapter.is_remote:
        require_address(terms.url, allow_private=terms.allow_private)
    else:
        _require_local(terms, home=home)


def require_address(text: str, *, allow_private: bool) -> None:
    """Refuse an address that is none, holds a password, or may never be spoken to.

    Raises:
        MalformedError: it is such an address; the address itself is not repeated.
    """
    if not WRITTEN.fullmatch(text):
        raise MalformedError("the address holds spaces or signs that no address has", hint=_PLAIN)
    address = _split(text)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise MalformedError("the address must start with http:// or https://", hint=_PLAIN)
    if address.username is not None or address.password is not None:
        raise MalformedError("the address holds a name or a password", hint="give the secret by name instead")
    if address.query or address.fragment or text.endswith(("?", "#")):
        raise MalformedError("the address holds a query or a fragment", hint=_PLAIN)
    _require_host(address.hostname, scheme=address.scheme, allow_private=allow_private)


def _split(text: str) -> SplitResult:
    try:
        address = urlsplit(text)
        address.port  # noqa: B018  # raises where it is no port
        if "[" in address.netloc:
            ipaddress.IPv6Address(address.hostname or "")
    except ValueError as error:
        raise MalformedError("the address cannot be read", hint=_PLAIN) from error
    return address


def _require_host(host: str, *, scheme: str, allow_private: bool) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not HOST.fullmatch(host) or NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise MalformedError("the address names no host", hint="a name, or numbers in the usual form") from None
        return
    try:
        require_allowed((host,), allow_private=allow_private)
    except NotPermittedError as error:
        raise MalformedError(error.message, hint=error.hint) from error
    if scheme == "http" and not is_private(host):
        raise MalformedError("a public address must be encrypted", hint="https://")


def _require_whole(label: str, terms: TargetGrant) -> None:
    texts = {"label": label, "model": terms.model}
    texts |= {"url": terms.url} if terms.adapter.is_remote else {"entry": terms.entry}
    if missing := [name for name, text in texts.items() if not text.strip()]:
        raise IncompleteError("the grant is not complete", hint="fill in what is missing", missing=missing)
    limits = {"label": NAME_LENGTH, "model": NAME_LENGTH, "entry": NAME_LENGTH, "url": URL_LENGTH}
    if long := [name for name, text in texts.items() if len(text) > limits[name]]:
        raise MalformedError(f"too long: {', '.join(long)}", hint="shorten it")


def _require_caps(caps: Caps) -> None:
    bounds = {
        "calls": (caps.calls, 1, MOST_CALLS),
        "tokens": (caps.tokens, 1, MOST_TOKENS),
        "tokens per call": (caps.tokens_per_call, 1, MOST_TOKENS_PER_CALL),
        "calls per minute": (caps.calls_per_minute, 0, MOST_CALLS_PER_MINUTE),
        "seconds per call": (caps.call_seconds, 0.1, MOST_CALL_SECONDS),
    }
    for name, (value, least, most) in bounds.items():
        if not math.isfinite(value) or not least <= value <= most:
            raise MalformedError(f"the cap on {name} is out of range", hint=f"from {least} to {most}", cap=name)


def _require_hours(hours: WeeklyHours | None) -> None:
    if hours is None:
        return
    if not hours.days or not hours.days <= WEEK:
        raise MalformedError("the weekly hours name no day of the week", hint="choose at least one, or no hours")
    if not is_zone(hours.zone):
        raise MalformedError("the weekly hours lie in no known time zone", hint="such as Europe/Berlin, or UTC")


def _require_money(terms: TargetGrant) -> None:
    most = terms.caps.spending
    if most is None:
        return
    if not most.is_finite() or not 0 < most <= MOST_SPENDING:
        raise MalformedError("the cap on money is out of range", hint=f"more than 0, at most {MOST_SPENDING}")
    if terms.price is None or not terms.cost_of(calls=1, tokens=1):
        raise MalformedError("a cap on money needs a price", hint="state a currency and what a call or a token costs")


def _require_local(terms: TargetGrant, *, home: Path) -> None:
    if terms.url:
        raise MalformedError("a local target has no address", hint="leave it empty, or choose another kind")
    if terms.adapter is Adapter.COMMAND:
        _require_command(terms.entry)
    elif not ENTRY.fullmatch(terms.entry) and not FILE_ENTRY.fullmatch(terms.entry):
        raise MalformedError("the entry is not module:function", hint="such as package.module:predict")
    if len(terms.packages) > URL_LENGTH:
        raise MalformedError("too long: packages", hint="name fewer folders")
    for folder in _folders(terms.packages):
        _require_folder(folder, home=home.resolve())


def _require_command(entry: str) -> None:
    try:
        words = shlex.split(entry)
    except ValueError as error:
        raise MalformedError("the command cannot be split into words", hint="close the quotation") from error
    if not words or not words[0].startswith("/"):
        raise MalformedError(
            "the command names no program by its whole path", hint="/usr/bin/…, or /packages/0/… for the first folder"
        )


def _folders(packages: str) -> Iterator[Path]:
    yield from (Path(name) for name in packages.split(":") if name)


def _require_folder(folder: Path, *, home: Path) -> None:
    if not folder.is_absolute() or not folder.is_dir():
        raise MalformedError("packages name folders of this machine by their whole path", hint="separated by colons")
    real = folder.resolve()
    if home.is_relative_to(real) or real.is_relative_to(home):
        # The box may read what it is shown, and the home folder holds keys.
        raise MalformedError("packages may not show the home folder of this service", hint="choose a narrower folder")


_PLAIN = "write https://host/v1, without user, query or fragment"
