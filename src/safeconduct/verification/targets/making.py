# SPDX-License-Identifier: Apache-2.0
"""The target that a grant speaks of, for the bundle that is to be run against it.

The bundle says how the target is asked (sampling, labels, limits); the grant says which target it is. The address in a
bundle is never used: only a grant lets anything reach a network.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import assert_never

import httpx

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle
from safeconduct.errors import ConflictError
from safeconduct.verification.broker import Broker, plain_client, resolve_by_system
from safeconduct.verification.meter import Meter, Watch
from safeconduct.verification.sandbox import Sandbox
from safeconduct.verification.targets.chat import ChatTarget
from safeconduct.verification.targets.classifier import ClassifierPlan, ClassifierTarget
from safeconduct.verification.targets.interface import Target


def target_for(
    bundle: Bundle,
    grant: TargetGrant,
    *,
    clock: Callable[[], datetime],
    secrets: Mapping[str, Secret] | None = None,
    client: httpx.AsyncClient | None = None,
) -> Target:
    """Return the target, not yet entered.

    Raises:
        ConflictError: the bundle is for another kind of target than was granted.
        ConfigurationError: the address cannot be used, or the secret is not there.
        SandboxError: a classifier needs the sandbox and bubblewrap is missing.
    """
    if grant.adapter is not bundle.target.adapter:
        raise ConflictError(
            f"the bundle is for a target of kind {bundle.target.adapter.value}, granted is {grant.adapter.value}",
            hint="grant a target of the same kind",
        )
    watch = Watch(clock=clock, seconds=time.monotonic, pause=asyncio.sleep)
    meter = Meter(_capped(bundle, grant), watch)
    match grant.adapter:
        case Adapter.OPENAI_CHAT:
            broker = Broker(meter, client=client or plain_client(), resolve=resolve_by_system, secrets=secrets)
            return ChatTarget(broker, sampling=bundle.target.sampling)
        case Adapter.PYTHON_CALLABLE | Adapter.SKLEARN:
            return ClassifierTarget(_plan(bundle, meter.grant), sandbox=Sandbox.find(), meter=meter)
        case _:  # pragma: no cover
            assert_never(grant.adapter)


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


def _plan(bundle: Bundle, grant: TargetGrant) -> ClassifierPlan:
    """Return what to load into the box."""
    return ClassifierPlan(
        adapter=grant.adapter,
        entry=grant.entry or bundle.target.entry,
        packages=tuple(Path(folder) for folder in grant.packages.split(":") if folder),
        labels=bundle.target.labels,
        limits=replace(bundle.limits, call_seconds=grant.caps.call_seconds),
    )
