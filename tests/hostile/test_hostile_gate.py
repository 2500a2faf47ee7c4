# SPDX-License-Identifier: Apache-2.0
"""Bundles from enemies at the gate: each ends as "bundle not usable" in our words, asks nobody, and keeps nobody waiting."""

import io
import json
import stat
import zipfile
from datetime import datetime
from typing import Any

import pytest
from tests.factories import authorizations as targets
from tests.factories import intake as reports
from tests.factories import records
from tests.factories.spine import ATTACK, CANARY, report_with_bundle
from tests.verification.bundles import leak_bundle
from tests.verification.endpoint import endpoint

from safeconduct.domain.bundle import Oracle, Pattern
from safeconduct.domain.evidence import TrialSummary
from safeconduct.domain.report import Evidence
from safeconduct.server.triage import queries, tasks
from safeconduct.server.triage.models import GateRun, GateState
from safeconduct.verification.bundle import bundle_files, zip_bundle
from safeconduct.verification.bundle.store import manifest_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
FILES = dict(bundle_files(leak_bundle()).files)
ESCAPE = "\x1b]0;owned\x07<script>alert(1)</script>"


def packed(*members: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members:
            archive.writestr(member, data, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def with_document(name: str, **changes: Any) -> bytes:
    files = FILES | {name: json.dumps(json.loads(FILES[name]) | changes).encode()}
    return packed(*(files | {"MANIFEST": manifest_of(files)}).items())


def linked() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("bundle.json")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def reddening() -> bytes:
    """Return a bundle whose pattern takes exponential time in a backtracking engine."""
    return zip_bundle(leak_bundle(oracle=Oracle(checks=(Pattern(pattern=r"(a+)+$|(x*)*y"),))))


HOSTILE = {
    "no zip": b"this is not a zip",
    "only the magic": b"PK\x03\x04" + b"\0" * 40,
    "a zip without members": packed(),
    "cut in the middle": packed(*FILES.items())[:-100],
    "a bomb": packed(("bundle.json", b"0" * (7 << 20))),
    "many bombs": packed(*((name, b" " * (7 << 20)) for name in FILES)),
    "a path upward": packed(*FILES.items(), ("../../keys/log", b"x")),
    "an absolute path": packed(("/etc/passwd", b"x")),
    "a folder": packed(("a/bundle.json", b"{}")),
    "a link": packed((linked(), b"/etc/passwd")),
    "a name with escapes": packed((ESCAPE, b"x")),
    "a manifest that lies": packed(*(FILES | {"bundle.json": b"{}"}).items()),
    "files that are missing": packed(("MANIFEST", FILES["MANIFEST"])),
    "a tower of brackets": packed(*(FILES | {"attack.json": b"[" * 100_000}).items()),
    "another version": with_document("bundle.json", schema_version="safeconduct-bundle/99"),
    "no families": with_document("attack.json", families=[]),
    "an unknown mutator": with_document(
        "attack.json", families=[{"name": ESCAPE, "chains": [[{"name": "exec", "params": {}}]]}]
    ),
    "a pattern that is none": with_document("oracle.json", checks=[{"kind": "regex", "pattern": "(" * 500}]),
    "the address of a cloud's metadata": with_document("target.json", url="http://169.254.169.254/v1"),
    "a criterion that contradicts itself": with_document("criterion.json", tolerance=2.0),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_not_usable_and_asks_nobody(now: datetime, name: str) -> None:
    report_with_bundle(now, HOSTILE[name])

    with endpoint(canary=CANARY, rate=1.0, only_for=ATTACK) as server:
        targets.granted(now, url=server.url, allow_private=True)
        tasks.run_gate(now)
        assert server.asked == []

    run = GateRun.objects.get()
    reason = queries.detail_of(run)["reason"]
    assert run.state == GateState.INVALID, reason
    assert reason.isprintable()
    assert "Traceback" not in reason
    assert queries.to_gate(now, 20) == []


def test_a_hostile_bundle_is_told_without_a_target_too(now: datetime) -> None:
    report_with_bundle(now, b"this is not a zip")

    tasks.run_gate(now)

    assert GateRun.objects.get().state == GateState.INVALID


def test_a_hostile_bundle_does_not_keep_the_next_one_waiting(now: datetime) -> None:
    bad = [report_with_bundle(now, content).row for content in (b"no zip", HOSTILE["a bomb"])]
    good = report_with_bundle(now).row

    with endpoint(canary=CANARY, rate=1.0, only_for=ATTACK) as server:
        targets.granted(now, url=server.url, allow_private=True)
        tasks.run_gate(now)

    assert [queries.last_run(row).state for row in (*bad, good)] == ["invalid", "invalid", "reproduced"]


def test_a_pattern_bomb_takes_linear_time(now: datetime) -> None:
    row = report_with_bundle(now, reddening()).row

    with endpoint(canary="a" * 5000 + "!", rate=1.0, only_for=ATTACK) as server:
        targets.granted(now, url=server.url, allow_private=True, caps={"calls": 500})
        tasks.run_gate(now)

    assert queries.last_run(row).state in {GateState.NOT_REPRODUCED, GateState.REPRODUCED, GateState.INVALID}


def test_the_address_in_a_bundle_is_never_used(now: datetime) -> None:
    report_with_bundle(now, with_document("target.json", url="https://elsewhere.example/v1", secret_name="../log"))

    with endpoint(canary=CANARY, rate=1.0, only_for=ATTACK) as server:
        targets.granted(now, url=server.url, allow_private=True)
        tasks.run_gate(now)
        assert server.asked


def test_names_of_a_hostile_bundle_stand_nowhere_in_clear(now: datetime) -> None:
    attack = json.loads(FILES["attack.json"])
    attack["families"][0]["name"] = "xylophone-family"
    report_with_bundle(now, with_document("attack.json", families=attack["families"]))

    with endpoint(canary=CANARY, rate=1.0, only_for=ATTACK) as server:
        targets.granted(now, url=server.url, allow_private=True)
        tasks.run_gate(now)

    run = GateRun.objects.get()
    assert "xylophone-family" in queries.detail_of(run)["families"]
    assert not any(b"xylophone" in bytes(value) for value in (run.detail,))
    assert "xylophone" not in str(GateRun.objects.values())


def test_counts_that_no_sample_has_do_not_stop_the_rules(now: datetime) -> None:
    # The doors refuse such a report; one that came in all the same must not keep the others waiting.
    bad = records.report(evidence=Evidence(trials=(TrialSummary(n=3, hits=9),)))
    reports.received(now, told=bad)
    good = reports.received(now).row

    assert tasks.assess(now) == 1

    assert queries.assessment_of(good) is not None
