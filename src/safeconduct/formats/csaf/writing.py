# SPDX-License-Identifier: Apache-2.0
"""An advisory as a CSAF 2.0 document of the profile Security Advisory (clause 4.4): one flaw, one vulnerability.

Keys are sorted, instants are UTC, revisions count in integers. CSAF 2.0 has no extension point for machine learning:
what has no field stands in notes, which people read and machines do not; the loss report names it. Nothing depends on a
clock: the same record gives the same bytes.
"""

import re
from collections.abc import Iterator
from typing import Final

from safeconduct.domain.advisory import Advisory, Credit, Publisher, Reference, ReferenceKind, Remediation
from safeconduct.domain.report import Tlp
from safeconduct.domain.safe_json import Json
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.systems import AffectedStatus
from safeconduct.domain.weakness import Framework
from safeconduct.formats.base import Record, Writing, document, require_advisory
from safeconduct.formats.codec import encode
from safeconduct.formats.csaf.losses import carried_rating, loss_of
from safeconduct.formats.csaf.products import fixed_id, product_id, product_tree
from safeconduct.formats.csaf.prose import prose_notes
from safeconduct.formats.csaf.words import (
    CATEGORY,
    CATEGORY_BASE,
    CWE_NAMES,
    EXPLOITATION,
    FIXED_DETAILS,
    REMEDIATION,
    STATUS_GROUP,
    TITLE_DETECTION,
    TITLE_DISPUTE,
    TITLE_FLAW_CLASS,
    TITLE_TAXONOMY,
    TLP_ADDRESS,
    TLP_LABEL,
    UNDECIDED,
    VERSION,
)
from safeconduct.formats.soundness import require_sound

CVE: Final = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}", re.ASCII)


def file_name(tracking_id: str) -> str:
    """Return the file name of a document (clause 5.1): lower case, and one underscore for all else than + - a-z 0-9."""
    return re.sub(r"[^+\-a-z0-9]+", "_", tracking_id.lower()) + ".json"


def write(record: Record) -> Writing:
    """Return the CSAF document of an advisory.

    Raises:
        MalformedError: the record is a report, or not sound.
    """
    advisory = require_sound(require_advisory(record, title="CSAF"))
    made: dict[str, Json] = {
        "document": _document(advisory),
        "product_tree": product_tree(advisory.affected, namespace=advisory.publisher.namespace),
        "vulnerabilities": [_vulnerability(advisory)],
    }
    return Writing(data=document(made), name=file_name(advisory.id), loss=loss_of(advisory))


def _document(advisory: Advisory) -> Json:
    made: dict[str, Json] = {
        "category": CATEGORY if _is_conclusive(advisory) else CATEGORY_BASE,
        "csaf_version": VERSION,
        "distribution": _distribution(advisory.tlp),
        "lang": "en",
        "notes": [{"category": "summary", "title": "Summary", "text": advisory.summary}],
        "publisher": _publisher(advisory.publisher),
        "title": advisory.title,
        "tracking": _tracking(advisory),
    }
    if advisory.severity:
        made["aggregate_severity"] = {"text": advisory.severity.tier.value}
    optional: dict[str, list[Json]] = {
        "acknowledgments": [_acknowledgment(item) for item in advisory.credits],
        "references": [_reference(item) for item in advisory.references],
    }
    return made | {name: items for name, items in optional.items() if items}


def _publisher(publisher: Publisher) -> Json:
    made: dict[str, Json] = {
        "category": publisher.category,
        "name": publisher.name,
        "namespace": publisher.namespace,
    }
    return made | ({"contact_details": publisher.contact} if publisher.contact else {})


def _distribution(tlp: Tlp) -> Json:
    label: dict[str, Json] = {"tlp": {"label": TLP_LABEL[tlp], "url": TLP_ADDRESS}}
    return label | {"text": tlp.value} if tlp is Tlp.AMBER_STRICT else label


def _tracking(advisory: Advisory) -> Json:
    history: list[Json] = [
        {"date": encode(item.at), "number": str(item.version), "summary": item.summary} for item in advisory.revisions
    ]
    made: dict[str, Json] = {
        "current_release_date": encode(advisory.modified_at),
        "generator": {"engine": {"name": "Safeconduct"}},
        "id": advisory.id,
        "initial_release_date": encode(advisory.published_at),
        "revision_history": history,
        "status": advisory.status.value,
        "version": str(advisory.revisions[-1].version),
    }
    return made | ({"aliases": list(advisory.aliases)} if advisory.aliases else {})


def _acknowledgment(credit: Credit) -> Json:
    made: dict[str, Json] = {"summary": credit.kind.value}
    if credit.name:
        made["names"] = [credit.name]
    if credit.organization:
        made["organization"] = credit.organization
    return made


