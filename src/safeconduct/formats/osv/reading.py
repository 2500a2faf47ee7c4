# SPDX-License-Identifier: Apache-2.0
"""An OSV document as an advisory: our own without loss, a foreign one leniently and with its loss told.

From a foreign document the record takes id, texts, instants, aliases, packages, references, credits and the vector of
CVSS. A package without a version range that a record can hold keeps its name and package URL. What OSV does not say is
filled with what claims nothing: the flaw's class is `other`, the publisher is named after the prefix of the id, the one
revision is the import.
"""

from collections.abc import Iterator
from typing import Final

from safeconduct.domain.advisory import Advisory, CreditKind, ReferenceKind
from safeconduct.domain.report import TITLE_LIMIT
from safeconduct.domain.safe_json import Json, read_object
from safeconduct.domain.systems import UNKNOWN, AffectedStatus
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import IncompleteError
from safeconduct.formats.base import Level, Loss, Reading, Remark
from safeconduct.formats.codec import encode
from safeconduct.formats.foreign import Node
from safeconduct.formats.native import advisory_from
from safeconduct.formats.osv.vocabulary import UNREGISTERED
from safeconduct.formats.osv.writing import EXTENSION, NAME, extension_fields
from safeconduct.formats.soundness import advisory_remarks, is_web_address
from safeconduct.formats.vectors import rating_of

NOWHERE: Final = "https://unknown.invalid"
"""The namespace of a publisher whose address is not told (RFC 2606 reserves `.invalid`)."""


def read(data: bytes) -> Reading:
    """Return the advisory that an OSV document holds.

    Raises:
        MalformedError: it is not JSON, or what our own extension holds is not a record.
        IncompleteError: it has no id or no instant of modification.
        TooLargeError: it passes a limit.
    """
    root = Node(read_object(data))
    plain = _native(root)
    extension = root["database_specific"][EXTENSION]
    is_own = isinstance(extension.value, dict)
    plain |= _extension(extension) if is_own else _guessed(root, plain)
    advisory = advisory_from(plain)
    root["schema_version"].ignore()
    if is_own:
        # The extension says all of this in full.
        for name in ("severity", "affected", "references", "credits"):
            root[name].ignore()
    loss = Loss(source_format=NAME, target_format="native", entries=root.unread())
    remarks = () if is_own else tuple(_assumed(root, advisory))
    return Reading(record=advisory, loss=loss, remarks=(*remarks, *advisory_remarks(advisory)))


def _assumed(root: Node, advisory: Advisory) -> Iterator[Remark]:
    """Tell what the record says and the document does not."""
    told = {
        "/flaw_class": f"no class of flaw is told; {advisory.flaw_class.value} is assumed",
        "/publisher": f"no publisher is told; {advisory.publisher.name} is taken from the id",
    }
    if root["published"].instant() not in {None, advisory.published_at}:
        told["/published_at"] = "it is published after its last modification, which is taken instead"
    for at, message in told.items():
        yield Remark(level=Level.WARNING, rule="osv.assumed", at=at, message=message)


def _native(root: Node) -> dict[str, Json]:
    """Return the fields of the record that OSV has as they are."""
    public_id = root["id"].identifier().removeprefix(UNREGISTERED)
    modified = root["modified"].instant()
    if not public_id or modified is None:
        raise IncompleteError(
            "an OSV document needs an id and an instant of modification",
            hint="look at the fields id and modified",
            missing=[name for name, found in (("id", public_id), ("modified", modified)) if not found],
        )
    published = root["published"].instant() or modified
    summary, details = root["summary"].text(), root["details"].text()
    title = _first(summary, details.strip().partition("\n")[0], public_id)
    plain: dict[str, Json] = {
        "id": public_id,
        "title": title,
        "description": _first(details, title),
        "modified_at": encode(modified),
        "published_at": encode(published),
        "aliases": list(root["aliases"].texts()),
    }
    if (withdrawn := root["withdrawn"].instant()) is not None:
        plain["withdrawn_at"] = encode(withdrawn)
    return plain


def _first(*texts: str) -> str:
    return next(text for text in texts if text.strip())


def _extension(extension: Node) -> dict[str, Json]:
    return {name: extension[name].whole() for name in sorted(extension_fields()) if extension[name].value is not None}


def _guessed(root: Node, plain: dict[str, Json]) -> dict[str, Json]:
    """Return the rest of a record for a foreign document."""
    title = str(plain["title"])
    modified = plain["modified_at"]
    told = [moment for name in ("published", "modified") if (moment := root[name].instant()) is not None]
    made: dict[str, Json] = {
        "title": title[:TITLE_LIMIT],
        "summary": title,
        "flaw_class": FlawClass.OTHER.value,
        "affected": [_system(item) for item in root["affected"].each()] or [{}],
        "publisher": {
            "name": str(plain["id"]).partition("-")[0],
            "namespace": NOWHERE,
            "category": "other",
        },
        # The earlier one: some databases modify a record before they publish it.
        "published_at": encode(min(told)),
        "revisions": [{"version": 1, "at": modified, "summary": "Imported from OSV"}],
        "references": [_reference(item) for item in root["references"].each() if is_web_address(item["url"].peek())],
        "credits": [_credit(item) for item in root["credits"].each()],
    }
    if severity := _severity(root["severity"]):
        made["severity"] = severity
    return made


def _system(item: Node) -> dict[str, Json]:
    package = item["package"]
    versions = item["versions"].texts()
    fixed = [
        text for span in item["ranges"].each() for event in span["events"].each() if (text := event["fixed"].text())
    ]
    if purl := package["purl"].text():
        package["ecosystem"].ignore()
    system: dict[str, Json] = {
        "vendor": UNKNOWN,
        "product": package["name"].text().strip() or UNKNOWN,
        "identity": {"purl": purl},
        "status": AffectedStatus.AFFECTED.value,
        "version": ", ".join(versions)[:1_000],
        "fixed_version": fixed[-1] if fixed else "",
    }
    return system


def _reference(item: Node) -> dict[str, Json]:
    kinds = set(ReferenceKind)
    kind = item["type"].text().lower()
    return {"url": item["url"].text(), "kind": kind if kind in kinds else ReferenceKind.WEB.value}


def _credit(item: Node) -> dict[str, Json]:
    kind = item["type"].text().lower()
    return {"name": item["name"].text(), "kind": kind if kind in set(CreditKind) else CreditKind.OTHER.value}


def _severity(node: Node) -> dict[str, Json]:
    """Return the severity of the newest vector that can be rated; its rating in words is also that of our tiers."""
    for item in sorted(node.each(), key=lambda item: item["score"].peek(), reverse=True):
        vector = item["score"].peek()
        if rating := rating_of(vector):
            item.ignore()
            tier = rating.tier.value
            return {"tier": tier, "tier_low": tier, "cvss_vector": vector, "cvss_score": rating.score}
    return {}
