# SPDX-License-Identifier: Apache-2.0
"""Local targets in real boxes: programs, model files, estimators of every kind, and what is seen while they answer."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LinearRegression, LogisticRegression
from tests.verification.bundles import evasion_bundle
from tests.verification.flaws.payloads import CLEAN, HARMFUL

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, Check, LabelFlip, Oracle, Speaker, TargetSpec
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.observed import (
    Advantage,
    Comparison,
    Event,
    EventKind,
    InputForm,
    ScanLevel,
    Scanner,
    ScannerName,
)
from safeconduct.errors import MalformedError, NotPermittedError, TargetError
from safeconduct.verification.bundle.checks import check_bundle
from safeconduct.verification.oracles import PreparedOracle, Reply
from safeconduct.verification.sandbox import BoxResult
from safeconduct.verification.scanning import _scan_of
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.targets.command import CommandTarget
from safeconduct.verification.variants import Turn

SITE = Path(sklearn.__file__).parents[1]
FILES = Event(event=EventKind.FILE)


def clock() -> Any:
    return evasion_bundle().about.created


def bundle_of(target: TargetSpec, *checks: Check) -> Bundle:
    made = evasion_bundle()
    oracle = Oracle(checks=checks or (LabelFlip(expected="x"),))
    return replace(made, target=target, oracle=oracle, benign=(), limits=replace(made.limits, memory_bytes=4 << 30))


def boxed(folder: Path, target: TargetSpec, *checks: Check, entry: str = "", seconds: float = 30.0) -> Target:
    folder.chmod(0o755)
    grant = TargetGrant(
        model="local",
        adapter=target.adapter,
        entry=entry,
        packages=f"{folder}:{SITE}",
        caps=Caps(call_seconds=seconds, calls=50),
    )
    return target_for(bundle_of(target, *checks), grant, clock=clock)


def replies(target: Target, *texts: str) -> list[Reply]:
    async def conversation() -> list[Reply]:
        async with target:
            script = [Turn(role=Speaker.SYSTEM, text="ignored"), *(Turn(role=Speaker.USER, text=one) for one in texts)]
            return list((await target.ask(script)).replies)

    return asyncio.run(conversation())


def command(*words: str) -> TargetSpec:
    return TargetSpec(adapter=Adapter.COMMAND, model="program", command=words)


def test_a_program_reads_the_prompt_and_writes_the_reply(tmp_path: Path) -> None:
    target = boxed(tmp_path, command("/usr/bin/tr", "a-z", "A-Z"))

    assert [reply.text for reply in replies(target, "hello; $(id)", "süß\n")] == [
        "HELLO; $(ID)",
        "SüSS\n".replace("SS", "ß"),
    ]
    assert target.spent.calls == 2
    assert target.fingerprint == "command /usr/bin/tr; local"


def test_a_granted_command_goes_before_that_of_the_bundle(tmp_path: Path) -> None:
    target = boxed(tmp_path, command("/bin/cat"), entry="/usr/bin/tr 'a b' xyz")

    assert replies(target, "a b")[0].text == "xyz"


def test_no_shell_sees_the_words_of_a_command(tmp_path: Path) -> None:
    target = boxed(tmp_path, command("/bin/echo", "-n", "$HOME", "`id`", "> /tmp/x"))

    assert replies(target, "x")[0].text == "$HOME `id` > /tmp/x"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("/bin/false",), "failed"),
        (("/bin/sh", "-c", "kill -9 $$"), "failed"),
        (("/nowhere/at/all",), "failed"),
        (("/bin/sleep", "600"), "in time"),
        (("/usr/bin/yes",), "without end"),
        (("/bin/echo", "-ne", "\\0377"), "garbage"),
        (("/bin/sh", "-c", "while :; do (sleep 600 &) ; done"), ""),
    ],
)
def test_a_program_that_misbehaves_is_an_error_of_the_target(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(TargetError) as caught:
        replies(boxed(tmp_path, command(*words), seconds=2.0), "x")

    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("words", [(), ("",), ("/bin/cat", "a\0b"), ("x",) * 101])
def test_a_command_that_is_none_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(MalformedError):
        boxed(tmp_path, command(*words))


def test_a_granted_command_with_an_open_quotation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="split into words"):
        boxed(tmp_path, command("/bin/cat"), entry="/bin/cat 'x")


def test_the_files_that_a_program_leaves_are_seen(tmp_path: Path) -> None:
    oracle = PreparedOracle(Oracle(checks=(Event(event=EventKind.FILE, pattern="deed"),)))
    target = boxed(
        tmp_path, command("/bin/sh", "-c", "read x; if [ $x = go ]; then : > /tmp/deed; fi; echo done"), FILES
    )

    found = [oracle.judge([reply]).outcome for reply in replies(target, "go\n", "stay\n")]

    assert found == [TrialOutcome.HIT, TrialOutcome.MISS]


def test_a_program_that_ends_its_watcher_is_no_pass(tmp_path: Path) -> None:
    target = boxed(tmp_path, command("/bin/sh", "-c", "kill -9 $PPID"), FILES)

    with pytest.raises(TargetError):
        replies(target, "x")


def estimator(folder: Path, model: Any, **changes: Any) -> TargetSpec:
    joblib.dump(model, folder / "model.joblib")
    spec = TargetSpec(adapter=Adapter.SKLEARN, model="m", entry="file:model.joblib", form=InputForm.JSON)
    return replace(spec, **changes)


def test_an_estimator_of_several_classes_answers_with_scores_and_its_likeliest_class(tmp_path: Path) -> None:
    model = LogisticRegression().fit([[0.0], [5.0], [10.0]] * 5, ["low", "mid", "high"] * 5)
    row, rows = replies(boxed(tmp_path, estimator(tmp_path, model)), "[10.0]", "[[0.0], [5.0]]")

    assert row.label == "high"
    document = json.loads(row.text)
    assert document["value"] == document["best"] == "high"
    assert sorted(document["scores"]) == ["high", "low", "mid"]
    assert document["confidence"] == max(document["scores"].values())
    assert [one["best"] for one in json.loads(rows.text)["rows"]] == ["low", "mid"]
    assert rows.label == ""


def test_an_estimator_of_two_classes_answers_with_the_score_of_the_second(tmp_path: Path) -> None:
    model = LogisticRegression().fit([[0.0], [10.0]] * 5, [0, 1] * 5)
    (row,) = replies(boxed(tmp_path, estimator(tmp_path, model)), "[10.0]")

    assert row.label == "1"
    assert json.loads(row.text)["value"] == json.loads(row.text)["scores"]["1"]


def test_a_regression_answers_with_a_number(tmp_path: Path) -> None:
    model = LinearRegression().fit([[0.0], [1.0], [2.0]], [0.5, 1.5, 2.5])
    (row,) = replies(boxed(tmp_path, estimator(tmp_path, model)), "[4.0]")

    assert (json.loads(row.text)["value"], row.label) == (pytest.approx(4.5), "")


def test_whole_numbers_are_classes(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("def classes(inputs): return [len(one) for one in inputs]")
    spec = TargetSpec(adapter=Adapter.PYTHON_CALLABLE, model="m", entry="rules:classes")

    assert replies(boxed(tmp_path, spec), "four")[0].label == "4"


def test_a_function_may_answer_with_an_object(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("def look(inputs): return [{'said': one, 'flag': True} for one in inputs]")
    spec = TargetSpec(adapter=Adapter.PYTHON_CALLABLE, model="m", entry="rules:look", form=InputForm.JSON)
    one, several = replies(boxed(tmp_path, spec), '{"a": 1}', '["x", "y"]')

    assert json.loads(one.text) == {"said": {"a": 1}, "flag": True}
    assert [row["said"] for row in json.loads(several.text)["rows"]] == ["x", "y"]


ACTS = """
import os, socket, subprocess, collections
def act(texts):
    text = texts[0]
    if text == "file": open("/tmp/deed", "w").close()
    if text == "remove": os.mkdir("/tmp/folder")
    if text == "process":
        try: subprocess.run(["/bin/true"])
        except OSError: pass
    if text == "network":
        try: socket.create_connection(("10.0.0.1", 80), 1)
        except OSError: pass
    if text == "code": exec("1 + 1")
    if text == "read": open("/etc/ld.so.cache", "rb").close()
    if text == "import": import fractions, dataclasses, argparse
    if text == "void": open("/dev/null", "w").close()
    if text == "vanish":
        open("/tmp/deed", "w").close()
        os._exit(0)
    if text == "hang":
        open("/tmp/deed", "w").close()
        import time; time.sleep(600)
    if text == "flood":
        while True: open("/tmp/deed", "w").close()
    return [0.5]
