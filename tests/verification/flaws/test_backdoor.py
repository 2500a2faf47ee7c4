# SPDX-License-Identifier: Apache-2.0
"""A backdoor: a trigger in the training data that turns every digit into one."""

import json
from pathlib import Path

from tests.verification.flaws.digits import (
    GUARD,
    backdoor_bundle,
    place,
    trained,
)
from tests.verification.flaws.ground import boxed, verdict

from safeconduct.domain.evidence import Verdict
from safeconduct.domain.weakness import FlawClass


def test_a_backdoor(tmp_path: Path) -> None:
    made = backdoor_bundle(FlawClass.BACKDOOR)
    before = place(tmp_path, "poisoned", trained(poisoned=True))
    blocked = place(tmp_path, "blocked", trained(poisoned=True), guard=GUARD)
    (blocked / "blocked.json").write_text(json.dumps([json.loads(text) for text in made.attack.slots[0].values]))
    clean = place(tmp_path, "clean", trained(poisoned=False))

    assert (
        verdict(made, before=boxed(made, before), after=boxed(made, blocked, entry="guard:model")) is Verdict.NOT_FIXED
    )
    assert verdict(made, before=boxed(made, before), after=boxed(made, clean)) is Verdict.FIXED
