# SPDX-License-Identifier: Apache-2.0
"""Reports, advisories and plain lines as records that can be compared for likeness.

A system is named by its package (without version), its product, its model string and its digests; what is `unknown` is
no name. Only what a record claims as its own identifier is a fingerprint: an identifier in a text is a word.
"""

from collections.abc import Iterable

from packageurl import PackageURL

from safeconduct.domain.advisory import Advisory
from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import Report
from safeconduct.domain.systems import UNKNOWN, AffectedSystem
from safeconduct.policy.duplicates import Item
from safeconduct.policy.fingerprints import Fingerprint, of_file, of_public_id, of_text


def from_line(*, item_id: str, package: str, text: str) -> Item:
    """Return a record of a package name and a text."""
    return Item(
        id=item_id, text=text, systems=(package,) if package.strip() else (), fingerprints=tuple(_text_mark(text))
    )


def from_report(report: Report, *, item_id: str, files: Iterable[str] = ()) -> Item:
    """Return a report as a record; `files` are the SHA-256 of its attachments."""
    text = f"{report.title}\n{report.summary}\n{report.description}\n{report.steps}"
    digests = {*files, *_sources(report.evidence.trials)}
    return Item(
        id=item_id,
        text=text,
        systems=_systems(report.affects),
        related=_related(report.affects),
        techniques=tuple(str(ref) for ref in report.taxonomy),
        fingerprints=(*_text_mark(report.description), *(of_file(digest) for digest in sorted(digests))),
    )


def from_advisory(advisory: Advisory) -> Item:
    """Return an advisory as a record."""
    text = f"{advisory.title}\n{advisory.summary}\n{advisory.description}\n{advisory.detection}"
    names = (advisory.id, *advisory.aliases)
    return Item(
        id=advisory.id,
        text=text,
        systems=_systems(advisory.affected),
        related=_related(advisory.affected),
        techniques=tuple(str(ref) for ref in advisory.taxonomy),
        fingerprints=(
            *_text_mark(advisory.description),
            *(of_file(digest) for digest in sorted(_sources(advisory.trials))),
            *(of_public_id(name) for name in names),
        ),
    )


def _text_mark(text: str) -> Iterable[Fingerprint]:
    """Yield the fingerprint of a text, unless it says nothing."""
    if text.strip():
        yield of_text(text)


def _sources(trials: tuple[TrialSummary, ...]) -> set[str]:
    """Return the digests of the files that trials were read from."""
    return {summary.source_sha256 for summary in trials if summary.source_sha256}


def _systems(systems: tuple[AffectedSystem, ...]) -> tuple[str, ...]:
    """Return every name of the systems, in order, each once."""
    return tuple(dict.fromkeys(name for system in systems for name in _names(system)))


def _names(system: AffectedSystem) -> Iterable[str]:
    """Yield the names of one system."""
    if system.identity.purl:
        yield package_name(system.identity.purl)
    yield from (name for name in (system.product, system.identity.model_string) if name and name != UNKNOWN)
    yield from (f"{digest.algorithm}:{digest.value}" for digest in system.identity.digests)


def _related(systems: tuple[AffectedSystem, ...]) -> tuple[str, ...]:
    """Return the names of what the systems rest on."""
    others = (edge.other for system in systems for edge in system.lineage)
    return tuple(dict.fromkeys(package_name(other) for other in others))


def package_name(name: str) -> str:
    """Return namespace and name of a package URL; any other name as it is."""
    if not name.startswith("pkg:"):
        return name
    try:
        package = PackageURL.from_string(name)
    except ValueError:
        return name
    return "/".join(part for part in (package.namespace, package.name) if part)
