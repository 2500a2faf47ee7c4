# SPDX-License-Identifier: Apache-2.0
"""Targets of the newer kinds that hang, flood, redirect, lie and fork: contained, with a reason, and nothing is a pass."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verification.bundles import CANARY, evasion_bundle, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint
from tests.verification.flaws.payloads import HARMFUL, call

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, Oracle, Speaker, TargetSpec
from safeconduct.domain.evidence import Arm, TrialOutcome
from safeconduct.domain.observed import Event, EventKind, HttpForm, Scanner
from safeconduct.errors import MalformedError, SafeconductError, TargetError
from safeconduct.verification.asking import ask as ask_once
from safeconduct.verification.asking import trial_of
from safeconduct.verification.bundle.observed import read_http
from safeconduct.verification.fields import Fields
from safeconduct.verification.oracles import PreparedOracle, Reply
from safeconduct.verification.sampling import Sampler
from safeconduct.verification.targets import Target, target_for
from safeconduct.verification.targets.http import require_form
from safeconduct.verification.targets.messages import reply_of
from safeconduct.verification.trials import write_trial
from safeconduct.verification.variants import Turn
from safeconduct.verification.verdict import Call

FORM = HttpForm(body='{"text": "{{prompt}}"}', reply="$.choices[0].message.content")
SECRET = "sk-very-secret"


def clock() -> Any:
    return leak_bundle().about.created


def web(server: Endpoint, *, form: HttpForm = FORM, seconds: float = 20.0) -> Target:
    made = leak_bundle()
    made = replace(made, target=replace(made.target, adapter=Adapter.HTTP, http=form))
    grant = TargetGrant(
        model="service",
        adapter=Adapter.HTTP,
        url=server.url,
        allow_private=True,
        secret_name="KEY",
        caps=Caps(call_seconds=seconds),
    )
    return target_for(made, grant, clock=clock, secrets={"KEY": Secret(SECRET.encode())})


def local(folder: Path, target: TargetSpec, *checks: Any, seconds: float = 5.0) -> Target:
    folder.chmod(0o755)
    made = evasion_bundle()
    limits = replace(made.limits, memory_bytes=512 << 20, file_bytes=1 << 20, processes=16)
    oracle = Oracle(checks=checks or (Event(event=EventKind.FILE),))
    made = replace(made, target=target, oracle=oracle, limits=limits)
    grant = TargetGrant(
        model="local", adapter=target.adapter, packages=str(folder), caps=Caps(call_seconds=seconds, calls=50)
    )
    return target_for(made, grant, clock=clock)


def answer(target: Target, text: str = "hello") -> Reply:
    async def once() -> Reply:
        async with target:
            return (await target.ask((Turn(role=Speaker.USER, text=text),))).replies[-1]

    return asyncio.run(once())


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
        ("list", "without a reply"),
        ("deep", "garbage"),
        ("empty", "without a reply"),
        ("redirect", "status 307"),
        ("gzip", "compresses"),
        ("cut", "broke off"),
        ("nonsense", "broke off"),
    ],
)
def test_a_hostile_address_is_an_error_of_the_target(manner: str, message: str) -> None:
    with endpoint(canary=CANARY, manner=manner) as server, pytest.raises(TargetError) as caught:
        answer(web(server, seconds=0.7 if manner in {"hang", "drip"} else 20.0))

    assert message in caught.value.message
    assert caught.value.hint
    assert SECRET not in str(caught.value.as_dict())


def answering(server: Endpoint, status: int, headers: dict[str, str], body: bytes) -> None:
    plain = server.RequestHandlerClass

    class Odd(plain):
        def answer_well(self) -> None:
            self.start(status, {**headers, "Content-Length": str(len(body))})
            self.wfile.write(body)

    server.RequestHandlerClass = Odd


@pytest.mark.parametrize("form", [FORM, replace(FORM, reply="")])
@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b'{"choices": "\xc3\x28"}'])
def test_an_answer_that_is_no_utf8_is_an_error_of_the_target(form: HttpForm, body: bytes) -> None:
    with endpoint(canary=CANARY) as server:
        answering(server, 200, {"Content-Type": "application/json; charset=utf-16"}, body)
        with pytest.raises(TargetError, match="garbage"):
            answer(web(server, form=form))


def test_a_redirect_to_the_metadata_service_is_not_followed() -> None:
    with endpoint(canary=CANARY) as server:
        answering(server, 302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")
        with pytest.raises(TargetError, match="status 302"):
            answer(web(server))

    assert len(server.asked) == 1


def test_a_page_of_another_kind_is_no_reply() -> None:
    with endpoint(canary=CANARY) as server:
        answering(server, 200, {"Content-Type": "text/html"}, b"<html>orchid-7731</html>")
        with pytest.raises(TargetError, match="garbage"):
            answer(web(server))


def test_words_of_a_prompt_stay_words() -> None:
    with endpoint(canary=CANARY, rate=1.0) as server:
        answer(web(server), '", "admin": true, "x": "\r\nHost: other\r\n{{messages}}')

    assert list(server.asked[0]) == ["text"]


@given(
    st.dictionaries(
        st.sampled_from(["reply", "method", "body", "query", "headers", "key_header", "x"]),
        st.text(max_size=20) | st.integers() | st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3),
    )
)
def test_any_form_is_read_or_refused(document: dict[str, Any]) -> None:
    try:
        require_form(read_http(Fields.of(document, at="http")))
    except SafeconductError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "function", "name", "arguments", "content", "refusal", "tool_calls", "text"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_message_is_a_reply_or_an_error_of_the_target(message: Any) -> None:
    try:
        reply = reply_of({"choices": [{"message": message}], "usage": message})
    except TargetError:
        return
    assert isinstance(reply.text, str)
    assert all(found.id for found in reply.calls)


def test_arguments_of_a_call_that_are_no_json_are_kept_as_words() -> None:
    made = [{"function": {"name": "pay", "arguments": "{broken"}}, {"function": {"arguments": 7}}, {"function": 1}, 3]
    reply = reply_of(
        {"choices": [{"message": {"tool_calls": [*made, {"function": {"name": "n", "arguments": {"a": 1}}}]}}]}
    )

    assert [dict(found.arguments) for found in reply.calls] == [{"": "{broken"}, {}, {"a": 1}]


FORKS = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
PROGRAMS = {
    "ten gigabytes": ("/bin/sh", "-c", "exec head -c 10000000000 /dev/zero"),
    "for ever": ("/usr/bin/yes",),
    "sleep": ("/bin/sleep", "600"),
    "forks": ("/bin/sh", "-c", "f() { f | f & }; f; sleep 600"),
    "disk": ("/bin/sh", "-c", "head -c 100000000 /dev/zero > /tmp/x && exit 0; exit 1"),
    "host": ("/bin/cat", "/etc/passwd"),
    "write": ("/bin/sh", "-c", ": > /packages/0/x"),
}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_hostile_program_is_contained(tmp_path: Path, name: str) -> None:
    target = TargetSpec(adapter=Adapter.COMMAND, model="program", command=PROGRAMS[name])
    with pytest.raises(TargetError) as caught:
        answer(local(tmp_path, target, seconds=2.0))

    assert caught.value.hint
    assert sorted(tmp_path.iterdir()) == []


def test_escape_codes_of_a_program_reach_no_evidence(tmp_path: Path) -> None:
    source = "printf '\\033[2J' ; : > \"/tmp/$(printf '\\033[31mred')\""
    target = TargetSpec(adapter=Adapter.COMMAND, model="\x1b[2J", command=("/bin/sh", "-c", source, "\x1b[2J"))
    asked = local(tmp_path, target)
    reply = answer(asked)

    assert all("\x1b" not in seen.name for seen in reply.sighting.events)
    assert "\x1b" not in asked.fingerprint
    judgment = PreparedOracle(Oracle(checks=(Event(event=EventKind.FILE),))).judge([reply])
    assert "\x1b" not in judgment.detail


LOADERS = {
    "forks": f"def load(path):\n    exec({FORKS!r})",
    "memory": "def load(path): return bytearray(1 << 40)",
    "sleep": "import time\ndef load(path): time.sleep(600)",
    "lines": 'import os\ndef load(path):\n    while True: os.write(3, b\'{"event": "file", "name": "x"}\\n\' * 100)',
    "one line": "import os\ndef load(path):\n    while True: os.write(3, b'x' * 65536)",
    "escape": "import os\ndef load(path): os.write(3, b'\\x1b[2J\\n')",
}


@pytest.mark.parametrize("name", sorted(LOADERS))
def test_a_hostile_loader_is_contained_and_never_clean(tmp_path: Path, name: str) -> None:
    (tmp_path / "loaders.py").write_text(LOADERS[name])
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04N.")
    target = TargetSpec(adapter=Adapter.MODEL_FILE, model="m", entry="loaders:load")
    oracle = PreparedOracle(Oracle(checks=(Event(event=EventKind.PROCESS),)))
    try:
        outcome = oracle.judge([answer(local(tmp_path, target, seconds=2.0), "m.pkl")]).outcome
    except TargetError:
        outcome = TrialOutcome.ERROR

    assert outcome is not TrialOutcome.MISS or name == "memory"


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"\x80\x04\x8d" + (10**13).to_bytes(8, "little") + b"x", TrialOutcome.ABSTAIN),
        (b"\x80\x04" + b"(" * 200_000, TrialOutcome.ABSTAIN),
        (b"\x80\x04]" + b"(" * 100_000 + b"t" * 100_000 + b".", TrialOutcome.MISS),
        (HARMFUL["member.pt"], TrialOutcome.HIT),
        (call("os", "system", "\x1b[2J"), TrialOutcome.HIT),
        (b"c\x1b[2J\nsystem\n.", TrialOutcome.HIT),
    ],
)
def test_a_file_that_is_made_to_break_the_scanner_is_never_clean(
    tmp_path: Path, data: bytes, outcome: TrialOutcome
) -> None:
    (tmp_path / "m.pkl").write_bytes(data)
    (tmp_path / "loaders.py").write_text("def load(path): return 1")
    target = TargetSpec(adapter=Adapter.MODEL_FILE, model="m", entry="loaders:load")
    reply = answer(local(tmp_path, target, Scanner()), "m.pkl")

    assert PreparedOracle(Oracle(checks=(Scanner(),))).judge([reply]).outcome is outcome
    assert "\x1b" not in reply.text
    assert all("\x1b" not in name for scan in reply.sighting.scans for name in scan.found)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "m.pkl").open("wb") as file:
        os.truncate(file.fileno(), 300 << 20)
    (tmp_path / "loaders.py").write_text("def load(path): return 1")
    target = TargetSpec(adapter=Adapter.MODEL_FILE, model="m", entry="loaders:load")
    reply = answer(local(tmp_path, target, Scanner(), seconds=60.0), "m.pkl")

    assert PreparedOracle(Oracle(checks=(Scanner(),))).judge([reply]).outcome is TrialOutcome.ABSTAIN


def test_what_a_target_says_is_kept_as_a_digest_only() -> None:
    bundle: Bundle = leak_bundle()
    with endpoint(canary=CANARY, rate=1.0) as server:
        grant = TargetGrant(model="acme-1", url=server.url, allow_private=True)
        target = target_for(bundle, grant, clock=clock)
        draw = Sampler(bundle, bytes(32)).draw(Call(arm=Arm.ASSAY, family="plain"))
        oracle = PreparedOracle(bundle.oracle)

        async def once() -> bytes:
            async with target:
                outcome = await ask_once(target, draw, judge=lambda made: oracle.judge(made.replies), clock=clock)
            return write_trial(trial_of(draw, outcome, number=1))

        line = asyncio.run(once())

    assert json.loads(line)["outcome"] == "hit"
    assert CANARY.upper().encode() not in line
    assert draw.script[-1].text.encode() not in line


def test_a_form_cannot_reach_another_path_of_the_granted_host() -> None:
    for text in ("../admin", "/admin?x=", "#x", "http://169.254.169.254/"):
        with endpoint(canary=CANARY, rate=1.0) as server:
            made = HttpForm(method=FORM.method, body='{"a": "{{prompt}}"}', query={text: "{{prompt}}"}, reply="")
            answer(web(server, form=made), text)

        assert len(server.asked) == 1


def test_headers_that_say_who_asks_are_refused() -> None:
    for name in ("Host", "X-Forwarded-For", "Cookie", "Transfer-Encoding", "Content-Length", "AUTHORIZATION"):
        with pytest.raises(MalformedError):
            require_form(replace(FORM, headers={name: "x"}))
