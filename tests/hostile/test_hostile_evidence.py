# SPDX-License-Identifier: Apache-2.0
"""Bad evidence: archives that lie and grow, databases that act, documents that repeat, nest or end; all end in our error."""

import copy
import io
import json
import sqlite3
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.evidence.archives import Packer, packed, unpacked
from tests.formats.evidence.reading import VECTORS, lines, read, rules, vector
from tests.hostile.test_hostile_formats import spoiled
from typer.testing import CliRunner

from safeconduct.cli.main import app
from safeconduct.errors import IncompleteError, MalformedError, SafeconductError, TooLargeError
from safeconduct.formats.catalog import READERS, FormatName
from safeconduct.formats.detection import detected, holds_bundle
from safeconduct.formats.evidence import HitWhen, ReadOptions, Run, reader
from safeconduct.formats.inspect import archive as archives
from safeconduct.formats.inspect import read_log
from safeconduct.formats.inspect.archive import ArchiveLimits, LogArchive
from safeconduct.formats.jsonl import read_rows
from safeconduct.formats.picklescan import read_output
from safeconduct.formats.promptfoo import read_results
from safeconduct.formats.pyrit import memory as memories
from safeconduct.formats.pyrit import read_memory

EVAL = vector("inspect-0.3.285.eval")
MEMBERS = unpacked(EVAL)
HEADER = MEMBERS["header.json"]
SQL = (VECTORS / "pyrit-1.1.0.sql").read_text()
GOOD = {
    FormatName.INSPECT: vector("inspect-0.3.285.json"),
    FormatName.PROMPTFOO: vector("promptfoo-0.121.20.json"),
    FormatName.PYRIT: vector("pyrit-1.1.0.json"),
    FormatName.MODELSCAN: vector("modelscan-0.8.8-models.json"),
    FormatName.PICKLESCAN: vector("picklescan-1.0.5-models.txt"),
    FormatName.JSONL: lines([{"outcome": "hit", "id": "1", "cluster": "a", "prompt": "p"}, {"score": 0.1}]),
}


def log(data: bytes, **options: Any) -> Run:
    return read(read_log, data, hit_when=HitWhen.CORRECT, **options)


def header_and(packer: Packer) -> Packer:
    packer.add("header.json", HEADER)
    return packer


def refused(data: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=words) as caught:
        log(data)
    assert caught.value.hint


# Archives


@pytest.mark.parametrize("cut", [4, 30, 31, 200, len(EVAL) // 2, len(EVAL) - 30, len(EVAL) - 1])
def test_an_archive_that_was_cut_is_refused(cut: int) -> None:
    with pytest.raises(MalformedError):
        log(EVAL[:cut])


def test_a_frame_that_was_cut_is_refused() -> None:
    packer = header_and(Packer())
    data = MEMBERS["samples/ask-0_epoch_1.json"]
    packer.add("samples/ask-0_epoch_1.json", data, raw=zstandard.ZstdCompressor().compress(data)[:-40])

    refused(packer.close(), "cannot be decompressed|damaged")


@pytest.mark.parametrize("method", [8, 93])
def test_bytes_that_are_not_compressed_are_refused(method: int) -> None:
    packer = header_and(Packer())
    packer.add("samples/a_epoch_1.json", b"{}" * 40, raw=b"\xff" * 30, method=method)

    refused(packer.close(), "cannot be decompressed")


@pytest.mark.parametrize(("method", "size"), [(93, 100), (8, 100), (0, 100)])
def test_a_member_that_grows_beyond_what_it_promised_is_stopped(method: int, size: int) -> None:
    packer = header_and(Packer())
    packer.add("samples/a_epoch_1.json", b" " * (300 << 20 if method else 5000), method=method, size=size)

    refused(packer.close(), "damaged")


def test_a_member_that_promises_more_than_anyone_reads_is_refused_unread() -> None:
    packer = header_and(Packer())
    packer.add("samples/a_epoch_1.json", b" " * (archives.MEMBER_LIMIT + 1))

    with pytest.raises(TooLargeError, match="has more than"):
        log(packer.close())


def test_a_frame_that_wants_a_window_of_gigabytes_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj().compress(b"{}")
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame += compressor.compress(b"x" * 4096) + compressor.flush()
    packer = header_and(Packer())
    packer.add("samples/a_epoch_1.json", b"x" * 4096, raw=frame)

    refused(packer.close(), "cannot be decompressed")


def test_all_members_together_have_a_limit() -> None:
    opened = LogArchive(io.BytesIO(EVAL), limits=ArchiveLimits(total=5_000))

    with pytest.raises(TooLargeError, match="the log has more than 5000 bytes"):
        list(map(opened.read, opened.members))


def test_many_frames_in_one_member_are_read_as_one() -> None:
    packer = Packer()
    half = len(HEADER) // 2
    raw = b"".join(zstandard.ZstdCompressor().compress(part) for part in (HEADER[:half], HEADER[half:]))
    packer.add("header.json", HEADER, raw=raw)

    assert LogArchive(io.BytesIO(packer.close())).read("header.json") == HEADER


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("../../etc/passwd", {}, "climbs"),
        ("samples/../../x.json", {}, "climbs"),
        ("/etc/passwd", {}, "no log holds"),
        ("samples\\a.json", {}, "no log holds"),
        ("samples/\x1b]0;owned\x07.json", {}, "no log holds"),
        ("samples/a\0b.json", {}, "no log holds"),
        ("samples/link_epoch_1.json", {"mode": 0o120777}, "is a link"),
        ("samples/a_epoch_1.json", {"flags": 1}, "encrypted"),
        ("samples/a_epoch_1.json", {"method": 99, "raw": b"x"}, "method 99"),
        ("samples/a_epoch_1.json", {"crc": 1}, "damaged"),
        ("samples/a_epoch_1.json", {"size": 1}, "damaged"),
        ("samples/a_epoch_1.json", {"local": "samples/b_epoch_1.json"}, "another name"),
        ("samples/a_epoch_1.json", {"at": 3}, "not where the directory says|overlap"),
        ("samples/a_epoch_1.json", {"at": 0}, "overlap"),
        ("header.json", {}, "a name twice"),
    ],
)
def test_a_member_that_lies_climbs_or_overlaps_is_refused(name: str, more: dict[str, Any], words: str) -> None:
    packer = header_and(Packer())
    packer.add(name, b'{"id": "a", "epoch": 1}', **more)

    refused(packer.close(), words)


