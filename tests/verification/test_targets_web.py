# SPDX-License-Identifier: Apache-2.0
"""Targets on the web: asked as the bundle says, at the address of the grant and nowhere else."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.crypto.secret import Secret
from safeconduct.domain.authorization import TargetGrant
from safeconduct.domain.bundle import Adapter, Bundle, Speaker
from safeconduct.domain.observed import HttpForm, HttpMethod
from safeconduct.domain.script import Tool, ToolCall, ToolParameter
from safeconduct.errors import MalformedError, TargetError
from safeconduct.verification.broker import plain_client
from safeconduct.verification.bundle.checks import check_bundle
from safeconduct.verification.bundle.observed import http_json, read_http
from safeconduct.verification.fields import Fields
from safeconduct.verification.targets import Answer, Target, target_for
from safeconduct.verification.targets.http import require_form
from safeconduct.verification.variants import Turn

FORM = HttpForm(body='{"input": {"text": "Q: {{prompt}}", "n": 1}}', reply="$.output[0].text")


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was sent."""

    server: Endpoint
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append({"method": self.command, "path": self.path, "body": data.decode()})
        self.server.headers.append(dict(self.headers.items()))
        reply = {"output": [{"text": "You said so.", "score": 0.5, "flag": True, "all": {}}]}
        self.send_response(200)
        body = json.dumps(reply).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer  # noqa: N815  # the names of the base class

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def service() -> Iterator[Endpoint]:
    with endpoint(canary=CANARY) as server:
        server.RequestHandlerClass = Handler
        yield server


def bundle_of(form: HttpForm | None) -> Bundle:
    made = leak_bundle()
    return replace(made, target=replace(made.target, adapter=Adapter.HTTP, http=form, secret_name=""))


def target(server: Endpoint, form: HttpForm, *, secret: str = "", path: str = "/ask") -> Target:
    grant = TargetGrant(
        model="service",
        adapter=Adapter.HTTP,
        url=server.url + path,
        allow_private=True,
        secret_name="KEY" if secret else "",
    )
    return target_for(bundle_of(form), grant, clock=leak_clock, secrets={"KEY": Secret(secret.encode())})


def leak_clock() -> Any:
    return leak_bundle().about.created


def user(text: str, **more: Any) -> Turn:
    return Turn(role=Speaker.USER, text=text, **more)


def ask(asked: Target, *script: Turn) -> Answer:
    async def once() -> Answer:
        async with asked:
            return await asked.ask(script)

    return asyncio.run(once())


def test_the_prompt_is_put_into_the_body_and_the_reply_found_at_its_path() -> None:
    with service() as server:
        asked = target(server, FORM)
        answer = ask(asked, user('say "hi", {{prompt}}'))

    (request,) = server.asked
    assert (request["method"], request["path"]) == ("POST", "/v1/ask")
    assert json.loads(request["body"]) == {"input": {"text": 'Q: say "hi", {{prompt}}', "n": 1}}
    assert answer.replies[0].text == "You said so."
    assert answer.request_sha256 == hashlib.sha256(request["body"].encode()).hexdigest()
    assert answer.tokens > 0
    assert asked.spent.calls == 1
    assert asked.fingerprint == "http service"


def test_the_secret_goes_into_the_header_that_the_form_names() -> None:
    form = replace(FORM, headers={"X-Version": "2"}, key_header="X-Api-Key", key_prefix="")
    with service() as server:
        ask(target(server, form, secret="granted"), user("x"))

    assert server.headers[0]["X-Api-Key"] == "granted"
    assert server.headers[0]["X-Version"] == "2"
    assert "Authorization" not in server.headers[0]


def test_a_query_carries_the_prompt_and_counts_as_sent() -> None:
    form = HttpForm(method=HttpMethod.GET, query={"q": "about {{prompt}}", "n": "1"}, reply="$.output[0].score")
    with service() as server:
        answer = ask(target(server, form), user("a&b=c #ü"))

    parts = urlsplit(server.asked[0]["path"])
    assert (server.asked[0]["method"], parts.path) == ("GET", "/v1/ask")
    assert parse_qs(parts.query) == {"q": ["about a&b=c #ü"], "n": ["1"]}
    assert answer.replies[0].text == "0.5"
    assert answer.request_sha256 == hashlib.sha256(parts.query.encode()).hexdigest()


def test_a_conversation_can_be_sent_whole_and_an_answer_taken_whole() -> None:
    form = HttpForm(method=HttpMethod.PUT, body='{"chat": "{{messages}}", "on": [true, null]}')
    with service() as server:
        answer = ask(target(server, form), Turn(role=Speaker.SYSTEM, text="Be brief."), user("one"), user("two"))

    first, second = (json.loads(one["body"])["chat"] for one in server.asked)
    assert first == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"}]
    assert second[2]["role"] == "assistant"
    assert json.loads(answer.replies[0].text)["output"][0]["flag"] is True


