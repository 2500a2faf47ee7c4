# SPDX-License-Identifier: Apache-2.0
"""A CSAF 2.0 document as an advisory: our own up to the declared loss, a foreign one leniently, its loss told.

A record is one flaw, so the first vulnerability is read and the others are told as loss. What CSAF does not say is
filled with what claims nothing: the flaw's class is `other`, an unknown product stays unknown. Versions that do not
count from 1 (semantic versions, for example) are numbered anew in the order of their dates.
"""

import re
from collections.abc import Iterator
from typing import Final

from safeconduct.domain.advisory import AdvisoryStatus, CreditKind, ReferenceKind
from safeconduct.domain.report import TITLE_LIMIT, Tlp
from safeconduct.domain.safe_json import Json, read_object
from safeconduct.domain.severity import Tier
from safeconduct.domain.weakness import FlawClass, Framework, TaxonomyRef
from safeconduct.errors import IncompleteError, MalformedError
from safeconduct.formats.base import Level, Loss, Reading, Remark
from safeconduct.formats.codec import encode, encode_fields
from safeconduct.formats.csaf.systems import Systems, read_systems
from safeconduct.formats.csaf.words import (
    EXPLOITATION,
    FIXED_DETAILS,
    NAME,
    REMEDIATION,
    TITLE_DETECTION,
    TITLE_DISPUTE,
    TITLE_FLAW_CLASS,
    TITLE_TAXONOMY,
    TLP_LABEL,
)
from safeconduct.formats.foreign import Node
from safeconduct.formats.native import advisory_from
from safeconduct.formats.soundness import PUBLISHER_CATEGORIES, advisory_remarks, is_web_address
from safeconduct.formats.vectors import rating_of

UNSTATED: Final = "unstated"
"""The edition of a weakness in a foreign document: CSAF 2.0 does not tell it."""

_KIND = re.compile(rf"({'|'.join(ReferenceKind)})(?:: (.*))?", re.DOTALL)


def read(data: bytes) -> Reading:
    """Return the advisory that a CSAF document holds.

    Raises:
        MalformedError: it is not JSON, or not sound as a record.
        IncompleteError: it lacks what every advisory needs.
        TooLargeError: it passes a limit.
    """
    root = Node(read_object(data))
    document, flaw = root["document"], root["vulnerabilities"].first()
    _require(document)
    systems = read_systems(root["product_tree"], flaw["product_status"])
    plain = _tracked(document) | _said(document, flaw) | _listed(document, flaw, systems)
    plain["affected"] = systems.plain() or [{}]
    if severity := _severity(document, flaw):
        plain["severity"] = severity
    advisory = advisory_from(plain)
    _ignore_what_follows(root, flaw)
    loss = Loss(source_format=NAME, target_format="native", entries=root.unread())
    return Reading(record=advisory, loss=loss, remarks=(*_assumed(document, flaw), *advisory_remarks(advisory)))


def _require(document: Node) -> None:
    tracking = document["tracking"]
    needed = {
        "document/title": document["title"].peek().strip(),
        "document/tracking/id": tracking["id"].peek().strip(),
        "document/tracking/initial_release_date": tracking["initial_release_date"].instant(),
        "document/tracking/current_release_date": tracking["current_release_date"].instant(),
        "document/publisher/name": document["publisher"]["name"].text().strip(),
        "document/publisher/namespace": is_web_address(document["publisher"]["namespace"].text()),
    }
    if missing := [at for at, found in needed.items() if not found]:
        raise IncompleteError(
            f"a CSAF document needs {', '.join(missing)}", hint="check it with a CSAF validator", missing=missing
        )


def _tracked(document: Node) -> dict[str, Json]:
    """Return what the head of the document says of itself."""
    tracking, publisher = document["tracking"], document["publisher"]
    published, modified = tracking["initial_release_date"].instant(), tracking["current_release_date"].instant()
    plain: dict[str, Json] = {
        "id": tracking["id"].identifier(),
        "title": document["title"].text(limit=TITLE_LIMIT),
        "publisher": {
            "name": publisher["name"].text(),
            "namespace": publisher["namespace"].text(),
            "contact": publisher["contact_details"].text(),
            "category": publisher["category"].choice(PUBLISHER_CATEGORIES, "other"),
        },
        "published_at": encode(min(filter(None, (published, modified)))),
        "modified_at": encode(modified),
        "revisions": _revisions(tracking) or [{"version": 1, "at": encode(modified), "summary": "Imported from CSAF"}],
        "status": tracking["status"].choice(tuple(AdvisoryStatus), AdvisoryStatus.INTERIM.value),
        "tlp": _tlp(document["distribution"]).value,
    }
    return plain


