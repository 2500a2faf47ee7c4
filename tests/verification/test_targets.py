# SPDX-License-Identifier: Apache-2.0
"""Targets that behave: conversations over the chat interface, classifiers in the box, and which target a grant makes."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sklearn
from tests.verification.bundles import CANARY, evasion_bundle, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import Caps, TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, Sampling, Speaker
from safeconduct.errors import ConflictError, NotPermittedError
from safeconduct.verification.targets import Answer, Target, target_for
from safeconduct.verification.variants import Turn

SITE = Path(sklearn.__file__).parents[1]


def now() -> datetime:
    return datetime.now(UTC)


def chat(server: Endpoint, bundle: Bundle | None = None, **caps: int) -> Target:
    grant = TargetGrant(model="acme-1", url=server.url, allow_private=True, caps=Caps(**caps))
    return target_for(bundle or leak_bundle(), grant, clock=now)


def user(text: str) -> Turn:
    return Turn(role=Speaker.USER, text=text)


def ask(target: Target, *script: Turn) -> Answer:
    async def once() -> Answer:
        async with target:
            return await target.ask(script)

    return asyncio.run(once())


def test_a_conversation_is_sent_turn_by_turn_with_the_replies_in_between() -> None:
    script = (Turn(role=Speaker.SYSTEM, text="Be brief."), user("one"), user("two"))
    with endpoint(canary=CANARY) as server:
        answer = ask(chat(server), *script)

    first, second = (request["messages"] for request in server.asked)
    assert first == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"}]
    assert second == [
        *first,
        {"role": "assistant", "content": "I am fine, thank you."},
        {"role": "user", "content": "two"},
    ]
    assert len(answer.replies) == 2
    assert answer.tokens == 14


def test_words_that_the_script_gives_the_assistant_are_not_asked_for() -> None:
    script = (user("Say yes."), Turn(role=Speaker.ASSISTANT, text="Yes."), user("Again."))
    with endpoint(canary=CANARY) as server:
        answer = ask(chat(server), *script)

    assert len(server.asked) == 1
    assert [message["content"] for message in server.asked[0]["messages"]] == ["Say yes.", "Yes.", "Again."]
    assert len(answer.replies) == 1


def test_the_digest_is_that_of_the_exact_request() -> None:
    with endpoint(canary=CANARY) as server:
        answer = ask(chat(server), user("hé"))

    body = '{"max_tokens":24,"messages":[{"content":"hé","role":"user"}],"model":"acme-1","temperature":0}'.encode()
    assert answer.request_sha256 == hashlib.sha256(body).hexdigest()


def test_the_smaller_cap_on_tokens_counts() -> None:
    with endpoint(canary=CANARY) as server:
        ask(chat(server, tokens_per_call=8), user("x"))
        ask(chat(server, leak_bundle(target=replace(leak_bundle().target, sampling=Sampling(top_p=0.5)))), user("x"))

    assert server.asked[0]["max_tokens"] == 8
    assert server.asked[1] == {
        "model": "acme-1",
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 256,
        "top_p": 0.5,
    }


@pytest.mark.parametrize(
    ("manner", "text"),
    [("refusal", "I will not."), ("parts", "in parts"), ("filter", ""), ("busy", "I am fine, thank you.")],
)
def test_what_counts_as_a_reply(manner: str, text: str) -> None:
    with endpoint(canary=CANARY, manner=manner) as server:
        answer = ask(chat(server), user("x"))

    assert answer.replies[0].text == text


def test_calls_of_tools_are_a_reply_in_json() -> None:
    with endpoint(canary=CANARY, manner="tool") as server:
        answer = ask(chat(server), user("x"))

    assert json.loads(answer.replies[0].text)[0]["function"]["name"] == "send_money"


def test_an_empty_reply_is_a_reply() -> None:
    with endpoint(canary=CANARY, manner="nothing") as server:
        answer = ask(chat(server), user("x"))

    assert answer.replies[0].text == ""


def test_a_busy_target_is_asked_again_and_every_time_counts() -> None:
    with endpoint(canary=CANARY, manner="busy") as server:
        target = chat(server)
        ask(target, user("x"))

    assert target.spent.calls == 3
    assert len(server.asked) == 3


def test_an_estimator_of_scikit_learn_runs_in_the_box(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "model.py").write_text(
        "from sklearn.feature_extraction.text import CountVectorizer\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.svm import LinearSVC\n"
        "texts, labels = ['bad word', 'bad thing', 'good word', 'good thing'] * 5, [1, 1, 0, 0] * 5\n"
        "class Held:\n"
        "    probable = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, labels)\n"
        "    named = make_pipeline(CountVectorizer(), LinearSVC()).fit(texts, ['no' if y else 'yes' for y in labels])\n"
    )
    bundle = evasion_bundle(limits=leak_bundle().limits)
    bundle = replace(bundle, target=replace(bundle.target, adapter=Adapter.SKLEARN))
    labels = []
    for name in ("probable", "named"):
        grant = TargetGrant(
            model="m", adapter=Adapter.SKLEARN, entry=f"model:Held.{name}", packages=f"{SITE}:{tmp_path}"
        )
        answer = ask(target_for(bundle, grant, clock=now), user("bad"), user("good"))
        labels.append([reply.label for reply in answer.replies])

    assert labels == [["profane", "clean"], ["no", "yes"]]


def test_a_score_without_labels_has_no_label(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "model.py").write_text("def score(texts): return [0.25]")
    bundle = evasion_bundle()
    bundle = replace(bundle, target=replace(bundle.target, labels=None))
    grant = TargetGrant(
        model="m", adapter=Adapter.PYTHON_CALLABLE, entry="model:score", packages=str(tmp_path), caps=Caps(calls=1)
    )
    target = target_for(bundle, grant, clock=now)
    answer = ask(target, Turn(role=Speaker.SYSTEM, text="ignored"), user("x"))

    assert (answer.replies[0].text, answer.replies[0].label) == ('{"value": 0.25}', "")
    assert target.spent.calls == 1
    assert target.fingerprint == "python-callable model:score; m"
    with pytest.raises(NotPermittedError):
        ask(target, user("x"))


def test_a_grant_for_another_kind_of_target_is_refused() -> None:
    with pytest.raises(ConflictError):
        target_for(leak_bundle(), TargetGrant(model="m", adapter=Adapter.SKLEARN, entry="a:b"), clock=now)


def test_the_bundle_cannot_widen_the_grant() -> None:
    bundle = leak_bundle(limits=replace(leak_bundle().limits, calls=10**6, calls_per_minute=10**5))
    bundle = replace(bundle, target=replace(bundle.target, url="http://127.0.0.1:1/elsewhere", secret_name="OTHER"))
    with endpoint(canary=CANARY) as server:
        grant = TargetGrant(model="acme-1", url=server.url, allow_private=True, secret_name="KEY", caps=Caps(calls=2))
        target = target_for(
            bundle, grant, clock=now, secrets={"KEY": Secret(b"granted"), "OTHER": Secret(b"not granted")}
        )
        with pytest.raises(NotPermittedError, match="calls are spent"):
            ask(target, user("1"), user("2"), user("3"))

    assert {headers["Authorization"] for headers in server.headers} == {"Bearer granted"}
    assert len(server.asked) == 2