"""


def watched(folder: Path, *texts: str, seconds: float = 30.0) -> list[Reply]:
    (folder / "acts.py").write_text(ACTS)
    spec = TargetSpec(adapter=Adapter.PYTHON_CALLABLE, model="m", entry="acts:act")
    return replies(boxed(folder, spec, FILES, seconds=seconds), *texts)


def test_what_the_code_attempts_is_seen_by_its_kind_and_what_is_harmless_is_not(tmp_path: Path) -> None:
    texts = ("file", "remove", "process", "network", "code", "read", "import", "void", "nothing")
    found = dict(zip(texts, watched(tmp_path, *texts), strict=True))

    kinds = {text: {seen.kind.value for seen in reply.sighting.events} for text, reply in found.items()}
    assert kinds == {
        "file": {"file"},
        "remove": {"file"},
        "process": {"process"},
        "network": {"network"},
        "code": {"code"},
        "read": set(),
        "import": set(),
        "void": set(),
        "nothing": set(),
    }
    assert all(reply.sighting.watched for reply in found.values())
    assert found["file"].sighting.events[0].name.startswith("open /tmp/deed")


@pytest.mark.parametrize("text", ["vanish", "hang"])
def test_what_was_seen_before_the_code_broke_off_stays_seen(tmp_path: Path, text: str) -> None:
    first, second = watched(tmp_path, text, "nothing", seconds=2.0)

    assert [seen.kind for seen in first.sighting.events] == [EventKind.FILE]
    assert not first.sighting.watched
    assert second.sighting.watched


def test_the_number_of_events_is_bounded(tmp_path: Path) -> None:
    (reply,) = watched(tmp_path, "flood", seconds=2.0)

    assert 1 <= len(reply.sighting.events) <= 200


@pytest.mark.parametrize("line", ['{"event": "telepathy", "name": "x"}', '{"event"'])
def test_an_invented_event_of_no_kind_is_garbage(tmp_path: Path, line: str) -> None:
    (tmp_path / "acts.py").write_text(f"import os\ndef act(texts): os.write(3, {line!r}.encode() + b'\\n'); return [1]")
    spec = TargetSpec(adapter=Adapter.PYTHON_CALLABLE, model="m", entry="acts:act")

    with pytest.raises(TargetError, match="garbage"):
        replies(boxed(tmp_path, spec, FILES), "x")


def model_file(entry: str = "pickle:load") -> TargetSpec:
    return TargetSpec(adapter=Adapter.MODEL_FILE, model="release", entry=entry)


def test_a_reply_about_a_model_file_names_it_by_its_digest_and_tells_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(HARMFUL["system.pkl"])
    target = boxed(tmp_path, model_file(), Scanner(), FILES)
    first, again = replies(target, "m.pkl", " m.pkl\n")

    document = json.loads(first.text)
    assert document["scans"] == {"opcodes": "dangerous"}
    assert document["found"] == ["os.system"]
    assert len(document["sha256"]) == 64
    assert first.sighting.scans == again.sighting.scans
    assert target.fingerprint == "model-file pickle:load; local"
    assert target.spent.calls == 2


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../m.pkl", "no-such-file.pkl", "a\0b", "x" * 5000])
def test_a_prompt_that_names_no_file_is_an_error_of_the_target(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError):
        replies(boxed(tmp_path, model_file()), name)


def test_a_link_out_of_the_folder_is_no_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").symlink_to("/etc/hostname")

    with pytest.raises(TargetError):
        replies(boxed(tmp_path, model_file()), "m.pkl")


LOADERS = """
import os, time
def hang(path): time.sleep(600)
def vanish(path): os._exit(0)
def lacking(path): import no_such_package
def refuse(path): raise ValueError("not this one")
def act(path):
    open("/tmp/deed", "w").close()
    os._exit(0)
