# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify` as a program: exit codes, files, JSON, and what it says of bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import endpoint
from tests.verification.judged import judged_bundle, judging

from safeconduct.verification.bundle import write_bundle


def verify(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "safeconduct", "verify", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "ACME_KEY": "sk-very-secret", **environment},
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "leak.zip"
    write_bundle(leak_bundle(), path)
    return path


@pytest.mark.parametrize(("rate", "code", "word"), [(0.0, 0, "FIXED"), (0.7, 1, "NOT FIXED")])
def test_a_run_ends_with_the_code_of_its_verdict(
    bundle: Path, tmp_path: Path, rate: float, code: int, word: str
) -> None:
    out = tmp_path / "out"
    with endpoint(canary=CANARY, rate=0.95) as before, endpoint(canary=CANARY, rate=rate, seed=3) as after:
        options = ("--secret-env", "ACME_KEY", "--allow-private", "--out", out, "--seed", "7", "--width", 3)
        result = verify("run", bundle, "--target", after.url, "--model", "acme-2", "--unpatched", before.url, *options)

    assert result.returncode == code, result.stderr
    assert result.stdout.splitlines()[0] == word
    assert "sk-very-secret" not in result.stdout + result.stderr + (out / "trials.jsonl").read_text()

    checked = verify("certificate", out / "certificate.json", "--bundle", bundle)

    assert checked.returncode == code, checked.stderr
    assert "variants were drawn again alike" in checked.stdout


def test_a_judge_is_asked_at_its_address(tmp_path: Path) -> None:
    path = tmp_path / "judged.zip"
    write_bundle(judged_bundle(), path)
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY) as after,
        endpoint(canary="") as judge,
    ):
        judging(judge, lambda prompt: "yes" if CANARY.upper() in prompt else "no")
        options = ("--allow-private", "--judge", judge.url, "--judge-secret-env", "JUDGE_KEY")
        known = ("--target", after.url, "--model", "acme-2", "--unpatched", before.url)
        result = verify("run", path, *known, *options, JUDGE_KEY="sk-judge")
        lacking = verify("run", path, *known, "--allow-private")

    assert result.returncode == 0, result.stderr
    assert {headers["Authorization"] for headers in judge.headers} == {"Bearer sk-judge"}
    assert lacking.returncode == 4
    assert "judge" in lacking.stderr


def test_a_run_speaks_json(bundle: Path) -> None:
    with endpoint(canary=CANARY) as before, endpoint(canary=CANARY) as after:
        result = verify(
            "run", bundle, "--target", after.url, "--model", "m", "--unpatched", before.url, "--allow-private", "--json"
        )

    assert result.returncode == 3, result.stderr
    facts = json.loads(result.stdout)
    assert facts["verdict"] == "HARNESS_INVALID"
    assert facts["excluded"] == ["plain", "base64", "leet"]
    assert facts["exit_code"] == 3


def test_calls_and_tolerance_can_be_set_at_the_prompt(bundle: Path) -> None:
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        options = ("--allow-private", "--max-calls", 20, "--tolerance", 0.1)
        result = verify("run", bundle, "--target", after.url, "--model", "m", "--unpatched", before.url, *options)

    assert result.returncode == 2, result.stderr
    assert "INCONCLUSIVE" in result.stdout
    assert len(before.asked) + len(after.asked) == 20


def test_a_private_target_is_refused_unless_granted(bundle: Path) -> None:
    with endpoint(canary=CANARY) as server:
        result = verify("run", bundle, "--target", server.url, "--model", "m")

    assert result.returncode == 2
    assert "the campaign was halted: the target's address is private" in result.stdout
    assert server.asked == []


def test_a_missing_secret_is_named_and_nothing_is_asked(bundle: Path) -> None:
    result = verify("run", bundle, "--target", "https://x.example/v1", "--model", "m", "--secret-env", "NO_SUCH_KEY")

    assert result.returncode == 4
    assert "NO_SUCH_KEY is not set" in result.stderr


def test_a_dead_target_is_an_error_with_a_hint(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with endpoint(canary=CANARY, manner="500") as server:
        result = verify(
            "run", bundle, "--target", server.url, "--model", "m", "--allow-private", "--out", out, "--json"
        )

    assert result.returncode == 4
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "target"
    assert error["message"] == "the target answered with status 500"
    assert len((out / "trials.jsonl").read_bytes().splitlines()) == 5
    assert not (out / "certificate.json").exists()


@pytest.mark.parametrize(("times", "code", "word"), [(1, 2, "INCONCLUSIVE"), (2, 4, "the run was broken off")])
def test_an_interrupted_run_keeps_what_it_has(bundle: Path, tmp_path: Path, times: int, code: int, word: str) -> None:
    out = tmp_path / "out"
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY, manner="hang") as after:
        command = ("verify", "run", bundle, "--target", after.url, "--model", "m", "--unpatched", before.url)
        command += ("--allow-private", "--out", out)
        with subprocess.Popen(
            [sys.executable, "-m", "safeconduct", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for number in range(times):
                wait_for(lambda: bool(after.asked))
                process.send_signal(signal.SIGINT)
                time.sleep(0.5 * (number + 1))
            after.closing.set()
            said, _ = process.communicate(timeout=60)

    assert process.returncode == code, said
    assert word in said
    assert len((out / "trials.jsonl").read_bytes().splitlines()) >= 9
    assert (out / "certificate.json").exists() is (times == 1)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it is so, at most a minute."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen")


def test_trials_are_never_written_over(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").write_text("mine")

    result = verify("run", bundle, "--target", "https://x.example/v1", "--model", "m", "--out", tmp_path)

    assert result.returncode == 4
    assert (tmp_path / "trials.jsonl").read_text() == "mine"


def test_an_altered_certificate_does_not_hold(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with endpoint(canary=CANARY) as server:
        verify("run", bundle, "--target", server.url, "--model", "m", "--allow-private", "--out", out)
    path = out / "certificate.json"
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"A', 1))

    assert verify("certificate", path).returncode == 4
