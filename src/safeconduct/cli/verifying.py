# SPDX-License-Identifier: Apache-2.0
"""How `safeconduct verify run` and `resume` conduct a campaign: progress, signals, files.

Trials are written one by one; the certificate is written whole at the end. With a journal the first Ctrl-C pauses the
campaign, without one it halts it with a verdict on what it has; a second Ctrl-C breaks it off, and a journal then keeps
all but the calls in flight.
"""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from safeconduct.cli.output import progress_console
from safeconduct.cli.verify_options import EngineName
from safeconduct.cli.verify_order import Order, makers, now, turns_per_call
from safeconduct.crypto.durable import PUBLIC, write_durably
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.domain.evidence import Arm, Criterion, Trial, TrialOutcome
from safeconduct.errors import ConflictError, MalformedError, NotFoundError, TooLargeError, UnavailableError
from safeconduct.verification.campaign import CampaignResult, Listener, Watcher, run_campaign
from safeconduct.verification.certification import certify, with_suite
from safeconduct.verification.engines.interface import Engine
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.engines.ray import RayEngine
from safeconduct.verification.journal import Journal, NoJournal
from safeconduct.verification.meter import Spent
from safeconduct.verification.suite import HistoricSuite
from safeconduct.verification.trials import FileTrials, MemoryTrials, TrialLog
from safeconduct.verification.verdict import Deliberation

