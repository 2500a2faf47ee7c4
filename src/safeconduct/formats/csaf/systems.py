# SPDX-License-Identifier: Apache-2.0
"""A product tree read back into affected systems: ours exactly, a foreign one as far as its branches tell."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from safeconduct.domain.safe_json import Json
from safeconduct.domain.systems import UNKNOWN
from safeconduct.formats.csaf.products import FIXED_URI, SYSTEM_URI, UNNAMED, read_system_uri
from safeconduct.formats.csaf.words import GROUP_STATUS
from safeconduct.formats.foreign import Node

Plain = dict[str, Json]


@dataclass(slots=True)
class Systems:
    """The systems of a document by their product ids, in the order in which they stand in the record."""

    by_id: dict[str, Plain] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def plain(self) -> list[Json]:
        """Return the systems as plain data."""
        return list(self.by_id.values())

    def positions(self, item: Node) -> tuple[int, ...]:
        """Return where the systems stand that a remediation names by product or by group."""
        named = set(item["product_ids"].texts())
        for group in item["group_ids"].texts():
            named.update(self.groups.get(group, ()))
        return tuple(position for position, name in enumerate(self.by_id) if name in named)


def read_systems(tree: Node, status: Node) -> Systems:
    """Return the systems of a product tree with the status that the vulnerability gives them."""
    systems = Systems()
    fixed: dict[str, str] = {}
    found = [*_branches(tree["branches"], {}), *_listed(tree)]
    for product, names in sorted(found, key=lambda item: _order(item[0]["product_id"].text())):
        base = _fixed_of(product)
        if base:
            fixed[base] = names.get("version", "")
        else:
            systems.by_id[product["product_id"].text()] = _system(product, names)
    for name, version in fixed.items():
        if name in systems.by_id:
            systems.by_id[name]["fixed_version"] = version
    for group in tree["product_groups"].each():
        systems.groups[group["group_id"].text()] = group["product_ids"].texts()
        group["summary"].ignore()
    _set_status(systems, status)
    return systems


def _order(product_id: str) -> tuple[int, int]:
    """Return our own ids in the order of the record; foreign ones keep the order of the tree."""
    number = product_id.removeprefix("P").removesuffix("-fixed")
    is_own = product_id.startswith("P") and number.isascii() and number.isdigit() and len(number) < 10  # noqa: PLR2004  # a count
    return (0, int(number)) if is_own else (1, 0)


def _branches(branches: Node, above: Mapping[str, str]) -> Iterator[tuple[Node, dict[str, str]]]:
    kinds = {
        "vendor": "vendor",
        "product_name": "product",
        "product_version": "version",
        "product_version_range": "version",
    }
    for branch in branches.each():
        kind = kinds.get(branch["category"].text())
        names = {**above, kind: branch["name"].text()} if kind else dict(above)
        if isinstance(branch["product"].value, dict):
            yield branch["product"], names
        yield from _branches(branch["branches"], names)


def _listed(tree: Node) -> Iterator[tuple[Node, dict[str, str]]]:
    """Yield products outside the branches: listed flat, or made of two others."""
    for product in tree["full_product_names"].each():
        yield product, {"product": product["name"].text()}
    for relation in tree["relationships"].each():
        product = relation["full_product_name"]
        yield product, {"product": product["name"].text()}


def _uris(product: Node) -> Iterator[Node]:
    yield from product["product_identification_helper"]["x_generic_uris"].each()


def _fixed_of(product: Node) -> str:
    for entry in _uris(product):
        uri = entry["uri"].peek()
        if uri.startswith(FIXED_URI):
            product.ignore()
            return uri.removeprefix(FIXED_URI)
    return ""


def _system(product: Node, names: Mapping[str, str]) -> Plain:
    helper = product["product_identification_helper"]
    product["name"].ignore()
    system: Plain = {}
    is_label = False
    for entry in _uris(product):
        uri = entry["uri"].peek()
        if uri.startswith(SYSTEM_URI):
            entry.ignore()
            system, is_label = read_system_uri(uri)
    system |= {name: names[name] if names[name].strip() else UNKNOWN for name in ("vendor", "product") if name in names}
    if "version" in names and not is_label:
        system["version"] = names["version"]
    own = _identity(helper)
    if own:
        carried = system.get("identity")
        system["identity"] = {**(carried if isinstance(carried, dict) else {}), **own}
    return system


def _identity(helper: Node) -> Plain:
    """Return the identifiers that stand in CSAF's own fields."""
    identity: Plain = {name: text for name in ("purl", "cpe") if (text := helper[name].text())}
    addresses = list(helper["sbom_urls"].each())
    if addresses:
        identity["sbom_ref"] = addresses[0].text()
    digests: list[Json] = []
    for item in helper["hashes"].each():
        if item["filename"].peek() == UNNAMED:
            item["filename"].ignore()
        digests += [
            {"algorithm": digest["algorithm"].text(), "value": digest["value"].text()}
            for digest in item["file_hashes"].each()
        ]
    return identity | ({"digests": digests} if digests else {})


def _set_status(systems: Systems, status: Node) -> None:
    """Give each system its status; a product in several groups keeps the first, and none means suspected."""
    for group, meaning in GROUP_STATUS.items():
        for item in status[group].each():
            system = systems.by_id.get(item.text())
            if system is not None:
                system.setdefault("status", meaning.value)
