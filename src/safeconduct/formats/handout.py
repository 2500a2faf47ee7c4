# SPDX-License-Identifier: Apache-2.0
"""The disclosed part of a bundle as a folder that another tool runs, so that a vendor can work with its own tools.

A handout holds variants that were drawn beforehand, because no other tool knows our mutators; it is not the evidence of
a verdict, which draws anew. What a tool cannot express is told as loss: a check left out, a family left out, a third
outcome that becomes one of two. Nothing held out is in a handout, and no address or secret of a target. Its terms say
what it is for: reported data is trained on only if its reporter allows it, because it can be poison.

A writer is pure: a handout in, files out. Text of the bundle is written as data only, never into code or templates.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from safeconduct.domain.bundle import Bundle, Canary, Check, Pattern, SeedPart
from safeconduct.domain.safe_json import Json
from safeconduct.domain.training import require_trainable
from safeconduct.errors import MalformedError
from safeconduct.formats.base import Fate, Loss, LossEntry

SYSTEM: Final = "system"
USER: Final = "user"
TERMS: Final = "terms.json"
Said = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One variant: its id, where it came from, and what is said, as (role, text) in order.

    After words of the user the target is asked, unless words of the assistant follow, which then stand for its reply.
    """

    id: str
    family: str
    seed: str
    said: tuple[Said, ...]

    @property
    def is_single(self) -> bool:
        """Say whether the target is asked once, at the end."""
        asked = [number for number, (role, _) in enumerate(self.said) if role == USER and not self._answered(number)]
        return asked == [len(self.said) - 1]

    def _answered(self, number: int) -> bool:
        return number + 1 < len(self.said) and self.said[number + 1][0] not in {USER, SYSTEM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """What is handed out: the disclosed bundle with its id, the variants, and what the caller had to leave out."""

    bundle: Bundle
    bundle_id: str
    cases: tuple[Case, ...]
    left_out: tuple[LossEntry, ...] = ()
    for_training: bool = False

    def __post_init__(self) -> None:
        """Refuse a bundle with held-out seeds, an empty handout, and data that may not be trained on for training.

        Raises:
            MalformedError: it holds what the vendor may not see, or nothing to send.
            NotPermittedError: it is for training, which the reporter does not allow.
        """
        if self.for_training:
            require_trainable(self.bundle.about.safety)
        if any(seed.part is SeedPart.HELD_OUT for seed in self.bundle.attack.seeds):
            raise MalformedError("a handout holds no held-out seeds", hint="take the disclosed part")
        if not self.cases:
            raise MalformedError("nothing of the bundle can be handed out", hint="it has no disclosed variant to send")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Files by name, and what they could not hold."""

    files: Mapping[str, bytes]
    loss: Loss


def folder(handout: Handout, files: Mapping[str, bytes], *, target: str, lost: Iterable[LossEntry]) -> Folder:
    """Return the folder with the losses of the caller and of the writer."""
    entries = (*handout.left_out, *_always_lost(handout), *lost)
    terms = terms_of(handout.bundle, bundle_id=handout.bundle_id, for_training=handout.for_training)
    return Folder(
        files={**files, TERMS: terms},
        loss=Loss(source_format="bundle", target_format=target, entries=entries),
    )


def terms_of(bundle: Bundle, *, bundle_id: str, for_training: bool = False) -> bytes:
    """Return what the recipient may do with the files: they go to people who train models."""
    safety = bundle.about.safety
    terms: Json = {
        "bundle": bundle_id,
        "handed_over_for": "training" if for_training else "reproduction",
        "may_train": safety.may_train.value,
        "handling": safety.handling.value,
        "hazard_level": safety.hazard_level.value,
    }
    return document(terms)


def left_out(source: str, reason: str) -> LossEntry:
    """Return the fate of a part that no file holds."""
    return LossEntry(source=source, fate=Fate.DROPPED, reason=reason)


def _always_lost(handout: Handout) -> Iterator[LossEntry]:
    bundle = handout.bundle
    yield left_out("/target", "the vendor runs its own target; no address goes along")
    yield left_out("/criterion", "the tool has no sequential test; a verdict is only made by a campaign")
    yield left_out("/limits", "the tool has limits of its own")
    yield LossEntry(
        source="/attack/families", fate=Fate.PROSE, target="cases", reason="variants are drawn beforehand, not anew"
    )
    if any(step.expect for step in bundle.attack.steps):
        yield left_out("/attack/steps/expect", "a script goes on whatever the target replies")


def singles(handout: Handout) -> tuple[list[Case], list[LossEntry]]:
    """Return the cases that ask once, and the loss of the others.

    Raises:
        MalformedError: no case asks once.
    """
    kept = [case for case in handout.cases if case.is_single]
    others = sorted({case.family for case in handout.cases if not case.is_single})
    if not kept:
        refuse("every variant is a conversation with replies in between")
    lost = [left_out(f"/attack/families/{name}", "variants in several turns are left out") for name in others]
    return kept, lost


def literal_of(check: Check) -> tuple[str, bool] | None:
    """Return the text that a check looks for and whether case is ignored, or nothing where it is no plain text."""
    if isinstance(check, Canary):
        return check.text, False
    if isinstance(check, Pattern):
        text = re.sub(r"\\(.)", r"\1", check.pattern, flags=re.DOTALL)
        return (text, check.ignore_case) if re.escape(text) == check.pattern else None
    return None


def refuse(message: str) -> NoReturn:
    """Refuse to write the folder.

    Raises:
        MalformedError: always.
    """
    raise MalformedError(message, hint="run it with safeconduct verify run, or hand out the bundle itself")


def document(value: Json) -> bytes:
    """Return a readable JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def json_lines(values: Sequence[Json]) -> bytes:
    """Return a JSON Lines file."""
    return b"".join((json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode() for value in values)
