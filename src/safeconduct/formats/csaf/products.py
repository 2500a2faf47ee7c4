# SPDX-License-Identifier: Apache-2.0
"""Affected systems as CSAF's product tree, and the identifiers that carry what a tree cannot.

A system is a product under the branches vendor, product name and product version; its fixed version is a second
product. A hosted model has no version: its branch is a label such as `snapshot 2026-10-01`, never a range. Words of
ranges are not allowed in a version's name (mandatory test 6.1.31); such a version stands in a branch for ranges.

Package URL, CPE, digests and the address of an SBOM stand in CSAF's own fields where they are valid there. What else
identifies a system (model string, endpoint, region, interval of observation …) stands in one generic URI
`safeconduct:system?…`, which CSAF offers for identifiers of other standards (`x_generic_uris`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast
from urllib.parse import parse_qsl, quote, urlencode

from packageurl import PackageURL

from safeconduct.domain.safe_json import Json
from safeconduct.domain.systems import AffectedSystem, Digest, Identity
from safeconduct.errors import TooLargeError
from safeconduct.formats.base import leaves
from safeconduct.formats.codec import encode, encode_fields
from safeconduct.formats.soundness import is_web_address

SYSTEM_URI: Final = "safeconduct:system?"
FIXED_URI: Final = "safeconduct:fixed?of="
LABEL: Final = "label"
FIELDS_LIMIT: Final = 5_000
UNNAMED: Final = "unnamed"
"""CSAF wants a file name for every digest; a record has none."""

_RANGE = re.compile(
    r"[<>*]|\.x\b|\b(?:all|any|after|before|earlier|from|later|older|newer|prior|since|through|to|until|up|versions?)\b",
    re.IGNORECASE,
)
_PURL = re.compile(r"pkg:[A-Za-z.+-][A-Za-z0-9.+-]*/[A-Za-z0-9._~!$&'()*+,;=:@/?#%-]+", re.ASCII)
_CPE = re.compile(
    r"cpe:2\.3:[aho*-](?::(?:[A-Za-z0-9._-]+|\*|-)){5}:(?:[A-Za-z]{2,3}(?:-(?:[A-Za-z]{2}|[0-9]{3}))?|\*|-)"
    r"(?::(?:[A-Za-z0-9._-]+|\*|-)){4}",
    re.ASCII,
)
_DIGEST = re.compile(r"[0-9a-fA-F]{32,}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Which identifiers of a system stand in CSAF's own fields."""

    purl: bool
    cpe: bool
    sbom: bool
    digests: bool


def carried(identity: Identity) -> Carried:
    """Return which identifiers CSAF's own fields can hold as they are."""
    return Carried(
        purl=_is_purl(identity.purl),
        cpe=_CPE.fullmatch(identity.cpe) is not None,
        sbom=is_web_address(identity.sbom_ref),
        digests=bool(identity.digests) and all(_is_digest(item) for item in identity.digests),
    )


def product_id(position: int) -> str:
    """Return the product id of the system at the position."""
    return f"P{position + 1}"


def fixed_id(position: int) -> str:
    """Return the product id of the fixed version of the system at the position."""
    return f"P{position + 1}-fixed"


def version_label(system: AffectedSystem) -> str:
    """Return what stands for a version where there is none: the day on which a hosted model was seen."""
    if not system.hosted:
        return ""
    if system.observed is None:
        return "hosted"
    return f"snapshot {encode(system.observed.since)!s:.10}"


def product_tree(systems: Sequence[AffectedSystem], *, namespace: str) -> dict[str, Json]:
    """Return the product tree; systems of one vendor and product share their branches."""
    tree: dict[str, dict[str, list[Json]]] = {}
    for position, system in enumerate(systems):
        leaf = tree.setdefault(system.vendor, {}).setdefault(system.product, [])
        leaf.extend(_products(system, position, namespace=namespace))
    vendors: list[Json] = [_branch("vendor", vendor, _names(products)) for vendor, products in tree.items()]
    return {"branches": vendors}


def _names(products: Mapping[str, list[Json]]) -> list[Json]:
    """Return one branch for the versions of a product, and one for each system that has no version."""
    branches: list[Json] = []
    for name, items in products.items():
        versions = [item for item in items if isinstance(item, dict) and "category" in item]
        if versions:
            branches.append(_branch("product_name", name, cast("list[Json]", versions)))
        bare = [item for item in items if item not in versions]
        branches.extend({"category": "product_name", "name": name, "product": item} for item in bare)
    return branches


