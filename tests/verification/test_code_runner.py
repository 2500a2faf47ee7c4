# SPDX-License-Identifier: Apache-2.0
"""Code of a bundle: nothing runs without approval, and what runs does so in the box, call by call."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.verification.bundles import CANARY, family, leak_bundle
from tests.verification.endpoint import endpoint

from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, Limits, Mutator, MutatorName, Oracle
from safeconduct.domain.evidence import Criterion, TrialOutcome, Verdict
from safeconduct.domain.script import CodeCheck, CodeFile, ToolCall
from safeconduct.errors import MalformedError, NotPermittedError, SandboxError
from safeconduct.verification.bundle import read_bundle, zip_bundle
from safeconduct.verification.campaign import Campaign, Terms, run_campaign
from safeconduct.verification.chance import Chance
from safeconduct.verification.code_runner import MAX_STARTS, CodeRunner
from safeconduct.verification.reply import Reply
from safeconduct.verification.sampling import require_draws
from safeconduct.verification.sandbox import Sandbox
from safeconduct.verification.targets import target_for
from safeconduct.verification.variants import HeldOut

LIMITS = Limits(call_seconds=5.0, memory_bytes=512 << 20, cpu_seconds=20)
MUTATE = "def mutate(turns, seed):\n    return [text[::-1] + seed[:2] for text in turns]\n"
JUDGE = f"def judge(reply):\n    return 'hit' if '{CANARY}' in reply['text'].lower() else 'miss'\n"


@contextmanager
def runner(text: str, *, limits: Limits = LIMITS) -> Iterator[CodeRunner]:
    """Lend a runner of one approved file."""
    file = CodeFile(name="it.py", text=text)
    made = CodeRunner([file], approved=frozenset({file.sha256}), limits=limits)
    try:
        yield made
    finally:
        made.close()


def mutated(text: str, *turns: str, limits: Limits = LIMITS) -> tuple[str, ...]:
    with runner(text, limits=limits) as code:
        return code.change("it.py")(turns or ("abc",), Chance(b"s", label="t"))


def judged(text: str, reply: Reply | None = None) -> TrialOutcome:
    with runner(text) as code:
        return code.judge("it.py")(reply or Reply(text="abc"))


def test_a_mutator_changes_the_turns_by_their_words_and_the_seed_alone() -> None:
    first = mutated(MUTATE, "abc", "de")

    assert first == mutated(MUTATE, "abc", "de")
    assert [text[:-2] for text in first] == ["cba", "ed"]


def test_no_call_leaves_anything_for_the_next() -> None:
    counting = "count = 0\ndef mutate(turns, seed):\n    global count\n    count += 1\n    return [str(count)]\n"

    with runner(counting) as code:
        change = code.change("it.py")
        assert [change(("x",), Chance(b"s", label="t")) for _ in range(3)] == [("1",)] * 3


@pytest.mark.parametrize("word", ["hit", "miss", "abstain"])
def test_a_judge_says_what_it_says(word: str) -> None:
    assert judged(f"def judge(reply):\n    return '{word}'\n").value == word


def test_a_judge_sees_text_label_and_calls() -> None:
    told = Reply(text="x", label="y", calls=(ToolCall(tool="pay", arguments={"to": ["eve"]}, id="1"),))
    text = (
        "def judge(reply):\n    call = {'tool': 'pay', 'arguments': {'to': ['eve']}, 'id': '1'}\n"
        "    return 'hit' if reply == {'text': 'x', 'label': 'y', 'calls': [call]} else 'miss'\n"
    )

    assert judged(text, told) is TrialOutcome.HIT


@pytest.mark.parametrize(
    "text",
    [
        "def judge(reply):\n    raise ValueError('x')\n",
        "def judge(reply):\n    return 'maybe'\n",
        "def judge(reply):\n    return 3\n",
        "def judge(reply):\n    return {1, 2}\n",
        "import os\ndef judge(reply):\n    os._exit(3)\n",
        "def judge(reply)\n",
        "raise SystemExit\n",
        "judge = None\n",
        "def mutate(turns, seed):\n    return turns\n",
    ],
)
def test_a_judge_that_fails_abstains(text: str) -> None:
    assert judged(text) is TrialOutcome.ABSTAIN


@pytest.mark.parametrize("value", ["[]", "'x'", "[1]", "None", "['x'] * 65", "1 / 0", "object()"])
def test_a_mutator_that_gives_no_turns_is_refused(value: str) -> None:
    with pytest.raises(MalformedError, match=r"code/it\.py"):
        mutated(f"def mutate(turns, seed):\n    return {value}\n")


def test_what_a_mutator_raised_is_told_by_its_kind_alone() -> None:
    with pytest.raises(MalformedError) as caught:
        mutated("def mutate(turns, seed):\n    raise LookupError('sk-secret')\n")

    assert caught.value.hint == "it gave LookupError"
    assert "sk-secret" not in str(caught.value.as_dict())


def test_what_the_code_prints_is_no_answer() -> None:
    text = 'def judge(reply):\n    print(\'{"number": 1, "value": "hit"}\')\n    return "miss"\n'

    assert judged(text) is TrialOutcome.MISS


@pytest.mark.parametrize(
    "text",
    [
        "def judge(reply):\n    while True: pass\n",
        "import os\ndef judge(reply):\n    os.write(3, b'no json\\n') and os._exit(0)\n",
        "import os\ndef judge(reply):\n    [os.write(at, b'x' * (1 << 22)) for at in range(3, 9)]\n",
        "import os\ndef judge(reply):\n    os.kill(os.getppid(), 9)\n",
        "import os, time\ndef judge(reply):\n    while True: os.fork()\n",
    ],
)
def test_a_judge_that_hangs_lies_or_forks_is_contained(text: str) -> None:
    with runner(text, limits=replace(LIMITS, call_seconds=1.0, processes=16)) as code:
        assert code.judge("it.py")(Reply(text="x")) is TrialOutcome.ABSTAIN


def test_code_that_keeps_failing_is_not_started_without_end() -> None:
    with runner("import os\ndef mutate(turns, seed):\n    os.kill(os.getppid(), 9)\n") as code:
        change = code.change("it.py")
        reasons = set()
        for _ in range(2 * MAX_STARTS + 2):
            with pytest.raises(MalformedError) as caught:
                change(("x",), Chance(b"s", label="t"))
            reasons.add(caught.value.message)

    assert any("keeps failing" in reason for reason in reasons)


def test_the_code_has_no_network_and_sees_no_files_of_the_host() -> None:
    text = (
        "import os, socket\ndef mutate(turns, seed):\n    found = [str(os.path.exists('/etc/shadow'))]\n"
        "    try:\n        socket.create_connection(('93.184.216.34', 80), 1)\n        found.append('connected')\n"
        "    except OSError:\n        found.append('alone')\n    return found\n"
    )

    assert mutated(text) == ("False", "alone")


@pytest.mark.parametrize("act", ["change", "judge"])
def test_nothing_runs_without_approval(act: str) -> None:
    file = CodeFile(name="it.py", text=MUTATE)
    code = CodeRunner([file], approved=frozenset({"0" * 64}), limits=LIMITS)

    with pytest.raises(NotPermittedError) as caught:
        getattr(code, act)("it.py")

    assert caught.value.facts == {"files": {"it.py": file.sha256}}


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(MalformedError, match="lacks a code file"):
        CodeRunner([], approved=frozenset(), limits=LIMITS).change("it.py")


def test_without_a_sandbox_nothing_runs() -> None:
    file = CodeFile(name="it.py", text=JUDGE)
    missing = Sandbox(bubblewrap="/nonexistent/bwrap")
    code = CodeRunner([file], approved=frozenset({file.sha256}), limits=LIMITS, find=lambda: missing)

    with pytest.raises(SandboxError):
        code.judge("it.py")(Reply(text="x"))

    code.close()


def test_a_box_that_cannot_be_made_is_an_error_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-check is passed over here: it would find the missing launcher first, as the test before shows."""
    file = CodeFile(name="it.py", text=JUDGE)
    missing = Sandbox(bubblewrap="/nonexistent/bwrap")
    code = CodeRunner([file], approved=frozenset({file.sha256}), limits=LIMITS, find=lambda: missing)
    monkeypatch.setattr("safeconduct.verification.code_runner.require_sound", lambda _results: None)

    async def unchecked(_sandbox: Sandbox) -> tuple[()]:
        return ()

    monkeypatch.setattr("safeconduct.verification.code_runner.check_sandbox", unchecked)
    with pytest.raises(SandboxError, match="could not be made"):
        code.judge("it.py")(Reply(text="x"))

    code.close()


