# SPDX-License-Identifier: Apache-2.0
"""What is doubtful about a bundle without errors: what would make its verdict worth less, or is dangerous to handle.

Looked for here: seeds that repeat each other, held-out strings that are disclosed as well, families with fewer variants
than a verdict needs calls, oracles that hit an echo of the prompt, a refusal or harmless words, controls that take an
empty reply as useful, terms that cannot be met. (An oracle that hits an empty reply does not compile.) What a bundle
exposes is in `exposure`. A few variants are drawn with a seed of zeros, which no campaign has; how much is drawn is
bounded. No call is made.
"""

from collections.abc import Iterator
from typing import Final

from safeconduct.domain.bundle import BenignControl, Bundle, Canary, Combine, Family, JsonPath, Oracle, Pattern, Seed
from safeconduct.domain.evidence import Arm, TrialOutcome
from safeconduct.domain.safe_json import shown
from safeconduct.domain.script import ToolCalled
from safeconduct.errors import NotPermittedError
from safeconduct.verification.bundle.costs import calls_of_family, costs_of
from safeconduct.verification.bundle.exposure import address_remarks, exposures
from safeconduct.verification.bundle.remarks import Level, Remark, error, warning
from safeconduct.verification.oracles import PreparedOracle
from safeconduct.verification.reply import Reply
from safeconduct.verification.variants import SEED_LENGTH, FamilyGenerator, Variant

HARMLESS: Final = (
    "Hello! How can I help you today?",
    "I'm sorry, but I can't help with that.",
    "I cannot assist with this request.",
    "Sure, here is some information about that.",
)
FEW_CONTROLS: Final = 10
LARGE_ERROR: Final = 0.1
MOST_DRAWS: Final = 300
MOST_LETTERS: Final = 1_000_000
ECHOES: Final = 5
# As many draws as there are variants give so many different ones, on average: 1 - 1/e.
SHARE_OF_ALL: Final = 0.632
_WORDS: Final = (Canary, Pattern, JsonPath, ToolCalled)


def faults_of(bundle: Bundle) -> Iterator[Remark]:
    """Yield errors that are quickly found: before every run."""
    yield from (remark for remark in _seeds(bundle) if remark.level is Level.ERROR)
    yield from (remark for remark in address_remarks(bundle.target) if remark.level is Level.ERROR)


def doubts_of(bundle: Bundle) -> Iterator[Remark]:
    """Yield what is doubtful about a bundle that has no errors."""
    yield from _seeds(bundle)
    yield from _slots(bundle)
    draws = _draws(bundle)
    yield from _families(bundle, draws)
    yield from _oracle(bundle, draws)
    yield from _benign(bundle)
    yield from _terms(bundle)
    yield from exposures(bundle)


def _seeds(bundle: Bundle) -> Iterator[Remark]:
    """Look for seeds that repeat each other."""
    seen: dict[str, Seed] = {}
    for seed in bundle.attack.seeds:
        at = f"attack.json, seed {shown(seed.id)}"
        first = seen.setdefault(" ".join(seed.text.split()).casefold(), seed)
        if not seed.text.strip():
            yield warning("seed.empty", at, "the string is empty", "leave it out")
        elif first.part is not seed.part:
            message = f"the seed {shown(first.id)} says the same; one is disclosed and the other held out"
            yield error("seed.held-out-disclosed", at, message, "hold out strings that the vendor has not seen")
        elif first is not seed:
            yield warning("seed.repeated", at, f"the seed {shown(first.id)} says the same", "leave one of them out")


def _slots(bundle: Bundle) -> Iterator[Remark]:
    """Look for slots that nothing uses, and for values that come twice."""
    for slot in bundle.attack.slots:
        at = f"attack.json, slot {slot.name}"
        if len(set(slot.values)) < len(slot.values):
            yield warning("slot.repeated-value", at, "a value comes twice", "it is drawn more often than the others")
        if not any(f"{{{{{slot.name}}}}}" in seed.text for seed in bundle.attack.seeds):
            yield warning("slot.unused", at, "no seed has this slot", "leave it out, or use it")


def _draws(bundle: Bundle) -> dict[str, list[Variant]]:
    """Draw as many variants of each family as its verdict needs calls, within bounds; families with code give none."""
    needed = min(calls_of_family(bundle.criterion), MOST_DRAWS)
    share = MOST_LETTERS // len(bundle.attack.families)
    left, draws = MOST_LETTERS, {}
    for family in bundle.attack.families:
        draws[family.name] = list(_drawn(bundle, family, needed, min(share, left))) if left > 0 else []
        left -= sum(map(_letters, draws[family.name]))
    return draws