def _branch(category: str, name: str, branches: list[Json]) -> Json:
    return {"category": category, "name": name, "branches": branches}


def _products(system: AffectedSystem, position: int, *, namespace: str) -> Iterator[Json]:
    label = system.version or version_label(system)
    product: dict[str, Json] = {
        "name": " ".join(filter(None, (system.vendor, system.product, label))),
        "product_id": product_id(position),
        "product_identification_helper": _helper(system, namespace=namespace),
    }
    yield _version(label, product) if label else product
    if system.fixed_version:
        fixed = _uris(f"{FIXED_URI}{product_id(position)}", namespace=namespace)
        name = f"{system.vendor} {system.product} {system.fixed_version}"
        yield _version(
            system.fixed_version,
            {"name": name, "product_id": fixed_id(position), "product_identification_helper": fixed},
        )


def _version(name: str, product: Json) -> Json:
    category = "product_version_range" if _RANGE.search(name) else "product_version"
    return {"category": category, "name": name, "product": product}


def _uris(uri: str, *, namespace: str) -> dict[str, Json]:
    return {"x_generic_uris": [{"namespace": namespace, "uri": uri}]}


def _helper(system: AffectedSystem, *, namespace: str) -> dict[str, Json]:
    identity, own = system.identity, carried(system.identity)
    helper = _uris(system_uri(system), namespace=namespace)
    if own.purl:
        helper["purl"] = identity.purl
    if own.cpe:
        helper["cpe"] = identity.cpe
    if own.sbom:
        helper["sbom_urls"] = [identity.sbom_ref]
    if own.digests:
        helper["hashes"] = [_hash(item) for item in identity.digests]
    return helper


def _hash(digest: Digest) -> Json:
    return {"filename": UNNAMED, "file_hashes": [{"algorithm": digest.algorithm, "value": digest.value}]}


def _is_purl(text: str) -> bool:
    if not _PURL.fullmatch(text) or re.search(r"%(?![0-9A-Fa-f]{2})", text) or text.count("#") > 1:
        return False
    try:
        PackageURL.from_string(text)
    except ValueError:
        return False
    return True


def _is_digest(digest: Digest) -> bool:
    return bool(digest.algorithm) and _DIGEST.fullmatch(digest.value) is not None


def system_uri(system: AffectedSystem) -> str:
    """Return the generic URI that carries the rest of a system's identification."""
    own = carried(system.identity)
    identity = replace(
        system.identity,
        purl="" if own.purl else system.identity.purl,
        cpe="" if own.cpe else system.identity.cpe,
        sbom_ref="" if own.sbom else system.identity.sbom_ref,
        digests=() if own.digests else system.identity.digests,
    )
    rest = encode_fields(
        AffectedSystem(
            component_type=system.component_type, hosted=system.hosted, identity=identity, observed=system.observed
        )
    )
    pairs = [(place[1:], "true" if leaf is True else str(leaf)) for place, leaf in leaves(rest).items() if place]
    if not system.version and version_label(system):
        pairs.append((LABEL, "true"))
    return SYSTEM_URI + urlencode(pairs, quote_via=quote, safe="/:")


def read_system_uri(uri: str) -> tuple[dict[str, Json], bool]:
    """Return the fields that a generic URI of ours carries, and whether the version is only a label.

    Raises:
        TooLargeError: it carries more fields than a system has.
    """
    try:
        query = parse_qsl(uri.removeprefix(SYSTEM_URI), keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
    except ValueError as error:
        raise TooLargeError(f"a system has at most {FIELDS_LIMIT} fields", hint="look at x_generic_uris") from error
    pairs = dict(query)
    is_label = pairs.pop(LABEL, "") == "true"
    fields: dict[str, Json] = {}
    for place, text in pairs.items():
        _put(fields, place.split("/")[:4], True if place == "hosted" and text == "true" else text)
    return {name: _lists(value) for name, value in fields.items()}, is_label


def _put(table: dict[str, Json], steps: Sequence[str], value: Json) -> None:
    head, *rest = steps
    if not rest:
        table[head] = value
        return
    inner = table.setdefault(head, {})
    if isinstance(inner, dict):
        _put(inner, rest, value)


def _lists(value: Json) -> Json:
    """Return tables whose keys count from 0 as lists."""
    if not isinstance(value, dict):
        return value
    table = {name: _lists(item) for name, item in value.items()}
    if list(table) == [str(number) for number in range(len(table))]:
        return list(table.values())
    return table
