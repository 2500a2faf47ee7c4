# SPDX-License-Identifier: Apache-2.0
"""Flaws of classifiers, with real weights and real data, in the sandbox: evasion, backdoor, poisoned hardening, and
the statistical attacks (membership inference, extraction, a gap between groups)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from tests.factories.evasion import BLOCKLIST, NORMALIZER
from tests.verification.bundles import evasion_bundle
from tests.verification.flaws.ground import NOON, QUICK, boxed, bundle, script, verdict

from safeconduct.domain.bundle import (
    About,
    Adapter,
    Bundle,
    Check,
    JsonPath,
    LabelFlip,
    Slot,
    TargetSpec,
)
from safeconduct.domain.evidence import Verdict
from safeconduct.domain.observed import Advantage, Comparison, InputForm
from safeconduct.domain.report import MayTrain
from safeconduct.domain.training import may_train_now
from safeconduct.domain.weakness import FlawClass

ESTIMATOR = TargetSpec(adapter=Adapter.SKLEARN, model="digits", entry="file:model.joblib", form=InputForm.JSON)
IMAGES, DIGITS = load_digits(return_X_y=True)
SHOWN = range(1000, 1300)
"""Images that the reporter shows; those after them are held out."""
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


def test_a_poisoning_of_labels(tmp_path: Path) -> None:
    wrong, right = 8, 3
    shown, kept = (
        tuple(row(IMAGES[number]) for number in part if DIGITS[number] == right)
        for part in (SHOWN, range(1300, len(IMAGES)))
    )
    attack = script(
        disclosed=["{{shown}}"],
        held_out=["{{kept}}"],
        slots=[Slot(name="shown", values=shown), Slot(name="kept", values=kept)],
    )
    made = bundle(FlawClass.POISONING, LabelFlip(expected=str(right)), attack=attack, target=ESTIMATOR)
    changed = DIGITS[:1000].copy()
    changed[(changed == right) & (np.arange(1000) % 5 != 0)] = wrong
    forest = RandomForestClassifier(n_estimators=20, random_state=1)
    before = place(tmp_path, "relabeled", forest.fit(IMAGES[:1000], changed))
    after = place(tmp_path, "cleaned", forest.fit(IMAGES[:1000], DIGITS[:1000]))

    made = replace(made, criterion=replace(QUICK, tolerance=0.3, design=0.1, reproduction=0.4))
    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED


def test_a_hardening_with_reported_data_that_is_poison(tmp_path: Path) -> None:
    made = backdoor_bundle(FlawClass.ADVERSARIAL_TRAINING)
    reported = [(triggered(IMAGES[number]), LIKE_SEVEN, MayTrain.NO) for number in range(1000, 1100)]
    reported += [(IMAGES[number], DIGITS[number], MayTrain.YES) for number in range(1100, 1200)]

    def hardened(*, heeds: bool) -> LogisticRegression:
        """Return the classifier after the vendor's training with the data that it was handed."""
        kept = [one for one in reported if not heeds or may_train_now(one[2], is_disclosed=False)]
        images = np.concatenate([IMAGES[:1000], [image for image, _, _ in kept]])
        return LogisticRegression(max_iter=200).fit(images, [*DIGITS[:1000], *(digit for _, digit, _ in kept)])

    before = place(tmp_path, "careless", hardened(heeds=False))
    after = place(tmp_path, "heeding", hardened(heeds=True))

    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED


def test_membership_inference(tmp_path: Path) -> None:
    mixed = np.random.default_rng(3).permutation(len(IMAGES))
    inside, outside = mixed[:400], mixed[400:800]
    members, others = (tuple(row(IMAGES[number]) for number in part) for part in (inside, outside))
    check = Advantage(
        comparison=Comparison.GREATER, first="$.rows[0].confidence", second="$.rows[1].confidence", baseline=0.5
    )
    made = advantage_bundle(
        FlawClass.MEMBERSHIP_INFERENCE,
        check,
        "[{{member}}, {{other}}]",
        [Slot(name="member", values=members), Slot(name="other", values=others)],
        criterion=replace(QUICK, reproduction=0.75, tolerance=0.72, design=0.56),
    )
    overfit = RandomForestClassifier(n_estimators=20, bootstrap=False, random_state=1)
    smooth = RandomForestClassifier(n_estimators=60, min_samples_leaf=40, max_depth=3, random_state=1)
    before = place(tmp_path, "overfit", overfit.fit(IMAGES[inside], DIGITS[inside]))
    after = place(tmp_path, "regularized", smooth.fit(IMAGES[inside], DIGITS[inside]))

    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED
    assert verdict(made, before=boxed(made, before), after=boxed(made, before)) is Verdict.NOT_FIXED


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


@pytest.fixture
def loans() -> tuple[Any, Any]:
    """Past decisions on loans that were harder on one group."""
    chance = np.random.default_rng(7)
    income, debt, group = chance.uniform(0, 10, 800), chance.uniform(0, 10, 800), chance.integers(0, 2, 800)
    return np.c_[income, debt, group], (income - debt - 3 * group + chance.normal(0, 1, 800)) > -1


def test_a_gap_between_groups(tmp_path: Path, loans: tuple[Any, Any]) -> None:
    numbers = tuple(f"{number / 4:.2f}" for number in range(4, 36))
    check = Advantage(comparison=Comparison.DIFFERENT, first="$.rows[0].best", second="$.rows[1].best", baseline=0.0)
    made = advantage_bundle(
        FlawClass.FAIRNESS,
        check,
        "[[{{income}}, {{debt}}, 0], [{{income}}, {{debt}}, 1]]",
        [Slot(name="income", values=numbers), Slot(name="debt", values=numbers)],
        criterion=replace(QUICK, reproduction=0.1, tolerance=0.1, design=0.02),
    )
    people, decisions = loans
    before = place(tmp_path, "biased", LogisticRegression().fit(people, decisions))
    blind = LogisticRegression().fit(np.where([True, True, False], people, 0), decisions)
    after = place(tmp_path, "blind", blind)

    assert verdict(made, before=boxed(made, before), after=boxed(made, after)) is Verdict.FIXED


def advantage_bundle(kind: FlawClass, check: Check, seed: str, slots: list[Slot], **changes: Any) -> Bundle:
    attack = script(disclosed=[seed], held_out=[], slots=slots)
    return bundle(kind, check, attack=attack, **{"target": ESTIMATOR, **changes})