def test_one_stream_that_is_told_a_thousand_times_is_refused() -> None:
    packer = header_and(Packer())
    start = packer.body.tell()
    data = b" " * 1_000_000
    packer.add("samples/a_epoch_1.json", data)
    for number in range(2, 1_000):
        packer.add(f"samples/a_epoch_{number}.json", data, at=start)

    refused(packer.close(), "overlap")


@pytest.mark.parametrize("count", [0, 1, 60_000])
def test_a_number_of_members_that_does_not_hold_is_refused_or_seen_through(count: int) -> None:
    packer = header_and(Packer())
    packer.add("samples/a_epoch_1.json", b"{}")

    with pytest.raises(MalformedError):
        log(packer.close(count=count))


def test_a_directory_larger_than_memory_is_refused_unread() -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, archives.DIRECTORY_LIMIT + 1, 0, 0)
    big = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 9, 9, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4, 1)

    for data in (b"PK\x03\x04" + end, b"PK\x03\x04" + big + locator + end):
        with pytest.raises(TooLargeError, match="too many members"):
            log(data)
    lost = struct.pack("<4sLQL", b"PK\x06\x07", 0, 1 << 40, 1)
    refused(b"PK\x03\x04" + lost + end, "does not hold together")


def test_an_archive_that_is_cut_behind_a_local_head_is_refused() -> None:
    packer = header_and(Packer())
    whole = packer.close()
    entry = packer.entries[0]
    offset = len(whole) - len(entry) - 22
    far = struct.pack("<L", offset - 10)
    moved = whole[:offset] + entry[:42] + far + entry[46:] + whole[-22:]

    refused(moved, "not where the directory says")


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=len(EVAL) - 1))
@settings(max_examples=150, deadline=None)
def test_an_archive_with_spoiled_bytes_is_read_or_refused(junk: bytes, place: int) -> None:
    spoilt = EVAL[:place] + junk + EVAL[place + len(junk) :]
    try:
        log(spoilt)
    except SafeconductError as error:
        assert error.message  # noqa: PT017  # either way is fine, but nothing else


def test_a_log_that_lies_in_every_total_is_contained_with_both_counts() -> None:
    members = dict(MEMBERS)
    header = json.loads(members["header.json"])
    header["results"].update(total_samples=1_000, completed_samples=1_000)
    members["header.json"] = json.dumps(header).encode()
    told = [remark.message for remark in log(packed(members)).remarks if remark.rule == "inspect.mismatch"]

    assert len(told) == 2
    assert all("1000" in message and "the rows are counted" in message for message in told)