def test_closing_what_never_ran_is_nothing() -> None:
    async def use() -> None:
        async with CodeRunner([], approved=frozenset(), limits=LIMITS):
            pass

    asyncio.run(use())


def coded_bundle() -> Bundle:
    """Return a leak whose variants and oracle are code, as read from its files."""
    chain = Mutator(name=MutatorName.CODE, params={"file": "mutate.py"})
    bundle = leak_bundle(
        oracle=Oracle(checks=(CodeCheck(file="judge.py"),)),
        benign=(),
        code=(CodeFile(name="judge.py", text=JUDGE), CodeFile(name="mutate.py", text=MUTATE)),
        criterion=Criterion(max_calls=30),
    )
    return read_bundle(zip_bundle(replace(bundle, attack=replace(bundle.attack, families=(family("f", chain),)))))


def terms(*, approved: bool) -> Terms:
    bundle = coded_bundle()
    digests = frozenset(file.sha256 for file in bundle.code) if approved else frozenset()
    held_out = HeldOut(salt=bytes(32), seed=b"s" * 32)
    return Terms(bundle=bundle, criterion=bundle.criterion, held_out=held_out, approved_code=digests)


def now() -> datetime:
    return datetime.now(UTC)


def test_a_campaign_with_code_needs_its_approval() -> None:
    with pytest.raises(NotPermittedError):
        Campaign(terms(approved=False), clock=now)


def test_a_campaign_with_approved_code_comes_to_a_verdict_that_can_be_drawn_again() -> None:
    with endpoint(canary=CANARY, rate=1.0) as server:
        grant = TargetGrant(
            model="m", adapter=Adapter.OPENAI_CHAT, url=server.url, caps=Caps(calls=100), allow_private=True
        )
        fixed = terms(approved=True)
        targets = [target_for(fixed.bundle, grant, clock=now) for _ in range(2)]

        result = run_campaign(fixed, unpatched=targets[0], patched=targets[1], clock=now)

    assert result.report.verdict is Verdict.NOT_FIXED
    trials = tuple(result.trials)
    assert {trial.mutators for trial in trials} == {("code",)}
    with pytest.raises(NotPermittedError):
        require_draws(fixed.bundle, fixed.criterion, fixed.drawn_from, trials)
    with CodeRunner(fixed.bundle.code, approved=fixed.approved_code, limits=LIMITS) as code:
        assert require_draws(fixed.bundle, fixed.criterion, fixed.drawn_from, trials, code=code.change) == len(trials)
