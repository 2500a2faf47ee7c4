# SPDX-License-Identifier: Apache-2.0
"""`safeconduct report send` and `report follow`: report a flaw and read the mailbox, with keys made on this machine.

The eight words of the mailbox are made here, shown once and written nowhere; the service never sees them. What is given
on the command line can be read by every account of a machine, so the words are asked for, or read from standard input.

Exit codes: 0 done, 1 the receipt did not come in time, 4 an error of ours.
"""

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from safeconduct.cli.output import ExitCode, JsonFlag, answer, progress_console
from safeconduct.cli.report_files import read_report_file
from safeconduct.cli.service_client import Accepted, Sending, Service, service_at
from safeconduct.crypto.codenames import Codename
from safeconduct.crypto.durable import PRIVATE, PUBLIC, write_durably
from safeconduct.crypto.mailbox import MailboxKeys, derive_mailbox
from safeconduct.domain.report import Report
from safeconduct.domain.safe_json import Json
from safeconduct.errors import ConflictError, IncompleteError, MalformedError, UnavailableError, VerificationError
from safeconduct.policy.completeness import Stage, gaps

ONCE = "Your eight words, shown once. Write them down:"
OPENING = "opening.json"
NOTE = "accept.note"
RECEIPT = "receipt.tlog-proof"
LOG_KEY = "log.vkey"
GRACE_SECONDS = 60.0
ANSWER_BYTES = 200_000