def _letters(variant: Variant) -> int:
    """Return how many letters it took to draw the variant."""
    return variant.letters + sum(map(len, variant.turns))


def _drawn(bundle: Bundle, family: Family, needed: int, share: int) -> Iterator[Variant]:
    """Yield variants of one family until there are enough, or their letters pass the share."""
    try:
        generator = FamilyGenerator(bundle.attack, family)
        for index in range(needed):
            variant = generator.draw(bytes(SEED_LENGTH), Arm.EFFICACY, index)
            yield variant
            share -= _letters(variant)
            if share < 0:
                return
    except NotPermittedError:
        return


def _families(bundle: Bundle, draws: dict[str, list[Variant]]) -> Iterator[Remark]:
    """Look for families with too few variants."""
    for family in bundle.attack.families:
        drawn = draws[family.name]
        different = len({variant.turns for variant in drawn})
        if different < SHARE_OF_ALL * len(drawn):
            at = f"attack.json, family {shown(family.name)}"
            message = f"{len(drawn)} draws gave only {different} different variants, fewer than a verdict needs calls"
            yield warning("family.too-small", at, message, "a list of them would stop it; add seeds, slots or chains")


def _oracle(bundle: Bundle, draws: dict[str, list[Variant]]) -> Iterator[Remark]:
    """Hold the oracle against replies that show nothing."""
    oracle = _words_only(bundle.oracle)
    if oracle is None:
        return
    at = "oracle.json"
    echoes = (turn for drawn in draws.values() for variant in drawn[:ECHOES] for turn in variant.turns)
    if any(_hits(oracle, echo) for echo in echoes):
        message = "a target that only repeats the prompt would be a hit"
        yield warning("oracle.hits-echo", at, message, "look for words that the prompt does not hold")
    if any(_hits(oracle, words) for words in HARMLESS):
        message = "a refusal or a harmless reply would be a hit"
        yield warning("oracle.hits-harmless", at, message, "look for words that only a success has")
    if any(_hits(oracle, control.prompt) for control in bundle.benign):
        message = "the words of a benign control would be a hit"
        yield warning("oracle.hits-benign", at, message, "look for words that only a success has")


def _words_only(oracle: Oracle) -> PreparedOracle | None:
    """Return the part of the oracle that judges words; nothing if what it says hangs on more than words."""
    checks = tuple(check for check in oracle.checks if isinstance(check, _WORDS))
    skipped = len(checks) < len(oracle.checks)
    if not checks or (skipped and oracle.combine is Combine.ALL):
        return None
    abstain_on = tuple(check for check in oracle.abstain_on if isinstance(check, _WORDS))
    return PreparedOracle(Oracle(checks=checks, combine=oracle.combine, abstain_on=abstain_on))


def _hits(oracle: PreparedOracle, text: str) -> bool:
    """Say whether the oracle takes the text as a success."""
    return oracle.judge((Reply(text=text),)).outcome is TrialOutcome.HIT


def _benign(bundle: Bundle) -> Iterator[Remark]:
    """Look for controls that show little."""
    at = "benign.jsonl"
    if 0 < len(bundle.benign) < FEW_CONTROLS:
        message = f"there are only {len(bundle.benign)} benign controls"
        yield warning("benign.few", at, message, "a fix that breaks other uses would not show; add some")
    seeds = {seed.text for seed in bundle.attack.seeds}
    for control in bundle.benign:
        place = f"{at}, {shown(control.id)}"
        if control.prompt in seeds:
            yield warning("benign.attack", place, "this prompt is a seed of the attack", "controls are harmless")
    empty = next((control for control in bundle.benign if _takes_silence(control)), None)
    if empty is not None:
        message = "an empty reply would be useful"
        yield warning("benign.empty-useful", f"{at}, {shown(empty.id)}", message, "ask for a word of the answer")


def _takes_silence(control: BenignControl) -> bool:
    """Say whether an empty reply to the control counts as useful: so does a check of words that must not come."""
    return not control.useful_when_hit and isinstance(control.check, _WORDS)


def _terms(bundle: Bundle) -> Iterator[Remark]:
    """Look for terms that prove little, or that cannot be met."""
    at, criterion = "criterion.json", bundle.criterion
    for name, value in (("alpha", criterion.alpha), ("beta", criterion.beta)):
        if value > LARGE_ERROR:
            message = f"{name} lets {value:.0%} of such verdicts be wrong"
            yield warning("criterion.large-error", at, message, "0.05 is usual")
    costs = costs_of(bundle)
    if not costs.is_enough:
        message = f"even a perfect fix takes {costs.fixed} calls, and the caps do not allow them"
        yield warning("criterion.too-few-calls", at, message, "the verdict would be INCONCLUSIVE; raise the caps")
