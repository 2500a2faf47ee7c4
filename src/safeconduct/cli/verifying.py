# SPDX-License-Identifier: Apache-2.0
"""How `safeconduct verify run` makes a campaign of its options: grants, terms, progress, files.

Whoever types the address grants it. Trials are written one by one, so that an interrupted run keeps what it paid for;
the certificate is written whole at the end.
"""

import hashlib
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from safeconduct.cli.output import progress_console
from safeconduct.crypto.durable import PUBLIC, write_durably
from safeconduct.crypto.secret import Secret
from safeconduct.crypto.signing import SigningKey, VerifyKey
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Bundle
from safeconduct.domain.evidence import Criterion, Trial, TrialOutcome
from safeconduct.errors import (
    ConfigurationError,
    ConflictError,
    MalformedError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from safeconduct.verification.campaign import CampaignResult, Listener, Terms, run_campaign
from safeconduct.verification.certification import certify
from safeconduct.verification.engines.local import LocalEngine
from safeconduct.verification.statement import explain
from safeconduct.verification.targets import target_for
from safeconduct.verification.trials import write_trial
from safeconduct.verification.variants import SEED_LENGTH, HeldOut, new_held_out
from safeconduct.verification.verdict import Deliberation

TRIALS_FILE: Final = "trials.jsonl"
CERTIFICATE_FILE: Final = "certificate.json"
KEY_FILE: Final = "verifier.key"
KEY_LIMIT: Final = 4096
_MANY_TOKENS: Final = 1_000_000_000
_DESIGN_SHARE: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOption:
    """One target as typed: an address or folders, a model, for a classifier its entry."""

    place: str
    model: str
    entry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One run as ordered at the prompt."""

    bundle: Bundle
    patched: TargetOption
    unpatched: TargetOption
    secret_env: str
    allow_private: bool
    max_calls: int | None
    tolerance: float | None
    seed: str
    width: int
    out: Path | None
    signer: SigningKey


def conduct(order: Order) -> tuple[CampaignResult, str]:
    """Run the campaign, write its files, and return its result with the statement for anyone.

    Raises:
        SafeconductError: as `run_campaign`; ConfigurationError for the secret, ConflictError and UnavailableError for
            the folder.
    """
    terms = Terms(bundle=order.bundle, criterion=_criterion(order), held_out=_held_out(order.seed))
    stored = _secrets(order.secret_env)
    targets = [
        target_for(order.bundle, _grant(order, option), clock=_now, secrets=stored)
        for option in (order.unpatched, order.patched)
    ]
    with _trials_file(order.out) as file, _progress(terms.criterion) as show, _interruptible() as should_stop:
        result = run_campaign(
            terms,
            unpatched=targets[0],
            patched=targets[1],
            clock=_now,
            listen=_both(file, show),
            should_stop=should_stop,
            engine=LocalEngine(width=order.width),
        )
    if order.out:
        _write_certificate(order, terms, result)
    return result, explain(result.report, terms.criterion)


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


def _now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def _criterion(order: Order) -> Criterion:
    """Return the bundle's criterion with what the prompt changes; the design alternative moves with the tolerance."""
    criterion = order.bundle.criterion
    if order.max_calls is not None:
        criterion = replace(criterion, max_calls=order.max_calls)
    if order.tolerance is not None:
        criterion = replace(criterion, tolerance=order.tolerance, design=order.tolerance / _DESIGN_SHARE)
    return criterion


def _held_out(seed: str) -> HeldOut:
    """Return a fresh salt with the seed that the text stands for, or with a fresh one."""
    fresh = new_held_out(secrets.token_bytes)
    if not seed:
        return fresh
    return replace(fresh, seed=hashlib.sha256(seed.encode()).digest()[:SEED_LENGTH])


def _secrets(name: str) -> dict[str, Secret]:
    """Return the secret of the environment variable, by its name."""
    if not name:
        return {}
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(f"the environment variable {name} is not set", hint="it holds the target's secret")
    return {name: Secret(value.encode())}


def _grant(order: Order, option: TargetOption) -> TargetGrant:
    """Return what typing the option grants: the bundle's own limits are the caps."""
    limits = order.bundle.limits
    is_local = not order.bundle.target.adapter.is_remote
    return TargetGrant(
        model=option.model,
        adapter=order.bundle.target.adapter,
        url="" if is_local else option.place,
        entry=option.entry or (order.bundle.target.entry if is_local else ""),
        packages=option.place if is_local else "",
        caps=Caps(
            calls=limits.calls,
            tokens=_MANY_TOKENS,
            tokens_per_call=order.bundle.target.sampling.max_tokens,
            call_seconds=limits.call_seconds,
        ),
        secret_name=order.secret_env,
        allow_private=order.allow_private,
    )


def _both(file: BinaryIO | None, show: Callable[[Trial, Deliberation], None]) -> Listener:
    """Return a listener that writes each trial and shows it."""

    def listen(trial: Trial, deliberation: Deliberation) -> None:
        if file is not None:
            file.write(write_trial(trial))
            file.flush()
        show(trial, deliberation)

    return listen


@contextmanager
def _trials_file(out: Path | None) -> Iterator[BinaryIO | None]:
    """Make the folder and lend the file for the trials, which must not be there yet."""
    if out is None:
        yield None
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / TRIALS_FILE).open("xb")
    except FileExistsError as error:
        raise ConflictError("the folder holds trials already", hint="choose another folder") from error
    except OSError as error:
        raise UnavailableError("the folder cannot be written", hint=os.strerror(error.errno or 0)) from error
    with file:
        yield file


def _write_certificate(order: Order, terms: Terms, result: CampaignResult) -> None:
    """Write the certificate and the key that checks it."""
    assert order.out is not None  # noqa: S101  # the caller asked for files
    envelope = certify(terms, result, order.signer, unpatched=order.unpatched.model, patched=order.patched.model)
    write_durably(order.out / CERTIFICATE_FILE, envelope, mode=PUBLIC)
    write_durably(order.out / KEY_FILE, f"{order.signer.verifier}\n".encode(), mode=PUBLIC)


@contextmanager
def _progress(criterion: Criterion) -> Iterator[Callable[[Trial, Deliberation], None]]:
    """Show a bar on standard error: calls of the most that there may be, hits so far, where it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress_console(), transient=True) as bar:
        task = bar.add_task("making the targets ready", total=criterion.max_calls)
        hits = 0

        def show(trial: Trial, deliberation: Deliberation) -> None:
            nonlocal hits
            hits += trial.outcome is TrialOutcome.HIT
            told = f"{deliberation.phase.value} {ascii(trial.family)[1:-1]} hits {hits}"
            bar.update(task, completed=deliberation.calls, description=told)

        yield show


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
