# SPDX-License-Identifier: Apache-2.0
"""CVSS 4.0 vectors: read strictly, kept unmodified, rated by the published qualitative scale.

CVSS v4.0 Specification Document (FIRST), section 7: a vector is the prefix and the metrics in the fixed order, each at
most once. The package `cvss` scores it; it takes metrics in any order, this reader does not. Threat and environmental
metrics are part of the score when they are present; the nomenclature (section 1.3) says which were.

Nothing is ever added to or multiplied with the score.
"""

from dataclasses import dataclass

from cvss import CVSS4
from cvss.constants4 import METRICS_ABBREVIATIONS
from cvss.exceptions import CVSS4Error

from safeconduct.domain.severity import Tier
from safeconduct.errors import MalformedError

VECTOR_LIMIT = 512
_ORDER = tuple(METRICS_ABBREVIATIONS)
_ENVIRONMENTAL = frozenset(_ORDER[_ORDER.index("CR") : _ORDER.index("MSA") + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cvss:
    """A vector as given, its score, its rating, and which groups of metrics it uses (CVSS-B, -BT, -BE, -BTE)."""

    vector: str
    score: float
    rating: Tier
    nomenclature: str


def read_vector(text: str) -> Cvss:
    """Return the vector with its score.

    Raises:
        MalformedError: it is not a CVSS 4.0 vector, or its metrics are not in the order of the specification.
    """
    if len(text) > VECTOR_LIMIT:
        raise MalformedError("the CVSS vector is too long", hint=f"a vector has at most {VECTOR_LIMIT} characters")
    try:
        scored = CVSS4(text)
    except CVSS4Error as error:
        raise MalformedError(
            f"not a CVSS 4.0 vector: {error}",
            hint="it starts with CVSS:4.0/ and holds at least the eleven base metrics, such as AV:N",
        ) from error
    metrics = dict(part.split(":") for part in text.split("/")[1:])
    ordered = [name for name in _ORDER if name in metrics]
    if list(metrics) != ordered:
        raise MalformedError(
            "the metrics of the CVSS vector are not in the order of the specification",
            hint="write " + "/".join(["CVSS:4.0", *(f"{name}:{metrics[name]}" for name in ordered)]),
        )
    return Cvss(
        vector=text,
        score=float(scored.base_score),
        rating=Tier(str(scored.severity).lower()),
        nomenclature=_nomenclature({name for name, value in metrics.items() if value != "X"}),
    )


def _nomenclature(used: set[str]) -> str:
    """Name the groups of metrics that are used; supplemental metrics have no letter."""
    return "CVSS-B" + ("T" if "E" in used else "") + ("E" if used & _ENVIRONMENTAL else "")
