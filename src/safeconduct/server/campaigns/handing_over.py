# SPDX-License-Identifier: Apache-2.0
"""The disclosed part of a case's bundle as one archive, for those who take part: to see the flaw on their own systems.

Nothing held out leaves: neither a held-out seed nor a slot that only such seeds use; words of such a seed that stand
elsewhere stop the whole archive. The address, the model's name and the secret's name of a remote target stay here too,
because they may be another vendor's. What it may be used for is told in `terms.json`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from safeconduct.domain.bundle import Bundle, Seed, SeedPart, TargetSpec, disclosed_part
from safeconduct.domain.event import EventTag
from safeconduct.domain.report import MayTrain
from safeconduct.domain.training import require_trainable
from safeconduct.errors import ConflictError, UnknownValueError
from safeconduct.formats.catalog import FormatName
from safeconduct.formats.handout import TERMS, terms_of
from safeconduct.server.audit import services as audit
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.campaigns import queries
from safeconduct.server.campaigns.handouts import WRITERS, handout_of
from safeconduct.server.cases.models import Case
from safeconduct.server.intake import queries as intake
from safeconduct.server.parties.viewer import Viewer
from safeconduct.verification.bundle import bundle_files, read_bundle
from safeconduct.verification.bundle.archive import zip_files

PER_FAMILY: Final = 50
LOSS: Final = "left-out.json"
FOLDER: Final = "bundle"
_HERE: Final = "https://your-target.invalid/"
_MODEL: Final = "your-model"


class Form(StrEnum):
    """What the archive holds: the bundle itself, or files for another tool."""

    BUNDLE = "bundle"
    INSPECT = FormatName.INSPECT.value
    PROMPTFOO = FormatName.PROMPTFOO.value
    GARAK = FormatName.GARAK.value

    @classmethod
    def of(cls, name: str) -> "Form":
        """Return the form of this name.

        Raises:
            UnknownValueError: there is none.
        """
        if name not in set(cls):
            raise UnknownValueError("there is no such form", hint=f"one of {', '.join(cls)}")
        return cls(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A ZIP file, the name it is saved under, and the bundle it is of."""

    name: str
    content: bytes
    bundle_id: str


def hand_over(*, case: Case, form: Form, by: Viewer, now: datetime, for_training: bool = False) -> Archive:
    """Return the archive; that it was handed over is recorded.

    Raises:
        NotFoundError: the bundle is not open to the viewer, or there is none.
        NotPermittedError: it is for training, which the reporter does not allow.
        ConflictError: the disclosed part repeats what is held out.
        MalformedError: the bundle cannot be read, or the tool cannot take it.
    """
    row = queries.bundle_open_to(by, case).assessment.report
    bundle = read_bundle(intake.bundle_of(row) or b"")
    said = _stricter(bundle.about.safety.may_train, intake.opened(row).told.evidence.may_train)
    bundle = _allowing(bundle, said)
    if for_training:
        require_trainable(bundle.about.safety)
    files = _files(bundle, form, for_training=for_training)
    _require_nothing_held_out(bundle, files.values())
    _note(case, form, bundle, by=by, now=now, for_training=for_training)
    name = f"{case.entry.public_id}-{form}.zip"
    return Archive(name=name, content=zip_files(files), bundle_id=bundle.id)


@atomic_write
def _note(case: Case, form: Form, bundle: Bundle, *, by: Viewer, now: datetime, for_training: bool) -> None:
    facts = {"form": form.value, "bundle": bundle.id, "for_training": for_training}
    audit.record(EventTag.BUNDLE_HANDED_OUT, subject=case.pk, actor=by.actor, at=now, facts=facts)


def _stricter(one: MayTrain, other: MayTrain) -> MayTrain:
    order = list(MayTrain)
    return min(one, other, key=order.index)


def _allowing(bundle: Bundle, may_train: MayTrain) -> Bundle:
    return replace(bundle, about=replace(bundle.about, safety=replace(bundle.about.safety, may_train=may_train)))


def _files(bundle: Bundle, form: Form, *, for_training: bool) -> Mapping[str, bytes]:
    if form is Form.BUNDLE:
        made = bundle_files(_anonymous(bundle))
        terms = terms_of(bundle, bundle_id=bundle.id, for_training=for_training)
        return {**{f"{FOLDER}/{name}": data for name, data in made.files.items()}, TERMS: terms}
    folder = WRITERS[FormatName(form.value)](handout_of(bundle, per_family=PER_FAMILY, for_training=for_training))
    left = json.dumps(folder.loss.as_dict(), indent=2, ensure_ascii=False)
    return {**folder.files, LOSS: f"{left}\n".encode()}


def _anonymous(bundle: Bundle) -> Bundle:
    """Return the disclosed part without whom it came from and whose system it was seen on."""
    shown = disclosed_part(bundle)
    slots = tuple(slot for slot in shown.attack.slots if any(_uses(seed, slot.name) for seed in shown.attack.seeds))
    return replace(
        shown,
        about=replace(shown.about, case_id="", author_key_id=""),
        target=_nobodys(shown.target),
        attack=replace(shown.attack, slots=slots),
    )


def _uses(seed: Seed, slot: str) -> bool:
    return f"{{{{{slot}}}}}" in seed.text


def _nobodys(target: TargetSpec) -> TargetSpec:
    if not target.adapter.is_remote:
        return replace(target, secret_name="")
    return replace(target, url=_HERE, model=_MODEL, secret_name="", system_fingerprint="")


def _require_nothing_held_out(bundle: Bundle, files: Iterable[bytes]) -> None:
    kept = [form for seed in bundle.attack.seeds if seed.part is SeedPart.HELD_OUT for form in _written(seed.text)]
    if any(form in data for data in files for form in kept):
        raise ConflictError(
            "the disclosed part repeats words that are held out",
            hint="ask the reporter for a bundle whose parts differ",
        )


def _written(text: str) -> Iterator[bytes]:
    """Yield the text as files hold it: as it is, and in both spellings of JSON."""
    yield text.encode()
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
