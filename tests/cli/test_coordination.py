# SPDX-License-Identifier: Apache-2.0
"""The rules of coordination at a prompt."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from safeconduct.cli.main import app

NOW = "2026-11-23T12:00:00Z"


@pytest.fixture
def ask(tmp_path: Path):
    """Return a function that runs a command on a document and returns exit code and answer."""

    def run(*command: str, document: Any = None, text: bool = False) -> tuple[int, Any]:
        arguments = list(command)
        if document is not None:
            file = tmp_path / "input.json"
            file.write_text(json.dumps(document), encoding="utf-8")
            arguments.append(str(file))
        result = CliRunner().invoke(app, [*arguments] if text else [*arguments, "--json"])
        return result.exit_code, result.stdout if text else json.loads(result.stdout)

    return run


def test_a_possible_history_is_told_with_its_merit(ask) -> None:
    code, found = ask("states", "check", "VFDPXA")

    assert code == 0
    assert found["outcome"] == "allowed"
    assert found["inputs"]["complete"] is True
    assert sum(found["desiderata"].values()) == 12
    assert ask("states", "check", "AXPVFD", text=True) == (0, "possible\nstate VFDPXA, 0 of 12 desiderata met\n")


def test_an_impossible_history_names_place_and_rule(ask) -> None:
    code, found = ask("states", "check", "FVDPXA")

    assert code == 1
    assert found["rules"] == ["history.order"]
    assert found["desiderata"] == {}
    assert ask("states", "check", "FVDPXA", text=True)[1].startswith("impossible\nfact 1 (F):")


@pytest.mark.parametrize("what", ["report", "embargo", "consent", "case"])
def test_each_table_is_drawn(ask, what: str) -> None:
    code, found = ask("states", "diagram", what)

    assert code == 0
    assert found["mermaid"].startswith("stateDiagram-v2")
    assert ask("states", "diagram", what, text=True)[1] == found["mermaid"]


EMBARGO = {
    "as_of": NOW,
    "tier": "critical",
    "proposals": [{"by": "reporter", "length": "P90D"}],
    "defaults": [{"by": "vendor", "id": "policy", "ends_at": "2027-01-07T12:00:00Z"}],
}


def test_the_shortest_terms_win(ask) -> None:
    code, found = ask("embargo", "resolve", document=EMBARGO)

    assert code == 0
    assert found["as_of"] == NOW
    assert found["outcome"]["state"] == "R"
    assert found["outcome"]["active"] == {"id": "policy", "by": "vendor", "ends_at": "2027-01-07T12:00:00Z"}
    assert found["outcome"]["pending"][0]["ends_at"] == "2027-02-06T12:00:00Z"
    assert found["rules"] == ["embargo.cap", "embargo.shortest", "embargo.revisions"]


def test_answers_settle_the_revision(ask) -> None:
    said = [{"terms": "proposal-1", "by": "vendor", "answer": "accept"}]

    code, found = ask("embargo", "resolve", document={**EMBARGO, "parties": ["reporter", "vendor"], "votes": said})

    assert code == 0
    assert found["outcome"]["state"] == "A"
    assert found["outcome"]["active"]["id"] == "proposal-1"
    assert found["rules"][-1] == "embargo.accepted"


def test_without_an_active_embargo_the_answer_is_no(ask) -> None:
    assert ask("embargo", "resolve", document={})[0] == 1
    code, text = ask(
        "embargo", "resolve", "--as-of", NOW, document={"proposals": [{"by": "reporter", "length": "P45D"}]}, text=True
    )
    assert code == 1
    assert text == (
        "an embargo is proposed\n"
        "because: nobody who receives has a default: the terms are proposed and should be accepted\n"
        "on the table: 2027-01-07 12:00 UTC by reporter\n"
    )


FACTS = {
    "received_at": "2026-11-23T10:00:00Z",
    "acknowledged_at": "2026-11-23T12:00:00Z",
    "assessed_at": "2026-11-24T10:00:00Z",
    "vendor_notified_at": "2026-11-24T11:00:00+01:00",
    "tier": "high",
    "systemic": False,
    "exploitation": None,
    "zone": "Europe/Berlin",
    "holidays": ["2026-12-25"],
    "extensions": [
        {
            "kind": "publish",
            "length": "P7D",
            "reason": "active_progress",
            "granted_at": "2026-11-25T10:00:00Z",
            "evidence": "a candidate",
        }
    ],
    "pauses": [
        {
            "reason": "awaiting_reporter_info",
            "started_at": "2026-11-26T10:00:00Z",
            "until": "2026-11-27T10:00:00Z",
        }
    ],
}


def test_the_deadlines_of_a_case_are_told_with_rules_and_grounds(ask) -> None:
    code, found = ask("deadlines", "--as-of", "2026-11-28T10:00:00Z", document=FACTS)

    due = {one["kind"]: one["due"] for one in found["deadlines"]}
    assert code == 0
    assert found["policy"] == "deadlines.balanced-0.1"
    assert due["mitigate"] == "2026-12-25T10:00:00Z"
    # 90 days, 7 more, 1 paused: Tuesday 2 March 2027
    assert due["publish"] == "2027-03-02T10:00:00Z"
    assert found["next_check"] == "2026-12-01T12:00:00Z"


def test_a_missed_deadline_makes_the_answer_no(ask) -> None:
    code, text = ask("deadlines", "--as-of", "2026-12-02T10:00:00Z", document=FACTS, text=True)

    assert code == 1
    assert (
        "tell the reporter the status by Tue 2026-12-01 13:00 CET (2026-12-01 12:00 UTC), 22 hours ago: missed" in text
    )
    assert "    30 days after the notification of the vendor on 2026-11-24 10:00 UTC" in text


def test_before_the_receipt_nothing_is_due(ask) -> None:
    code, found = ask("deadlines", "--as-of", "2026-11-01T00:00:00Z", document=FACTS)

    assert (code, found["deadlines"], found["next_check"]) == (0, [], None)


def test_without_an_instant_now_counts(ask) -> None:
    code, found = ask("deadlines", document={"received_at": "2026-01-05T10:00:00Z"})

    assert code == 1
    assert found["as_of"] > "2026-01-05"
