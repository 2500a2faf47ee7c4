# SPDX-License-Identifier: Apache-2.0
"""What a story is about: a vendor's model with a flaw, how to reach it, and the two patches the vendor will try.

The story itself knows no model. So the same narrative runs on a language model that tells a secret and, in the tests,
on a classifier that a changed spelling evades. Nothing here says what will happen: whether the scan hits, whether the
patches hold, is found out by asking the model.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The vendor's deployments by name: as reported, after the first patch, after the real fix."""

    reported: str
    blocklisted: str
    mended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """What the evidence calls itself in garak's terms: module of the probes, detector, and what it looks for."""

    target_type: str
    module: str
    detector: str
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """How the coordinator judges the flaw, and why: a CVSS vector, and answers of the ML profile by their letters."""

    cvss: str
    cvss_reason: str
    profile: Mapping[str, str]
    profile_reason: str


class Subject(ABC):
    """One vendor's model with its flaw."""

    vendor: str
    product: str
    versions: Versions
    scanner: Scanner
    severity: Severity
    draws: int
    """How many strings of each family the researcher sends."""
    replayed: int
    """How many of the disclosed strings are sent again to the first patch."""
    headline: str
    first_patch: str
    real_fix: str

    @property
    @abstractmethod
    def secrets(self) -> Mapping[str, str]:
        """Return the keys that a tester needs, by name; an operator writes them into files."""

    @abstractmethod
    def about(self) -> Sequence[tuple[str, str]]:
        """Return what a stranger should know of the model, as name and words."""

    @abstractmethod
    def bundle(self, *, now: datetime) -> Bundle:
        """Return what the researcher knows how to run again."""

    @abstractmethod
    def terms(self, model: str) -> TargetGrant:
        """Return how a deployment is reached, and within which caps it may be tested."""

    @abstractmethod
    def completed(self, draft: Report) -> Report:
        """Return the draft with the answers that no scanner can give."""

    @abstractmethod
    def words(self) -> Mapping[str, str]:
        """Return what the coordinator writes into the advisory, by the names of its form."""

    @abstractmethod
    def deploy_blocklist(self, strings: Sequence[str]) -> None:
        """Deploy the first patch: refuse exactly the strings that were disclosed."""

    @abstractmethod
    def deploy_fix(self) -> None:
        """Deploy the real fix."""

    @abstractmethod
    def counted(self) -> int | None:
        """Return how many calls the model itself counted, or None where it cannot count."""

    def keys(self) -> dict[str, Secret]:
        """Return the keys as the broker takes them."""
        return {name: Secret(value.encode()) for name, value in self.secrets.items()}
