# SPDX-License-Identifier: Apache-2.0
"""Which models are of one family, so that the flaws of one version are tried on the next.

The family of a model is its name without the owner, the version, the size and the manner of packing:
`acme/orchid-7b-v2` and `Orchid-13B-chat` are of the family `orchid`. A name is a convention and nothing more, so this
proposes and a coordinator decides: a check by hand takes any family. In the database stands only a mark of the name,
because a name repeats words of a report that may not be public; the mark can be made with the key ring alone.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

from safeconduct.domain.systems import UNKNOWN, AffectedSystem
from safeconduct.server.audit.ring import key_ring
from safeconduct.server.authorizations.models import Target

PURPOSE: Final = "campaigns.suite"
_PARTS: Final = re.compile(r"[\s_:@.,+()-]+")
_VERSION: Final = re.compile(r"(?:v|r|q|fp|int|bf)?\d+[a-z]?|\d+x\d+b|\d+[bmk]|latest|preview|beta|alpha|rc\d*")
_MANNER: Final = frozenset(
    ("instruct", "chat", "it", "base", "hf", "gguf", "ggml", "gptq", "awq", "onnx", "quantized", "fixed", "patched")
)


def family_of(name: str) -> str:
    """Return the family of a model by its name; empty where the name says nothing."""
    last = name.casefold().strip().split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    parts = [part for part in _PARTS.split(last) if part]
    kept = [part for part in parts if not _VERSION.fullmatch(part) and part not in _MANNER]
    family = "-".join(kept)
    return "" if family == UNKNOWN else family


def families_of_target(target: Target) -> tuple[str, ...]:
    """Return the families that a granted target stands for, by the name of its model and of its product."""
    return _families((target.model, target.product))


def families_of_systems(systems: Iterable[AffectedSystem]) -> tuple[str, ...]:
    """Return the families of the systems that a report names."""
    named = [
        name for system in systems for name in (system.identity.model_string, system.product, system.identity.purl)
    ]
    return _families(named)


def mark_of(family: str) -> str:
    """Return the mark under which a family is kept."""
    key = key_ring().purpose_key(PURPOSE).reveal()
    return hmac.new(key, family.encode(), hashlib.sha256).hexdigest()


def _families(names: Iterable[str]) -> tuple[str, ...]:
    found = (family_of(name) for name in names if name)
    return tuple(dict.fromkeys(family for family in found if family))