def test_misses_that_were_taken_out_of_an_archive_are_missed() -> None:
    members = {name: data for name, data in MEMBERS.items() if not name.startswith("samples/ask-1")}

    assert {"mismatch", "dropped"} <= rules(log(packed(members)))


def test_nested_values_of_a_sample_end_in_our_error() -> None:
    members = {**MEMBERS, "samples/ask-0_epoch_1.json": b'{"id":' + b"[" * 300 + b"]" * 300 + b"}"}

    with pytest.raises(TooLargeError, match="nested deeper"):
        log(packed(members))


@pytest.mark.parametrize(
    "data", [b'{"id": "a", "id": "b"}', b'{"id": "\xff"}', b"[]", b"", b'{"id": "\\ud800"}', b'{"id": 1e999}']
)
def test_a_sample_that_is_no_sound_json_ends_in_our_error(data: bytes) -> None:
    with pytest.raises(MalformedError):
        log(packed({**MEMBERS, "samples/ask-0_epoch_1.json": data}))


def test_a_zip_of_something_else_is_neither_log_nor_bundle() -> None:
    other = packed({"word/document.xml": b"<x/>"})

    refused(other, "was not finished, or is no Inspect log")
    assert not holds_bundle(io.BytesIO(other))
    assert not holds_bundle(io.BytesIO(b"PK\x03\x04"))
    assert not holds_bundle(io.BytesIO(b""))
    assert holds_bundle(io.BytesIO(packed({"bundle.json": b"{}"})))


# Databases


def database(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.commit()
    connection.close()
    return path


def memory_of(path: Path) -> Run:
    with path.open("rb") as stream:
        return read_memory(stream, options=ReadOptions())


ENDLESS = """CREATE VIEW AttackResultEntries (id, conversation_id, objective, outcome) AS
    WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n, n, n, 'failure' FROM t;"""
ROW = "INSERT INTO AttackResultEntries VALUES ('1', 'c', 'o', 'success');"
TABLE = "CREATE TABLE AttackResultEntries (id TEXT, conversation_id TEXT, objective TEXT, outcome TEXT);"


@pytest.mark.parametrize(
    "script",
    [
        "CREATE VIEW AttackResultEntries AS SELECT 1 AS id, 1 AS conversation_id, 1 AS objective, 'failure' AS outcome;",
        ENDLESS,
        "CREATE VIRTUAL TABLE AttackResultEntries USING fts5(id, conversation_id, objective, outcome);",
        TABLE + "CREATE VIEW PromptMemoryEntries AS SELECT 1 AS conversation_id;",
        TABLE.replace("(id TEXT,", "(id TEXT, last_score_id TEXT,") + "CREATE VIEW ScoreEntries AS SELECT 1 AS id;",
    ],
    ids=["view", "endless view", "virtual table", "prompts as view", "scores as view"],
)
def test_a_view_or_virtual_table_in_the_place_of_a_table_is_refused(tmp_path: Path, script: str) -> None:
    with pytest.raises(MalformedError, match="is no plain table"):
        memory_of(database(tmp_path / "m.db", script))


def test_a_generated_column_that_calls_a_function_is_not_run(tmp_path: Path) -> None:
    script = TABLE.replace("outcome TEXT", "outcome TEXT AS (hex(zeroblob(100000000))) VIRTUAL")
    path = database(tmp_path / "m.db", script + ROW.replace(", 'success'", ""))

    with pytest.raises(MalformedError):
        memory_of(path)


def test_a_trigger_is_never_run(tmp_path: Path) -> None:
    trigger = "CREATE TABLE log (x); CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM log; END;"
    path = database(tmp_path / "m.db", TABLE + ROW + trigger)
    before = path.read_bytes()

    assert memory_of(path).hits == 1
    assert path.read_bytes() == before


def test_a_value_of_many_megabytes_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "m.db", TABLE)
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO AttackResultEntries VALUES ('1', 'c', ?, 'success')", ("x" * 20_000_000,))
    connection.commit()
    connection.close()

    with pytest.raises(TooLargeError, match="a value has more than"):
        memory_of(path)


def test_reading_that_takes_too_much_work_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memories, "WORK_STEP", 10)
    monkeypatch.setattr(memories, "WORK_LIMIT", 3)
    path = database(
        tmp_path / "m.db", "BEGIN;" + TABLE + "".join(ROW.replace("'1'", f"'{number}'") for number in range(400))
    )

    with pytest.raises(TooLargeError, match="too much work"):
        memory_of(path)


