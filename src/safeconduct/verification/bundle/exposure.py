# SPDX-License-Identifier: Apache-2.0
"""What a bundle exposes: addresses that must not be reached, texts that look like secrets, characters that deceive.

The address in a bundle is never used, because only a grant lets anything reach a network. It is looked at all the same:
a bundle that names a metadata service is an attack on whoever runs it. Names are not resolved here. What looks like a
secret is told by its kind and place; its value is never repeated.
"""

import ipaddress
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from safeconduct.domain.bundle import Bundle, TargetSpec
from safeconduct.domain.safe_json import shown
from safeconduct.errors import NotPermittedError
from safeconduct.verification.addresses import require_allowed
from safeconduct.verification.bundle.remarks import Remark, error, warning

_LOCAL_NAMES: Final = re.compile(r"(?:^|\.)(?:localhost|local|internal|intranet|lan|home\.arpa|corp)\.?$")
_METADATA_NAMES: Final = re.compile(r"(?:^|\.)metadata\.(?:google\.internal|goog|azure\.com|internal)\.?$|^metadata$")
_SECRETS: Final = {
    "an API key": re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{20,}"),
    "a key of a cloud": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}"),
    "an access token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|hf_[A-Za-z0-9]{30,})"),
    "a token of a chat": re.compile(r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----|\bAGE-SECRET-KEY-1[0-9A-Z]{40,}"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,300}\.eyJ[A-Za-z0-9_-]{10,600}\.[A-Za-z0-9_-]{10}"),
    "a secret in an address": re.compile(r"(?i)[?&](?:api[_-]?key|token|secret|password)=[^&\s]{8,}"),
}
# The beginnings of pickles, programs and archives, as base64 writes them.
_BINARY: Final = re.compile(r"(?:gA[JNS]|f0VMR|UEsDB|H4sI|TVqQ)[A-Za-z0-9+/]{36}")
# Escapes of terminals, other control characters, and characters that turn the direction of writing.
_DECEIVING: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def exposures(bundle: Bundle) -> Iterator[Remark]:
    """Yield what the bundle exposes."""
    yield from address_remarks(bundle.target)
    for at, text in texts_of(bundle):
        for kind, pattern in _SECRETS.items():
            if pattern.search(text):
                message = f"this looks like {kind}"
                yield warning("text.secret", at, message, "take it out, and let its owner change it; name secrets only")
        if _BINARY.search(text):
            yield warning("text.binary", at, "a program, pickle or archive is written out in it", "do not decode it")
        if _DECEIVING.search(text):
            message = "the text holds control characters or turns the direction of writing"
            yield warning("text.control", at, message, "it is shown escaped; do not print it raw")


def address_remarks(target: TargetSpec) -> Iterator[Remark]:
    """Yield what is wrong with the address of the target."""
    at = "target.json"
    if not target.url:
        return
    try:
        parts = urlsplit(target.url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        yield error("target.address", at, "the address cannot be read", "https://host/path")
        return
    if parts.scheme not in {"http", "https"} or not host:
        yield error("target.address", at, "the address is not one of the web", "https://host/path")
    elif parts.username or parts.password:
        yield error("target.address", at, "the address holds a name or a password", "give a secret by its name only")
    else:
        yield from _host_remarks(at, host)


def _host_remarks(at: str, host: str) -> Iterator[Remark]:
    """Yield what is wrong with the host, as far as its name tells."""
    if _METADATA_NAMES.search(host) or _is_forbidden(host, allow_private=True):
        message = f"{shown(host)} is where clouds keep their secrets, or no address of a model"
        yield error("target.forbidden-address", at, message, "no grant allows it")
    elif _LOCAL_NAMES.search(host) or _is_forbidden(host, allow_private=False):
        message = f"{shown(host)} is an address inside a network"
        yield warning("target.private-address", at, message, "it is reached only if a grant allows private addresses")


def _is_forbidden(host: str, *, allow_private: bool) -> bool:
    """Say whether a numeric address is forbidden; also one that is written as one number, as old tools read it."""
    numeric = host.strip("[]")
    with suppress(ValueError):
        numeric = str(ipaddress.ip_address(int(numeric, 0)))
    try:
        ipaddress.ip_address(numeric.partition("%")[0])
    except ValueError:
        return False
    try:
        require_allowed((numeric,), allow_private=allow_private)
    except NotPermittedError:
        return True
    return False


def texts_of(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Yield every text that a person wrote into the bundle, with its place."""
    yield from (("bundle.json", text) for text in (bundle.about.title, bundle.about.license, bundle.about.case_id))
    target = bundle.target
    yield from (("target.json", text) for text in (target.url, target.model, target.entry, target.secret_name))
    for number, step in enumerate(bundle.attack.steps, start=1):
        yield f"attack.json, step {number}", "\n".join([step.template, step.document, *step.arguments.values()])
    for tool in bundle.attack.tools:
        yield f"attack.json, tool {tool.name}", f"{tool.about}\n{tool.result}"
    for seed in bundle.attack.seeds:
        yield f"attack.json, seed {shown(seed.id)}", seed.text
    for slot in bundle.attack.slots:
        yield f"attack.json, slot {slot.name}", "\n".join(slot.values)
    for family in bundle.attack.families:
        yield f"attack.json, family {shown(family.name)}", family.about
    for control in bundle.benign:
        yield f"benign.jsonl, {shown(control.id)}", control.prompt
    for file in bundle.code:
        yield f"code/{file.name}", file.text
