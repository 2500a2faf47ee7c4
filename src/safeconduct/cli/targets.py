# SPDX-License-Identifier: Apache-2.0
"""`safeconduct target …`: which targets bundles may be run against. For the operator, on the machine of the service.

The operator needs no account: whoever may read the keys may grant. The secret of a target is never an argument, because
arguments are seen by every account of the machine: `--secret-name` names a file of `keys/targets/`.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from safeconduct.cli.grant_texts import HOURS, PRICE, hours_in, price_in
from safeconduct.cli.operation import PRIVATE, ConfigOption
from safeconduct.cli.output import JsonFlag, answer
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.instants import parse_instant
from safeconduct.domain.parties import Role
from safeconduct.domain.price import amount_of
from safeconduct.errors import UnavailableError

app = typer.Typer(help="The targets that bundles may be run against.", no_args_is_help=True)

_USUAL = Caps()
TargetId = Annotated[str, typer.Argument(metavar="TARGET", help="Identifier, such as tgt_….")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the target.")]


@app.command("grant")
def grant(
    *,
    label: Annotated[str, typer.Option("--label", help="How the target is called on the pages.")],
    model: Annotated[str, typer.Option("--model", help="The model's name as the endpoint knows it.")],
    url: Annotated[str, typer.Option("--url", help="Of a remote target: https://host/v1, without a password.")] = "",
    adapter: Annotated[Adapter, typer.Option("--adapter", help="How the target is spoken to.")] = Adapter.OPENAI_CHAT,
    patched: Annotated[bool, typer.Option("--patched", help="It stands for a claimed fix.")] = False,
    vendor: Annotated[str, typer.Option("--vendor")] = "",
    product: Annotated[str, typer.Option("--product")] = "",
    entry: Annotated[
        str, typer.Option("--entry", help="Of a local target: module:function, file:name, or a command.")
    ] = "",
    packages: Annotated[str, typer.Option("--packages", help="Of a local target: folders, with colons.")] = "",
    secret_name: Annotated[str, typer.Option("--secret-name", help="Name of a file in keys/targets/.")] = "",
    allow_private: Annotated[bool, typer.Option("--allow-private", help="The address may be private.")] = False,
    calls: Annotated[int, typer.Option("--calls", help="Calls in all.")] = _USUAL.calls,
    tokens: Annotated[int, typer.Option("--tokens", help="Tokens in all.")] = _USUAL.tokens,
    tokens_per_call: Annotated[int, typer.Option("--tokens-per-call")] = _USUAL.tokens_per_call,
    calls_per_minute: Annotated[int, typer.Option("--calls-per-minute", help="0: no rate.")] = _USUAL.calls_per_minute,
    call_seconds: Annotated[float, typer.Option("--call-seconds")] = _USUAL.call_seconds,
    starts: Annotated[str, typer.Option("--from", help="Window opens, such as 2026-12-01T00:00Z.")] = "",
    ends: Annotated[str, typer.Option("--until", help="Window closes.")] = "",
    hours: Annotated[str, typer.Option("--hours", help=f"Hours of the week, such as '{HOURS}'.")] = "",
    price: Annotated[str, typer.Option("--price", help=f"Call, million tokens in, out: '{PRICE}'.")] = "",
    spending: Annotated[str, typer.Option("--spending", help="Money in all; needs a price.")] = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Allow a target to be tested within caps and a window."""
    caps = Caps(calls=calls, tokens=tokens, tokens_per_call=tokens_per_call, calls_per_minute=calls_per_minute)
    terms = replace(
        TargetGrant(model=model, adapter=adapter, url=url, entry=entry, packages=packages, secret_name=secret_name),
        caps=replace(caps, call_seconds=call_seconds, spending=amount_of(spending) if spending else None),
        **_window(starts, ends, hours),
        price=price_in(price),
        allow_private=allow_private,
    )
    by = operator(config)
    target = _granted(terms, label=label, vendor=vendor, product=product, is_patched=patched, by=by)
    _tell(target, as_json=as_json)


