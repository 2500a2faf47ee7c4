# SPDX-License-Identifier: Apache-2.0
"""An advisory as an OSV 1.7.5 document.

What OSV has a field for is written there, so that its scanners match: package URLs of registered ecosystems, commits of
open weights as a GIT range, a CVSS vector. All else stands in `database_specific.safeconduct`, which is the format's
extension point; with it the record is carried without loss. A hosted model has no home in `affected` and appears there
only through the extension.
"""

import re
from dataclasses import dataclass
from typing import Final

from packageurl import PackageURL

from safeconduct.domain.advisory import Advisory, Reference, ReferenceKind
from safeconduct.domain.safe_json import Json
from safeconduct.domain.systems import AffectedStatus, AffectedSystem
from safeconduct.formats.base import Fate, Loss, LossEntry, Record, Rule, Writing, declared, document, require_advisory
from safeconduct.formats.codec import encode_fields
from safeconduct.formats.osv.vocabulary import COMMIT, DATABASES, SCHEMA_VERSION, UNREGISTERED, ecosystem_of
from safeconduct.formats.soundness import require_sound
from safeconduct.formats.vectors import CVSS_3, CVSS_4, rating_of

NAME: Final = "osv"
EXTENSION: Final = "safeconduct"
MODEL_HUB: Final = "https://huggingface.co"
"""Where a commit of `pkg:huggingface/…` lives: a GIT range names the repository by its address."""

_CARRIED: Final = {
    "id": "id",
    "title": "summary",
    "description": "details",
    "published_at": "published",
    "modified_at": "modified",
    "withdrawn_at": "withdrawn",
    "aliases": "aliases",
}
"""Fields of the record that stand in OSV as they are, and their names there."""
_RULES: Final = (
    *(Rule(f"/{here}**", Fate.NATIVE, f"/{there}**") for here, there in _CARRIED.items()),
    Rule("/references/*/url", Fate.NATIVE, "/references/*/url"),
    Rule("/**", Fate.EXTENSION, f"/database_specific/{EXTENSION}/**"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """One entry of OSV's `affected` and the position of the system that it stands for."""

    system: int
    entry: dict[str, Json]


def osv_id(public_id: str) -> str:
    """Return the id in OSV: as it is where its prefix is registered there, else with `x_` before it."""
    registered = any(public_id.startswith(f"{name}-") for name in DATABASES)
    return public_id if registered else UNREGISTERED + public_id


def write(record: Record) -> Writing:
    """Return the OSV document of an advisory.

    Raises:
        MalformedError: the record is a report, or not sound.
    """
    advisory = require_sound(require_advisory(record, title="OSV"))
    plain = encode_fields(advisory)
    matches = _matches(advisory)
    extension = {name: value for name, value in plain.items() if name not in _CARRIED}
    made: dict[str, Json] = {
        "schema_version": SCHEMA_VERSION,
        **{there: plain[here] for here, there in _CARRIED.items() if here in plain},
        "id": osv_id(advisory.id),
        "database_specific": {EXTENSION: extension},
    }
    optional: dict[str, list[Json]] = {
        "severity": _severity(advisory),
        "affected": [match.entry for match in matches],
        "references": [_reference(item) for item in advisory.references],
        "credits": [{"name": item.name.strip() or "Anonymous", "type": item.kind.upper()} for item in advisory.credits],
    }
    made |= {name: value for name, value in optional.items() if value}
    return Writing(data=document(made), name=f"{osv_id(advisory.id)}.json", loss=_loss(advisory, matches))


def _loss(advisory: Advisory, matches: list[_Match]) -> Loss:
    """Return what becomes of each field: all of it is carried, the rules only say where."""
    special = {
        f"/affected/{match.system}/identity/purl": LossEntry(
            source="", fate=Fate.NATIVE, target=f"/affected/{number}/package/purl"
        )
        for number, match in enumerate(matches)
        if "package" in match.entry
    }
    if _severity(advisory):
        special["/severity/cvss_vector"] = LossEntry(source="", fate=Fate.NATIVE, target="/severity/0/score")
    entries = declared(encode_fields(advisory), _RULES, special=special)
    return Loss(source_format="native", target_format=NAME, entries=entries)


def _severity(advisory: Advisory) -> list[Json]:
    vector = advisory.severity.cvss_vector if advisory.severity else ""
    if rating_of(vector) is None:
        return []
    kinds = {"CVSS_V3": CVSS_3, "CVSS_V4": CVSS_4}
    return [{"type": kind, "score": vector} for kind, form in kinds.items() if re.fullmatch(form, vector)]


def _reference(reference: Reference) -> Json:
    kind = ReferenceKind.WEB if reference.kind is ReferenceKind.SELF else reference.kind
    return {"type": kind.upper(), "url": reference.url}


def _matches(advisory: Advisory) -> list[_Match]:
    """Return the entries that scanners can match, for systems that are affected for sure."""
    found = []
    for position, system in enumerate(advisory.affected):
        if system.status in {AffectedStatus.AFFECTED, AffectedStatus.MITIGATED} and (entry := _entry(system)):
            found.append(_Match(system=position, entry=entry))
    return found


def _entry(system: AffectedSystem) -> dict[str, Json]:
    try:
        purl = PackageURL.from_string(system.identity.purl)
    except ValueError:
        return {}
    if purl.type == "huggingface":
        return _weights(system, purl)
    if (named := ecosystem_of(purl)) is None:
        return {}
    bare = PackageURL(type=purl.type, namespace=purl.namespace, name=purl.name).to_string()
    entry: dict[str, Json] = {"package": {"ecosystem": named[0], "name": named[1], "purl": bare}}
    version = system.version or purl.version or ""
    if version:
        entry["versions"] = [version]
    if system.fixed_version:
        events: list[Json] = [{"introduced": version or "0"}, {"fixed": system.fixed_version}]
        entry["ranges"] = [{"type": "ECOSYSTEM", "events": events}]
    return entry


def _weights(system: AffectedSystem, purl: PackageURL) -> dict[str, Json]:
    """Return a GIT range for open weights whose commit is known."""
    seen = purl.version or system.version
    commits = {"introduced": seen, "fixed": system.fixed_version}
    known = {event: commit for event, commit in commits.items() if re.fullmatch(COMMIT, commit)}
    if not known:
        return {}
    if "fixed" not in known:
        known["last_affected"] = known["introduced"]
    events: list[Json] = [{event: commit} for event, commit in ({"introduced": "0"} | known).items()]
    repository = "/".join([MODEL_HUB, *filter(None, (purl.namespace, purl.name))])
    return {"ranges": [{"type": "GIT", "repo": repository, "events": events}]}


def extension_fields() -> frozenset[str]:
    """Return the fields of the record that the extension may hold."""
    return frozenset(Advisory.__dataclass_fields__) - frozenset(_CARRIED)
