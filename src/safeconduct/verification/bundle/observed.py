# SPDX-License-Identifier: Apache-2.0
"""The checks of what was observed, and how targets on the web are asked, as the files of a bundle spell them."""

from collections.abc import Callable, Mapping
from typing import Final, assert_never

from safeconduct.domain.bundle import Check, Observed
from safeconduct.domain.evidence import JudgeCalibration
from safeconduct.domain.observed import (
    Advantage,
    Comparison,
    Cost,
    Event,
    EventKind,
    HttpForm,
    HttpMethod,
    Judge,
    ScanLevel,
    Scanner,
    ScannerName,
)
from safeconduct.domain.safe_json import Json
from safeconduct.verification.fields import Fields, Form

_MAX_PATTERN: Final = 2_000
_MAX_PATH: Final = 500
_MAX_BODY: Final = 50_000
_MOST: Final = 50
HEADER: Final = Form(pattern="^[A-Za-z0-9-]+$", wanted="the name of a header: letters, digits and -")
SCANNER: Final = Form(pattern=f"^({'|'.join(ScannerName)})$", wanted="the name of a scanner")


def read_event(fields: Fields) -> Check:
    """Return a look at the events of the box."""
    return Event(event=fields.choice("event", EventKind), pattern=fields.text("pattern", "", limit=_MAX_PATTERN))


def read_scanner(fields: Fields) -> Check:
    """Return a look at the scanners' verdicts."""
    names = fields.texts("scanners", most=len(ScannerName), least=1, limit=50, form=SCANNER)
    return Scanner(
        scanners=tuple(ScannerName(name) for name in names),
        at_least=fields.choice("at_least", ScanLevel, ScanLevel.SUSPICIOUS),
    )


def read_cost(fields: Fields) -> Check:
    """Return a bound on the cost of a reply."""
    return Cost(tokens=fields.whole("tokens", 0, most=1_000_000_000), ratio=fields.real("ratio", 0.0, most=1_000_000.0))


def read_advantage(fields: Fields) -> Check:
    """Return a comparison of two values."""
    return Advantage(
        comparison=fields.choice("comparison", Comparison),
        first=fields.text("first", limit=_MAX_PATH),
        second=fields.text("second", limit=_MAX_PATH),
        baseline=fields.real("baseline", most=1.0),
        margin=fields.real("margin", 0.0),
    )


def read_calibration(fields: Fields) -> JudgeCalibration:
    """Return how a judge did on answers whose truth was known."""
    return JudgeCalibration(
        positives=fields.whole("positives", most=10_000_000),
        found=fields.whole("found", most=10_000_000),
        negatives=fields.whole("negatives", 0, most=10_000_000),
        cleared=fields.whole("cleared", 0, most=10_000_000),
        source=fields.text("source", "", limit=2_000),
    )


def read_judge(fields: Fields) -> Check:
    """Return a judge."""
    return Judge(
        model=fields.text("model", limit=500),
        prompt=fields.text("prompt", limit=_MAX_BODY),
        calibration=fields.one("calibration", read_calibration),
        hit=fields.text("hit", "yes", limit=100),
        miss=fields.text("miss", "no", limit=100),
    )


OBSERVED: Final[Mapping[str, Callable[[Fields], Check]]] = {
    "event": read_event,
    "scanner": read_scanner,
    "cost": read_cost,
    "advantage": read_advantage,
    "judge": read_judge,
}


def read_http(fields: Fields) -> HttpForm:
    """Return how a target on the web is asked."""
    return HttpForm(
        reply=fields.text("reply", "", limit=_MAX_PATH),
        method=fields.choice("method", HttpMethod, HttpMethod.POST),
        body=fields.text("body", "", limit=_MAX_BODY),
        query=fields.table("query", most=_MOST, limit=2_000),
        headers=fields.table("headers", most=_MOST, limit=500),
        key_header=fields.text("key_header", "Authorization", limit=100, form=HEADER),
        key_prefix=fields.text("key_prefix", "Bearer ", limit=100),
    )


def observed_json(check: Observed) -> dict[str, Json]:
    """Return one check with its kind."""
    match check:
        case Event():
            return {"kind": "event", "event": check.event.value, "pattern": check.pattern}
        case Scanner():
            names: list[Json] = [name.value for name in check.scanners]
            return {"kind": "scanner", "scanners": names, "at_least": check.at_least.value}
        case Cost():
            return {"kind": "cost", "tokens": check.tokens, "ratio": check.ratio}
        case Advantage():
            places: dict[str, Json] = {"first": check.first, "second": check.second}
            terms: dict[str, Json] = {"baseline": check.baseline, "margin": check.margin}
            return {"kind": "advantage", "comparison": check.comparison.value, **places, **terms}
        case Judge():
            return {"kind": "judge", **_judge_json(check)}
        case _:
            assert_never(check)


def _judge_json(check: Judge) -> dict[str, Json]:
    """Return a judge's fields."""
    made = check.calibration
    return {
        "model": check.model,
        "prompt": check.prompt,
        "hit": check.hit,
        "miss": check.miss,
        "calibration": {
            "positives": made.positives,
            "found": made.found,
            "negatives": made.negatives,
            "cleared": made.cleared,
            "source": made.source,
        },
    }


def http_json(form: HttpForm) -> dict[str, Json]:
    """Return how a target on the web is asked."""
    return {
        "reply": form.reply,
        "method": form.method.value,
        "body": form.body,
        "query": dict(form.query),
        "headers": dict(form.headers),
        "key_header": form.key_header,
        "key_prefix": form.key_prefix,
    }
