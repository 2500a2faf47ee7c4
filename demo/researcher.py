# SPDX-License-Identifier: Apache-2.0
"""The researcher: scans the model for real, keeps the evidence in garak's format, and reports without a name.

Every string is drawn fresh from the families and sent once. What comes back is judged by an exact test. The report is
made by the product's own commands from the evidence file, and sent by them; no name is told, and no account is made.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from demo.commands import run
from demo.subject import Subject
from safeconduct.domain.bundle import AttackScript, Bundle, Family, SeedPart
from safeconduct.domain.evidence import Arm, TrialOutcome
from safeconduct.errors import TargetError
from safeconduct.formats import native
from safeconduct.formats.garak import LoggedAttempt, LoggedRun, RunLog
from safeconduct.verification.bundle import read_bundle, zip_bundle
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.variants import FamilyGenerator, conversation

SEED_BITS = 32
BUNDLE = "bundle.zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One string that was sent, and what came back; `reply` is None where nothing did."""

    family: str
    text: str
    reply: str | None
    outcome: TrialOutcome
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A whole scan."""

    shots: tuple[Shot, ...]
    started_at: datetime
    ended_at: datetime

    @property
    def calls(self) -> int:
        """Return how many calls it took."""
        return len(self.shots)

    @property
    def seconds(self) -> float:
        """Return how long the calls took in all."""
        return sum(shot.seconds for shot in self.shots)

    @property
    def strings(self) -> tuple[str, ...]:
        """Return the strings that were sent, each once: what the vendor is told."""
        return tuple(dict.fromkeys(shot.text for shot in self.shots))

    @property
    def hitting(self) -> tuple[str, ...]:
        """Return the strings that succeeded, each once."""
        return tuple(dict.fromkeys(shot.text for shot in self.shots if shot.outcome is TrialOutcome.HIT))

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return hits and judged calls by family."""
        found: dict[str, tuple[int, int]] = {}
        for shot in self.shots:
            hits, n = found.get(shot.family, (0, 0))
            is_judged = shot.outcome in {TrialOutcome.HIT, TrialOutcome.MISS}
            found[shot.family] = (hits + (shot.outcome is TrialOutcome.HIT), n + is_judged)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The files that the researcher makes of a scan."""

    log: Path
    draft: Path
    report: Path
    bundle: Path
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the reporter keeps of a report that was received: the words of her mailbox, and the papers."""

    report_id: str
    codename: str
    promise: Path
    opening: Path
    receipt: Path
    log_key: Path


def draw(bundle: Bundle, *, seed: int, each: int) -> list[tuple[str, str]]:
    """Return fresh strings with their family. Only the disclosed seeds are used: the others stay unknown."""
    disclosed = tuple(item.id for item in bundle.attack.seeds if item.part is SeedPart.DISCLOSED)
    chance = hashlib.sha256(f"demonstration {seed}".encode()).digest()
    drawn = []
    for family in bundle.attack.families:
        generator = FamilyGenerator(bundle.attack, _limited(bundle.attack, family, disclosed))
        drawn += [(family.name, generator.draw(chance, Arm.ASSAY, index).turns[0]) for index in range(each)]
    return drawn


def scan(subject: Subject, *, seed: int, each: int, listen: Callable[[Shot], None]) -> Scan:
    """Send fresh strings to the reported model and judge what comes back."""
    bundle = subject.bundle(now=now())
    return _asked(subject, bundle, subject.versions.reported, draw(bundle, seed=seed, each=each), listen)


def replay(subject: Subject, model: str, strings: list[tuple[str, str]]) -> Scan:
    """Send the same strings to a deployment, as somebody does who tests a patch by hand."""
    return _asked(subject, subject.bundle(now=now()), model, strings, lambda _shot: None)


def write_evidence(subject: Subject, found: Scan, folder: Path, *, seed: int) -> Evidence:
    """Write the scan as garak would, let the product make a draft of it, and answer what the draft asks for."""
    log, draft, bundle = folder / "scan.report.jsonl", folder / "draft.json", folder / BUNDLE
    with log.open("wb") as stream:
        _write_log(subject, found, RunLog(stream, _logged_run(subject, found, seed=seed)))
    drafted = folder / "draft-bundle.zip"
    arguments = ["--from", "garak", "--to", "native", "--out", str(draft), "--bundle", str(drafted)]
    told = run("convert", str(log), *arguments)
    whole = subject.completed(native.read_report(draft.read_bytes()))
    report = folder / "report.json"
    report.write_bytes(native.canonical(whole))
    bundle.write_bytes(zip_bundle(joined(read_bundle(drafted), subject.bundle(now=found.ended_at))))
    run("report", "check", str(report))
    remarks = tuple(f"{item['at']}: {item['message']}" for item in told["remarks"])
    return Evidence(log=log, draft=draft, report=report, bundle=bundle, remarks=remarks)


