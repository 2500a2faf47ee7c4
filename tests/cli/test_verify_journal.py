# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify` paused, killed and resumed, priced and merged, as a program against a real endpoint."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.verification.bundles import CANARY, leak_bundle
from tests.verification.endpoint import Endpoint, endpoint

from safeconduct.domain.evidence import Criterion
from safeconduct.verification.bundle import write_bundle


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "safeconduct", "verify", *map(str, arguments)]


def verify(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=120)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it is so, at most a minute."""
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Return a bundle whose campaign takes some two hundred calls."""
    path = tmp_path / "long.zip"
    write_bundle(leak_bundle(benign=()), path)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle whose campaign takes some fifty calls."""
    path = tmp_path / "leak.zip"
    criterion = Criterion(tolerance=0.2, design=0.04, reproduction=0.2, max_calls=900)
    write_bundle(leak_bundle(benign=(), criterion=criterion), path)
    return path


def order(bundle: Path, before: Endpoint, after: Endpoint, *more: object) -> tuple[object, ...]:
    named = ("--target", after.url, "--model", "acme-2", "--unpatched", before.url, "--allow-private")
    return ("run", bundle, *named, *more)


def asked(*servers: Endpoint) -> int:
    return sum(len(server.asked) for server in servers)


def prompts(*servers: Endpoint) -> list[str]:
    return [json.dumps(one["messages"]) for server in servers for one in server.asked]


@pytest.mark.parametrize("width", [1, 4])
def test_a_killed_run_goes_on_without_repeating_a_paid_call(long: Path, tmp_path: Path, width: int) -> None:
    journal, out = tmp_path / "journal.jsonl", tmp_path / "out"
    kills = 0
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        arguments = order(long, before, after, "--width", width, "--journal", journal, "--out", out)
        for most in (3, 12, 60):
            first = arguments if kills == 0 else ("resume", journal, "--out", out)
            with subprocess.Popen(command(*first), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                wait_for(lambda most=most: asked(before, after) >= most)
                process.send_signal(signal.SIGKILL)
            kills += 1
            assert process.returncode == -signal.SIGKILL
            assert not (out / "certificate.json").exists()
        last = verify("resume", journal, "--out", out, "--json")
        total = asked(before, after)

    assert last.returncode == 0, last.stderr
    facts = json.loads(last.stdout)
    trials = [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()]
    lost = [one for one in trials if one["detail"] == "the run ended before the answer was written down"]
    # At most the calls in flight were lost at each kill, and every call of the journal was made once at most.
    assert len(lost) <= kills * width
    assert all(one["outcome"] == "error" for one in lost)
    assert len(trials) - len(lost) <= total <= len(trials) + facts["abandoned"] + kills * width
    assert facts["calls"] == len(trials)
    checked = verify("certificate", out / "certificate.json", "--bundle", long)
    assert "variants were drawn again alike" in checked.stdout, checked.stderr


def test_ctrl_c_pauses_and_resume_comes_to_the_verdict(bundle: Path, tmp_path: Path) -> None:
    journal, out = tmp_path / "journal.jsonl", tmp_path / "out"
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        arguments = order(bundle, before, after, "--journal", journal, "--out", out, "--seed", "7")
        with subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            wait_for(lambda: len(after.asked) >= 5)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=60)
        paused = asked(before, after)
        again = verify("resume", journal, "--out", out)
        total = asked(before, after)
        whole = verify(*order(bundle, before, after, "--seed", "7"))

    assert process.returncode == 2, said
    assert f"Paused after {paused} calls" in said
    assert f"safeconduct verify resume {journal}" in said
    assert again.returncode == whole.returncode == 0, again.stderr
    assert total == len((out / "trials.jsonl").read_text().splitlines())
    assert again.stdout.split("What it came to")[0] == whole.stdout.split("What it came to")[0]


def test_a_journal_is_not_begun_twice_and_not_of_another_bundle(bundle: Path, tmp_path: Path) -> None:
    journal, other = tmp_path / "journal.jsonl", tmp_path / "other.zip"
    write_bundle(leak_bundle(), other)
    with endpoint(canary=CANARY) as server:
        arguments = order(bundle, server, server, "--journal", journal, "--max-calls", 5)
        verify(*arguments)
        twice = verify(*arguments)
        wrong = verify("resume", journal, "--bundle", other)
        count = asked(server)
        nothing = verify("resume", bundle)

    assert (twice.returncode, wrong.returncode, nothing.returncode) == (4, 4, 4)
    assert "is there already" in twice.stderr
    assert "not those that were frozen" in wrong.stderr
    assert nothing.stderr.startswith("error [malformed]")
    assert count == 5


def test_terms_edited_in_the_journal_are_refused(bundle: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with endpoint(canary=CANARY) as server:
        verify(*order(bundle, server, server, "--journal", journal, "--max-calls", 5))
        journal.write_text(journal.read_text().replace('"alpha":0.05', '"alpha":0.5', 1))
        result = verify("resume", journal)

    assert result.returncode == 4
    assert "not those that were frozen" in result.stderr


def test_a_run_tells_before_and_after_what_it_costs(bundle: Path, tmp_path: Path) -> None:
    with endpoint(canary=CANARY) as before, endpoint(canary=CANARY) as after:
        price = ("--price", "EUR:0.5:1:2", "--unpatched-price", "USD:1:0:0")
        result = verify(*order(bundle, before, after, *price, "--json", "--max-calls", 10))
        shown = verify(*order(bundle, before, after, "--max-calls", 10, "--progress"))
    known = verify("cost", bundle, "--price", "EUR:0.5:0:0")
    wrong = verify("cost", bundle, "--price", "5")

    facts = json.loads(result.stdout)
    assert [one["rate"] for one in facts["estimate"]] == [0.0, 0.04, 0.6]
    assert facts["cost"]["total"]["calls"] == 10
    assert facts["cost"]["total"]["price"] == {"USD": "10"}
    assert "Commitment to the draws" in shown.stderr
    assert "━" in shown.stderr
    assert "in  0 % of tries: about" in known.stdout
    assert wrong.returncode == 4
    assert "a price has four parts" in wrong.stderr


def test_a_suite_that_finds_an_earlier_flaw_keeps_a_fix_from_being_called_one(bundle: Path, tmp_path: Path) -> None:
    folder, result = tmp_path / "earlier", tmp_path / "suite.json"
    folder.mkdir()
    write_bundle(leak_bundle(), folder / "old")
    with (
        endpoint(canary=CANARY, rate=1.0) as before,
        endpoint(canary=CANARY) as after,
        # A flaw that harmless prompts have as well would be none.
        endpoint(canary=CANARY, rate=1.0, only_for="secret|instructions|above|hidden") as flawed,
    ):
        named = ("--model", "acme-2", "--family", "acme", "--allow-private")
        back = verify("suite", folder, "--target", flawed.url, *named, "--out", result)
        gone = verify("suite", folder, "--target", after.url, *named, "--calls", 5, "--json")
        run = verify(*order(bundle, before, after, "--suite", result, "--out", tmp_path / "out"))
    empty = verify("suite", tmp_path / "out", "--target", after.url, *named)
    checked = verify("certificate", tmp_path / "out" / "certificate.json", "--bundle", bundle, "--json")

    assert (back.returncode, gone.returncode, run.returncode, empty.returncode) == (1, 0, 2, 4), run.stderr
    assert "1 of 1 earlier flaws came back." in back.stdout
    assert json.loads(gone.stdout)["came_back"] == []
    assert "came back with this fix" in run.stdout
    assert checked.returncode == 2
    assert json.loads(checked.stdout)["suite"]["flaws"][0]["outcome"] == "reproduced"


def test_certificates_of_two_verifiers_are_merged_and_a_reused_seed_is_refused(bundle: Path, tmp_path: Path) -> None:
    one, two, same = (tmp_path / name / "certificate.json" for name in ("one", "two", "same"))
    with endpoint(canary=CANARY, rate=1.0) as before, endpoint(canary=CANARY) as after:
        for path, seed in ((one, "1"), (two, ""), (same, "1")):
            made = verify(*order(bundle, before, after, "--out", path.parent, "--seed", seed))
            assert made.returncode == 0, made.stderr
    merged = verify("merge", one, two, "--bundle", bundle, "--json")
    reused = verify("merge", one, same)
    earlier = verify("certificate", one, "--earlier", same)
    fine = verify("certificate", one, "--earlier", two)

    facts = json.loads(merged.stdout)
    assert (merged.returncode, facts["verdict"], len(facts["verifiers"])) == (0, "FIXED", 2)
    assert "2 verifiers tried the patched target" in facts["statement"]
    assert (reused.returncode, earlier.returncode, fine.returncode) == (4, 4, 0)
    assert "the seed of this campaign served another one" in reused.stderr
    assert "served another one" in earlier.stderr
    assert "What would change this:" in fine.stdout


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_an_engine_that_is_not_installed_is_named(bundle: Path) -> None:
    result = verify("run", bundle, "--target", "https://x.example/v1", "--model", "m", "--engine", "ray")

    assert result.returncode == 4
    assert "install safeconduct[ray]" in result.stderr