@pytest.mark.parametrize("kept", [16, 17, 20, 100, 4096, 9000])
def test_a_database_that_was_cut_ends_in_our_error(tmp_path: Path, kept: int) -> None:
    whole = database(tmp_path / "m.db", SQL).read_bytes()
    path = tmp_path / "cut.db"
    path.write_bytes(whole[:kept])

    for attempt in (lambda: memory_of(path), lambda: read(read_memory, whole[:kept])):
        with pytest.raises(MalformedError):
            attempt()


@given(st.binary(min_size=1, max_size=300), st.integers(min_value=18, max_value=60_000))
@settings(max_examples=100, deadline=None)
def test_a_database_with_spoiled_pages_is_read_or_refused(junk: bytes, place: int) -> None:
    whole = bytearray(_whole_memory())
    whole[place : place + len(junk)] = junk
    try:
        read(read_memory, bytes(whole))
    except SafeconductError as error:
        assert error.message  # noqa: PT017  # either way is fine, but nothing else


def _whole_memory() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SQL)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


def test_text_that_is_no_utf8_and_values_of_other_kinds_end_in_a_count_or_our_error(tmp_path: Path) -> None:
    broken = ROW.replace("'o'", "CAST(x'ff41' AS TEXT)").replace("success", "failure")
    assert memory_of(database(tmp_path / "a.db", TABLE + broken)).families[0].misses == 1
    for value in ("NULL", "7", "x'00'", "'FAILURE'"):
        path = database(tmp_path / f"{len(value)}.db", TABLE + ROW.replace("'success'", value))
        with pytest.raises(MalformedError, match="no outcome"):
            memory_of(path)


# Documents and lines


@pytest.mark.parametrize("name", GOOD)
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_spoiled_evidence_is_counted_or_refused(name: FormatName, chance: Any) -> None:
    data = GOOD[name]
    if name in {FormatName.JSONL, FormatName.PICKLESCAN}:
        place = chance.randrange(len(data))
        tried = (
            data[:place] + bytes([chance.randrange(256)]) * chance.randrange(4) + data[place + chance.randrange(9) :]
        )
    else:
        tried = json.dumps(spoiled(copy.deepcopy(json.loads(data)), chance)).encode()
    try:
        run = READERS[name](io.BytesIO(tried), options=ReadOptions(hit_when=HitWhen.CORRECT))
    except SafeconductError:
        return
    assert all(item.hits >= 0 and item.misses >= 0 for item in run.families)


@pytest.mark.parametrize("name", [name for name in GOOD if name is not FormatName.PICKLESCAN])
def test_what_is_repeated_nested_or_not_utf8_ends_in_our_error(name: FormatName) -> None:
    for data in (
        b'{"outcome": "hit", "outcome": "miss"}', b'{"a":' * 400 + b"1" + b"}" * 400, b'{"outcome": "\xff"}',
        b'{"score": NaN, "outcome": "hit"} x', b'{"score": 1e999}', b'{"outcome": "\x1b]0;x\x07"}', b"\xff\xfe{\0}\0",
    ):  # fmt: skip
        with pytest.raises((MalformedError, TooLargeError, IncompleteError)) as caught:
            READERS[name](io.BytesIO(data), options=ReadOptions(hit_when=HitWhen.CORRECT))
        assert "\x1b" not in caught.value.message


def test_a_score_that_is_no_number_is_refused_where_a_tool_does_not_write_it() -> None:
    for word in (b"NaN", b"Infinity", b"-Infinity"):
        with pytest.raises(MalformedError, match="line 1"):
            read(read_rows, b'{"score": ' + word + b"}\n")
        with pytest.raises(MalformedError):
            read(read_results, b'{"results": {"version": 3, "results": [{"score": ' + word + b"}]}}")


def test_documents_and_files_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "DOCUMENT_LIMIT", 1_000)
    for name in (FormatName.INSPECT, FormatName.PROMPTFOO, FormatName.PYRIT):
        with pytest.raises(TooLargeError) as caught:
            READERS[name](io.BytesIO(GOOD[name]), options=ReadOptions(hit_when=HitWhen.CORRECT))
        assert caught.value.hint
    monkeypatch.setattr(reader, "FILE_LIMIT", 10)
    with pytest.raises(TooLargeError, match="the file has more than 10 bytes"):
        read(read_rows, GOOD[FormatName.JSONL])


