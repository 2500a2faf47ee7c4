# SPDX-License-Identifier: Apache-2.0
"""Which known records may tell of the same flaw: candidates for a person, each with its score in words.

Three things are compared:

- exact fingerprints (`policy.fingerprints`): the same text, the same file, the same public identifier;
- words (`policy.words`) by BM25 (Robertson and Zaragoza 2009): rare words count more, identifiers and versions more
  than common words, parts of identifiers less;
- systems and techniques: another system halves the score, a twin package or a derived model takes little away.

The score is the share of the question's weight that the candidate holds, between 0 and 1. It ranks; it proves nothing.
Candidates are never limited to the same package, and nothing is ever merged because of a score.

Cost: words are looked at from rare to common until `BUDGET` postings are spent; common words then only decide between
the `FINALISTS` best. An index holds about nine bytes for each different word of a record, and not its text. A removed
record is no candidate any more, but its words are counted until the index is built anew (see `waste`).
"""

from array import array
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import nlargest
from math import log

from safeconduct.policy.decision import Decision
from safeconduct.policy.fingerprints import Fingerprint, kind_of
from safeconduct.policy.kinship import kinship
from safeconduct.policy.words import Word, WordKind, words

SATURATION, LENGTH_SHARE = 0.6, 0.75
"""k1 and b of BM25."""
WEIGHTS: Mapping[WordKind, float] = {
    WordKind.WORD: 1.0,
    WordKind.IDENTIFIER: 2.0,
    WordKind.PART: 0.5,
    WordKind.VERSION: 2.0,
    WordKind.ID: 3.0,
}
SHARED_TECHNIQUE = 1.1
LIKELY = 0.9
BUDGET = 60_000
FINALISTS = 500
WORDS_TOLD = 6


