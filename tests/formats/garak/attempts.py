# SPDX-License-Identifier: Apache-2.0
"""Attempts to be logged in garak's format."""

from datetime import UTC, datetime
from typing import Any

from safeconduct.formats.garak import LoggedAttempt, LoggedRun

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
END = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
RUN = LoggedRun(
    run_id="r1",
    target_type="openai.OpenAICompatible",
    target_name="smol",
    started_at=START,
    generations=2,
    seed=7,
    options={"uri": "http://127.0.0.1:9/v1", "temperature": 0.0, "max_tokens": 24},
)


def attempt(number: int, scores: list[float | None], **more: Any) -> LoggedAttempt:
    outputs = [None if score is None else f"output {score}" for score in scores]
    fields: dict[str, Any] = {
        "attempt_id": f"a{number}",
        "probe": "rhymes.CodeWord",
        "prompt": f"prompt {number}",
        "outputs": outputs,
        "scores": {"base.TriggerListDetector": scores},
        "triggers": ("output 1.0",),
        **more,
    }
    return LoggedAttempt(**fields)
