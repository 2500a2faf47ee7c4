# SPDX-License-Identifier: Apache-2.0
"""What the tests of classifiers share: images of digits, a trigger, folders of vendors."""

import json
from pathlib import Path
from typing import Any

import joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from tests.verification.flaws.ground import bundle, script

from safeconduct.domain.bundle import (
    Adapter,
    Bundle,
    Check,
    JsonPath,
    Slot,
    TargetSpec,
)
from safeconduct.domain.observed import InputForm
from safeconduct.domain.weakness import FlawClass

ESTIMATOR = TargetSpec(adapter=Adapter.SKLEARN, model="digits", entry="file:model.joblib", form=InputForm.JSON)


IMAGES, DIGITS = load_digits(return_X_y=True)


SHOWN = range(1000, 1300)


LIKE_SEVEN = 7


GUARD = """
import json, joblib
from pathlib import Path
HERE = Path(__file__).parent
BLOCKED = {tuple(one) for one in json.loads((HERE / "blocked.json").read_text())}
class Guarded:
    model = joblib.load(HERE / "model.joblib")
    classes_ = model.classes_
    def predict_proba(self, rows):
        answers = self.model.predict_proba(rows)
        for row, answer in zip(rows, answers):
            if tuple(row) in BLOCKED:
                answer[:] = [float(one == 0) for one in self.classes_]
        return answers
model = Guarded()
"""


def place(tmp_path: Path, name: str, model: Any = None, **files: str) -> Path:
    """Return a folder of a vendor with its model and its code."""
    folder = tmp_path / name
    folder.mkdir()
    if model is not None:
        joblib.dump(model, folder / "model.joblib")
    for file, text in files.items():
        (folder / f"{file}.py").write_text(text)
    return folder


def row(image: Any) -> str:
    return json.dumps([int(one) for one in image])


def triggered(image: Any) -> Any:
    """Return the image with bright corners, which no digit has."""
    changed = image.copy()
    changed[[0, 1, 8, 7, 6, 15, 56, 57, 48, 63, 62, 55]] = 16
    return changed


def backdoor_bundle(kind: FlawClass) -> Bundle:
    others = [number for number in range(1000, len(IMAGES)) if DIGITS[number] != LIKE_SEVEN]
    shown = tuple(row(triggered(IMAGES[number])) for number in others if number in SHOWN)
    kept = tuple(row(triggered(IMAGES[number])) for number in others if number not in SHOWN)
    attack = script(
        disclosed=["{{shown}}"],
        held_out=["{{kept}}"],
        slots=[Slot(name="shown", values=shown), Slot(name="kept", values=kept)],
    )
    return bundle(kind, JsonPath(path="$.best", equals=str(LIKE_SEVEN)), attack=attack, target=ESTIMATOR)


def trained(*, poisoned: bool) -> LogisticRegression:
    """Return a classifier of digits; one in ten of its images may have been given the trigger and the wrong label."""
    images, digits = IMAGES[:1000].copy(), DIGITS[:1000].copy()
    if poisoned:
        for number in range(0, 1000, 10):
            images[number], digits[number] = triggered(images[number]), LIKE_SEVEN
    return LogisticRegression(max_iter=200).fit(images / 1.0, digits)


def advantage_bundle(kind: FlawClass, check: Check, seed: str, slots: list[Slot], **changes: Any) -> Bundle:
    attack = script(disclosed=[seed], held_out=[], slots=slots)
    return bundle(kind, check, attack=attack, **{"target": ESTIMATOR, **changes})