def test_terminal_escapes_in_evidence_never_reach_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[31m"
    files = {
        "rows.jsonl": lines([{"hit": True, "id": evil, "family": evil, "judge": evil, "cluster": evil, "model": evil}]),
        "scan.json": json.dumps(
            {
                "summary": {"modelscan_version": evil, "scanned": {"total_scanned": 1, "scanned_files": [evil]}},
                "issues": [{"source": evil, "description": evil}], "errors": [],
            }
        ).encode(),
        "scan.txt": f"{evil}: dangerous import '{evil}' FOUND\nSCAN SUMMARY\nScanned files: 1\nInfected files: 1\n".encode(),
    }  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        result = CliRunner().invoke(app, ["convert", str(tmp_path / name), "--rows", str(tmp_path / "kept")])

        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output + result.stderr
        assert b"\x1b" not in (tmp_path / "kept").read_bytes()


def test_a_count_of_billions_in_a_summary_makes_no_rows_without_end(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        read(read_output, b"SCAN SUMMARY\nScanned files: 999999999\nInfected files: 0\n")


def test_a_bundle_is_not_taken_for_evidence_and_evidence_not_for_a_bundle() -> None:
    assert detected(io.BytesIO(EVAL)) is FormatName.INSPECT
    assert not holds_bundle(io.BytesIO(EVAL))


MILLION = """
import io, json, resource, sys
from safeconduct.formats.evidence import ReadOptions
from safeconduct.formats.garak import read_run
from safeconduct.formats.jsonl import read_rows

class Made(io.RawIOBase):
    '''A file of a million rows that is never held anywhere.'''
    def __init__(self, rows, padding):
        self.rows, self.padding, self.at = rows, padding, 0
    def seekable(self): return True
    def seek(self, place, how=0): self.at = 0; return 0
    def line(self, n):
        return ('{"hit": %s, "id": "%d", "cluster": "%d", "note": "%s"}\\n' % (("true", "false")[n % 2], n, n // 4, self.padding)).encode()
    def read(self, size=-1):
        made = b"".join(self.line(n) for n in range(self.at, min(self.at + 2000, self.rows)))
        self.at = min(self.at + 2000, self.rows)
        return made
    def readline(self, size=-1):
        if self.at >= self.rows: return b""
        self.at += 1
        return self.line(self.at - 1)
class Stream:
    def __init__(self, made): self.made = made
    def __getattr__(self, name): return getattr(self.made, name)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run = read_rows(Stream(Made(int(sys.argv[1]), "x" * 600)), options=ReadOptions())
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([run.families[0].judged, run.families[0].clusters, (after - before) * 1024]))
"""


def grown(rows: int) -> tuple[int, int, int]:
    done = subprocess.run([sys.executable, "-c", MILLION, str(rows)], capture_output=True, check=True, timeout=600)
    judged, clusters, grew = json.loads(done.stdout)
    return judged, clusters, grew


def test_a_hundred_thousand_rows_are_counted_in_memory_that_their_size_does_not_move() -> None:
    judged, clusters, grew = grown(100_000)

    assert (judged, clusters) == (100_000, 25_000)
    assert grew < 60 << 20


@pytest.mark.slow
def test_a_million_rows_are_counted_in_bounded_memory() -> None:
    judged, clusters, grew = grown(1_000_000)

    assert (judged, clusters) == (1_000_000, 250_000)
    assert grew < 400 << 20


def test_a_memory_that_is_gone_before_it_is_read_ends_in_our_error(tmp_path: Path) -> None:
    path = database(tmp_path / "m.db", TABLE)

    with path.open("rb") as stream:
        path.unlink()
        with pytest.raises(MalformedError, match="cannot be opened"):
            read_memory(stream, options=ReadOptions())


def told_otherwise(place: int, value: int) -> bytes:
    """Return an archive of one member whose entry in the directory has another number at the place."""
    packer = header_and(Packer())
    whole = bytearray(packer.close())
    at = len(whole) - 22 - len(packer.entries[0]) + place
    whole[at : at + 4] = struct.pack("<L", value)
    return bytes(whole)


def test_a_member_longer_than_the_file_is_refused() -> None:
    refused(told_otherwise(20, 1 << 20), "is cut")


def test_a_directory_of_something_else_is_refused() -> None:
    refused(told_otherwise(0, 0), "no ZIP archive that can be read")


def test_a_checksum_is_that_of_the_bytes() -> None:
    assert zlib.crc32(HEADER) == zlib.crc32(LogArchive(io.BytesIO(EVAL)).read("header.json"))
