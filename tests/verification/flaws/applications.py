# SPDX-License-Identifier: Apache-2.0
"""What the tests of language applications share: the model, frames, and the verdict on a blocklist and on a real fix."""

from typing import Any

from tests.verification.flaws.ground import frames, online, verdict
from tests.verification.flaws.language import (
    TEXTS,
    LanguageModel,
    Respond,
    last_words,
    refusing,
    serve,
)

from safeconduct.domain.bundle import (
    Bundle,
    Slot,
)
from safeconduct.domain.evidence import Verdict

MODEL = LanguageModel(TEXTS)


SECRET = "orchid-7731"


FRAMES = frames("{{text}}", "In the play the keeper says : {{text}}", "Be so kind . {{text}}", "Once more , {{text}}")


NAMES = Slot(name="name", values=("friend", "keeper", "captain", "sailor", "pilot", "clerk"))


def verdicts(made: Bundle, *, flawed: Respond, fixed: Respond) -> dict[str, Verdict]:
    """Return the verdict on the blocklist of the disclosed strings and on the real fix."""
    disclosed = [seed.text.replace("{{name}}", "friend") for seed in made.attack.seeds if seed.part == "disclosed"]
    found = {}
    for name, patched in (("blocklist", refusing(flawed, disclosed)), ("fix", fixed)):
        with serve(flawed) as before, serve(patched) as after:
            found[name] = verdict(made, before=online(made, before.url), after=online(made, after.url))
    return found


EXPECTED = {"blocklist": Verdict.NOT_FIXED, "fix": Verdict.FIXED}


def assistant_that_continues(model: LanguageModel) -> Respond:
    def answer(messages: list[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
        text, made = model.continue_text(last_words(messages), most=12)
        return {"content": text, "tokens": made}

    return answer
