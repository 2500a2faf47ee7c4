# SPDX-License-Identifier: Apache-2.0
"""The reader of pickle instructions and the worker's own rules, as the functions that they are."""

import collections
import io
import json
import pickle  # noqa: TID251  # only written here, and only of our own values
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.verification.flaws.payloads import CLEAN, HARMFUL, archive, call, text

from safeconduct.verification.sandbox import code_worker, opcodes, worker


def scanned(tmp_path: Path, data: bytes) -> dict[str, Any]:
    path = tmp_path / "model"
    path.write_bytes(data)
    return opcodes.scan(str(path))


@pytest.mark.parametrize("name", sorted(HARMFUL))
def test_every_payload_is_found(tmp_path: Path, name: str) -> None:
    verdict = scanned(tmp_path, HARMFUL[name])

    assert verdict["level"] in {"dangerous", "suspicious"}
    assert verdict["found"]


def numpy_file(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


ESTIMATOR = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
SAFETENSORS = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
HARMLESS = {
    **CLEAN,
    "estimator": pickle.dumps(ESTIMATOR),
    "array": pickle.dumps(np.arange(4.0)),
    "npy": numpy_file(np.arange(4.0)),
    "gguf": b"GGUF\x03\x00\x00\x00",
    "safetensors": len(SAFETENSORS).to_bytes(8, "little") + SAFETENSORS + bytes(4),
    "text": b"# Model card\n\nA model of the harbor.\n",
    "json": b'{"layers": 3}',
    "empty": b"",
    "two pickles": pickle.dumps([1]) + pickle.dumps({"a": 2}),
    "archive of arrays": archive(a_dot_npy=numpy_file(np.arange(3)), weights=np.arange(64, dtype="float32").tobytes()),
}


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_plain_data_is_clean(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, HARMLESS[name]) == {"level": "clean", "found": []}


def nested(depth: int, data: bytes) -> bytes:
    for _ in range(depth):
        data = archive(inner_dot_zip=data)
    return data


BROKEN_ARCHIVE = archive(a=b"x" * 100)[:-1].replace(b"PK\x01\x02", b"PK\x01\x02", 1)


@pytest.mark.parametrize(
    ("data", "level"),
    [
        (b"\x80\x04 not a pickle at all", "error"),
        (b"\x00\x01\x02\x03", "error"),
        ((3).to_bytes(8, "little") + b"{x}", "error"),
        (pickle.dumps({"a": 1})[:-1], "error"),
        (numpy_file(np.array([{"a": 1}], dtype=object), allow_pickle=True), "clean"),
        (numpy_file(np.zeros(1))[:10] + b"'descr': '|O'" + b"\n", "error"),
        (nested(1, HARMFUL["eval.pkl"]), "dangerous"),
        (nested(2, HARMFUL["eval.pkl"]), "dangerous"),
        (nested(3, HARMFUL["eval.pkl"]), "error"),
        (call("sklearn.utils", "os.system", "x"), "suspicious"),
        (call("sklearn.externals", "Popen", "x"), "suspicious"),
        (call("acme.models", "Net"), "suspicious"),
        (b"\x80\x04\x82\x01.", "suspicious"),
        (b"\x80\x04" + text("os") + b"\x94" + text("system") + b"\x940h\x00h\x01\x93.", "dangerous"),
        (b"\x80\x04h\x05h\x06\x93.", "suspicious"),
        (b"\x80\x04\x93.", "suspicious"),
        (b"(S'x'\nios\nsystem\n.", "dangerous"),
        (archive(raw=b"cposix\nsystem\n(S'x'\ntR"), "dangerous"),
        (archive(raw=b"cposix\nsystem\n(S'x'\ntR."), "dangerous"),
    ],
)
def test_what_is_neither_plain_nor_whole_is_not_clean(tmp_path: Path, data: bytes, level: str) -> None:
    assert scanned(tmp_path, data)["level"] == level


def test_a_bomb_in_an_archive_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("zeros", bytes(3 << 20))
    monkeypatch.setattr(opcodes, "MOST_BYTES", 1 << 20)

    assert scanned(tmp_path, stream.getvalue())["level"] == "error"
    assert scanned(tmp_path, bytes(2 << 20)) == {"level": "error", "found": ["larger than can be read"]}


def test_an_archive_of_too_many_members_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, "MOST_MEMBERS", 1)

    assert scanned(tmp_path, archive(a=b"", b=b""))["level"] == "error"


def test_a_broken_archive_is_an_error(tmp_path: Path) -> None:
    data = bytearray(archive(a=b"some words that are long enough"))
    data[40] ^= 0xFF

    assert scanned(tmp_path, bytes(data))["level"] == "error"


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for prefix in (b"", b"\x80\x04", b"PK\x03\x04", b"\x93NUMPY\x01"):
        levels = {level for level, _ in opcodes.findings(prefix + data)}
        assert levels <= set(opcodes.WORST)


@given(st.binary(max_size=40), st.sampled_from(["os", "posix", "subprocess", "acme"]))
def test_no_innocent_words_before_it_make_an_import_clean(words: bytes, module: str) -> None:
    before = b"".join(
        b"\x8c" + bytes([len(part)]) + part + b"0" for part in (words.hex().encode()[:200], b"collections")
    )
    levels = {level for level, _ in opcodes.findings(b"\x80\x04" + before + text(module) + text("x") + b"\x93.")}

    assert levels & {"dangerous", "suspicious"}


