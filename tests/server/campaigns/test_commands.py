# SPDX-License-Identifier: Apache-2.0
"""`safeconduct campaign …`, `watch …` and `suite …`, as they are typed."""

import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from tests.factories import spine
from tests.verification.bundles import leak_bundle
from tests.verification.endpoint import Endpoint

from safeconduct.cli import main
from safeconduct.domain.bundle import Oracle
from safeconduct.domain.script import CodeCheck, CodeFile
from safeconduct.server.authorizations.models import Target
from safeconduct.server.campaigns import suites, tasks
from safeconduct.server.campaigns.models import Campaign, FixClaim, Watch
from safeconduct.server.cases.models import Case
from safeconduct.verification.bundle import zip_bundle

Run = Callable[..., tuple[int, str, str]]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    mask = os.umask(0o022)

    def ran(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["safeconduct", *words])
        with pytest.raises(SystemExit) as stopped:
            main.run()
        told = capsys.readouterr()
        return int(stopped.value.code or 0), told.out, told.err

    yield ran
    os.umask(mask)


def answer(done: tuple[int, str, str], *, code: int = 0) -> dict[str, Any]:
    assert done[0] == code, done
    found: dict[str, Any] = json.loads(done[1])
    return found


def test_a_campaign_is_priced_started_paused_resumed_and_told(
    run: Run, claim: FixClaim, unpatched: Target, fixed: Target
) -> None:
    targets = (str(claim.pk), "--unpatched", unpatched.pk, "--patched", fixed.pk)

    priced = answer(run("campaign", "estimate", *targets, "--max-calls", "500", "--tolerance", "0.1", "--json"))
    assert priced["calls_at_most"] == 500
    assert [row["calls"] > 0 for row in priced["expected"]] == [True] * 3
    assert "at most" in run("campaign", "estimate", *targets)[1]
    made = answer(run("campaign", "start", *targets, "--alpha", "0.05", "--json"))
    assert answer(run("campaign", "pause", made["campaign_id"], "--json"))["state"] == "paused"
    assert answer(run("campaign", "resume", made["campaign_id"], "--json"))["state"] == "queued"
    tasks.run(timezone.now())

    shown = answer(run("campaign", "show", made["campaign_id"], "--json"))
    assert (shown["verdict"], shown["waits_for_a_person"]) == ("FIXED", False)
    assert shown["statement"].startswith("Fixed: ")
    assert shown["would_change"]
    assert sum(cost["calls"] for cost in shown["cost"]) > 50
    listed = answer(run("campaign", "list", claim.case_id, "--json"))
    assert listed["claims"][0]["campaigns"][0]["verdict"] == "FIXED"
    assert "FIXED" in run("campaign", "list", claim.case_id)[1]
    assert answer(run("campaign", "answers", made["campaign_id"], "--json"))["answers"] == []
    assert run("campaign", "rule", made["campaign_id"], "1", "--ruling", "perhaps")[0] == 2
    assert run("campaign", "rule", made["campaign_id"], "1", "--ruling", "hit", "--json")[0] == 4
    assert run("campaign", "cancel", made["campaign_id"], "--json")[0] == 4


def test_a_round_is_started_over_the_systems_of_vendors(run: Run, claim: FixClaim, unpatched: Target) -> None:
    made = answer(run("campaign", "round", claim.case_id, "--on", f"{unpatched.pk}={claim.participant_id}", "--json"))

    assert [probe["vendor"] for probe in made["probes"]] == ["Orchid Bank"]
    assert run("campaign", "round", claim.case_id, "--on", f"{unpatched.pk}=ptc_missing")[0] == 4


def test_a_watch_is_listed_paused_run_and_stopped(run: Run, verified: Campaign, sound: Endpoint) -> None:
    watch = Watch.objects.get(campaign=verified)

    assert answer(run("watch", "list", "--json"))["watches"][0]["watch_id"] == watch.pk
    assert answer(run("watch", "run", "--json"))["watches"] == []
    assert (
        answer(run("watch", "pause", watch.pk, "--reason", "A release.", "--json"))["watches"][0]["state"] == "paused"
    )
    assert run("watch", "run", watch.pk, "--json")[0] == 4
    assert answer(run("watch", "resume", watch.pk, "--json"))["watches"][0]["state"] == "active"
    looked = answer(run("watch", "run", watch.pk, "--json"))["watches"][0]
    assert (looked["turns"], looked["calls"], looked["hits"]) == (1, 20, 0)
    assert (
        answer(run("watch", "stop", watch.pk, "--reason", "Retired.", "--json"))["watches"][0]["reason"] == "Retired."
    )
    begun = answer(run("watch", "start", verified.pk, "--every-days", "1", "--draws", "40", "--json"))["watches"][0]
    assert (begun["watch_id"], begun["draws"]) == (watch.pk, 40)

    sound.rate = 0.9
    back = answer(run("watch", "run", "--json"), code=1)["watches"][0]
    assert back["state"] == "regressed"
    assert back["report_id"].startswith("rep_")
    assert run("watch", "list")[0] == 1


def test_a_suite_is_listed_kept_out_and_tried(run: Run, claim: FixClaim, leaking: Endpoint, unpatched: Target) -> None:
    Case.objects.filter(pk=claim.case_id).update(closed_at=timezone.now())
    suites.join(timezone.now())

    assert [flaw["kept_out"] for flaw in answer(run("suite", "list", "--json"))["flaws"]] == [False]
    assert answer(run("suite", "exclude", claim.case_id, "--reason", "Retired.", "--json"))["kept_out"] is True
    assert run("suite", "check", unpatched.pk, "--json")[0] == 4
    assert answer(run("suite", "include", claim.case_id, "--json"))["kept_out"] is False
    made = answer(run("suite", "check", unpatched.pk, "--json"))
    assert made["family"] == "orchid-assistant"
    tasks.probe(timezone.now())

    shown = answer(run("suite", "show", made["check_id"], "--json"), code=1)
    assert (shown["reproduced"], shown["is_over"]) == (1, True)
    assert "1 reproduce" in run("suite", "list")[1]


def test_the_disclosed_part_of_a_bundle_is_written(run: Run, claim: FixClaim, tmp_path: Path) -> None:
    out = tmp_path / "handout.zip"

    made = answer(run("campaign", "handout", claim.case_id, "--to", "promptfoo", "--out", str(out), "--json"))

    assert made["form"] == "promptfoo"
    assert "terms.json" in zipfile.ZipFile(out).namelist()
    assert run("campaign", "handout", claim.case_id, "--to", "word", "--out", str(out))[0] == 4
    assert run("campaign", "handout", claim.case_id, "--for-training", "--out", str(out))[0] == 4


def test_code_of_a_bundle_is_listed_and_approved_by_its_digest(
    run: Run, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    code = CodeFile(name="judge.py", text="def judge(reply):\n    return 'miss'\n")
    made = leak_bundle(oracle=Oracle(checks=(CodeCheck(file=code.name),)), code=(code,))
    monkeypatch.setattr(spine, "bundle_bytes", lambda: zip_bundle(made))
    claim, *targets = (request.getfixturevalue(name) for name in ("claim", "unpatched", "fixed"))
    words = (str(claim.pk), "--unpatched", targets[0].pk, "--patched", targets[1].pk, "--json")

    listed = answer(run("campaign", "estimate", *words))["code"]

    assert listed == [{"name": "judge.py", "bytes": code.size, "sha256": code.sha256}]
    assert run("campaign", "start", *words)[0] == 4
    started = answer(run("campaign", "start", *words, "--approve-code", code.sha256))
    assert started["approval"]["sha256"] == [code.sha256]
