# SPDX-License-Identifier: Apache-2.0
"""The words of OSV 1.7.5: prefixes of registered databases, ecosystems, types, and the shape of a document.

Names and shape are restated as facts from the published schema (Open Source Vulnerability format, 1.7.5); the tests
hold them against it. No ecosystem for model hubs is registered.
"""

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from packageurl import PackageURL

from safeconduct.domain.safe_json import Json
from safeconduct.formats.vectors import CVSS_3, CVSS_4

SCHEMA_VERSION: Final = "1.7.5"
UNREGISTERED: Final = "x_"

_NAMES: Final = json.loads(files("safeconduct.formats").joinpath("data", "osv-1.7.names.json").read_bytes())
DATABASES: Final[list[str]] = _NAMES["databases"]
ECOSYSTEMS: Final[list[str]] = _NAMES["ecosystems"]
ECOSYSTEM_OF_PURL: Final[dict[str, str]] = _NAMES["ecosystem_of_purl"]
REFERENCE_TYPES: Final[list[str]] = _NAMES["reference_types"]
CREDIT_TYPES: Final[list[str]] = _NAMES["credit_types"]
COMMIT: Final = "^(0|[a-f0-9]{40}|[a-f0-9]{64})$"

_V2_METRIC: Final = (
    "(AV:[NAL]|AC:[LMH]|Au:[MSN]|[CIA]:[NPC]|E:(U|POC|F|H|ND)|RL:(OF|TF|W|U|ND)|RC:(UC|UR|C|ND)"
    "|CDP:(N|L|LM|MH|H|ND)|TD:(N|L|M|H|ND)|[CIA]R:(L|M|H|ND))"
)
_SCORES: Final[dict[str, Json]] = {
    "CVSS_V2": {"pattern": f"^({_V2_METRIC}/)*{_V2_METRIC}$"},
    "CVSS_V3": {"pattern": f"^{CVSS_3}$"},
    "CVSS_V4": {"pattern": f"^{CVSS_4}$"},
    "Ubuntu": {"enum": ["negligible", "low", "medium", "high", "critical"]},
}


def ecosystem_of(purl: PackageURL) -> tuple[str, str] | None:
    """Return ecosystem and package name for a package URL, or None where OSV has no home for its type."""
    ecosystem = ECOSYSTEM_OF_PURL.get(purl.type)
    if ecosystem is None:
        return None
    separator = ":" if ecosystem == "Maven" else "/"
    return ecosystem, f"{purl.namespace}{separator}{purl.name}" if purl.namespace else purl.name


def document_schema() -> dict[str, Json]:
    """Return the shape of an OSV document as a JSON Schema (draft 2020-12)."""
    text: dict[str, Json] = {"type": "string"}
    texts: dict[str, Json] = {"type": "array", "items": text}
    moment: dict[str, Json] = {
        "type": "string",
        "format": "date-time",
        "pattern": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z",
    }
    return {
        "type": "object",
        "required": ["id", "modified"],
        "additionalProperties": False,
        "properties": {
            "schema_version": text,
            "id": {"type": "string", "pattern": f"^(x_|({_any_of(DATABASES)})-)"},
            "modified": moment,
            "published": moment,
            "withdrawn": moment,
            "aliases": {**texts, "type": ["array", "null"]},
            "related": texts,
            "upstream": texts,
            "summary": text,
            "details": text,
            "severity": _severity(),
            "affected": {"type": ["array", "null"], "items": _affected(text)},
            "references": {"type": ["array", "null"], "items": _reference()},
            "credits": {"type": "array", "items": _credit(text, texts)},
            "database_specific": {"type": "object"},
        },
        # A severity of the whole leaves none to the packages.
        "if": {"required": ["severity"]},
        "then": {"properties": {"affected": {"items": {"properties": {"severity": {"type": "null"}}}}}},
    }


def _any_of(names: Iterable[str]) -> str:
    # Only what is special in the dialect of the validator, which knows no escaped space.
    return "|".join(name.replace(".", "[.]") for name in names)


def _enum(values: Iterable[str]) -> dict[str, Json]:
    return {"type": "string", "enum": list(values)}


def _severity() -> dict[str, Json]:
    forms: list[Json] = [
        {"if": {"properties": {"type": {"const": kind}}}, "then": {"properties": {"score": form}}}
        for kind, form in _SCORES.items()
    ]
    item: dict[str, Json] = {
        "type": "object",
        "required": ["type", "score"],
        "properties": {"type": _enum(_SCORES), "score": {"type": "string"}},
        "allOf": forms,
    }
    return {"type": ["array", "null"], "items": item}


def _affected(text: Json) -> dict[str, Json]:
    package: dict[str, Json] = {
        "type": "object",
        "required": ["ecosystem", "name"],
        "properties": {
            "ecosystem": {"type": "string", "pattern": f"^({_any_of(ECOSYSTEMS)})(:.+)?$"},
            "name": text,
            "purl": text,
        },
    }
    return {
        "type": "object",
        "properties": {
            "package": package,
            "severity": _severity(),
            "ranges": {"type": "array", "items": _range(text)},
            "versions": {"type": "array", "items": text},
            "ecosystem_specific": {"type": "object"},
            "database_specific": {"type": "object"},
        },
    }


def _range(text: Json) -> dict[str, Json]:
    commits: Json = {"type": "string", "pattern": COMMIT}
    git: dict[str, Json] = {
        "required": ["repo"],
        "properties": {"events": {"items": _event(commits)}},
    }
    fixed: Json = {"properties": {"events": {"contains": {"required": ["fixed"]}}}}
    last: Json = {"properties": {"events": {"contains": {"required": ["last_affected"]}}}}
    return {
        "type": "object",
        "required": ["type", "events"],
        "properties": {
            "type": _enum(["GIT", "SEMVER", "ECOSYSTEM"]),
            "repo": text,
            "events": {
                "type": "array",
                "minItems": 1,
                "contains": {"required": ["introduced"]},
                "items": _event(text),
            },
            "database_specific": {"type": "object"},
        },
        "allOf": [
            {"if": {"properties": {"type": {"const": "GIT"}}}, "then": git},
            {"if": last, "then": {"not": fixed}},
        ],
    }


def _event(value: Json) -> dict[str, Json]:
    kinds = ("introduced", "fixed", "last_affected", "limit")
    one: list[Json] = [{"type": "object", "required": [kind], "properties": {kind: value}} for kind in kinds]
    return {"type": "object", "oneOf": one}


def _reference() -> dict[str, Json]:
    return {
        "type": "object",
        "required": ["type", "url"],
        "properties": {"type": _enum(REFERENCE_TYPES), "url": {"type": "string", "format": "uri"}},
    }


def _credit(text: Json, texts: Json) -> dict[str, Json]:
    return {
        "type": "object",
        "required": ["name"],
        "properties": {"name": text, "contact": texts, "type": _enum(CREDIT_TYPES)},
    }
