# SPDX-License-Identifier: Apache-2.0
"""A model extraction by solving for its weights, from scores and from labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from tests.verification.flaws.digits import DIGITS, IMAGES, advantage_bundle, place
from tests.verification.flaws.ground import QUICK, boxed, verdict

from safeconduct.domain.bundle import (
    Adapter,
    Slot,
    TargetSpec,
)
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.observed import Advantage, Comparison
from safeconduct.domain.weakness import FlawClass

EXTRACTION = """
import joblib, numpy as np
from itertools import count
from pathlib import Path
HERE = Path(__file__).parent
VICTIM = joblib.load(HERE / "model.joblib")
ANSWERS = (HERE / "answers.txt").read_text()
IMAGES = np.load(HERE / "images.npy")
NUMBER = count()

def service(rows):
    scores = VICTIM.predict_proba(rows)[:, 1]
    return scores if ANSWERS == "scores" else (scores > 0.5).astype(float)

def stolen(chance):
    queries = np.c_[chance.normal(0, 0.02, (80, 64)), np.ones(80)]
    scores = np.clip(service(queries[:, :64]), 1e-9, 1 - 1e-9)
    weights, *_ = np.linalg.lstsq(queries, np.log(scores / (1 - scores)), rcond=None)
    return lambda one: 1 / (1 + np.exp(-np.clip(np.append(one, 1.0) @ weights, -50, 50)))

def extract(texts):
    answers = []
    for text in texts:
        copy = stolen(np.random.default_rng([int(text), next(NUMBER)]))
        one = IMAGES[int(text)]
        answers.append({"copy": float(copy(one)), "victim": float(VICTIM.predict_proba([one])[0, 1])})
    return answers
"""


def test_a_model_extraction(tmp_path: Path) -> None:
    pairs = (DIGITS == 3) | (DIGITS == 8)
    images, labels = IMAGES[pairs] / 16, DIGITS[pairs] == 8
    victim = LogisticRegression(C=0.05).fit(images[:250], labels[:250])
    check = Advantage(comparison=Comparison.EQUAL, first="$.copy", second="$.victim", baseline=0.05, margin=0.02)
    made = advantage_bundle(
        FlawClass.EXTRACTION,
        check,
        "{{probe}}",
        [Slot(name="probe", values=tuple(str(number) for number in range(100)))],
        criterion=replace(QUICK, reproduction=0.5, tolerance=0.4, design=0.1),
        target=TargetSpec(adapter=Adapter.PYTHON_CALLABLE, model="digits", entry="attack:extract"),
    )
    folders = []
    for answers in ("scores", "labels"):
        folder = place(tmp_path, answers, victim, attack=EXTRACTION)
        (folder / "answers.txt").write_text(answers)
        np.save(folder / "images.npy", images[250:350])
        folders.append(folder)

    before, after = folders
    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED
    assert verdict(made, before=boxed(made, before), after=boxed(made, before)) is Verdict.NOT_FIXED
