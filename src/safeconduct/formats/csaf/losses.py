# SPDX-License-Identifier: Apache-2.0
"""What CSAF 2.0 carries of an advisory and what it loses, field by field: the declared loss that the tests hold."""

from collections.abc import Iterator
from typing import Final

from safeconduct.domain.advisory import RECORD_VERSION, Advisory
from safeconduct.domain.systems import AffectedStatus, AffectedSystem
from safeconduct.formats.base import Fate, Loss, LossEntry, Rule, declared
from safeconduct.formats.codec import encode_fields
from safeconduct.formats.csaf.products import carried
from safeconduct.formats.csaf.words import NAME, REMEDIATION
from safeconduct.formats.vectors import Rating, rating_of

NO_FIELD: Final = "CSAF 2.0 has no field for it; a note tells it"
"""The reason that most losses have."""
_NOTES: Final = "/vulnerabilities/0/notes"


def loss_of(advisory: Advisory) -> Loss:
    """Return the fate of every field of the advisory."""
    entries = declared(encode_fields(advisory), _RULES, special={entry.source: entry for entry in _special(advisory)})
    return Loss(source_format="native", target_format=NAME, entries=entries)


def carried_rating(advisory: Advisory) -> Rating | None:
    """Return the rating of a vector of CVSS 3; CSAF 2.0 knows no CVSS 4, and a score must be that of its vector."""
    severity = advisory.severity
    rating = rating_of(severity.cvss_vector) if severity else None
    is_carried = rating and severity and rating.version.startswith("3") and severity.cvss_score == rating.score
    return rating if is_carried else None


_RULES: Final = (
    Rule("/id", Fate.NATIVE, "/document/tracking/id"),
    Rule("/title", Fate.NATIVE, "/document/title"),
    Rule("/summary", Fate.NATIVE, "/document/notes/0/text"),
    Rule("/description", Fate.NATIVE, "/vulnerabilities/0/notes/0/text"),
    Rule("/flaw_class", Fate.NATIVE, _NOTES),
    Rule("/publisher/contact", Fate.NATIVE, "/document/publisher/contact_details"),
    Rule("/publisher/*", Fate.NATIVE, "/document/publisher/*"),
    Rule("/published_at", Fate.NATIVE, "/document/tracking/initial_release_date"),
    Rule("/modified_at", Fate.NATIVE, "/document/tracking/current_release_date"),
    Rule("/revisions/*/*", Fate.NATIVE, "/document/tracking/revision_history/*"),
    Rule("/status", Fate.NATIVE, "/document/tracking/status"),
    Rule("/record_version", Fate.DROPPED, "", "a reader writes its own version"),
    Rule("/tlp", Fate.NATIVE, "/document/distribution"),
    Rule("/taxonomy/**", Fate.NATIVE, _NOTES),
    Rule("/aliases/*", Fate.NATIVE, "/document/tracking/aliases/*"),
    Rule("/severity/tier", Fate.NATIVE, "/document/aggregate_severity/text"),
    Rule("/severity/exploitation", Fate.NATIVE, "/vulnerabilities/0/threats"),
    Rule("/harm_domains/*", Fate.PROSE, "/vulnerabilities/0/threats", NO_FIELD),
    Rule("/remediations/*/kind", Fate.NATIVE, "/vulnerabilities/0/remediations/*/category"),
    Rule("/remediations/*/details", Fate.NATIVE, "/vulnerabilities/0/remediations/*/details"),
    Rule("/remediations/*/available_at", Fate.NATIVE, "/vulnerabilities/0/remediations/*/date"),
    Rule("/remediations/*/url", Fate.NATIVE, "/vulnerabilities/0/remediations/*/url"),
    Rule("/remediations/*/products/*", Fate.NATIVE, "/vulnerabilities/0/remediations/*/product_ids/*"),
    Rule("/detection", Fate.NATIVE, _NOTES),
    Rule("/disputed", Fate.NATIVE, _NOTES),
    Rule("/references/*/*", Fate.NATIVE, "/document/references/*"),
    Rule("/credits/*/*", Fate.NATIVE, "/document/acknowledgments/*"),
    Rule("/credits/*", Fate.NATIVE, "/document/acknowledgments/*"),
    Rule("/discovered_at", Fate.NATIVE, "/vulnerabilities/0/discovery_date"),
    Rule("/affected/*", Fate.NATIVE, "/product_tree"),
    Rule("/affected/*/vendor", Fate.NATIVE, "/product_tree"),
    Rule("/affected/*/product", Fate.NATIVE, "/product_tree"),
    Rule("/affected/*/version", Fate.NATIVE, "/product_tree"),
    Rule("/affected/*/fixed_version", Fate.NATIVE, "/product_tree"),
    Rule("/affected/*/status", Fate.NATIVE, "/vulnerabilities/0/product_status"),
    Rule("/affected/*/role", Fate.PROSE, _NOTES, NO_FIELD),
    Rule("/affected/*/status_note", Fate.PROSE, _NOTES, NO_FIELD),
    Rule("/affected/*/lineage/**", Fate.PROSE, _NOTES, NO_FIELD),
    Rule("/affected/**", Fate.EXTENSION, "/product_tree (x_generic_uris)"),
    # Trials, verification, timeline, tracks, withdrawal and the rest of the severity.
    Rule("/**", Fate.PROSE, _NOTES, NO_FIELD),
)


def _special(advisory: Advisory) -> Iterator[LossEntry]:
    """Yield the fates that depend on what a field holds; they go before the general ones."""
    if advisory.record_version == RECORD_VERSION:
        reason = "a reader writes its own version, which is this one"
        yield LossEntry(source="/record_version", fate=Fate.NATIVE, reason=reason)
    yield from _special_severity(advisory)
    for position, remediation in enumerate(advisory.remediations):
        at = f"/remediations/{position}"
        if remediation.kind.value != REMEDIATION[remediation.kind]:
            yield LossEntry(source=f"{at}/kind", fate=Fate.PROSE, target=_NOTES, reason="CSAF has no such category")
        if len(remediation.products) == len(advisory.affected):
            reason = "naming all products is the same as naming none"
            yield LossEntry(source=f"{at}/products", fate=Fate.DROPPED, reason=reason)
    for position, system in enumerate(advisory.affected):
        yield from _special_system(system, at=f"/affected/{position}")


def _special_system(system: AffectedSystem, *, at: str) -> Iterator[LossEntry]:
    own = carried(system.identity)
    fields = {"purl": own.purl, "cpe": own.cpe, "sbom_ref": own.sbom, "digests": own.digests}
    for name in (name for name, is_own in fields.items() if is_own):
        yield LossEntry(source=f"{at}/identity/{name}", fate=Fate.NATIVE, target="/product_tree")
    if system.status in {AffectedStatus.MITIGATED, AffectedStatus.UNKNOWN}:
        reason = "CSAF has no such status; a note tells it"
        yield LossEntry(source=f"{at}/status", fate=Fate.PROSE, target=_NOTES, reason=reason)


def _special_severity(advisory: Advisory) -> Iterator[LossEntry]:
    if advisory.severity is None:
        return
    if advisory.severity.tier is advisory.severity.tier_low:
        target = "/document/aggregate_severity/text"
        yield LossEntry(source="/severity/tier_low", fate=Fate.NATIVE, target=target)
    if carried_rating(advisory):
        score = "/vulnerabilities/0/scores/0/cvss_v3"
        yield LossEntry(source="/severity/cvss_vector", fate=Fate.NATIVE, target=f"{score}/vectorString")
        yield LossEntry(source="/severity/cvss_score", fate=Fate.NATIVE, target=f"{score}/baseScore")
