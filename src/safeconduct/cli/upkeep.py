# SPDX-License-Identifier: Apache-2.0
"""Commands for the upkeep of a home: `backup`, `restore`, `doctor`, `publish` and the recipients of the keys."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from safeconduct.cli.operation import PRIVATE, ConfigOption
from safeconduct.cli.output import ExitCode, JsonFlag, answer
from safeconduct.crypto.secret import Secret
from safeconduct.errors import MalformedError

keys = typer.Typer(help="Who can open the copy of the keys that every backup makes.", no_args_is_help=True)
NOT_IN_IT = "the secrets of targets (keys/targets) and the settings file: keep a copy of them apart"
SYMBOLS = {"good": "ok  ", "warning": "WARN", "bad": "BAD "}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("doctor")(doctor)
    app.command("publish")(publish)
    app.add_typer(keys, name="keys")


def backup(
    folder: Annotated[Path, typer.Argument(help="Folder for the two files of the backup.")],
    *,
    recipient: Annotated[
        list[str] | None, typer.Option("--recipient", help="age recipient for the copy of the keys; may be repeated.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Back up a home, running or not: one archive, and the keys apart in a sealed file.

    The secrets of targets and the settings file are in neither.
    """
    from safeconduct.server.project.boot import load_django

    os.umask(PRIVATE)
    loaded = load_django(config)
    from safeconduct.server.project import backup as backups

    made = backups.make(loaded, folder=folder, recipients=tuple(recipient or ()), now=datetime.now(tz=UTC))
    facts = {
        "archive": str(made.archive),
        "keys": str(made.keys),
        "files": made.files,
        "sha256": made.sha256,
        "not_in_it": NOT_IN_IT,
    }
    lines = (
        f"{made.archive}: {made.files} files, sha256 {made.sha256}",
        f"{made.keys}: the keys; keep it somewhere else",
        f"Not in it: {NOT_IN_IT}",
    )
    answer(facts, as_json=as_json, text="\n".join(lines))


def restore(
    archive: Annotated[Path, typer.Argument(help="The archive of the backup.", exists=True, dir_okay=False)],
    *,
    keys_file: Annotated[Path, typer.Option("--keys", help="The sealed keys.", exists=True, dir_okay=False)],
    identity: Annotated[
        Path,
        typer.Option("--identity", help="File with the age identity that opens the keys.", exists=True, dir_okay=False),
    ],
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Newest public checkpoint of the log, if one was kept.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a backup into an empty home. A log that would fork is kept readable and signs nothing."""
    from safeconduct.server.project.config import load_config

    os.umask(PRIVATE)
    loaded = load_config(os.environ, config)
    from safeconduct.server.project import backup as backups

    files = backups.restore(
        loaded,
        archive=archive,
        keys=keys_file,
        identities=_identities(identity),
        checkpoint=_read(checkpoint) if checkpoint else None,
    )
    facts = {"home": str(loaded.home), "files": files, "not_in_it": NOT_IN_IT}
    text = f"{files} files restored into {loaded.home}\nNot in it: {NOT_IN_IT}\nNow: safeconduct doctor"
    answer(facts, as_json=as_json, text=text)


def doctor(*, config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Examine keys, database, record, log, disk, sandbox, clock, worker and mail. Exit 1 if something is bad."""
    from safeconduct.server.project.boot import load_django

    os.umask(PRIVATE)
    loaded = load_django(config)
    from safeconduct.server.project.doctor import Health, examine

    findings = list(examine(loaded, now=datetime.now(tz=UTC)))
    lines = [
        f"{SYMBOLS[item.health]} {item.check}: {item.found}" + (f"\n       {item.hint}" if item.hint else "")
        for item in findings
    ]
    answer({"findings": [item.as_dict() for item in findings]}, as_json=as_json, text="\n".join(lines))
    if any(item.health is Health.BAD for item in findings):
        raise typer.Exit(ExitCode.NO)


def publish(
    folder: Annotated[Path, typer.Argument(help="Folder for the files; made anew each time.")],
    *,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the whole public side as static files: register, advisories, feed, measures, policy and log."""
    from safeconduct.server.project.boot import load_django

    loaded = load_django(config)
    from safeconduct.server.project import static_site

    count = static_site.write_site(folder.absolute())
    answer(
        {"folder": str(folder), "files": count, "url": loaded.base_url},
        as_json=as_json,
        text=f"{count} files in {folder}",
    )


@keys.command("add-recipient")
def add_recipient(
    recipient: Annotated[str, typer.Argument(help="An age recipient (age1…) whose identity is kept elsewhere.")],
    *,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Seal the copy of the keys in every later backup to one more recipient.

    Only backups are opened with it: if the folder of keys is lost, so is every report newer than the last backup.
    """
    from safeconduct.server.project.config import load_config

    loaded = load_config(os.environ, config)
    from safeconduct.crypto.keys import KeyRing

    ring = KeyRing.load(loaded.keys).add_recipient(recipient)
    answer({"recipients": list(ring.recipients)}, as_json=as_json, text="\n".join(ring.recipients))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MalformedError(f"{path.name} cannot be read", hint=error.strerror or "") from error


def _identities(path: Path) -> list[Secret]:
    lines = [line.strip() for line in _read(path).decode(errors="replace").splitlines()]
    found = [Secret(line.encode()) for line in lines if line and not line.startswith("#")]
    if not found:
        raise MalformedError("the identity file has no identity", hint="a line that starts with AGE-SECRET-KEY-1")
    return found
