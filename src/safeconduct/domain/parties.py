# SPDX-License-Identifier: Apache-2.0
"""Who takes part: roles of an account, and roles in a case.

ISO/IEC 29147:2018 clause 3 names finder, reporter, vendor and coordinator; the CERT multi-party protocol adds
deployer, observer and other. An account's role says what a person may do here; the role in a case says what the
person stands for there.
"""

from enum import StrEnum


class Role(StrEnum):
    """What an account may do in this installation."""

    COORDINATOR = "coordinator"
    VENDOR = "vendor"
    DEPLOYER = "deployer"
    OBSERVER = "observer"
    REGULATOR = "regulator"
    ADMINISTRATOR = "administrator"


class CaseRole(StrEnum):
    """What a participant stands for in a case."""

    FINDER = "finder"
    REPORTER = "reporter"
    VENDOR = "vendor"
    DEPLOYER = "deployer"
    COORDINATOR = "coordinator"
    OBSERVER = "observer"
    OTHER = "other"


class Scope(StrEnum):
    """What a programming token may be used for."""

    REPORT_SUBMIT = "report:submit"
    CASE_READ = "case:read"
    CASE_WRITE = "case:write"
    TRIAGE = "triage"
    TARGET_GRANT = "target:grant"
    CAMPAIGN_RUN = "campaign:run"
    ADVISORY_PUBLISH = "advisory:publish"
    REGISTRY_READ = "registry:read"