def _revisions(tracking: Node) -> list[Json]:
    """Return the revisions in the order of their dates, counted from 1."""
    found = []
    for item in tracking["revision_history"].each():
        at = item["date"].instant()
        if at is not None:
            found.append((at, item["summary"].text(), item["number"]))
    found.sort(key=lambda revision: revision[0])
    made: list[Json] = []
    for version, (at, summary, number) in enumerate(found, start=1):
        if number.peek() == str(version):
            number.ignore()
        made.append({"version": version, "at": encode(at), "summary": summary if summary.strip() else "not told"})
    return made


def _tlp(distribution: Node) -> Tlp:
    label, text = distribution["tlp"]["label"].text(), distribution["text"].peek()
    if text == Tlp.AMBER_STRICT.value:
        distribution["text"].ignore()
        return Tlp.AMBER_STRICT
    return next((tlp for tlp, name in TLP_LABEL.items() if name == label and tlp is not Tlp.AMBER_STRICT), Tlp.CLEAR)


def _said(document: Node, flaw: Node) -> dict[str, Json]:
    """Return what titles and notes say."""
    title = document["title"].peek()
    summary = _note(document["notes"], category="summary")
    description = _note(flaw["notes"], category="description") or _note(flaw["notes"], category="details")
    description = description or _note(document["notes"], category="description")
    plain: dict[str, Json] = {
        "summary": summary or description or title,
        "description": description or summary or title,
        "flaw_class": _flaw_class(flaw).value,
        "detection": _note(flaw["notes"], title=TITLE_DETECTION),
        "disputed": _note(flaw["notes"], title=TITLE_DISPUTE),
        "taxonomy": [encode_fields(reference) for reference in _taxonomy(flaw)],
    }
    if (discovered := flaw["discovery_date"].instant()) is not None:
        plain["discovered_at"] = encode(discovered)
    return plain


def _note(notes: Node, *, category: str = "", title: str = "") -> str:
    """Return the first note of the category without a title of ours, or the one of the title, if it says something."""
    ours = {TITLE_FLAW_CLASS, TITLE_TAXONOMY, TITLE_DETECTION, TITLE_DISPUTE}
    for note in notes.each():
        name = note["title"].peek()
        is_meant = name == title if title else note["category"].peek() == category and name not in ours
        if is_meant and (note["text"].text().strip() or title):
            note["title"].ignore()
            note["category"].ignore()
            return note["text"].text()
    return ""


def _flaw_class(flaw: Node) -> FlawClass:
    text = _note(flaw["notes"], title=TITLE_FLAW_CLASS)
    return FlawClass(text) if text in set(FlawClass) else FlawClass.OTHER


def _taxonomy(flaw: Node) -> Iterator[TaxonomyRef]:
    lines = _note(flaw["notes"], title=TITLE_TAXONOMY).split("\n")
    references = [reference for line in lines if (reference := _reference_of(line))]
    weakness = flaw["cwe"]["id"].text()
    if weakness and weakness not in {reference.id for reference in references}:
        references.append(TaxonomyRef(framework=Framework.CWE, edition=UNSTATED, id=weakness))
    yield from references


def _reference_of(line: str) -> TaxonomyRef | None:
    try:
        return TaxonomyRef.parse(line)
    except MalformedError:
        return None


def _severity(document: Node, flaw: Node) -> dict[str, Json]:
    made: dict[str, Json] = {}
    rated = None
    for score in flaw["scores"].each():
        cvss = score["cvss_v3"]
        vector = cvss["vectorString"].peek()
        if rated := rating_of(vector):
            cvss.ignore()
            score["products"].ignore()
            made = {"cvss_vector": vector, "cvss_score": rated.score}
            break
    aggregate = document["aggregate_severity"]["text"]
    tier = aggregate.peek().lower()
    if tier in set(Tier):
        aggregate.ignore()
    elif rated:
        tier = rated.tier.value
    else:
        return {}
    sentences = {text: status for status, text in EXPLOITATION.items()}
    for threat in flaw["threats"].each():
        if threat["category"].peek() == "exploit_status" and threat["details"].peek() in sentences:
            threat.ignore()
            made["exploitation"] = sentences[threat["details"].text()].value
    return {"tier": tier, "tier_low": tier, **made}