@pytest.mark.parametrize("path", ["$.output[0].all", "$.output[9].text", "$.nothing"])
def test_an_answer_without_a_reply_at_its_path_is_an_error_of_the_target(path: str) -> None:
    with service() as server, pytest.raises(TargetError, match="without a reply"):
        ask(target(server, replace(FORM, reply=path)), user("x"))


@pytest.mark.parametrize(
    "form",
    [
        HttpForm(),
        HttpForm(body='{"text": "no place"}'),
        HttpForm(body="{{prompt}}"),
        HttpForm(body='"\ud800 {{prompt}}"'),
        HttpForm(method=HttpMethod.GET, body='"{{prompt}}"'),
        replace(FORM, reply="output"),
        replace(FORM, headers={"Host": "other.example"}),
        replace(FORM, headers={"authorization": "Basic x"}),
        replace(FORM, headers={"X-Forwarded-For": "10.0.0.1"}),
        replace(FORM, headers={"X-Key": "a\r\nHost: other"}),
        replace(FORM, headers={"X Key": "a"}),
        replace(FORM, headers={"": "a"}),
        replace(FORM, headers={"X-Key": "ü"}),
        replace(FORM, headers={"x-api-key": "mine"}, key_header="X-Api-Key"),
        replace(FORM, key_header="Host"),
        replace(FORM, key_header=""),
        replace(FORM, key_prefix="Bearer\r\n"),
    ],
)
def test_a_form_that_asks_nothing_or_sets_what_is_not_the_reporters_is_refused(form: HttpForm) -> None:
    with pytest.raises(MalformedError):
        require_form(form)
    assert any(remark.at == "target.json" for remark in check_bundle(bundle_of(form)))


def test_a_bundle_without_a_form_is_refused() -> None:
    grant = TargetGrant(model="service", adapter=Adapter.HTTP, url="https://host.example/ask")
    with pytest.raises(MalformedError, match="how the target is asked"):
        target_for(bundle_of(None), grant, clock=leak_clock)
    assert any(remark.code == "target.no-form" for remark in check_bundle(bundle_of(None)))


def chat(server: Endpoint) -> Target:
    grant = TargetGrant(model="acme-1", url=server.url, allow_private=True)
    return target_for(leak_bundle(), grant, clock=leak_clock)


def test_a_document_stands_after_the_words() -> None:
    with endpoint(canary=CANARY) as server:
        ask(chat(server), user("Summarize.", document="Once upon a time"))

    content = server.asked[0]["messages"][0]["content"]
    assert content == "Summarize.\n\n<document>\nOnce upon a time\n</document>"


def test_tools_are_offered_and_their_calls_answered() -> None:
    tool = Tool(name="send_money", about="Sends it.", parameters=(ToolParameter(name="to"),), result="sent")
    with endpoint(canary=CANARY, manner="tool") as server:
        answer = ask(chat(server), user("Pay.", tools=(tool,)))

    first, second = server.asked[:2]
    assert first["tools"][0]["function"]["name"] == "send_money"
    assert first["tools"][0]["function"]["parameters"]["required"] == ["to"]
    called, result = second["messages"][1:3]
    assert called["tool_calls"][0]["id"] == result["tool_call_id"] == "call_0"
    assert result["content"] == "sent"
    assert answer.replies[0].calls == (ToolCall(tool="send_money", arguments={}, id="call_0"),)


def test_a_scripted_call_is_put_into_the_assistants_mouth() -> None:
    call = ToolCall(tool="read_mail", arguments={"box": "in"}, id="step_1")
    with endpoint(canary=CANARY) as server:
        ask(chat(server), user("Look."), Turn(role=Speaker.TOOL, text="One new mail.", call=call))

    _, said, result = server.asked[-1]["messages"][-3:]
    assert said["tool_calls"][0]["function"] == {"name": "read_mail", "arguments": '{"box":"in"}'}
    assert result == {"role": "tool", "tool_call_id": "step_1", "content": "One new mail."}


def test_only_the_grant_says_how_long_an_answer_may_take() -> None:
    assert set(plain_client().timeout.as_dict().values()) == {None}


def test_a_form_is_written_and_read_again() -> None:
    form = replace(FORM, method=HttpMethod.PUT, query={"q": "{{prompt}}"}, headers={"X-A": "b"}, key_prefix="Key ")
    fields = Fields.of(http_json(form), at="http")

    assert read_http(fields) == form
    fields.done()
