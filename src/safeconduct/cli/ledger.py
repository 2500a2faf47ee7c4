# SPDX-License-Identifier: Apache-2.0
"""`safeconduct ledger`: check a receipt offline, audit a log, make a receipt from static files.

Exit codes: 0 it holds, 1 it does not hold, 2 wrong usage, 4 what was given cannot be read as what it should be.

About trust: a receipt proves something only under a verifier key that did not come from whoever gave you the receipt.
Without `--key` or `--policy` the key that was delivered with the receipt is used, and the answer says so.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer
from rich.progress import Progress

from safeconduct.cli.output import ExitCode, JsonFlag, answer, progress_console
from safeconduct.crypto.durable import PUBLIC, write_durably
from safeconduct.crypto.encoding import encode64
from safeconduct.crypto.signing import VerifyKey
from safeconduct.errors import MalformedError, TooLargeError, VerificationError
from safeconduct.ledger.audit import audit as audit_log
from safeconduct.ledger.checkpoint import open_checkpoint
from safeconduct.ledger.commitment import Opening
from safeconduct.ledger.reader import Fetch, from_folder, from_web
from safeconduct.ledger.receipt import RECEIPT_LIMIT, parse_receipt, prove, verify_opening, verify_receipt
from safeconduct.ledger.witness import parse_policy, verify_witnesses

OPENING_LIMIT = 8 * 1024 * 1024
KEY_LIMIT = 4096
KEY_FILE = "log.vkey"
TIMEOUT_SECONDS = 30.0

app = typer.Typer(help="Check receipts and logs, offline.", no_args_is_help=True)

ReceiptFile = Annotated[Path, typer.Argument(help="The receipt, a .tlog-proof file.", exists=True, dir_okay=False)]
LogPlace = Annotated[str, typer.Argument(metavar="DIR_OR_URL", help="Folder or web address of the log's files.")]
OpeningFile = Annotated[
    Path | None, typer.Option("--opening", help="The opening file of the report.", exists=True, dir_okay=False)
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Whom to trust: a tlog-policy file.", exists=True, dir_okay=False)
]
KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="VKEY|FILE", help="Verifier key of the log, or a file that holds it.")
]


@app.command()
def verify(
    receipt: ReceiptFile,
    *,
    opening: OpeningFile = None,
    key: KeyOption = None,
    policy: PolicyFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a receipt, and with the opening also what it stands for. Needs no network."""
    parsed = parse_receipt(_read(receipt, RECEIPT_LIMIT))
    opened = Opening.from_json(_read(opening, OPENING_LIMIT)) if opening else None
    facts: dict[str, object] = {"holds": True}
    with _refusal(as_json=as_json):
        if policy:
            witnessed = verify_witnesses(parsed.checkpoint, parse_policy(_read(policy, OPENING_LIMIT)))
            verifier, origin_of_key = witnessed.key, "policy"
            facts |= {"seen": dict(witnessed.seen), "since": witnessed.since}
        else:
            verifier, origin_of_key = _key_for(receipt, key, opened)
        proven = verify_receipt(parsed, verifier)
        if opened:
            verify_opening(proven, opened)
    facts |= {
        "log": proven.checkpoint.origin,
        "index": proven.index,
        "size": proven.checkpoint.size,
        "kind": proven.entry.kind,
        "commitment": encode64(proven.entry.commitment),
        "key": str(verifier),
        "key_from": origin_of_key,
        "opening_belongs": opened is not None,
        "shown": opened.shown() if opened else {},
    }
    answer(facts, as_json=as_json, text=_told(facts))