def _reference(reference: Reference) -> Json:
    summary = f"{reference.kind.value}: {reference.summary}" if reference.summary else reference.kind.value
    category = "self" if reference.kind is ReferenceKind.SELF else "external"
    return {"category": category, "summary": summary, "url": reference.url}


def _vulnerability(advisory: Advisory) -> Json:
    named = {advisory.id: advisory.publisher.name}
    named |= {alias: "alias" for alias in advisory.aliases if not CVE.fullmatch(alias) and alias != advisory.id}
    made: dict[str, Json] = {
        "ids": [{"system_name": system, "text": text} for text, system in named.items()],
        "notes": [
            {"category": "description", "text": advisory.description},
            *_titled(advisory),
            *prose_notes(advisory),
        ],
        "product_status": _status(advisory),
        "release_date": encode(advisory.published_at),
        "title": advisory.title,
    }
    if cve := next((alias for alias in advisory.aliases if CVE.fullmatch(alias)), None):
        made["cve"] = cve
    if cwe := next((item.id for item in advisory.taxonomy if _is_named_weakness(item.framework, item.id)), None):
        made["cwe"] = {"id": cwe, "name": CWE_NAMES[cwe]}
    if advisory.discovered_at:
        made["discovery_date"] = encode(advisory.discovered_at)
    optional: dict[str, list[Json]] = {
        "remediations": list(_remediations(advisory)),
        "scores": _scores(advisory),
        "threats": list(_threats(advisory)),
    }
    return made | {name: items for name, items in optional.items() if items}


def _is_named_weakness(framework: Framework, identifier: str) -> bool:
    return framework is Framework.CWE and identifier in CWE_NAMES


def _titled(advisory: Advisory) -> list[Json]:
    """Return the notes that hold one field as it is."""
    told = {
        TITLE_FLAW_CLASS: advisory.flaw_class.value,
        TITLE_TAXONOMY: "\n".join(str(reference) for reference in advisory.taxonomy),
        TITLE_DETECTION: advisory.detection,
        TITLE_DISPUTE: advisory.disputed,
    }
    return [{"category": "details", "title": title, "text": text} for title, text in told.items() if text]


def _status(advisory: Advisory) -> Json:
    groups: dict[str, list[Json]] = {}
    for position, system in enumerate(advisory.affected):
        groups.setdefault(STATUS_GROUP[system.status], []).append(product_id(position))
        if system.fixed_version:
            groups.setdefault("fixed", []).append(fixed_id(position))
    return dict(groups)


def _products(positions: tuple[int, ...], *, systems: int) -> list[Json]:
    return [product_id(position) for position in positions or range(systems)]


def _is_conclusive(advisory: Advisory) -> bool:
    return any(STATUS_GROUP[system.status] != UNDECIDED or system.fixed_version for system in advisory.affected)


def _remediations(advisory: Advisory) -> Iterator[Json]:
    for item in advisory.remediations:
        yield _remediation(item, systems=len(advisory.affected))
    fixed = [
        position
        for position, system in enumerate(advisory.affected)
        if system.fixed_version or system.status is AffectedStatus.FIXED
    ]
    if fixed and not advisory.remediations:
        ids: list[Json] = [product_id(position) for position in fixed]
        yield {"category": "vendor_fix", "details": FIXED_DETAILS, "product_ids": ids}


def _remediation(remediation: Remediation, *, systems: int) -> Json:
    made: dict[str, Json] = {
        "category": REMEDIATION[remediation.kind],
        "details": remediation.details,
        "product_ids": _products(remediation.products, systems=systems),
    }
    if remediation.available_at:
        made["date"] = encode(remediation.available_at)
    if remediation.url:
        made["url"] = remediation.url
    return made


def _scores(advisory: Advisory) -> list[Json]:
    rating = carried_rating(advisory)
    if rating is None or advisory.severity is None:
        return []
    cvss: dict[str, Json] = {
        "version": rating.version,
        "vectorString": advisory.severity.cvss_vector,
        "baseScore": rating.score,
        "baseSeverity": rating.tier.value.upper(),
    }
    return [{"cvss_v3": cvss, "products": _products((), systems=len(advisory.affected))}]


def _threats(advisory: Advisory) -> Iterator[Json]:
    if advisory.severity and advisory.severity.exploitation is not Exploitation.NONE:
        yield {"category": "exploit_status", "details": EXPLOITATION[advisory.severity.exploitation]}
    if advisory.harm_domains:
        domains = ", ".join(domain.value.replace("_", " ") for domain in advisory.harm_domains)
        yield {"category": "impact", "details": f"Harm may touch: {domains}"}
