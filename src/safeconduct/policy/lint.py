# SPDX-License-Identifier: Apache-2.0
"""Risk-communication lint: does an advisory tell its reader the truth, plainly, and what to do?

Errors keep an advisory from being published, warnings are to be acknowledged. The score is 100, less ten for each error
and two for each warning, not below 0. The rules keep the numbers under which they are known (L001 to L021); not checked
here, because the record cannot show it: color and layout (the rest of L020) and undeclared help by a machine (L022).

Texts are looked at in English; words and patterns are the table `data/lint.toml`. A finding names the place and never
repeats a secret. The rules for the record (dates, severity, verdict) come first, those for the words after them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain

from safeconduct.domain.advisory import Advisory, RemediationKind
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.systems import UNKNOWN, AffectedStatus
from safeconduct.errors import MalformedError
from safeconduct.policy import leaks, wording
from safeconduct.policy.classification import cvss_required
from safeconduct.policy.cvss4 import read_vector
from safeconduct.policy.decision import Decision, Outcome
from safeconduct.policy.ml_profile import parse_profile


class Level(StrEnum):
    """Whether a finding keeps the advisory from being published."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding: the rule, its level, the place in the record, what is wrong and what to do."""

    rule: str
    level: Level
    at: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return {"rule": self.rule, "level": self.level.value, "at": self.at, "message": self.message}


def lint(advisory: Advisory, *, restricted: Iterable[str] = ()) -> tuple[Finding, ...]:
    """Return what is wrong or doubtful; `restricted` are texts that must not appear in it."""
    parts = chain.from_iterable(check(advisory) for check in _CHECKS)
    return (*parts, *_leaks(advisory, tuple(restricted)), *_words(advisory))


def score(findings: Iterable[Finding]) -> int:
    """Return 100 less ten for each error and two for each warning, at least 0."""
    return max(0, 100 - sum(10 if finding.level is Level.ERROR else 2 for finding in findings))


def passes(findings: tuple[Finding, ...], *, acknowledged: Iterable[str] = ()) -> Decision[Outcome]:
    """Return whether an advisory with these findings may be published; `acknowledged` are rules of warnings."""
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    known = set(acknowledged)
    warnings = [finding for finding in findings if finding.level is Level.WARNING and finding.rule not in known]
    speaking = errors or warnings
    outcome = Outcome.BLOCKED if errors else Outcome.DISCOURAGED if warnings else Outcome.ALLOWED
    return Decision(
        outcome=outcome,
        reasons=tuple(f"{finding.at}: {finding.message}" for finding in speaking),
        rules=tuple(f"lint.{finding.rule}" for finding in speaking),
        inputs={"score": score(findings), "errors": len(errors), "warnings": len(warnings)},
    )


def _error(rule: str, at: str, message: str) -> Finding:
    return Finding(rule=rule, level=Level.ERROR, at=at, message=message)


def _warning(rule: str, at: str, message: str) -> Finding:
    return Finding(rule=rule, level=Level.WARNING, at=at, message=message)


def _sections(advisory: Advisory) -> Iterator[Finding]:
    """L001: the sections that every advisory has."""
    needed = {
        "/summary": (advisory.summary.strip(), "say in plain words what it is"),
        "/description": (advisory.description.strip(), "say what can happen"),
        "/affected": (advisory.affected, "name the affected systems"),
        "/severity": (advisory.severity, "state the severity"),
        "/remediations": (advisory.remediations, "say what counters it, or that nothing does"),
        "/timeline": (advisory.timeline, "tell the dated facts of the disclosure"),
        "/publisher/contact": (advisory.publisher.contact.strip(), "say whom to ask"),
        "/revisions": (advisory.revisions, "list the versions of this advisory"),
    }
    yield from (_error("L001", at, message) for at, (value, message) in needed.items() if not value)
    if not advisory.detection.strip() and advisory.verification is None:
        yield _error("L001", "/detection", "say how a reader can tell whether the fix is in place")
    if not advisory.references:
        yield _warning("L001", "/references", "link to where more is told")
    if advisory.affected and all(system.product == UNKNOWN for system in advisory.affected):
        yield _error("L001", "/affected", "name at least one affected product")


def _severity(advisory: Advisory) -> Iterator[Finding]:
    """L002: full vectors with their versions, and a tier that explains itself."""
    severity = advisory.severity
    if severity is None:
        return
    for at, text, read in (
        ("/severity/cvss_vector", severity.cvss_vector, read_vector),
        ("/severity/ml_profile", severity.ml_profile, parse_profile),
    ):
        yield from _unreadable(at, text, read)
    if cvss_required(advisory.tracks) and not severity.cvss_vector:
        yield _error("L002", "/severity/cvss_vector", "a vulnerability states its full CVSS 4.0 vector")
    if not severity.rules or not severity.table:
        yield _error("L002", "/severity/rules", "say which rules and which table led to the tier")
    if severity.tier is not severity.tier_low:
        yield _warning("L002", "/severity/tier_low", "the tier is provisional: settle what is unknown, or say so")


def _unreadable(at: str, text: str, read: Callable[[str], object]) -> Iterator[Finding]:
    """Yield an error for a vector that is given and cannot be read."""
    if text:
        try:
            read(text)
        except MalformedError as error:
            yield _error("L002", at, error.message)


