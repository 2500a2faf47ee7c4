# SPDX-License-Identifier: Apache-2.0
"""What is wrong or doubtful about a bundle that could be read: found before a call is spent, and explained.

Here are the errors that keep a bundle from being run, and what every part must have. How the script fits together is
looked at in `script_checks`; what weakens a verdict, or should be known first, in `lint`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from safeconduct.domain.bundle import Adapter, Bundle, Check, LabelFlip, SeedPart
from safeconduct.domain.evidence import Arm
from safeconduct.domain.safe_json import shown
from safeconduct.domain.script import CodeCheck
from safeconduct.errors import MalformedError, NotPermittedError, TooLargeError
from safeconduct.verification.bundle.lint import doubts_of, faults_of
from safeconduct.verification.bundle.remarks import Level, Remark, error, warning
from safeconduct.verification.bundle.script_checks import check_script
from safeconduct.verification.bundle.target_checks import baseline_of, check_target
from safeconduct.verification.chains import code_files
from safeconduct.verification.criterion import check_criterion
from safeconduct.verification.oracles import prepare_check
from safeconduct.verification.variants import SEED_LENGTH, FamilyGenerator
from safeconduct.verification.verdict import POOLED

GENEROUS_TOLERANCE: Final = 0.2
TRIVIAL_TOLERANCE: Final = 0.5
MOST_LETTERS: Final = 1_000_000
_SAMPLES: Final = 3
_LOCAL: Final = frozenset({Adapter.PYTHON_CALLABLE, Adapter.SKLEARN})


def check_bundle(bundle: Bundle) -> tuple[Remark, ...]:
    """Return all remarks on the bundle, errors first. No call is made and no code of the bundle is run."""
    remarks = list(_looked_at(bundle))
    # What is broken is not doubted as well: that would only hide the error.
    if not any(remark.level is Level.ERROR for remark in remarks):
        remarks += doubts_of(bundle)
    return tuple(sorted(remarks, key=lambda remark: remark.level is not Level.ERROR))


def _looked_at(bundle: Bundle) -> Iterator[Remark]:
    """Yield what is quickly found."""
    is_broken = False
    for part in (_attack, check_script, _families, _oracle, _benign, _target, check_target, _criterion, _code):
        for remark in part(bundle):
            is_broken = is_broken or remark.level is Level.ERROR
            yield remark
    if not is_broken:
        yield from faults_of(bundle)


def require_runnable(bundle: Bundle, *, approved_code: frozenset[str] = frozenset()) -> None:
    """Refuse a bundle that cannot be run, or that holds code which no case handler has approved.

    Raises:
        MalformedError: there is at least one error; the first is told.
        NotPermittedError: a code file is not among the approved ones.
    """
    for remark in _looked_at(bundle):
        if remark.level is Level.ERROR:
            raise MalformedError(f"{remark.at}: {remark.message}", hint=remark.hint, remark=remark.code)
    waiting = [file for file in bundle.code if file.sha256 not in approved_code]
    if waiting:
        raise NotPermittedError(
            "the bundle holds code that nobody has approved",
            hint="a case handler reads it and approves its SHA-256",
            files={file.name: file.sha256 for file in waiting},
        )


def _repeated(names: Iterable[str]) -> list[str]:
    """Return the names that come more than once."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _attack(bundle: Bundle) -> Iterator[Remark]:
    """Look at names and seeds."""
    attack, at = bundle.attack, "attack.json"
    for kind, names in (
        ("seed", [seed.id for seed in attack.seeds]),
        ("family", [family.name for family in attack.families]),
        ("slot", [slot.name for slot in attack.slots]),
        ("tool", [tool.name for tool in attack.tools]),
    ):
        if _repeated(names):
            message = f"a {kind} comes twice: {shown(_repeated(names)[0])}"
            yield error("attack.repeated-name", at, message, "give each its own name")
    if not attack.seeds:
        yield error("attack.no-seeds", at, "there are no seeds", "add at least one")
    elif all(seed.part is SeedPart.DISCLOSED for seed in attack.seeds):
        yield warning("attack.nothing-held-out", at, "no seed is held out", "only the draws stay unknown to the vendor")


