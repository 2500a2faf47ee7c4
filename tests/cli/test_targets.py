# SPDX-License-Identifier: Apache-2.0
"""`safeconduct target …`, as it is typed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.cli import main
from safeconduct.server.authorizations.models import Target

Run = Callable[..., tuple[int, str, str]]
GRANT = ("grant", "--label", "The assistant", "--model", "acme-1", "--url", "https://models.example/v1")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    mask = os.umask(0o022)

    def ran(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["safeconduct", "target", *words])
        with pytest.raises(SystemExit) as stopped:
            main.run()
        told = capsys.readouterr()
        return int(stopped.value.code or 0), told.out, told.err

    yield ran
    os.umask(mask)


def answer(done: tuple[int, str, str]) -> dict[str, Any]:
    assert done[0] == 0, done[2]
    found: dict[str, Any] = json.loads(done[1])
    return found


def test_a_target_is_granted_listed_suspended_resumed_and_revoked(run: Run) -> None:
    made = answer(
        run(*GRANT, "--calls", "50", "--from", "2026-12-01T00:00Z", "--until", "2026-12-31T00:00+01:00", "--json")
    )
    assert (made["state"], made["max_calls"]) == ("granted", 50)
    assert made["ends_at"] == "2026-12-30T23:00:00+00:00"

    listed = answer(run("list", "--json"))["targets"]
    assert [target["target_id"] for target in listed] == [made["target_id"]]

    for act, state in (("suspend", "suspended"), ("resume", "granted"), ("revoke", "revoked")):
        moved = answer(run(act, made["target_id"], "--reason", f"because {act}", "--json"))
        assert (moved["state"], moved["reason"]) == (state, f"because {act}")
    assert "revoked" in run("list")[1]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*GRANT, "--calls", "0"), "malformed"),
        ((*GRANT, "--call-seconds", "nan"), "malformed"),
        ((*GRANT[:-1], "https://user:hunter2@host/v1"), "malformed"),
        ((*GRANT[:-1], "http://169.254.169.254/"), "malformed"),
        ((*GRANT, "--from", "2026-12-02T00:00Z", "--until", "2026-12-01T00:00Z"), "malformed"),
        ((*GRANT, "--from", "yesterday"), "malformed"),
        ((*GRANT, "--secret-name", "NOT_THERE"), "unknown_value"),
        ((*GRANT[:3], "--model", "x"), "incomplete"),
        (("suspend", "tgt_none", "--reason", "x"), "not_found"),
        (("revoke", "../../etc", "--reason", "x"), "not_found"),
    ],
)
def test_what_cannot_be_meant_ends_with_our_error_and_exit_code_4(run: Run, words: tuple[str, ...], code: str) -> None:
    status, out, err = run(*words, "--json")

    assert status == 4
    assert json.loads(err)["error"]["code"] == code
    assert "hunter2" not in out + err


def test_a_home_that_was_never_served_is_told_and_not_a_traceback(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAFECONDUCT_", "DJANGO_"))}

    done = subprocess.run(
        [sys.executable, "-m", "safeconduct", "target", "list"],
        env=kept | {"SAFECONDUCT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error [unavailable]: the database was not prepared")


def test_hours_of_the_week_and_a_cap_on_money_are_granted(run: Run) -> None:
    made = answer(
        run(*GRANT, "--hours", "mon-fri 09:00-17:00 UTC", "--price", "EUR 0.01", "--spending", "20", "--json")
    )

    target = Target.objects.get(pk=made["target_id"])
    assert (target.days, target.zone, target.currency, target.max_spending) == ("01234", "UTC", "EUR", 20)
    assert run(*GRANT, "--spending", "20")[0] == 4
