# SPDX-License-Identifier: Apache-2.0
"""Chains of mutators made ready: a list applied from left to right, and the mutators that are made of others.

    nest     times, scope, rate; inner     applies the inner chain, several times or to single words
    one_of   inner                         applies one of the inner mutators, each equally likely
    code     file                          what a file of the bundle does; in the sandbox, with approval

The rate of `nest` is the probability that the text (or each word) is changed. A chain, with all that is nested in it,
is at most `MAX_DEPTH` deep and does at most `MAX_WORK` changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safeconduct.domain.bundle import Mutator, MutatorName, ParamValue
from safeconduct.domain.safe_json import Json
from safeconduct.errors import NotPermittedError, TooLargeError
from safeconduct.verification.chance import Chance
from safeconduct.verification.fields import Fields, Form
from safeconduct.verification.mutators import MAKERS, Change, Turns, each_turn, rate_of, require_length

CodeRoom = Callable[[str], Change]
"""Turns the name of an approved code file into what it does."""
MAX_DEPTH: Final = 4
MAX_WORK: Final = 64
MAX_WORDS: Final = 200
CODE_NAME: Final = Form(
    pattern=r"^[a-z][a-z0-9_]*\.py$", wanted="the name of a file in the folder code, such as judge.py"
)
CONTAINERS: Final = frozenset({MutatorName.NEST, MutatorName.ONE_OF})


class Scope(StrEnum):
    """What a nested chain is applied to: the whole text, or single words of it."""

    TEXT = "text"
    WORDS = "words"


def prepare(mutator: Mutator, *, code: CodeRoom | None = None) -> Change:
    """Return what the mutator does, after checking its parameters.

    Raises:
        MalformedError: a parameter is unknown, missing or of another kind.
        TooLargeError: what is nested in it is too deep or does too much.
        NotPermittedError: it is code of the bundle, which has not been approved.
    """
    _require_bounded((mutator,))
    return _prepared(mutator, code)


def prepare_chain(chain: Sequence[Mutator], *, code: CodeRoom | None = None) -> tuple[Change, ...]:
    """Return what the mutators of a chain do; see `prepare`."""
    _require_bounded(chain)
    return tuple(_prepared(mutator, code) for mutator in chain)


def name_of(mutator: Mutator) -> str:
    """Return how a trial names the mutator: with what is nested in it."""
    match mutator.name:
        case MutatorName.NEST:
            return f"nest({'+'.join(map(name_of, mutator.inner))})"
        case MutatorName.ONE_OF:
            return f"one_of({'|'.join(map(name_of, mutator.inner))})"
        case name:
            return name.value


def code_files(chain: Sequence[Mutator]) -> frozenset[str]:
    """Return the code files that the mutators run, also where they are nested."""
    own = {str(mutator.params.get("file")) for mutator in chain if mutator.name is MutatorName.CODE}
    return frozenset(own).union(*(code_files(mutator.inner) for mutator in chain))


def _prepared(mutator: Mutator, code: CodeRoom | None) -> Change:
    """Return what one mutator does, with its result held to the limit."""
    fields = Fields(at=f"the mutator {mutator.name.value}", values=_as_json(mutator.params))
    if bool(mutator.inner) != (mutator.name in CONTAINERS):
        raise fields.wrong("inner", "a list of mutators for nest and one_of, and absent for all others")
    inner = tuple(_prepared(one, code) for one in mutator.inner)
    change = _change(mutator.name, fields, inner, code)
    fields.done()

    def checked(turns: Turns, chance: Chance) -> Turns:
        chance.spend(sum(map(len, turns)))
        return require_length(change(turns, chance))

    return checked


def _change(name: MutatorName, fields: Fields, inner: tuple[Change, ...], code: CodeRoom | None) -> Change:
    """Return the change of one name."""
    match name:
        case MutatorName.NEST:
            return _nested(_nesting(fields), inner)
        case MutatorName.ONE_OF:
            return lambda turns, chance: chance.pick(inner)(turns, chance)
        case MutatorName.CODE:
            file = _code(fields)
            if code is None:
                raise NotPermittedError("a mutator is code of the bundle", hint="a case handler must approve it first")
            return code(file)
        case _:
            return MAKERS[name](fields)


def _require_bounded(chain: Sequence[Mutator]) -> None:
    """Refuse nesting that is too deep or does too much."""
    if _depth(chain) > MAX_DEPTH + 1:
        raise TooLargeError("mutators are nested too deep", hint=f"at most {MAX_DEPTH} deep", limit=MAX_DEPTH)
    if sum(map(_work, chain)) > MAX_WORK:
        raise TooLargeError("nested mutators do too much", hint=f"at most {MAX_WORK} changes", limit=MAX_WORK)


def _depth(chain: Sequence[Mutator]) -> int:
    """Return how deep the mutators are nested; a chain without nesting is 1 deep."""
    return 1 + max((_depth(mutator.inner) for mutator in chain), default=0) if chain else 0


def _work(mutator: Mutator) -> int:
    """Return how many changes the mutator does at most; one that is applied to words counts eightfold."""
    times = mutator.params.get("times", 1) if mutator.name is MutatorName.NEST else 1
    words = 8 if mutator.params.get("scope") == Scope.WORDS else 1
    return max(1, sum(map(_work, mutator.inner)) * (times if isinstance(times, int) else 1) * words)


def _as_json(params: Mapping[str, ParamValue]) -> Mapping[str, Json]:
    """Return the parameters as plain JSON values."""
    values: dict[str, Json] = {}
    for name, value in params.items():
        if isinstance(value, tuple):
            values[name] = list(value)
        else:
            values[name] = dict(value) if isinstance(value, Mapping) else value
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nesting:
    """The parameters of `nest`."""

    times: int
    scope: Scope
    rate: float


def _nesting(fields: Fields) -> _Nesting:
    """Return the parameters of `nest`."""
    return _Nesting(
        times=fields.whole("times", 1, least=1, most=4),
        scope=fields.choice("scope", Scope, Scope.TEXT),
        rate=rate_of(fields),
    )


def _nested(nesting: _Nesting, inner: tuple[Change, ...]) -> Change:
    """Apply the inner chain, several times; to the text or to each of the first words, with the rate's probability."""

    def chain(turns: Turns, chance: Chance) -> Turns:
        for _ in range(nesting.times):
            for change in inner:
                turns = change(turns, chance)
        return turns

    def words(text: str, chance: Chance) -> str:
        parts = text.split(" ")
        changed = [
            " ".join(chain((part,), chance)) if part and chance.happens(nesting.rate) else part
            for part in parts[:MAX_WORDS]
        ]
        return " ".join([*changed, *parts[MAX_WORDS:]])

    if nesting.scope is Scope.WORDS:
        return each_turn(words)
    return lambda turns, chance: chain(turns, chance) if chance.happens(nesting.rate) else turns


def _code(fields: Fields) -> str:
    """Return the file that is run."""
    return fields.text("file", limit=60, form=CODE_NAME)


PARAMETERS: Final[Mapping[MutatorName, Callable[[Fields], object]]] = {
    **MAKERS,
    MutatorName.NEST: _nesting,
    MutatorName.ONE_OF: MAKERS[MutatorName.IDENTITY],
    MutatorName.CODE: _code,
}
"""What looks at the parameters of a mutator when a bundle is read."""