@app.command("list")
def list_all(*, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List the targets with what was spent, the newest first."""
    by = operator(config)
    from safeconduct.server.authorizations import queries

    found = list(queries.targets_for(by))
    text = "\n".join(_line(target) for target in found) or "no target is granted"
    answer({"targets": [_facts(target) for target in found]}, as_json=as_json, text=text)


@app.command("suspend")
def suspend(target: TargetId, *, reason: Reason, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Stop all tests of a target until it is resumed."""
    _move("suspend", target, reason=reason, config=config, as_json=as_json)


@app.command("resume")
def resume(target: TargetId, *, reason: Reason, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Allow a suspended target again."""
    _move("resume", target, reason=reason, config=config, as_json=as_json)


@app.command("revoke")
def revoke(target: TargetId, *, reason: Reason, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """End a grant for good."""
    _move("revoke", target, reason=reason, config=config, as_json=as_json)


def operator(config: Path | None) -> Any:
    """Start Django and return the operator as a viewer: no account, the roles of who runs the service.

    Raises:
        ConfigurationError: a setting is wrong.
        UnavailableError: the database is out of reach or was not prepared.
    """
    from safeconduct.server.project.boot import load_django

    os.umask(PRIVATE)
    load_django(config)
    from django.db import DatabaseError

    from safeconduct.server.authorizations import queries
    from safeconduct.server.parties.viewer import Viewer

    by = Viewer(roles=frozenset({Role.COORDINATOR, Role.ADMINISTRATOR}))
    try:
        queries.targets_for(by).exists()
    except DatabaseError as error:
        raise UnavailableError("the database was not prepared", hint="run safeconduct serve once") from error
    return by


def _window(starts: str, ends: str, hours: str) -> dict[str, Any]:
    return {
        "starts_at": parse_instant(starts) if starts else None,
        "ends_at": parse_instant(ends) if ends else None,
        "hours": hours_in(hours),
    }


def _granted(terms: TargetGrant, *, label: str, vendor: str, product: str, is_patched: bool, by: Any) -> Any:
    from safeconduct.server.authorizations import services
    from safeconduct.server.authorizations.models import TargetRole

    role = TargetRole.PATCHED if is_patched else TargetRole.UNPATCHED
    now = datetime.now(tz=UTC)
    return services.grant(label=label, vendor=vendor, product=product, terms=terms, role=role, by=by, now=now)


def _move(act: str, target_id: str, *, reason: str, config: Path | None, as_json: bool) -> None:
    by = operator(config)
    from safeconduct.server.authorizations import queries, services

    acts = {"suspend": services.suspend, "resume": services.resume, "revoke": services.revoke}
    found = queries.target_for(by, target_id)
    _tell(acts[act](target=found, reason=reason, by=by, now=datetime.now(tz=UTC)), as_json=as_json)


def _tell(target: Any, *, as_json: bool) -> None:
    answer(_facts(target), as_json=as_json, text=_line(target))


def _line(target: Any) -> str:
    used = f"{target.calls_used} of {target.max_calls} calls used"
    return f"{target.pk}  {target.state}  {target.label}  ({target.model}, {used})"


def _facts(target: Any) -> dict[str, Any]:
    return {
        "target_id": target.pk,
        "label": target.label,
        "state": target.state,
        "role": target.role,
        "vendor": target.vendor,
        "product": target.product,
        "adapter": target.adapter,
        "model": target.model,
        "url": target.url,
        "entry": target.entry,
        "secret_name": target.secret_name,
        "allow_private": target.allow_private,
        "max_calls": target.max_calls,
        "calls_used": target.calls_used,
        "max_tokens": target.max_tokens,
        "tokens_used": target.tokens_used,
        "starts_at": target.starts_at.isoformat() if target.starts_at else None,
        "ends_at": target.ends_at.isoformat() if target.ends_at else None,
        "reason": target.reason,
    }