def _numbers(advisory: Advisory) -> Iterator[Finding]:
    """L008: a share in the text needs counts, model, judge and date in the record."""
    complete = any(
        trials.n is not None and trials.model and trials.judge and (trials.ended_at or trials.started_at)
        for trials in advisory.trials
    )
    if not complete and advisory.verification is None:
        for at, text in _prose(advisory).items():
            if wording.claims_a_share(text):
                yield _error("L008", at, "a share needs the trials behind it: count, model, judge and date")


def _fixed(advisory: Advisory) -> Iterator[Finding]:
    """L012: "fixed" cites a verdict, and no verdict says "fully"."""
    verified = advisory.verification is not None and advisory.verification.verdict is Verdict.FIXED
    for at, text in _prose(advisory).items():
        if wording.claims_full_fix(text):
            yield _error("L012", at, "no test shows that a flaw is fully fixed; state the verdict and its bound")
        elif wording.claims_fix(text) and not verified:
            yield _error("L012", at, '"fixed" needs a verdict FIXED; else say "mitigated" or "the vendor states"')
    if not verified:
        for place, system in enumerate(advisory.affected):
            if system.status is AffectedStatus.FIXED:
                yield _error("L012", f"/affected/{place}/status", "the status fixed needs a verdict FIXED")


def _dates(advisory: Advisory) -> Iterator[Finding]:
    """L015: dates name their zone, and no date in the text can be read in two ways."""
    instants: dict[str, datetime | None] = {
        "/published_at": advisory.published_at,
        "/modified_at": advisory.modified_at,
        "/discovered_at": advisory.discovered_at,
    }
    instants |= {f"/timeline/{place}/at": entry.at for place, entry in enumerate(advisory.timeline)}
    instants |= {f"/revisions/{place}/at": entry.at for place, entry in enumerate(advisory.revisions)}
    for at, instant in instants.items():
        if instant is not None and instant.tzinfo is None:
            yield _error("L015", at, "the time names no zone")
    for at, text in _prose(advisory).items():
        if wording.has_ambiguous_date(text):
            yield _error("L015", at, "write dates as 2026-03-04: other ways are read in two ways")


def _actions(advisory: Advisory) -> Iterator[Finding]:
    """L018: each group of readers learns what to do, be it nothing."""
    text = " ".join((*_prose(advisory).values(), *(entry.details for entry in advisory.remediations)))
    for group in wording.audiences_missed(text):
        yield _warning("L018", "/summary", f"say what {group} should do, be it nothing")
    for place, entry in enumerate(advisory.remediations):
        if not entry.details.strip():
            yield _error("L018", f"/remediations/{place}/details", "say what the reader should do")


def _corrections(advisory: Advisory) -> Iterator[Finding]:
    """L021: what was changed after publication is told."""
    if advisory.modified_at != advisory.published_at and len(advisory.revisions) == 1:
        yield _error("L021", "/revisions", "the advisory was changed after publication: say how, in a revision")
    for place, entry in enumerate(advisory.revisions):
        if not entry.summary.strip():
            yield _error("L021", f"/revisions/{place}/summary", "say what this version changed")


def _labels(advisory: Advisory) -> Iterator[Finding]:
    """L013: a limitation or a content issue is not called a vulnerability."""
    if advisory.tracks and not cvss_required(advisory.tracks) and wording.says_vulnerability(advisory.title):
        yield _warning("L013", "/title", "it was not classified as a vulnerability: name it as what it is")


def _leaks(advisory: Advisory, restricted: tuple[str, ...]) -> Iterator[Finding]:
    """L010: no credentials, no private addresses, no operative text of an attack."""
    for at, text in free_texts(advisory).items():
        for kind in chain(leaks.secrets_in(text), leaks.addresses_in(text, allowed=advisory.publisher.contact)):
            yield _error("L010", at, f"it seems to hold {kind}: take it out")
        if leaks.holds_restricted(text, restricted):
            yield _error("L010", at, "it holds text of the sealed reproduction: describe the technique instead")


def _words(advisory: Advisory) -> Iterator[Finding]:
    """L004 to L009, L014, L016, L017, L019 and L020: how it is said."""
    for rule, at, message in wording.remarks(_prose(advisory)):
        yield _warning(rule, at, message)


def _prose(advisory: Advisory) -> Mapping[str, str]:
    """Return the texts that people read, by their place."""
    vendor = {
        f"/remediations/{place}/details": entry.details
        for place, entry in enumerate(advisory.remediations)
        if entry.kind is not RemediationKind.VENDOR_FIX
    }
    return {
        "/title": advisory.title,
        "/summary": advisory.summary,
        "/description": advisory.description,
        "/detection": advisory.detection,
        **vendor,
    }


def free_texts(advisory: Advisory) -> Mapping[str, str]:
    """Return every free text of the record, by its place."""
    listed = {
        "affected": [system.status_note for system in advisory.affected],
        "remediations": [entry.details for entry in advisory.remediations],
        "timeline": [entry.what for entry in advisory.timeline],
        "revisions": [entry.summary for entry in advisory.revisions],
        "references": [f"{entry.summary} {entry.url}" for entry in advisory.references],
        "credits": [f"{entry.name} {entry.organization}" for entry in advisory.credits],
    }
    places = {f"/{name}/{place}": text for name, texts in listed.items() for place, text in enumerate(texts)}
    return {**_prose(advisory), **places, "/disputed": advisory.disputed}


_CHECKS: tuple[Callable[[Advisory], Iterator[Finding]], ...] = (
    _sections,
    _severity,
    _numbers,
    _fixed,
    _labels,
    _dates,
    _actions,
    _corrections,
)