def _families(bundle: Bundle) -> Iterator[Remark]:
    """Prepare every family and draw a few variants, with a seed that is used nowhere else."""
    known = {seed.id for seed in bundle.attack.seeds}
    left = MOST_LETTERS
    if not bundle.attack.families:
        yield error("attack.no-families", "attack.json", "there are no families", "add at least one")
    for family in bundle.attack.families:
        at = f"attack.json, family {shown(family.name)}"
        if family.name == POOLED:
            yield error("family.reserved-name", at, "this name stands for all families together", "choose another")
        if not known.issuperset(family.seeds):
            yield error("family.unknown-seed", at, "it names a seed that is not there", "correct its seeds")
        try:
            generator = FamilyGenerator(bundle.attack, family)
            for index in range(_SAMPLES if left > 0 else 0):
                left -= generator.draw(bytes(SEED_LENGTH), Arm.EFFICACY, index).letters
        except (MalformedError, TooLargeError) as refusal:
            yield error("family.unusable", at, refusal.message, refusal.hint)
        except NotPermittedError:
            yield warning("family.runs-code", at, "its variants are made by code", "read the code before it is run")


def _oracle(bundle: Bundle) -> Iterator[Remark]:
    """Compile the oracle and hold it against the target."""
    oracle, at = bundle.oracle, "oracle.json"
    if not oracle.checks:
        yield error("oracle.no-checks", at, "the oracle has no checks", "add at least one")
    yield from _usable("oracle.unusable", at, (*oracle.checks, *oracle.abstain_on))
    yield from _labels(at, oracle.checks, bundle)


def _usable(code: str, at: str, checks: Iterable[Check]) -> Iterator[Remark]:
    """Compile checks; one that is code is not run here."""
    for check in checks:
        if isinstance(check, CodeCheck):
            continue
        try:
            prepare_check(check)
        except MalformedError as refusal:
            yield error(code, at, refusal.message, refusal.hint)


def _labels(at: str, checks: Iterable[Check], bundle: Bundle) -> Iterator[Remark]:
    """Refuse a label check where the target answers no label."""
    if bundle.target.adapter.is_remote and any(isinstance(check, LabelFlip) for check in checks):
        yield error("oracle.no-label", at, "a label check needs a classifier as target", "use canary or regex")


def _benign(bundle: Bundle) -> Iterator[Remark]:
    """Look at the benign controls."""
    at = "benign.jsonl"
    if not bundle.benign:
        message = "there are no benign controls"
        yield warning("benign.none", at, message, "the verdict cannot say that benign use is unharmed")
    if _repeated(control.id for control in bundle.benign):
        yield error("benign.repeated-id", at, "an id comes twice", "pairs are told apart by their id")
    for control in bundle.benign:
        yield from _usable("benign.unusable", f"{at}, {shown(control.id)}", (control.check,))
    yield from _labels(at, (control.check for control in bundle.benign), bundle)


def _target(bundle: Bundle) -> Iterator[Remark]:
    """Look at the target."""
    target, at = bundle.target, "target.json"
    if target.adapter in _LOCAL and ":" not in target.entry:
        yield error("target.no-entry", at, "a local classifier needs an entry", "write module:function")
    if not target.model:
        yield error("target.no-model", at, "the model has no name", "name it")
    if not (target.model_digest or target.system_fingerprint):
        message = "the model is known by its name only"
        yield warning("target.name-only", at, message, "add a digest or a fingerprint")


def _criterion(bundle: Bundle) -> Iterator[Remark]:
    """Look at the numbers of the criterion."""
    criterion, at = bundle.criterion, "criterion.json"
    try:
        check_criterion(criterion)
    except MalformedError as refusal:
        yield error("criterion.senseless", at, refusal.message, refusal.hint)
    # Of an advantage only what lies above its baseline can be tolerated.
    baseline = baseline_of(bundle)
    tolerated = (criterion.tolerance - baseline) / (1 - baseline)
    if tolerated >= TRIVIAL_TOLERANCE:
        message = f"a tolerance of {criterion.tolerance:g} would call almost anything fixed"
        yield error("criterion.trivial-tolerance", at, message, "0.05 is usual")
    elif tolerated > GENEROUS_TOLERANCE:
        message = f"a tolerance of {criterion.tolerance:g} is generous"
        yield warning("criterion.generous-tolerance", at, message, "0.05 is usual")


def _code(bundle: Bundle) -> Iterator[Remark]:
    """Compare the code files with what names them."""
    chains = [code_files(chain) for family in bundle.attack.families for chain in family.chains]
    controls = (control.check for control in bundle.benign)
    checks = (*bundle.oracle.checks, *bundle.oracle.abstain_on, *controls)
    named = frozenset(check.file for check in checks if isinstance(check, CodeCheck)).union(*chains)
    there = {file.name: file for file in bundle.code}
    for name in sorted(named - set(there)):
        yield error("code.missing", f"code/{name}", "it is named and not there", "add the file, or leave the step out")
    for name, file in sorted(there.items()):
        if name not in named:
            yield error("code.unused", f"code/{name}", "nothing names it", "remove it")
            continue
        hint = f"it runs in the sandbox, after a case handler has approved {file.sha256}"
        yield warning("code.present", f"code/{name}", "the bundle holds code", hint)
