# SPDX-License-Identifier: Apache-2.0
"""CVSS vectors as other formats want them: whether a vector is whole and in order, its base score and its rating.

Metrics, values and order are restated from the CVSS 3.1 and 4.0 specifications of FIRST. Scores come from the `cvss`
package; nothing is computed on them here. A vector of another form has no rating and is carried as text.
"""

import re
from dataclasses import dataclass
from typing import Final

import cvss

from safeconduct.domain.severity import Tier

_V4_BASE: Final = "AV:[NALP]/AC:[LH]/AT:[NP]/PR:[NLH]/UI:[NPA]/VC:[HLN]/VI:[HLN]/VA:[HLN]/SC:[HLN]/SI:[HLN]/SA:[HLN]"
_V4_MORE: Final = (
    "E:[XAPU]", "CR:[XHML]", "IR:[XHML]", "AR:[XHML]", "MAV:[XNALP]", "MAC:[XLH]", "MAT:[XNP]", "MPR:[XNLH]",
    "MUI:[XNPA]", "MVC:[XNLH]", "MVI:[XNLH]", "MVA:[XNLH]", "MSC:[XNLH]", "MSI:[XNLHS]", "MSA:[XNLHS]", "S:[XNP]",
    "AU:[XNY]", "R:[XAUI]", "V:[XDC]", "RE:[XLMH]", "U:(?:X|Clear|Green|Amber|Red)",
)  # fmt: skip
CVSS_4: Final = f"CVSS:4[.]0/{_V4_BASE}" + "".join(f"(?:/{metric})?" for metric in _V4_MORE)
_V3_METRIC: Final = (
    "(?:AV:[NALP]|AC:[LH]|PR:[NLH]|UI:[NR]|S:[UC]|[CIA]:[NLH]|E:[XUPFH]|RL:[XOTWU]|RC:[XURC]|[CIA]R:[XLMH]"
    "|MAV:[XNALP]|MAC:[XLH]|MPR:[XNLH]|MUI:[XNR]|MS:[XUC]|M[CIA]:[XNLH])"
)
CVSS_3: Final = f"CVSS:3[.][01]/(?:{_V3_METRIC}/)*{_V3_METRIC}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What a vector comes to: the version of CVSS, its score, and the rating in words, which is that of a tier."""

    version: str
    score: float
    tier: Tier


def rating_of(vector: str) -> Rating | None:
    """Return the rating of a whole vector of CVSS 3.0, 3.1 or 4.0, or None if it is something else."""
    if re.fullmatch(CVSS_4, vector):
        kind: type[cvss.CVSS3 | cvss.CVSS4] = cvss.CVSS4
    elif re.fullmatch(CVSS_3, vector):
        kind = cvss.CVSS3
    else:
        return None
    try:
        scored = kind(vector)
    except cvss.CVSSError:
        return None  # A metric is absent or stands twice.
    severities = scored.severity if kind is cvss.CVSS4 else scored.severities()[0]
    return Rating(version=vector[5:8], score=float(scored.base_score), tier=Tier(severities.lower()))
