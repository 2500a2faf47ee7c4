# SPDX-License-Identifier: Apache-2.0
"""Our log read by golang.org/x/mod/sumdb (Debian: golang-1.19-go, golang-golang-x-mod-dev), if it is installed."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from tests.ledger.factories import KEY, OTHER_KEY, make_entries, root_over, write_log

from safeconduct.crypto.encoding import encode64
from safeconduct.crypto.signing import VerifyKey
from safeconduct.ledger.merkle import consistency_path, leaf_hash, subtree_of
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.receipt import prove

SOURCES = Path(os.environ.get("GOPATH", "/usr/share/gocode"))
GO = shutil.which("go") or shutil.which("go", path="/usr/lib/go-1.19/bin:/usr/lib/go/bin")
ENTRY_LIST = make_entries(300)

pytestmark = pytest.mark.skipif(
    GO is None or not (SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir(),
    reason="Go and golang.org/x/mod are not installed: apt-get install golang-1.19-go golang-golang-x-mod-dev",
)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled reader."""
    folder = tmp_path_factory.mktemp("oracle")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOCACHE": str(folder / "cache")}
    environment |= {"GOPATH": str(SOURCES), "GO111MODULE": "off", "GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local"}
    program = folder / "reader"
    source = Path(__file__).with_name("oracle.go")
    subprocess.run([str(GO), "build", "-o", program, source], env=environment, check=True, timeout=600)
    return program


@cache
def entries_of(size: int) -> list[bytes]:
    return (ENTRY_LIST * (size // 300 + 1))[:size]


def run(oracle: Path, folder: Path, *, key: VerifyKey = KEY.verifier, size: int) -> subprocess.CompletedProcess[str]:
    entries = entries_of(size)
    subtree = subtree_of([leaf_hash(entry) for entry in entries])
    indexes = sorted({0, 1, 255, 256, size // 2, size - 1} & set(range(size)))
    olds = sorted({1, 2, 255, 256, 257, size - 1, size} & set(range(1, size + 1)))
    claims = {
        "Key": str(key),
        "Inclusion": [
            {"Index": index, "Path": [encode64(one) for one in prove(from_folder(folder), index).path]}
            for index in indexes
        ],
        "Consistency": [
            {
                "Size": old,
                "Root": encode64(root_over(entries[:old])),
                "Path": [encode64(one) for one in consistency_path(old, size, subtree)],
            }
            for old in olds
        ],
    }
    return subprocess.run(
        [oracle, folder], input=json.dumps(claims), capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 70_000])
def test_it_verifies_signature_tiles_entries_and_proofs(oracle: Path, tmp_path: Path, size: int) -> None:
    ours = write_log(tmp_path, entries_of(size))

    result = run(oracle, tmp_path, size=size)

    assert result.stdout.split() == ["ok", str(size), encode64(ours.root)], result.stderr


def test_it_refuses_another_key(oracle: Path, tmp_path: Path) -> None:
    write_log(tmp_path, entries_of(257))

    assert run(oracle, tmp_path, size=257, key=OTHER_KEY.verifier).returncode == 1


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000", "tile/entries/000", "tile/1/000.p/1"])
def test_it_refuses_a_changed_file(oracle: Path, tmp_path: Path, name: str) -> None:
    write_log(tmp_path, entries_of(257))
    good = run(oracle, tmp_path, size=257)
    claims_from = tmp_path.with_name(f"{tmp_path.name}-honest")
    shutil.copytree(tmp_path, claims_from)
    data = bytearray((tmp_path / name).read_bytes())
    data[20] ^= 1
    (tmp_path / name).write_bytes(data)

    result = subprocess.run(
        [oracle, tmp_path],
        input=json.dumps({"Key": str(KEY.verifier), "Inclusion": [], "Consistency": []}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert good.returncode == 0
    assert result.returncode == 1