TRIALS_FILE: Final = "trials.jsonl"
CERTIFICATE_FILE: Final = "certificate.json"
KEY_FILE: Final = "verifier.key"
KEY_LIMIT: Final = 4096
_PATCHED: Final = frozenset({Arm.EFFICACY, Arm.BENIGN_AFTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an order is carried out: where its files go, who signs, what is shown, where the work is done."""

    out: Path | None
    signer: SigningKey
    show: bool | None
    engine: EngineName
    suite: HistoricSuite | None = None
    journal: Journal | None = None

    @property
    def is_resumable(self) -> bool:
        """Tell whether there is a journal to go on from."""
        return self.journal is not None


def conduct(order: Order, manner: Manner) -> CampaignResult:
    """Run the campaign and write its files; of one that is paused there is no certificate yet.

    Raises:
        SafeconductError: as `run_campaign`; ConfigurationError for the secret, ConflictError and UnavailableError for
            the folder.
    """
    journal = manner.journal or NoJournal()
    make_unpatched, make_patched = makers(order, spent=_spent(order, journal))
    with ExitStack() as stack:
        engine = stack.enter_context(_engine(manner.engine, width=order.reach.width))
        keep = stack.enter_context(_trials(manner))
        show = stack.enter_context(_progress(order.terms.criterion, show=manner.show))
        asked = stack.enter_context(_interruptible())
        watcher = Watcher(
            listen=show,
            should_pause=lambda: asked() and manner.is_resumable,
            should_stop=lambda: asked() and not manner.is_resumable,
            journal=journal,
            keep=keep,
        )
        result = run_campaign(
            order.terms,
            unpatched=engine.place(make_unpatched),
            patched=engine.place(make_patched),
            clock=now,
            watcher=watcher,
            engine=engine,
        )
        result = with_suite(result, manner.suite)
        if manner.out and not result.paused:
            _write_certificate(manner.out, order, manner, result)
        return result


def signer_of(path: Path | None) -> SigningKey:
    """Return the signing key of the file, or a fresh one that signs this run alone.

    Raises:
        MalformedError: the file holds no signing key.
        NotFoundError: there is no such file.
    """
    if path is None:
        return SigningKey.generate("safeconduct-verify-run", secrets.token_bytes)
    return SigningKey.parse(_text(path))


def verifier_keys(given: str | None, *, beside: Path) -> tuple[VerifyKey, ...]:
    """Return the verifier key that was given, as text or file, or else the one beside the certificate.

    Raises:
        MalformedError: it is no verifier key.
        NotFoundError: none was given and none is there.
    """
    if given:
        path = Path(given)
        # A verifier key has plus signs, and base64 may hold a slash; so a file is one that is there.
        is_file = len(given) < KEY_LIMIT and path.is_file()
        return (VerifyKey.parse(_text(path) if is_file else given),)
    return (VerifyKey.parse(_text(beside.with_name(KEY_FILE))),)


def read_limited(path: Path, limit: int) -> bytes:
    """Return the bytes of a file, at most the limit.

    Raises:
        NotFoundError: there is no such file.
        TooLargeError: it is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise NotFoundError(f"{path.name} cannot be read", hint="look at the path") from error
    if len(data) > limit:
        raise TooLargeError(f"{path.name} is larger than {limit} bytes", hint="this is another file", limit=limit)
    return data


def _text(path: Path) -> str:
    """Return the text of a small file."""
    try:
        return read_limited(path, KEY_LIMIT).decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise MalformedError(f"{path.name} holds no key", hint="it has the form name+hash+base64") from error


def _spent(order: Order, journal: Journal) -> dict[str, Spent]:
    """Return what earlier sittings spent at either target, at least."""
    spent = {"unpatched": Spent(), "patched": Spent()}
    turns = turns_per_call(order.terms.bundle)
    for entry in journal.replay():
        used = spent["patched" if entry.plan.arm in _PATCHED else "unpatched"]
        used.calls += turns
        used.tokens += entry.outcome.tokens
    return spent


@contextmanager
def _engine(name: EngineName, *, width: int) -> Iterator[Engine]:
    """Lend the engine."""
    if name is EngineName.LOCAL:
        yield LocalEngine(width=width)
        return
    with RayEngine(width=width) as engine:
        yield engine


@contextmanager
def _trials(manner: Manner) -> Iterator[TrialLog]:
    """Make the folder and lend the file for the trials; only a journal knows those that are there already."""
    out = manner.out
    if out is None:
        yield MemoryTrials()
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        if (out / CERTIFICATE_FILE).exists():
            raise ConflictError("the folder holds a certificate already", hint="choose another folder")
        file = (out / TRIALS_FILE).open("wb" if manner.is_resumable else "xb")
    except FileExistsError as error:
        raise ConflictError("the folder holds trials already", hint="choose another folder") from error
    except OSError as error:
        raise UnavailableError("the folder cannot be written", hint=os.strerror(error.errno or 0)) from error
    with file:
        yield FileTrials(out / TRIALS_FILE, file)


def _write_certificate(out: Path, order: Order, manner: Manner, result: CampaignResult) -> None:
    """Write the certificate and the key that checks it."""
    envelope = certify(
        order.terms,
        result,
        manner.signer,
        unpatched=order.unpatched.model,
        patched=order.patched.model,
        suite=manner.suite,
    )
    write_durably(out / CERTIFICATE_FILE, envelope, mode=PUBLIC)
    write_durably(out / KEY_FILE, f"{manner.signer.verifier}\n".encode(), mode=PUBLIC)


@contextmanager
def _progress(criterion: Criterion, *, show: bool | None) -> Iterator[Listener]:
    """Show a bar on standard error: calls of the most that there may be, hits so far, where it is."""
    console = progress_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    if show:
        console = progress_console(always=True)
    with Progress(*columns, console=console, transient=not show, disable=show is False) as bar:
        task = bar.add_task("making the targets ready", total=criterion.max_calls)
        hits = 0

        def listen(trial: Trial, deliberation: Deliberation) -> None:
            nonlocal hits
            hits += trial.outcome is TrialOutcome.HIT
            told = f"{deliberation.phase.value} {ascii(trial.family)[1:-1]} hits {hits}"
            bar.update(task, completed=deliberation.calls, description=told)

        yield listen


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Lend a question that Ctrl-C answers with yes; a second Ctrl-C breaks the run off.

    Raises:
        UnavailableError: it was broken off.
    """
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    except KeyboardInterrupt as interrupt:
        raise UnavailableError("the run was broken off", hint="the trials so far are kept") from interrupt
    finally:
        signal.signal(signal.SIGINT, before)