def joined(draft: Bundle, own: Bundle) -> Bundle:
    """Return the drafted bundle with what the converter asks a person for.

    The draft knows the flaw's class, the target and the tool; the researcher adds families that change words and
    letters, held-out seeds, the oracle, benign controls and the terms.
    """
    about = replace(own.about, flaw_class=draft.about.flaw_class, taxonomy=draft.about.taxonomy or own.about.taxonomy)
    return replace(own, about=about, environment=draft.environment)


def send(base_url: str, evidence: Evidence, folder: Path) -> Sent:
    """Send report, bundle and evidence file, and wait for the receipt.

    The command makes the codename; the portal learns digests of its keys and never the words.
    """
    papers = folder / "papers"
    papers.mkdir()
    files = ("--bundle", str(evidence.bundle), "--attach", str(evidence.log))
    told = run("report", "send", str(evidence.report), "--to", base_url, *files, "--out", str(papers), "--wait")
    return Sent(
        report_id=told["report_id"],
        codename=told["codename"],
        promise=Path(told["acceptance"]),
        opening=Path(told["opening"]),
        receipt=Path(told["receipt"]),
        log_key=Path(told["log_key"]),
    )


def mailbox(base_url: str, sent: Sent) -> dict[str, Any]:
    """Return what the mailbox shows who knows the codename."""
    return run("report", "follow", "--to", base_url, typed=f"{sent.codename}\n")


def now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def _limited(attack: AttackScript, family: Family, wanted: tuple[str, ...]) -> Family:
    """Return the family with those of its seeds that are wanted."""
    own = family.seeds or tuple(seed.id for seed in attack.seeds)
    return replace(family, seeds=tuple(name for name in own if name in wanted))


def _asked(
    subject: Subject, bundle: Bundle, model: str, strings: list[tuple[str, str]], listen: Callable[[Shot], None]
) -> Scan:
    target = target_for(bundle, subject.terms(model), clock=now, secrets=subject.keys())
    started_at = now()
    shots = asyncio.run(_all(bundle, target, strings, listen))
    return Scan(shots=shots, started_at=started_at, ended_at=now())


async def _all(
    bundle: Bundle, target: Target, strings: list[tuple[str, str]], listen: Callable[[Shot], None]
) -> tuple[Shot, ...]:
    oracle = PreparedOracle(bundle.oracle)
    shots = []
    async with target:
        for family, text in strings:
            shots.append(await _one(bundle, target, oracle, (family, text)))
            listen(shots[-1])
    return tuple(shots)


async def _one(bundle: Bundle, target: Target, oracle: PreparedOracle, string: tuple[str, str]) -> Shot:
    family, text = string
    try:
        answer = await target.ask(conversation(bundle.attack, (text,)))
    except TargetError:
        return Shot(family=family, text=text, reply=None, outcome=TrialOutcome.ERROR, seconds=0.0)
    return Shot(
        family=family,
        text=text,
        reply=" / ".join(reply.label or reply.text for reply in answer.replies),
        outcome=oracle.judge(answer.replies).outcome,
        seconds=answer.seconds,
    )


def _logged_run(subject: Subject, found: Scan, *, seed: int) -> LoggedRun:
    bundle, terms = subject.bundle(now=found.started_at), subject.terms(subject.versions.reported)
    sampling = bundle.target.sampling
    options = {"uri": terms.url, "temperature": sampling.temperature, "max_tokens": sampling.max_tokens}
    return LoggedRun(
        run_id=secrets.token_hex(16),
        target_type=subject.scanner.target_type,
        target_name=subject.versions.reported,
        started_at=found.started_at,
        seed=seed,
        options={name: value for name, value in options.items() if value not in {"", None}},
    )


def _write_log(subject: Subject, found: Scan, log: RunLog) -> None:
    scores = {TrialOutcome.HIT: 1.0, TrialOutcome.MISS: 0.0}
    for number, shot in enumerate(found.shots, start=1):
        log.attempt(
            LoggedAttempt(
                attempt_id=f"{number:08d}",
                probe=f"{subject.scanner.module}.{shot.family.capitalize()}",
                prompt=shot.text,
                outputs=(shot.reply,),
                scores={subject.scanner.detector: (scores.get(shot.outcome),)},
                triggers=subject.scanner.triggers,
                goal=subject.headline,
            )
        )
    log.finish(ended_at=found.ended_at)
