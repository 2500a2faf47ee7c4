# SPDX-License-Identifier: Apache-2.0
"""`safeconduct ledger`, as it is typed."""

import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from tests.crypto.seeded import entropy
from tests.ledger.factories import KEY, OTHER_KEY, World, make_world

from safeconduct.cli import main
from safeconduct.crypto.signing import KeyType, SigningKey, VerifyKey
from safeconduct.ledger.note import Note, NoteSignature, parse_note
from safeconduct.ledger.receipt import Receipt, parse_receipt

VKEY = str(KEY.verifier)


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, object]:
        """Return the answer of a command that was asked for JSON."""
        answer: dict[str, object] = json.loads(self.out)
        return answer


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def ran(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["safeconduct", "ledger", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main.run()
        captured = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), captured.out, captured.err)

    return ran


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = make_world(tmp_path)
    opening = world.commit()
    for seed in range(3):
        world.beat(seed)
    (tmp_path / "opening.json").write_bytes(opening.to_json())
    (tmp_path / "part.json").write_bytes(opening.reveal({"title"}).to_json())
    receipt = world.log.receipt(world.store.indexes["r1"])
    (tmp_path / "mine.tlog-proof").write_text(str(receipt), encoding="utf-8")
    return world


@pytest.fixture
def receipt(world: World) -> Path:
    return world.memory.with_name("mine.tlog-proof")


def test_a_receipt_holds_under_the_given_key(run: Run, receipt: Path) -> None:
    answer = run("verify", receipt, "--key", VKEY, "--json")

    assert answer.code == 0
    assert answer.json() | {"index": 0, "commitment": ""} == {
        "holds": True,
        "log": "example.org/log",
        "index": 0,
        "size": 48,
        "kind": "x",
        "commitment": "",
        "key": VKEY,
        "key_from": "given",
        "opening_belongs": False,
        "shown": {},
    }


def test_the_opening_shows_what_was_reported(run: Run, receipt: Path) -> None:
    whole = run("verify", receipt, "--key", VKEY, "--opening", receipt.with_name("opening.json"))
    part = run("verify", receipt, "--key", VKEY, "--opening", receipt.with_name("part.json"), "--json")

    assert whole.code == part.code == 0
    assert "affected, attachment:1, attachment:2, n, severity, title" in whole.out
    assert part.json()["shown"] == {"title": "A jailbreak"}


@pytest.mark.parametrize("name", ["log.vkey", "mine.vkey"])
def test_a_key_delivered_with_the_receipt_is_used_and_said(run: Run, receipt: Path, name: str) -> None:
    receipt.with_name(name).write_text(f"{VKEY}\n", encoding="utf-8")

    answer = run("verify", receipt)

    assert answer.code == 0
    assert "came with the receipt" in answer.out
    assert VKEY in answer.out.replace("\n", "")


def test_the_key_of_the_opening_is_the_last_resort(run: Run, receipt: Path) -> None:
    answer = run("verify", receipt, "--opening", receipt.with_name("opening.json"), "--json")

    assert (answer.code, answer.json()["key_from"]) == (0, "delivered")


def test_without_any_key_the_usage_is_explained(run: Run, receipt: Path) -> None:
    opening = json.loads(receipt.with_name("opening.json").read_bytes()) | {"log_key": ""}
    receipt.with_name("keyless.json").write_text(json.dumps(opening), encoding="utf-8")

    for words in ((), ("--opening", receipt.with_name("keyless.json"))):
        answer = run("verify", receipt, *words)
        assert answer.code == 2
        assert "no verifier key" in answer.err


def test_the_key_may_be_a_file(run: Run, receipt: Path) -> None:
    receipt.with_name("the.key").write_text(VKEY, encoding="utf-8")

    assert run("verify", receipt, "--key", receipt.with_name("the.key")).code == 0


def test_a_receipt_that_does_not_hold_is_answered_with_no(run: Run, receipt: Path) -> None:
    text = receipt.read_text(encoding="utf-8")
    index = parse_receipt(text.encode()).index
    receipt.write_text(text.replace(f"index {index}\n", f"index {(index + 1) % 48}\n"), encoding="utf-8")

    for_people = run("verify", receipt, "--key", VKEY)
    for_programs = run("verify", receipt, "--key", VKEY, "--json")

    assert for_people.code == for_programs.code == 1
    assert for_people.out.startswith("It does not hold: ")
    assert for_programs.json()["holds"] is False
    assert for_programs.json()["code"] == "verification_failed"


def test_another_key_and_another_opening_are_answered_with_no(run: Run, world: World, receipt: Path) -> None:
    other = world.commit("another")
    receipt.with_name("other.json").write_bytes(other.to_json())

    assert run("verify", receipt, "--key", OTHER_KEY.verifier).code == 1
    assert run("verify", receipt, "--key", VKEY, "--opening", receipt.with_name("other.json")).code == 1


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe", b"c2sp.org/tlog-proof@v1\n\n"])
def test_what_is_no_receipt_is_an_error_with_a_hint(run: Run, receipt: Path, content: bytes) -> None:
    receipt.write_bytes(content)

    plain = run("verify", receipt, "--key", VKEY)
    coded = run("verify", receipt, "--key", VKEY, "--json")

    assert plain.code == coded.code == 4
    assert "error [malformed]" in plain.err
    assert "hint: " in plain.err
    assert json.loads(coded.err)["error"]["code"] == "malformed"


