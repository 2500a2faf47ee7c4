# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify bundle`, `pack`, `key` and `schema`: look at a bundle, make one, sign it, know its format.

Nothing here makes a call or runs what a bundle brings. `bundle` ends with 0, or with 1 if the bundle cannot be run.
"""

import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from safeconduct.cli.output import ExitCode, JsonFlag, answer
from safeconduct.cli.verifying import signer_of, verifier_keys
from safeconduct.crypto.durable import create_durably
from safeconduct.crypto.signing import SigningKey
from safeconduct.domain.bundle import Bundle, SeedPart
from safeconduct.domain.safe_json import printable
from safeconduct.errors import UnknownValueError
from safeconduct.verification.bundle import bundle_of, open_bundle, open_unsealed, verify_signature, write_bundle
from safeconduct.verification.bundle.checks import check_bundle
from safeconduct.verification.bundle.explain import Explanation, explain_bundle, quoted
from safeconduct.verification.bundle.remarks import Level, Remark
from safeconduct.verification.bundle.schema import READERS, schema_text

BundlePath = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle: a folder or a .zip file.")]
FolderPath = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that you wrote.")]
OutPath = Annotated[Path, typer.Argument(metavar="OUT", help="The bundle to make: a .zip file or a new folder.")]
KeyPath = Annotated[Path, typer.Argument(metavar="FILE", help="Where the new signing key is kept.")]
AuthorKey = Annotated[
    str | None, typer.Option("--key", metavar="VKEY|FILE", help="Verifier key of the author, or a file that holds it.")
]
SignWith = Annotated[Path | None, typer.Option("--sign-with", help="File with the author's signing key.")]
KeyName = Annotated[str, typer.Option("--name", help="What the key is called; no spaces and no plus sign.")]
PartName = Annotated[str, typer.Argument(metavar="NAME", help="A file of a bundle, such as attack.json.")]
_MARGIN: Final = "  "


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    for command in (bundle, pack, key, schema):
        app.command()(command)


def bundle(path: BundlePath, *, key: AuthorKey = None, as_json: JsonFlag = False) -> None:
    """Check a bundle and say in plain words what it is, without running anything."""
    opened = open_bundle(path)
    read = bundle_of(opened)
    signature = "not verified" if opened.is_signed else "none"
    if key:
        keys = verifier_keys(key, beside=path)
        verify_signature(opened, keys)
        signature = f"verified, by {keys[0].name}"
    remarks, told = check_bundle(read), explain_bundle(read)
    answer(
        _facts(read, remarks, told, signature=signature),
        as_json=as_json,
        text=_words(read, remarks, told, signature=signature),
    )
    if _is_broken(remarks):
        raise typer.Exit(ExitCode.NO)


def pack(path: FolderPath, out: OutPath, *, sign_with: SignWith = None, as_json: JsonFlag = False) -> None:
    """Make a bundle of a folder written by hand: every default written out, with its MANIFEST, signed if wished.

    A bundle that cannot be run is not written.
    """
    read = bundle_of(open_unsealed(path))
    remarks = check_bundle(read)
    told = [asdict(remark) for remark in remarks]
    if _is_broken(remarks):
        lines = [*map(_remark, remarks), "It could not be run, so nothing was written."]
        answer({"id": None, "remarks": told}, as_json=as_json, text="\n".join(lines))
        raise typer.Exit(ExitCode.NO)
    written = write_bundle(read, out, signer=signer_of(sign_with) if sign_with else None)
    lines = [*map(_remark, remarks), f"Bundle {written.id} is in {out}."]
    answer({"id": written.id, "signed": sign_with is not None, "remarks": told}, as_json=as_json, text="\n".join(lines))


def key(path: KeyPath, *, name: KeyName = "author", as_json: JsonFlag = False) -> None:
    """Make a signing key, kept in the file, and print its verifier key for those who are to check your signatures."""
    made = SigningKey.generate(name, secrets.token_bytes)
    create_durably(path, f"{made.reveal()}\n".encode())
    answer({"verifier_key": str(made.verifier)}, as_json=as_json, text=str(made.verifier))


def schema(part: PartName) -> None:
    """Print the JSON Schema of one file of a bundle; of benign.jsonl, that of one line."""
    if part not in READERS:
        raise UnknownValueError("a bundle has no such file", hint=f"one of {', '.join(sorted(READERS))}")
    typer.echo(schema_text(part), nl=False)


def _is_broken(remarks: tuple[Remark, ...]) -> bool:
    """Say whether the bundle cannot be run."""
    return any(remark.level is Level.ERROR for remark in remarks)


def _facts(read: Bundle, remarks: tuple[Remark, ...], told: Explanation, *, signature: str) -> dict[str, object]:
    """Return the bundle as plain data."""
    seeds = [seed.part for seed in read.attack.seeds]
    return {
        "id": read.id,
        "title": read.about.title,
        "class": read.about.flaw_class.value,
        "target": read.target.adapter.value,
        "model": read.target.model,
        "families": [asdict(family) for family in told.families],
        "seeds": {part.value: seeds.count(part) for part in SeedPart},
        "benign_controls": len(read.benign),
        "criterion": asdict(read.criterion),
        "calls": asdict(told.costs) if told.costs else None,
        "code": {file.name: file.sha256 for file in read.code},
        "hazard_level": read.about.safety.hazard_level.value,
        "handling": read.about.safety.handling.value,
        "signature": signature,
        "explanation": [{"title": title, "text": list(lines)} for title, lines in told.sections],
        "remarks": [asdict(remark) for remark in remarks],
        "runnable": not _is_broken(remarks),
    }


def _words(read: Bundle, remarks: tuple[Remark, ...], told: Explanation, *, signature: str) -> str:
    """Return the bundle for a person; foreign text is quoted and escaped."""
    lines = [f"Bundle {read.id}", f"Signature of the author: {signature}"]
    if read.about.author_key_id:
        lines.append(f"The bundle says that its author's key is {quoted(read.about.author_key_id)}.")
    for title, paragraphs in told.sections:
        lines += ["", title, *(f"{_MARGIN}{paragraph}" for paragraph in paragraphs)]
    if remarks:
        lines += ["", "Remarks", *(f"{_MARGIN}{_remark(remark)}" for remark in remarks)]
    lines += ["", "It cannot be run." if _is_broken(remarks) else "It can be run."]
    return "\n".join(lines)


def _remark(remark: Remark) -> str:
    """Return one remark on one line."""
    hint = f" ({remark.hint})" if remark.hint else ""
    return printable(f"{remark.level.value} {remark.code}: {remark.at}: {remark.message}{hint}")
