# SPDX-License-Identifier: Apache-2.0
"""The target that a grant speaks of, for the bundle that is to be run against it.

The bundle says how the target is asked (sampling, labels, limits); the grant says which target it is. The address in a
bundle is never used: only a grant lets anything reach a network.
"""

import asyncio
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, assert_never

import httpx

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, Sampling
from safeconduct.domain.observed import Event, Judge, Scanner, ScannerName
from safeconduct.errors import ConflictError, MalformedError, NotPermittedError
from safeconduct.verification.broker import Broker, plain_client, resolve_by_system
from safeconduct.verification.judging import JudgedTarget
from safeconduct.verification.meter import Meter, Watch
from safeconduct.verification.sandbox import Sandbox
from safeconduct.verification.targets.chat import ChatTarget
from safeconduct.verification.targets.classifier import ClassifierPlan, ClassifierTarget
from safeconduct.verification.targets.command import CommandPlan, CommandTarget
from safeconduct.verification.targets.http import HttpTarget, require_form, route_of
from safeconduct.verification.targets.interface import Target
from safeconduct.verification.targets.model_file import DEFAULT_LOADER, FilePlan, ModelFileTarget

JUDGING: Final = Sampling(temperature=0.0, max_tokens=8)
"""How a judge is asked: one word, and always the same."""


def target_for(
    bundle: Bundle,
    grant: TargetGrant,
    *,
    clock: Callable[[], datetime],
    secrets: Mapping[str, Secret] | None = None,
    client: httpx.AsyncClient | None = None,
    judge: TargetGrant | None = None,
) -> Target:
    """Return the target, not yet entered; `judge` grants the model that the oracle asks for its opinion, if it does.

    Raises:
        ConflictError: the bundle is for another kind of target than was granted.
        NotPermittedError: the oracle asks a judge, and none is granted, or one of another name.
        MalformedError: the bundle does not say how the target is asked, or asks as it may not.
        ConfigurationError: the address cannot be used, or the secret is not there.
        SandboxError: a local target needs the sandbox and bubblewrap is missing.
    """
    if grant.adapter is not bundle.target.adapter:
        raise ConflictError(
            f"the bundle is for a target of kind {bundle.target.adapter.value}, granted is {grant.adapter.value}",
            hint="grant a target of the same kind",
        )
    watch = Watch(clock=clock, seconds=time.monotonic, pause=asyncio.sleep)
    meter = Meter(_capped(bundle, grant), watch)
    target = _target(bundle, meter, secrets=secrets, client=client)
    check = next((check for check in bundle.oracle.checks if isinstance(check, Judge)), None)
    if check is None:
        return target
    if judge is None or judge.adapter is not Adapter.OPENAI_CHAT or judge.model != check.model:
        raise NotPermittedError("the judge that the oracle asks is not granted", hint=f"grant {check.model!a}")
    broker = Broker(Meter(judge, watch), client=plain_client(), resolve=resolve_by_system, secrets=secrets)
    return JudgedTarget(target, judge=ChatTarget(broker, sampling=JUDGING), check=check)


def _target(
    bundle: Bundle, meter: Meter, *, secrets: Mapping[str, Secret] | None, client: httpx.AsyncClient | None
) -> Target:
    """Return the target of the granted kind."""
    match meter.grant.adapter:
        case Adapter.OPENAI_CHAT | Adapter.HTTP:
            return _on_the_web(bundle, meter, secrets=secrets, client=client or plain_client())
        case Adapter.PYTHON_CALLABLE | Adapter.SKLEARN | Adapter.COMMAND | Adapter.MODEL_FILE:
            return _in_the_box(bundle, meter)
        case _:
            assert_never(meter.grant.adapter)


def _on_the_web(
    bundle: Bundle, meter: Meter, *, secrets: Mapping[str, Secret] | None, client: httpx.AsyncClient
) -> Target:
    """Return the target behind a broker."""
    form = bundle.target.http
    if meter.grant.adapter is Adapter.OPENAI_CHAT:
        broker = Broker(meter, client=client, resolve=resolve_by_system, secrets=secrets)
        return ChatTarget(broker, sampling=bundle.target.sampling)
    if form is None:
        raise MalformedError("the bundle does not say how the target is asked", hint="add http to target.json")
    require_form(form)
    broker = Broker(meter, client=client, resolve=resolve_by_system, secrets=secrets, route=route_of(form))
    return HttpTarget(broker, form=form)


def _in_the_box(bundle: Bundle, meter: Meter) -> Target:
    """Return the target in a sandbox."""
    grant = meter.grant
    folders = tuple(Path(folder) for folder in grant.packages.split(":") if folder)
    limits = replace(bundle.limits, call_seconds=grant.caps.call_seconds)
    entry = grant.entry or bundle.target.entry
    watch = any(isinstance(check, Event) for check in bundle.oracle.checks)
    if grant.adapter is Adapter.COMMAND:
        words = _words(grant.entry) or bundle.target.command
        command = CommandPlan(words=words, packages=folders, limits=limits, watch=watch)
        return CommandTarget(command, sandbox=Sandbox.find(), meter=meter)
    if grant.adapter is Adapter.MODEL_FILE:
        plan = FilePlan(entry=entry or DEFAULT_LOADER, packages=folders, scanners=_scanners(bundle), limits=limits)
        return ModelFileTarget(plan, sandbox=Sandbox.find(), meter=meter)
    classifier = ClassifierPlan(
        adapter=grant.adapter,
        entry=entry,
        packages=folders,
        labels=bundle.target.labels,
        limits=limits,
        form=bundle.target.form,
        watch=watch,
    )
    return ClassifierTarget(classifier, sandbox=Sandbox.find(), meter=meter)


def _words(entry: str) -> tuple[str, ...]:
    """Return the words of a granted command, split as a shell would and handed to none.

    Raises:
        MalformedError: a quotation does not end.
    """
    try:
        return tuple(shlex.split(entry))
    except ValueError as error:
        raise MalformedError("the granted command cannot be split into words", hint="close the quotation") from error


def _scanners(bundle: Bundle) -> tuple[ScannerName, ...]:
    """Return the scanners that the oracle wants to hear; each is asked once."""
    wanted = [check.scanners for check in bundle.oracle.checks if isinstance(check, Scanner)]
    return tuple(dict.fromkeys(name for names in wanted for name in names))


def _capped(bundle: Bundle, grant: TargetGrant) -> TargetGrant:
    """Return the grant with the smaller of its own and the bundle's limits."""
    limits, caps = bundle.limits, grant.caps
    rates = [rate for rate in (limits.calls_per_minute, caps.calls_per_minute) if rate]
    return replace(
        grant,
        caps=replace(
            caps,
            calls=min(caps.calls, limits.calls),
            tokens=min(caps.tokens, limits.tokens),
            calls_per_minute=min(rates, default=0),
            call_seconds=min(caps.call_seconds, limits.call_seconds),
        ),
    )
