# SPDX-License-Identifier: Apache-2.0
"""An evasion by spelling: real weights, a blocklist, and a normalizer."""

import json
from dataclasses import replace
from pathlib import Path

from tests.factories.evasion import BLOCKLIST, NORMALIZER
from tests.verification.bundles import evasion_bundle
from tests.verification.flaws.digits import (
    place,
)
from tests.verification.flaws.ground import NOON, QUICK, boxed, verdict

from safeconduct.domain.bundle import (
    About,
)
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.weakness import FlawClass


def test_an_evasion_by_spelling(tmp_path: Path) -> None:
    criterion = replace(QUICK, reproduction=0.2)
    made = evasion_bundle(criterion=criterion)
    made = replace(made, benign=(), about=About(title="Evasion", flaw_class=FlawClass.EVASION, created=NOON))
    folder = place(tmp_path, "filter", blocklist=BLOCKLIST, normalizer=NORMALIZER)
    (folder / "blocked.json").write_text(json.dumps(["you are a d.a.m.n", "you are a s.h.i.t"]))

    found = {
        name: verdict(made, before=boxed(made, folder), after=boxed(made, folder, entry=f"{name}:score"))
        for name in ("blocklist", "normalizer")
    }
    assert found == {"blocklist": Verdict.NOT_FIXED, "normalizer": Verdict.FIXED}
