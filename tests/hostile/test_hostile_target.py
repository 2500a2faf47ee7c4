# SPDX-License-Identifier: Apache-2.0
"""Targets that hang, flood, lie and break. Each ends in an error of the target, never in a crash and never in a pass."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.verification.bundles import CANARY, evasion_bundle, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, ScoreLabels, Speaker
from safeconduct.domain.evidence import TrialOutcome, Verdict
from safeconduct.errors import NotPermittedError, SandboxError, TargetError
from safeconduct.verification.campaign import Terms, run_campaign
from safeconduct.verification.sandbox import CheckResult, Sandbox, selfcheck
from safeconduct.verification.targets import Answer, Target, target_for
from safeconduct.verification.targets.classifier import MAX_STARTS
from safeconduct.verification.variants import HeldOut, Turn

HELLO = (Turn(role=Speaker.USER, text="hello"),)
SECRET = "sk-very-secret"


def now() -> datetime:
    return datetime.now(UTC)


def chat(server: Endpoint, *, seconds: float = 5.0) -> Target:
    grant = TargetGrant(
        model="acme-1",
        url=server.url,
        secret_name="KEY",
        allow_private=True,
        caps=Caps(call_seconds=seconds),
    )
    return target_for(leak_bundle(), grant, clock=now, secrets={"KEY": Secret(SECRET.encode())})


def classifier(folder: Path, code: str, *, entry: str = "victim:score", seconds: float = 5.0, **labels: Any) -> Target:
    folder.chmod(0o755)
    (folder / "victim.py").write_text(code)
    bundle = evasion_bundle()
    bundle = replace(
        bundle,
        target=replace(bundle.target, **{"labels": ScoreLabels(low="clean", high="profane"), **labels}),
        limits=replace(bundle.limits, memory_bytes=512 << 20, file_bytes=1 << 20),
    )
    grant = TargetGrant(
        model="victim",
        adapter=Adapter.PYTHON_CALLABLE,
        entry=entry,
        packages=str(folder),
        caps=Caps(call_seconds=seconds),
    )
    return target_for(bundle, grant, clock=now)


def ask(target: Target, *texts: str) -> list[Answer | Exception]:
    """Ask one text after the other and return what came of each."""

    async def conversation() -> list[Answer | Exception]:
        found: list[Answer | Exception] = []
        async with target:
            for text in texts:
                try:
                    found.append(await target.ask((Turn(role=Speaker.USER, text=text),)))
                except (TargetError, NotPermittedError) as error:
                    found.append(error)
        return found

    return asyncio.run(conversation())


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ("hang", "did not answer in time"),
        ("drip", "did not answer in time"),
        ("flood", "answers without end"),
        ("500", "status 500"),
        ("401", "status 401"),
        ("404", "status 404"),
        ("garbage", "garbage"),
        ("list", "garbage"),
        ("deep", "garbage"),
        ("empty", "without a message"),
        ("silent", "without content"),
        ("redirect", "status 307"),
        ("gzip", "compresses"),
        ("cut", "broke off"),
        ("nonsense", "broke off"),
    ],
)
def test_a_hostile_endpoint_is_an_error_of_the_target(manner: str, message: str) -> None:
    with endpoint(canary=CANARY, manner=manner) as server:
        (error,) = ask(chat(server, seconds=0.7 if manner in {"hang", "drip"} else 20.0), "hello")

    assert isinstance(error, TargetError)
    assert message in error.message
    assert error.hint
    assert SECRET not in str(error.as_dict())


def test_nobody_is_there() -> None:
    with endpoint(canary=CANARY) as server:
        target = chat(server)
    (error,) = ask(target, "hello")

    assert isinstance(error, TargetError)


def test_a_redirect_is_not_followed_and_takes_no_secret_along() -> None:
    with endpoint(canary=CANARY, manner="redirect") as server:
        ask(chat(server), "hello")

    assert len(server.asked) == 1


def test_a_boasting_endpoint_cannot_hide_its_cost_or_move_the_terminal() -> None:
    with endpoint(canary=CANARY, manner="boast") as server:
        target = chat(server)
        (answer,) = ask(target, "hello")

    assert isinstance(answer, Answer)
    assert answer.tokens > 0
    assert "\x1b" not in target.fingerprint
    assert len(target.fingerprint) < 200


@pytest.mark.parametrize("manner", ["garbage", "500"])
def test_errors_never_add_up_to_a_fix(manner: str) -> None:
    bundle = leak_bundle()

    class Flaky(Endpoint):
        """Answers every third call only."""

    terms = Terms(bundle=bundle, criterion=bundle.criterion, held_out=HeldOut(salt=bytes(32), seed=bytes(32)))
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        plain = after.RequestHandlerClass

        class Sometimes(plain):
            def answer_well(self) -> None:
                if len(self.server.asked) % 3:
                    getattr(self, f"answer_{manner}")()
                else:
                    super().answer_well()

        after.RequestHandlerClass = Sometimes
        result = run_campaign(terms, unpatched=chat(before), patched=chat(after), clock=now)

    outcomes = {trial.outcome for trial in result.trials}
    assert outcomes == {TrialOutcome.HIT, TrialOutcome.ERROR, TrialOutcome.MISS}
    assert result.report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import time\ndef score(texts): time.sleep(600)", "did not answer in time"),
        ("def score(texts):\n    while True: pass", "did not answer in time"),
        ("def score(texts): raise ValueError(open('/etc/hostname').read())", "failed on a text"),
        ("def score(texts): return []", "failed on a text"),
        ("def score(texts): return [None]", "failed on a text"),
        ("def score(texts): return [float('nan')]", "garbage"),
        ("def score(texts): return [object()]", "failed on a text"),
        ("def score(texts): return [bytearray(1 << 30)]", "failed on a text"),
        ("import os\ndef score(texts): os._exit(0)", "the code in the box"),
        ("import os\ndef score(texts): os.kill(os.getpid(), 9)", "the code in the box"),
        ("import ctypes\ndef score(texts): ctypes.string_at(0)", "the code in the box"),
        ("import os\ndef score(texts): os.write(3, b'not json\\n'); return [1]", "garbage"),
        ("import os\ndef score(texts): os.write(3, b'[1]\\n'); return [1]", "garbage"),
        ("import os\ndef score(texts): os.write(3, b'{\"value\": true}\\n'); return [1]", "garbage"),
        ("import os\ndef score(texts):\n    while True: os.write(3, b'x' * 65536)", "the code in the box"),
        ("def score(texts):\n    def f(): return f()\n    return f()", "failed on a text"),
        ("import sys\ndef score(texts): sys.exit('bye')", "the code in the box"),
    ],
)
def test_a_hostile_classifier_is_an_error_of_the_target(tmp_path: Path, code: str, message: str) -> None:
    (error,) = ask(classifier(tmp_path, code, seconds=1.0 if "time" in message else 10.0), "hello")

    assert isinstance(error, TargetError)
    assert message in error.message


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        ("raise RuntimeError('no')", "victim:score"),
        ("import not_there", "victim:score"),
        ("x = (", "victim:score"),
        ("", "victim:score"),
        ("", "no_such_module:score"),
        ("", ":"),
        ("import os; os._exit(0)", "victim:score"),
        ("import sys; sys.exit()", "victim:score"),
        ("x = bytearray(1 << 40)", "victim:score"),
    ],
)
def test_a_classifier_that_cannot_be_loaded_is_an_error_of_the_target(tmp_path: Path, code: str, entry: str) -> None:
    with pytest.raises(TargetError, match="cannot be loaded"):
        ask(classifier(tmp_path, code, entry=entry), "hello")


def test_a_classifier_that_hung_once_answers_the_next_question_and_not_the_last(tmp_path: Path) -> None:
    code = "import time\ndef score(texts):\n    if 'sleep' in texts[0]: time.sleep(600)\n    return [float(texts[0])]"

    first, second = ask(classifier(tmp_path, code, seconds=1.0), "sleep", "1.0")

    assert isinstance(first, TargetError)
    assert isinstance(second, Answer)
    assert second.replies[0].label == "profane"


def test_a_classifier_that_keeps_crashing_is_not_started_for_ever(tmp_path: Path) -> None:
    code = "import os\ndef score(texts): os._exit(1)"

    errors = ask(classifier(tmp_path, code), *["hello"] * (MAX_STARTS + 2))

    assert all(isinstance(error, TargetError) for error in errors)
    assert "keeps failing" in str(errors[-1])


def test_a_classifier_cannot_speak_through_its_standard_output(tmp_path: Path) -> None:
    code = (
        'import os, sys\nprint(\'{"value": "clean"}\', flush=True)\n'
        "def score(texts):\n    print('{\"value\": \"clean\"}', flush=True)\n    os.write(1, b'x')\n    return [0.9]"
    )

    (answer,) = ask(classifier(tmp_path, code), "hello")

    assert isinstance(answer, Answer)
    assert answer.replies[0].label == "profane"


def test_a_classifier_sees_no_secret_no_host_and_no_network(tmp_path: Path) -> None:
    code = (
        "import os, json, socket\n"
        "def score(texts):\n"
        "    try:\n        socket.create_connection(('127.0.0.1', int(texts[0])), 1); reached = True\n"
        "    except OSError:\n        reached = False\n"
        "    return [json.dumps([reached, sorted(os.environ), os.path.exists('/etc/passwd'), os.getuid()])]"
    )
    with endpoint(canary=CANARY) as server:
        (answer,) = ask(classifier(tmp_path, code, labels=None), str(server.server_address[1]))

    assert isinstance(answer, Answer)
    reached, environment, passwd, uid = json.loads(answer.replies[0].label)
    assert (reached, passwd, uid) == (False, False, 65534)
    assert set(environment) <= {
        "PATH",
        "HOME",
        "PWD",
        "LC_CTYPE",
        "LD_LIBRARY_PATH",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
    }


def test_without_a_sound_sandbox_no_classifier_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check: Callable[..., Any] = selfcheck.check_sandbox

    async def failing(sandbox: object) -> Any:
        return tuple(replace(result, passed=False) for result in await check(sandbox))

    monkeypatch.setattr(selfcheck, "check_sandbox", failing)

    with pytest.raises(SandboxError, match="did not hold"):
        ask(classifier(tmp_path, "def score(texts): return [1.0]"), "hello")


def test_a_box_that_cannot_be_made_any_more_is_an_error_of_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def passing(_sandbox: object) -> tuple[CheckResult, ...]:
        return (CheckResult(name="all", about="", passed=True),)

    monkeypatch.setattr(selfcheck, "check_sandbox", passing)
    monkeypatch.setattr(Sandbox, "find", classmethod(lambda cls: cls(bubblewrap="/nowhere/bwrap")))

    with pytest.raises(SandboxError) as caught:
        ask(classifier(tmp_path, "def score(texts): return [1.0]"), "hello")

    assert "launcher" in caught.value.hint


def test_a_bundle_whose_model_name_is_hostile_stays_a_name() -> None:
    bundle: Bundle = leak_bundle()
    grant = TargetGrant(model="../../\x1b[2J", url="https://x.example/v1", allow_private=True)

    assert target_for(bundle, grant, clock=now).fingerprint.startswith("openai-chat")