def _listed(document: Node, flaw: Node, systems: Systems) -> dict[str, Json]:
    """Return remediations, references, credits and aliases."""
    own_id = document["tracking"]["id"].peek()
    aliases = document["tracking"]["aliases"].texts()
    named = [flaw["cve"].text(), *(item["text"].text() for item in flaw["ids"].each())]
    references = [*document["references"].each(), *flaw["references"].each()]
    thanks = [*document["acknowledgments"].each(), *flaw["acknowledgments"].each()]
    return {
        "aliases": list(aliases or dict.fromkeys(name for name in named if name.strip() and name != own_id)),
        "remediations": [_remediation(item, systems) for item in flaw["remediations"].each() if _is_told(item)],
        "references": [_link(item) for item in references if is_web_address(item["url"].peek())],
        "credits": [credit for item in thanks for credit in _credits(item)],
    }


def _is_told(remediation: Node) -> bool:
    details = remediation["details"].peek()
    if details == FIXED_DETAILS:
        remediation.ignore()
        return False
    is_known = remediation["category"].peek() in set(REMEDIATION.values())
    return is_known and bool(details.strip())


def _remediation(item: Node, systems: Systems) -> dict[str, Json]:
    made: dict[str, Json] = {"kind": item["category"].text(), "details": item["details"].text()}
    if (date := item["date"].instant()) is not None:
        made["available_at"] = encode(date)
    if is_web_address(item["url"].peek()):
        made["url"] = item["url"].text()
    positions = systems.positions(item)
    if len(positions) < len(systems.plain()):
        made["products"] = list(positions)
    return made


def _link(item: Node) -> dict[str, Json]:
    summary = item["summary"].text()
    category = item["category"].text()
    kind = ReferenceKind.SELF if category == "self" else ReferenceKind.WEB
    match = _KIND.fullmatch(summary)
    if match:
        return {"url": item["url"].text(), "kind": match[1], "summary": match[2] or ""}
    return {"url": item["url"].text(), "kind": kind.value, "summary": summary}


def _credits(item: Node) -> Iterator[dict[str, Json]]:
    kind = item["summary"].peek()
    if kind in set(CreditKind):
        item["summary"].ignore()
    else:
        kind = CreditKind.FINDER.value
    organization = item["organization"].text()
    names = [name.text() for name in item["names"].each()]
    for name in names or [""]:
        yield {"name": name, "kind": kind, "organization": organization}


def _ignore_what_follows(root: Node, flaw: Node) -> None:
    """Count as read what says nothing of its own: names of the format, and what another field says as well."""
    document = root["document"]
    for node in (
        document["category"],
        document["csaf_version"],
        document["lang"],
        document["distribution"]["tlp"]["url"],
        document["tracking"]["generator"],
        document["tracking"]["version"],
        flaw["cwe"]["name"],
        flaw["release_date"],
        *(item["system_name"] for item in flaw["ids"].each()),
    ):
        node.ignore()
    if flaw["title"].peek() == document["title"].peek():
        flaw["title"].ignore()


def _assumed(document: Node, flaw: Node) -> Iterator[Remark]:
    """Tell what the record says and the document does not."""
    told = {}
    if not _note(flaw["notes"], title=TITLE_FLAW_CLASS):
        told["/flaw_class"] = "no class of flaw is told; other is assumed"
    if not document["distribution"]["tlp"]["label"].peek():
        told["/tlp"] = "no TLP label is told; CLEAR is assumed"
    tracking = document["tracking"]
    if tracking["status"].peek() not in set(AdvisoryStatus):
        told["/status"] = "no known status is told; interim is assumed"
    published, modified = tracking["initial_release_date"].instant(), tracking["current_release_date"].instant()
    if published and modified and published > modified:
        told["/published_at"] = "it is published after its last modification, which is taken instead"
    for at, message in told.items():
        yield Remark(level=Level.WARNING, rule="csaf.assumed", at=at, message=message)