class Likeness(StrEnum):
    """How close the best candidate is."""

    EXACT = "exact"
    LIKELY = "likely"
    POSSIBLE = "possible"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One record as it is compared. `related` names what its systems derive from, or share a component with."""

    id: str
    text: str
    systems: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A candidate, its score between 0 and 1, and why it is one."""

    id: str
    score: float
    likeness: Likeness
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the match as plain data."""
        return {
            "id": self.id,
            "score": round(self.score, 4),
            "likeness": self.likeness.value,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class _Term:
    """A word of the question: its weight times rarity, and the most it can add."""

    word: str
    weight: float


class Corpus:
    """The records to compare with; grows by `add`, shrinks by `remove`, answers by `candidates`."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        """Take in the items."""
        self._items: list[Item] = []
        self._numbers: dict[str, int] = {}
        self._dead: set[int] = set()
        self._lengths = array("I")
        self._total_length = 0
        self._documents: dict[str, array[int]] = {}
        self._counts: dict[str, array[int]] = {}
        self._marks: dict[Fingerprint, list[int]] = {}
        for item in items:
            self.add(item)

    def __len__(self) -> int:
        return len(self._items) - len(self._dead)

    @property
    def waste(self) -> float:
        """Return the share of removed records in the index."""
        return len(self._dead) / len(self._items) if self._items else 0.0

    def remove(self, item_id: str) -> None:
        """Forget the record that was added last under the id; one that is not there is no error."""
        number = self._numbers.pop(item_id, None)
        if number is not None:
            self._dead.add(number)

    def add(self, item: Item) -> None:
        """Take in one more record."""
        number = len(self._items)
        self._numbers[item.id] = number
        counts = Counter(word for word, _ in _words_of(item))
        length = sum(counts.values())
        self._items.append(replace(item, text=""))
        self._lengths.append(length)
        self._total_length += length
        for word, count in counts.items():
            self._documents.setdefault(word, array("I")).append(number)
            self._counts.setdefault(word, array("B")).append(min(count, 255))
        for mark in item.fingerprints:
            self._marks.setdefault(mark, []).append(number)

    def candidates(self, item: Item, *, limit: int = 10) -> tuple[Match, ...]:
        """Return the records most like the item, best first, the item's own id left out."""
        asked = tuple(_words_of(item))
        terms = self._terms(asked)
        scores = self._scores(terms)
        ideal = self._ideal(asked, terms)
        marked = {number for mark in item.fingerprints for number in self._marks.get(mark, ())}
        shares = {number: min(1.0, score / ideal) for number, score in scores.items()} | dict.fromkeys(marked, 1.0)
        for number in self._dead:
            shares.pop(number, None)
        best = self._best(item, shares, limit=limit)
        return tuple(self._match(item, number, score, terms) for score, number in best)

    def _best(self, item: Item, shares: dict[int, float], *, limit: int) -> list[tuple[float, int]]:
        """Return score and number of the best records; the rest cannot reach them, whatever their systems are."""
        best: list[tuple[float, int]] = []
        for number in sorted(shares, key=lambda number: (-shares[number], number)):
            if len(best) >= limit and shares[number] * SHARED_TECHNIQUE <= best[limit - 1][0]:
                break
            if self._items[number].id != item.id:
                insort(best, (self._score(item, number, shares[number]), number), key=lambda found: -found[0])
        return best[:limit]

    def _score(self, item: Item, number: int, share: float) -> float:
        """Return the score of a record: its share of the words, and how its systems and techniques relate."""
        other = self._items[number]
        if set(item.fingerprints) & set(other.fingerprints):
            return 1.0
        factor = kinship(item, other).factor
        if set(item.techniques) & set(other.techniques):
            factor *= SHARED_TECHNIQUE
        return min(1.0, share * factor)

    def _rarity(self, word: str) -> float:
        """Return the inverse document frequency of BM25, which is never negative."""
        holding = len(self._documents.get(word, ()))
        return log(1 + (len(self._items) - holding + 0.5) / (holding + 0.5))

    def _terms(self, asked: Iterable[Word]) -> tuple[_Term, ...]:
        """Return the different words of the question, the weightiest first."""
        heaviest: dict[str, float] = {}
        for word, kind in asked:
            heaviest[word] = max(heaviest.get(word, 0.0), WEIGHTS[kind])
        terms = (_Term(word, weight * self._rarity(word)) for word, weight in heaviest.items())
        return tuple(sorted(terms, key=lambda term: (-term.weight, term.word)))

    def _ideal(self, asked: tuple[Word, ...], terms: tuple[_Term, ...]) -> float:
        """Return what a record with the very words of the question would score."""
        counts = Counter(word for word, _ in asked)
        return sum(term.weight * self._saturated(counts[term.word], len(asked)) for term in terms) or 1.0

    def _saturated(self, count: int, length: int) -> float:
        """Return how much `count` occurrences in a record of this length are worth."""
        fixed, each = self._norms()
        return count * (SATURATION + 1) / (count + fixed + each * length)

    def _norms(self) -> tuple[float, float]:
        """Return what saturation adds for every record, and for each word of it."""
        average = self._total_length / len(self._items) if self._total_length else 1.0
        return SATURATION * (1 - LENGTH_SHARE), SATURATION * LENGTH_SHARE / average

    def _scores(self, terms: tuple[_Term, ...]) -> dict[int, float]:
        """Return the score of every record that is worth looking at."""
        scores: defaultdict[int, float] = defaultdict(float)
        lengths, (fixed, each) = self._lengths, self._norms()
        spent = 0
        for place, term in enumerate(terms):
            documents = self._documents.get(term.word)
            if documents is None:
                continue
            if spent and spent + len(documents) > BUDGET:
                return self._finish(scores, terms[place:])
            spent += len(documents)
            # This is `_saturated`, written out: the loop is where a question spends its time.
            most = term.weight * (SATURATION + 1)
            for number, count in zip(documents, self._counts[term.word], strict=True):
                scores[number] += most * count / (count + fixed + each * lengths[number])
        return scores

    def _finish(self, scores: dict[int, float], terms: tuple[_Term, ...]) -> dict[int, float]:
        """Return the best so far with what the common words add to them."""
        finalists = nlargest(FINALISTS, scores, key=lambda number: scores[number])
        return {
            number: scores[number]
            + sum(
                term.weight * self._saturated(self._count(term.word, number), self._lengths[number]) for term in terms
            )
            for number in finalists
        }

    def _count(self, word: str, number: int) -> int:
        """Return how often the record holds the word."""
        documents = self._documents.get(word)
        if documents is None:
            return 0
        place = bisect_left(documents, number)
        return self._counts[word][place] if place < len(documents) and documents[place] == number else 0

    def _match(self, item: Item, number: int, score: float, terms: tuple[_Term, ...]) -> Match:
        """Return the match with its reasons in words."""
        other = self._items[number]
        exact = sorted({kind_of(mark) for mark in set(item.fingerprints) & set(other.fingerprints)})
        shared = [term.word for term in terms if len(term.word) > 1 and self._count(term.word, number)][:WORDS_TOLD]
        techniques = sorted(set(item.techniques) & set(other.techniques))
        reasons = [_EXACT[kind] for kind in exact]
        if shared:
            reasons.append(f"shares the telling words {', '.join(shared)}")
        reasons.append(kinship(item, other).told)
        if techniques:
            reasons.append(f"the same technique: {', '.join(techniques)}")
        likeness = Likeness.EXACT if exact else Likeness.LIKELY if score >= LIKELY else Likeness.POSSIBLE
        return Match(id=other.id, score=score, likeness=likeness, reasons=tuple(reasons))


_EXACT = {
    "text": "the same text, word for word",
    "file": "the same attached file",
    "id": "the same public identifier",
}


def likeness(matches: tuple[Match, ...]) -> Decision[Likeness]:
    """Return how close the best candidate is, with its reasons; a person decides what to make of it."""
    if not matches:
        return Decision(outcome=Likeness.NONE, reasons=("nothing known resembles it",), rules=("duplicates.none",))
    best = matches[0]
    reasons = (f"closest is {best.id} with {best.score:.2f} of 1", *best.reasons)
    return Decision(
        outcome=best.likeness,
        reasons=(*reasons, "a candidate only: a person decides"),
        rules=(f"duplicates.{best.likeness}",),
        inputs={"id": best.id, "score": round(best.score, 4), "candidates": len(matches)},
    )


def _words_of(item: Item) -> Iterable[Word]:
    """Return the words by which a record is found: its text and the names of its systems."""
    yield from words(" ".join((*item.systems, item.text)))