@app.command()
def audit(
    log: LogPlace,
    *,
    key: Annotated[str, typer.Option("--key", metavar="VKEY|FILE", help="Verifier key of the log, or a file.")],
    since: Annotated[
        Path | None, typer.Option("--since", help="A checkpoint seen earlier.", exists=True, dir_okay=False)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Re-derive a whole log from its static files and check it against its signed checkpoint."""
    verifier = _given_key(key)
    with _refusal(as_json=as_json), _progress() as advance, _files_of(log) as fetch:
        earlier = open_checkpoint(_read(since, RECEIPT_LIMIT), verifier) if since else None
        result = audit_log(fetch, verifier, earlier=earlier, progress=advance)
    checkpoint = result.checkpoint
    facts = {
        "holds": True,
        "log": checkpoint.origin,
        "size": checkpoint.size,
        "root": encode64(checkpoint.root),
        "bundles": result.bundles,
        "tiles": result.tiles,
        "continues": earlier.size if earlier else None,
    }
    text = f"The log {checkpoint.origin} holds: {checkpoint.size} entries, {result.tiles} tiles, root {facts['root']}."
    if earlier:
        text += f"\nIt continues the checkpoint of size {earlier.size}."
    answer(facts, as_json=as_json, text=text)


@app.command(name="prove")
def make_receipt(
    log: LogPlace,
    index: Annotated[int, typer.Argument(help="Number of the entry, from 0.", min=0)],
    *,
    key: KeyOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; default: standard output.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make the receipt of an entry from the static files of a log."""
    with _refusal(as_json=as_json), _files_of(log) as fetch:
        receipt = prove(fetch, index, key=_given_key(key) if key else None)
    if out:
        write_durably(out, str(receipt).encode(), mode=PUBLIC)
    facts = {"holds": True, "index": index, "receipt": str(receipt), "file": str(out) if out else None}
    answer(facts, as_json=as_json, text=f"Receipt written to {out}." if out else str(receipt).rstrip("\n"))


def _key_for(receipt: Path, key: str | None, opened: Opening | None) -> tuple[VerifyKey, str]:
    """Return the verifier key and where it came from: given, or delivered with the receipt."""
    if key:
        return _given_key(key), "given"
    for beside in (receipt.with_suffix(".vkey"), receipt.with_name(KEY_FILE)):
        if beside.is_file():
            return _key_in(beside), "delivered"
    if opened and opened.log_key:
        return VerifyKey.parse(opened.log_key), "delivered"
    raise typer.BadParameter(f"no verifier key: give --key or --policy, or put {KEY_FILE} beside the receipt")


def _given_key(text: str) -> VerifyKey:
    path = Path(text)
    # A verifier key has plus signs, and base64 may hold a slash; so a file is one that is there.
    return _key_in(path) if len(text) < KEY_LIMIT and path.is_file() else VerifyKey.parse(text)


def _key_in(path: Path) -> VerifyKey:
    try:
        return VerifyKey.parse(_read(path, KEY_LIMIT).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedError(f"{path.name} holds no verifier key", hint="it has the form name+hash+base64") from error


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(f"{path.name} is larger than {limit} bytes", hint="this is another file", limit=limit)
    return data


@contextmanager
def _files_of(place: str) -> Iterator[Fetch]:
    if place.startswith(("http://", "https://")):
        with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
            yield from_web(client, place)
    else:
        yield from_folder(Path(place))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    with Progress(console=progress_console(), transient=True) as bar:
        task = bar.add_task("entries", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _refusal(*, as_json: bool) -> Iterator[None]:
    """Answer with no where a signature, a proof or a file does not hold."""
    try:
        yield
    except VerificationError as error:
        _refuse(error, as_json=as_json)


def _refuse(error: VerificationError, *, as_json: bool) -> NoReturn:
    facts = {"holds": False, "code": error.code, "reason": error.message, "hint": error.hint}
    answer(
        facts, as_json=as_json, text=f"It does not hold: {error.message}.\n{error.hint[:1].upper()}{error.hint[1:]}."
    )
    raise typer.Exit(ExitCode.NO)


def _told(facts: dict[str, object]) -> str:
    lines = [f"The receipt holds: entry {facts['index']} of {facts['size']} in the log {facts['log']}."]
    if facts["opening_belongs"]:
        shown = facts["shown"]
        lines.append(f"The opening belongs to it and shows: {', '.join(shown) if isinstance(shown, dict) else ''}.")
    if facts.get("since"):
        lines.append(f"Witnesses prove that it existed by {facts['since']}.")
    else:
        lines.append("No time is proven: that needs witnesses and a policy.")
    if facts["key_from"] == "delivered":
        lines.append(
            f"The verifier key came with the receipt. Compare it with the key that the log publishes:\n  {facts['key']}"
        )
    return "\n".join(lines)