def test_both_programs_run_by_themselves_on_lines_of_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.pkl").write_bytes(HARMFUL["system.pkl"])
    monkeypatch.setattr(opcodes.os.path, "join", lambda _folder, file: str(tmp_path / file))
    for file in ("m.pkl", "none.pkl"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"file": file, "packages": 1}) + "\n"))
        opcodes.main()

    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == {"level": "dangerous", "found": ["os.system"]}
    assert json.loads(second)["level"] == "error"


@pytest.mark.parametrize(
    ("event", "arguments", "kind"),
    [
        ("open", ("/data/x", "w", worker.WRITING), "file"),
        ("open", ("/data/x", "r", 0), ""),
        ("open", ("/data/x", "r", None), ""),
        ("open", ("/dev/null", "w", worker.WRITING), ""),
        ("os.remove", ("/data/x",), "file"),
        ("shutil.rmtree", ("/data/x",), "file"),
        ("os.system", (b"id",), "process"),
        ("socket.connect", (object(), ("10.0.0.1", 80)), "network"),
        ("compile", (b"1", "<string>"), "code"),
        ("compile", (b"1", "/usr/lib/x.py"), ""),
        ("exec", (compile("1", "<string>", "eval"),), "code"),
        ("exec", (compile("1", "x.py", "eval"),), ""),
        ("import", ("os",), ""),
    ],
)
def test_which_events_count(event: str, arguments: tuple[Any, ...], kind: str) -> None:
    assert worker.kind_of(event, arguments) == kind


def test_only_plain_values_are_shown() -> None:
    class Loud:
        def __repr__(self) -> str:
            raise AssertionError

    assert worker.shown(Loud()) == ""
    assert worker.shown(("10.0.0.1", 80, Loud())) == "10.0.0.1 80"
    assert worker.shown(b"touch x") == "touch x"
    assert "\x1b" not in worker.shown("\x1b[2J")


def test_an_import_is_told_from_what_others_do() -> None:
    def deeper(left: int) -> bool:
        return worker.is_importing() if left == 0 else deeper(left - 1)

    assert not deeper(0)
    frozen = compile("def ask(f): return f()", "<frozen importlib._bootstrap>", "exec")
    space: dict[str, Any] = {}
    exec(frozen, space)  # noqa: S102  # stands for the import machinery
    assert space["ask"](lambda: deeper(3))


def test_a_model_file_is_found_in_the_shown_folders_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joblib.dump({"a": 1}, tmp_path / "m.joblib")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(FileNotFoundError):
        worker.place_of("m.joblib")
    assert worker.loaded(str(tmp_path / "m.joblib")) == {"a": 1}

    monkeypatch.setitem(sys.modules, "joblib", None)
    (tmp_path / "m.pkl").write_bytes(CLEAN["weights.pkl"])
    assert worker.loaded(str(tmp_path / "m.pkl")) == collections.OrderedDict(layer=[0.25, 0.5], bias=[0.0])


def test_a_model_file_is_loaded_with_the_entry_that_the_plan_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.pkl").write_bytes(CLEAN["weights.pkl"])
    joblib.dump({"a": 1}, tmp_path / "m.joblib")
    monkeypatch.setattr(sys, "path", ["/packages/0", *sys.path])
    monkeypatch.setattr(worker.os.path, "join", lambda _folder, file: str(tmp_path / file))

    assert worker.detonate({"file": "m.pkl", "entry": "pickle:load"}) == {"loaded": "OrderedDict"}
    assert worker.detonate({"file": "m.joblib", "entry": "joblib:load"}) == {"loaded": "dict"}
    assert worker.found("file:m.joblib") == {"a": 1}


def test_every_line_that_comes_in_is_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"text": "a"}\n{"text": "b\\nc"}\n'))

    assert list(worker.lines()) == [{"text": "a"}, {"text": "b\nc"}]


def test_the_code_of_a_bundle_is_loaded_under_a_name_that_is_no_program_s() -> None:
    code = "def name(): return __name__\nif __name__ == '__main__': raise SystemExit"

    assert code_worker.load({"code": code, "function": "name"})() == "bundle"
    with pytest.raises(KeyError):
        code_worker.load({"code": code, "function": "none"})


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType("rules")
    monkeypatch.setitem(sys.modules, "rules", made)
    return made


@pytest.mark.parametrize(
    ("adapter", "form", "text_given", "answer"),
    [
        ("python-callable", "text", "word", {"value": "word"}),
        ("python-callable", "json", '["a", "b"]', {"rows": [{"value": "a"}, {"value": "b"}]}),
        ("python-callable", "json", '{"a": 1}', {"a": 1}),
        ("python-callable", "json", "[]", {"value": 0.5}),
    ],
)
def test_how_a_function_is_asked(
    rules: types.ModuleType, adapter: str, form: str, text_given: str, answer: dict[str, Any]
) -> None:
    rules.echo = lambda inputs: [one or 0.5 for one in inputs]  # type: ignore[attr-defined]
    predict = worker.predictor({"entry": "rules:echo", "adapter": adapter, "form": form})

    assert predict(text_given) == answer


def test_how_an_estimator_is_asked(rules: types.ModuleType) -> None:
    class Held:
        model = ESTIMATOR
        plain = types.SimpleNamespace(predict=lambda inputs: np.array([2.5] * len(inputs)))

    rules.Held = Held  # type: ignore[attr-defined]
    scores = worker.predictor({"entry": "rules:Held.model", "adapter": "sklearn", "form": "json"})("[1.0]")
    assert scores["best"] == "1"
    assert scores["value"] == scores["scores"]["1"] == scores["confidence"]
    assert worker.predictor({"entry": "rules:Held.plain", "adapter": "sklearn", "form": "json"})("[1.0]") == {
        "value": 2.5
    }
    assert worker.of_scores(["a", "b", "c"], [0.2, 0.5, 0.3])["value"] == "b"
