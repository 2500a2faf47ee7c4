# SPDX-License-Identifier: Apache-2.0
"""The words of CSAF 2.0 that stand for ours, used by writing and reading alike so that they cannot drift apart.

Notes of these titles hold one field of the record as it is and are read back; all other notes are prose for people.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from safeconduct.domain.advisory import RemediationKind
from safeconduct.domain.report import Tlp
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.systems import AffectedStatus

NAME: Final = "csaf"
CATEGORY: Final = "csaf_security_advisory"
CATEGORY_BASE: Final = "csaf_base"
"""The generic profile: an advisory that knows no system's status for sure is not yet a security advisory."""
FIXED_DETAILS: Final = "The product tree names what is fixed."
"""The remediation that CSAF wants where something is fixed and the record tells no remediation."""
VERSION: Final = "2.0"
TLP_ADDRESS: Final = "https://www.first.org/tlp/"

TLP_LABEL: Final[Mapping[Tlp, str]] = {
    Tlp.RED: "RED",
    Tlp.AMBER_STRICT: "AMBER",
    Tlp.AMBER: "AMBER",
    Tlp.GREEN: "GREEN",
    Tlp.CLEAR: "WHITE",
}
"""CSAF 2.0 has the labels of TLP 1; AMBER+STRICT is told in the text of the distribution as well."""

TITLE_FLAW_CLASS: Final = "Class of flaw"
TITLE_TAXONOMY: Final = "Taxonomy references"
TITLE_DETECTION: Final = "Detection"
TITLE_DISPUTE: Final = "Dispute"

UNDECIDED: Final = "under_investigation"
STATUS_GROUP: Final[Mapping[AffectedStatus, str]] = {
    AffectedStatus.AFFECTED: "known_affected",
    AffectedStatus.MITIGATED: "known_affected",
    AffectedStatus.NOT_AFFECTED: "known_not_affected",
    AffectedStatus.FIXED: "fixed",
    AffectedStatus.SUSPECTED: UNDECIDED,
    AffectedStatus.UNKNOWN: UNDECIDED,
}
GROUP_STATUS: Final[Mapping[str, AffectedStatus]] = {
    "known_affected": AffectedStatus.AFFECTED,
    "first_affected": AffectedStatus.AFFECTED,
    "last_affected": AffectedStatus.AFFECTED,
    "known_not_affected": AffectedStatus.NOT_AFFECTED,
    "fixed": AffectedStatus.FIXED,
    "first_fixed": AffectedStatus.FIXED,
    "recommended": AffectedStatus.FIXED,
    UNDECIDED: AffectedStatus.SUSPECTED,
}

REMEDIATION: Final[Mapping[RemediationKind, str]] = {
    RemediationKind.VENDOR_FIX: "vendor_fix",
    RemediationKind.MITIGATION: "mitigation",
    RemediationKind.WORKAROUND: "workaround",
    RemediationKind.NO_FIX_PLANNED: "no_fix_planned",
    RemediationKind.NONE_AVAILABLE: "none_available",
    RemediationKind.GUARDRAIL: "mitigation",
    RemediationKind.RETRAIN: "vendor_fix",
    RemediationKind.UNLEARN: "vendor_fix",
    RemediationKind.WEIGHT_RECALL: "mitigation",
    RemediationKind.DEPRECATION: "no_fix_planned",
}

EXPLOITATION: Final[Mapping[Exploitation, str]] = {
    Exploitation.NONE: "No exploitation is known.",
    Exploitation.POC: "A proof of concept exists.",
    Exploitation.ACTIVE: "The flaw is exploited.",
}

_CWE: Final = json.loads(files("safeconduct.formats").joinpath("data", "cwe-4.20.names.json").read_bytes())
CWE_NAMES: Final[Mapping[str, str]] = _CWE["names"]
"""The weaknesses that may be named in the one field for it: CSAF 2.0 wants the name exactly as in the catalog."""