def lie(path):
    os.write(3, b'{"loaded": "model"}\\n')
    open("/tmp/deed", "w").close()
"""


@pytest.mark.parametrize("entry", ["hang", "vanish"])
def test_a_load_that_ends_without_a_word_is_an_error_of_the_target(tmp_path: Path, entry: str) -> None:
    (tmp_path / "loaders.py").write_text(LOADERS)
    (tmp_path / "m.pkl").write_bytes(CLEAN["weights.pkl"])

    with pytest.raises(TargetError, match="loading the file"):
        replies(boxed(tmp_path, model_file(f"loaders:{entry}"), seconds=2.0), "m.pkl")


@pytest.mark.parametrize(
    ("entry", "outcome"),
    [("lacking", TrialOutcome.ABSTAIN), ("refuse", TrialOutcome.MISS), ("act", TrialOutcome.HIT)],
)
def test_a_load_that_lacked_a_package_is_no_pass_and_one_that_was_refused_is(
    tmp_path: Path, entry: str, outcome: TrialOutcome
) -> None:
    (tmp_path / "loaders.py").write_text(LOADERS)
    (tmp_path / "m.pkl").write_bytes(CLEAN["weights.pkl"])
    (reply,) = replies(boxed(tmp_path, model_file(f"loaders:{entry}")), "m.pkl")

    assert PreparedOracle(Oracle(checks=(FILES,))).judge([reply]).outcome is outcome


def test_the_default_loader_is_that_of_pickles(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(CLEAN["weights.pkl"])
    (reply,) = replies(boxed(tmp_path, model_file("")), "m.pkl")

    assert json.loads(reply.text)["loaded"] is True


def test_local_targets_keep_to_their_grant(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "m.pkl").write_bytes(CLEAN["weights.pkl"])
    for spec in (command("/bin/cat"), model_file()):
        grant = TargetGrant(model="m", adapter=spec.adapter, packages=str(tmp_path), caps=Caps(calls=1))
        target = target_for(bundle_of(spec), grant, clock=clock)
        with pytest.raises(NotPermittedError):
            replies(target, "m.pkl", "m.pkl")


@pytest.mark.parametrize(
    ("target", "check", "code"),
    [
        (command(), LabelFlip(expected="x"), "target.no-command"),
        (TargetSpec(adapter=Adapter.OPENAI_CHAT, model="m"), FILES, "oracle.no-event"),
        (command("/bin/cat"), Scanner(scanners=(ScannerName.OPCODES,)), "oracle.no-file"),
    ],
)
def test_an_oracle_that_looks_where_nothing_can_be_seen_is_refused(target: TargetSpec, check: Check, code: str) -> None:
    assert code in {remark.code for remark in check_bundle(bundle_of(target, check))}


def test_only_words_say_that_a_reply_is_not_to_be_judged() -> None:
    made = bundle_of(model_file(), FILES)
    made = replace(made, oracle=replace(made.oracle, abstain_on=(FILES,)))

    assert "oracle.abstain" in {remark.code for remark in check_bundle(made)}


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "unused.npy", np.zeros(1))
    (tmp_path / "rules.py").write_text("import numpy as np\ndef score(inputs): return np.float32([0.25] * len(inputs))")
    spec = TargetSpec(adapter=Adapter.PYTHON_CALLABLE, model="m", entry="rules:score")

    assert json.loads(replies(boxed(tmp_path, spec), "x")[0].text) == {"value": 0.25}


def test_a_design_under_the_baseline_of_an_advantage_is_refused() -> None:
    check = Advantage(comparison=Comparison.GREATER, first="$.a", second="$.b", baseline=0.5)
    spec = TargetSpec(adapter=Adapter.PYTHON_CALLABLE, model="m", entry="a:b")
    made = bundle_of(spec, check)
    fitting = replace(made, criterion=replace(made.criterion, reproduction=0.8, tolerance=0.7, design=0.55))

    assert "criterion.under-baseline" in {remark.code for remark in check_bundle(made)}
    assert not [remark for remark in check_bundle(fitting) if remark.at == "criterion.json" and remark.level == "error"]


def test_a_scanner_that_says_nothing_has_failed() -> None:
    for output in (b"", b"[]", b'{"level": "fine"}', b"\xff"):
        assert _scan_of(ScannerName.PICKLESCAN, output).level is ScanLevel.ERROR
    assert _scan_of(ScannerName.PICKLESCAN, b'{"level": "clean", "found": 7}').found == ()


def test_a_program_whose_watcher_says_nothing_is_no_pass(tmp_path: Path) -> None:
    target = boxed(tmp_path, command("/bin/cat"), FILES)
    assert isinstance(target, CommandTarget)

    with pytest.raises(TargetError, match="broke off"):
        target._reply(BoxResult(status=0, output=b"all is well", complaint="", timed_out=False))