@pytest.mark.parametrize("key", [b"", b"name+00000000+AAAA", b"\xff"])
def test_a_damaged_key_is_an_error(run: Run, receipt: Path, key: bytes) -> None:
    receipt.with_name("the.key").write_bytes(key)

    assert run("verify", receipt, "--key", receipt.with_name("the.key")).code == 4


def test_an_oversized_receipt_is_an_error(run: Run, receipt: Path) -> None:
    receipt.write_bytes(b"x" * 2_000_000)

    answer = run("verify", receipt, "--key", VKEY, "--json")

    assert answer.code == 4
    assert json.loads(answer.err)["error"]["code"] == "too_large"


def test_a_missing_receipt_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    assert run("verify", tmp_path / "none", "--key", VKEY).code == 2


def test_witnesses_prove_a_time(run: Run, receipt: Path) -> None:
    witness = SigningKey.generate("witness.example/w", entropy(70))
    key = VerifyKey(name=witness.name, public=witness.verifier.public, type=KeyType.COSIGNATURE)
    parsed = parse_receipt(receipt.read_bytes())
    at = 1_795_435_200
    signature = at.to_bytes(8, "big") + witness.sign(f"cosignature/v1\ntime {at}\n{parsed.checkpoint.text}".encode())
    line = NoteSignature(name=key.name, key_id=key.key_id, signature=signature)
    note = Note(text=parsed.checkpoint.text, signatures=(*parsed.checkpoint.signatures, line))
    cosigned = Receipt(index=parsed.index, path=parsed.path, entry=parsed.entry, checkpoint=note)
    policy = receipt.with_name("policy")
    policy.write_text(f"log {VKEY}\nwitness W {key}\nquorum W\n", encoding="utf-8")

    unseen = run("verify", receipt, "--policy", policy)
    receipt.write_text(str(cosigned), encoding="utf-8")
    seen = run("verify", receipt, "--policy", policy)
    coded = run("verify", receipt, "--policy", policy, "--json")

    assert unseen.code == 1
    assert "too few witnesses" in unseen.out
    assert seen.code == coded.code == 0
    assert "existed by 2026-11-23 12:00:00+00:00" in seen.out
    assert coded.json()["key_from"] == "policy"
    assert coded.json()["seen"] == {"W": "2026-11-23 12:00:00+00:00"}


def test_without_witnesses_no_time_is_claimed(run: Run, receipt: Path) -> None:
    assert "No time is proven" in run("verify", receipt, "--key", VKEY).out


def test_an_honest_log_is_audited(run: Run, world: World) -> None:
    answer = run("audit", world.folder, "--key", VKEY, "--json")

    assert answer.code == 0
    assert answer.json() == {
        "holds": True,
        "log": "example.org/log",
        "size": 48,
        "root": answer.json()["root"],
        "bundles": 1,
        "tiles": 1,
        "continues": None,
    }


def test_an_auditor_who_comes_back_sees_that_the_log_goes_on(run: Run, world: World, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.write_bytes((world.folder / "checkpoint").read_bytes())
    world.beat(9)

    answer = run("audit", world.folder, "--key", VKEY, "--since", seen)

    assert answer.code == 0
    assert "64 entries" in answer.out
    assert "continues the checkpoint of size 48" in answer.out


def test_a_log_that_was_set_back_is_answered_with_no(run: Run, world: World, tmp_path: Path) -> None:
    old = (world.folder / "checkpoint").read_bytes()
    world.beat(9)
    seen = tmp_path / "seen"
    seen.write_bytes((world.folder / "checkpoint").read_bytes())
    (world.folder / "checkpoint").write_bytes(old)

    answer = run("audit", world.folder, "--key", VKEY, "--since", seen, "--json")

    assert answer.code == 1
    assert "not a continuation" in str(answer.json()["reason"])


def test_a_damaged_log_is_answered_with_no(run: Run, world: World) -> None:
    tile = world.folder / "tile/0/000.p/48"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])

    assert run("audit", world.folder, "--key", VKEY).code == 1


def test_no_log_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run("audit", tmp_path / "none", "--key", VKEY).code == 4
    assert run("audit", tmp_path / "none").code == 2


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(world: World) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(world.folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_log_on_the_web_is_audited_and_gives_receipts(run: Run, address: str, tmp_path: Path) -> None:
    out = tmp_path / "made.tlog-proof"

    audited = run("audit", address, "--key", VKEY)
    made = run("prove", address, 7, "--key", VKEY, "--out", out)

    assert audited.code == made.code == 0
    assert made.out == f"Receipt written to {out}.\n"
    assert run("verify", out, "--key", VKEY).code == 0


def test_a_receipt_is_printed_as_it_is(run: Run, world: World) -> None:
    answer = run("prove", world.folder, 7)
    coded = run("prove", world.folder, 7, "--json")

    assert parse_receipt(answer.out.encode()).index == 7
    assert coded.json()["receipt"] == answer.out
    assert parse_note(answer.out.partition("\n\n")[2].encode()).signatures


def test_there_is_no_receipt_beyond_the_log(run: Run, world: World) -> None:
    assert run("prove", world.folder, 48).code == 4
    assert run("prove", world.folder, -1).code == 2
    assert run("prove", world.folder, 7, "--key", OTHER_KEY.verifier).code == 1