InputFile = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The report.")]
Address = Annotated[str, typer.Option("--to", metavar="URL", help="Address of the service.")]
OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the papers are written.")]
WaitFlag = Annotated[bool, typer.Option("--wait", help="Wait for the receipt, which comes with the next beat.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `report`."""
    group.command("send")(send)
    group.command("follow")(follow)


def send(
    file: InputFile,
    *,
    to: Address,
    attach: Annotated[
        list[Path] | None, typer.Option("--attach", metavar="F", exists=True, dir_okay=False, help="Send a file along.")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", metavar="ZIP", exists=True, dir_okay=False, help="Send a reproduction bundle along."),
    ] = None,
    out: OutFolder = Path(),
    wait: WaitFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Send a report without a name. Prints eight words once, and writes the papers that prove the report."""
    report = _complete(file)
    _require_free(out, [OPENING, NOTE, LOG_KEY, *([RECEIPT] if wait else [])])
    codename = Codename.new(secrets.token_bytes)
    sending = Sending(report=report, bundle=bundle, attachments=attach or [], idempotency=secrets.token_hex(16))
    with service_at(to) as service:
        keys = derive_mailbox(codename, salt=service.salt)
        if not as_json:
            # Before anything is sent, so that an answer that gets lost does not lose the mailbox.
            answer({}, as_json=False, text=f"{ONCE}\n\n    {codename.reveal()}\n")
        accepted = service.send(sending, keys)
        _write_papers(out, accepted)
        is_there = wait and _fetch_receipt(service, keys, accepted, out=out)
    data: dict[str, object] = {
        "report_id": accepted.report_id,
        "codename": codename.reveal(),
        "opening": str(out / OPENING),
        "acceptance": str(out / NOTE),
        "log_key": str(out / LOG_KEY),
        "receipt": str(out / RECEIPT) if is_there else None,
        "receipt_due": accepted.receipt_due.isoformat(),
    }
    answer(data, as_json=as_json, text=_told(accepted, to, out=out, is_there=is_there))
    raise typer.Exit(ExitCode.NO if wait and not is_there else ExitCode.YES)


def follow(
    *,
    to: Address,
    answer_file: Annotated[
        Path | None,
        typer.Option("--answer", metavar="FILE", exists=True, dir_okay=False, help="Send the text of a file."),
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", metavar="FILE", dir_okay=False, help="Write the receipt there.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Read the mailbox. Asks for the eight words without showing them; a pipe may give them on standard input."""
    codename = Codename.read(_ask())
    with service_at(to) as service:
        keys = derive_mailbox(codename, salt=service.salt)
        told = service.write(keys, _text_of(answer_file)) if answer_file else service.mailbox(keys)
        if receipt is not None:
            _require_free(receipt.parent, [receipt.name])
            _write_receipt(receipt, *service.receipt(keys))
    answer({**told, "receipt": str(receipt) if receipt else None}, as_json=as_json, text=_shown(told))


def _complete(file: Path) -> Report:
    report = read_report_file(file)
    missing = gaps(report, stage=Stage.SUBMIT)
    if missing:
        raise IncompleteError(
            "answers are missing",
            hint=f"see: safeconduct report check {file.name}",
            missing=[gap.field for gap in missing],
            questions=[gap.question for gap in missing],
        )
    return report


def _require_free(folder: Path, names: list[str]) -> None:
    if not folder.is_dir():
        raise UnavailableError("there is no such folder for the papers", hint="make it, or choose another with --out")
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise ConflictError(
            "papers of another report are there already", hint="choose an empty folder with --out", files=taken
        )


def _write_papers(out: Path, accepted: Accepted) -> None:
    write_durably(out / OPENING, accepted.opening.to_json(), mode=PRIVATE)
    write_durably(out / NOTE, accepted.note.encode(), mode=PUBLIC)
    write_durably(out / LOG_KEY, f"{accepted.log_key}\n".encode(), mode=PUBLIC)


def _write_receipt(path: Path, proof: str, log_key: str) -> None:
    """Write the receipt beside the key of the log; a key that is there already must be the same."""
    key_file = path.with_name(LOG_KEY)
    if key_file.exists() and key_file.read_text(encoding="utf-8").strip() != log_key:
        raise VerificationError("the key of the log has changed", hint=f"compare with {key_file.name} and ask why")
    write_durably(path, proof.encode(), mode=PUBLIC)
    write_durably(key_file, f"{log_key}\n".encode(), mode=PUBLIC)


def _fetch_receipt(service: Service, keys: MailboxKeys, accepted: Accepted, *, out: Path) -> bool:
    ahead = (accepted.receipt_due - datetime.now(tz=UTC)).total_seconds()
    with progress_console().status("waiting for the next beat of the log"):
        found = service.wait_for_receipt(keys, accepted.opening, seconds=max(0.0, ahead) + GRACE_SECONDS)
    if found is not None:
        _write_receipt(out / RECEIPT, *found)
    return found is not None


def _ask() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Your eight words", hide_input=True))
    return sys.stdin.readline()


def _text_of(file: Path) -> str:
    with file.open("rb") as stream:
        data = stream.read(ANSWER_BYTES + 1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("the answer is not a text", hint="save it as UTF-8") from error


def _told(accepted: Accepted, to: str, *, out: Path, is_there: bool) -> str:
    receipt = (
        f"{out / RECEIPT}: your receipt; check it with: safeconduct ledger verify {RECEIPT} --opening {OPENING}"
        if is_there
        else f"The receipt comes by {accepted.receipt_due:%Y-%m-%d %H:%M} UTC: safeconduct report follow"
        f" --to {to} --receipt {RECEIPT}"
    )
    return "\n".join(
        (
            f"Sent: {accepted.report_id}",
            f"{out / OPENING}: what you said, and the keys to prove it. Keep it secret.",
            f"{out / NOTE}: the signed promise to log it.",
            receipt,
            f"Read your mailbox with: safeconduct report follow --to {to}",
        )
    )


def _shown(told: dict[str, Json]) -> str:
    lines = [f"{told.get('report_id')}: {told.get('status_words')}"]
    lines.append("The receipt is there." if told.get("has_receipt") else "The receipt is not there yet.")
    messages = told.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            who = "you" if message.get("direction") == "from_reporter" else "they"
            lines += ["", f"{who}, {message.get('kind')}, {message.get('sent_at')}", str(message.get("text"))]
    return "\n".join(lines)
