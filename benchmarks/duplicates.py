# SPDX-License-Identifier: Apache-2.0
"""How well likely duplicates are found: recall on real records, beside a plain word search in the same run.

Data (not shipped): 2,661 advisories of the Python packaging advisory database and 87 descriptions of the same flaws by
other people. A query is answered at rank k if one of its true records is among the first k. Intervals are Wilson, 95 %,
two-sided. Run with `python -m benchmarks.duplicates`; it needs the folder `shared` beside the checkout.
"""

import gzip
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import log
from pathlib import Path
from typing import Any

from safeconduct.policy.comparables import from_line
from safeconduct.policy.duplicates import LENGTH_SHARE, LIKELY, SATURATION, WEIGHTS, Corpus
from safeconduct.policy.reliability import wilson

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "duplicates"
RANKS = (1, 5, 10)
PLAIN_K1, PLAIN_B = 1.2, 0.75

Search = Callable[[str, str], Sequence[str]]


def records() -> list[dict[str, Any]]:
    """Return the advisories."""
    with gzip.open(DATA / "registry.osv.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def queries() -> list[dict[str, Any]]:
    """Return the descriptions with the ids of their true records."""
    return json.loads((DATA / "dev-queries.json").read_text(encoding="utf-8"))


def text_of(record: dict[str, Any]) -> str:
    """Return what a record says."""
    return f"{record.get('summary', '')} {record.get('details', '')}".strip()


def package_of(record: dict[str, Any]) -> str:
    """Return the package a record is about."""
    return str(record["affected"][0]["package"]["name"])


def ours(found: list[dict[str, Any]]) -> tuple[Corpus, Search]:
    """Return our index over the records, and its search."""
    corpus = Corpus(from_line(item_id=row["id"], package=package_of(row), text=text_of(row)) for row in found)

    def search(package: str, text: str) -> Sequence[str]:
        return [match.id for match in corpus.candidates(from_line(item_id="", package=package, text=text))]

    return corpus, search


def plain(found: list[dict[str, Any]]) -> Search:
    """Return the plain search: BM25 over lower-case words of letters and digits, package name included."""
    documents = [re.findall(r"[a-z0-9]+", f"{package_of(row)} {text_of(row)}".lower()) for row in found]
    average = sum(map(len, documents)) / len(documents)
    postings: dict[str, dict[int, int]] = defaultdict(dict)
    for number, document in enumerate(documents):
        for word, count in Counter(document).items():
            postings[word][number] = count

    def search(package: str, text: str) -> Sequence[str]:
        scores: dict[int, float] = defaultdict(float)
        for word, times in Counter(re.findall(r"[a-z0-9]+", f"{package} {text}".lower())).items():
            holding = postings.get(word, {})
            rarity = log(1 + (len(documents) - len(holding) + 0.5) / (len(holding) + 0.5))
            for number, count in holding.items():
                norm = PLAIN_K1 * (1 - PLAIN_B + PLAIN_B * len(documents[number]) / average)
                scores[number] += times * rarity * count * (PLAIN_K1 + 1) / (count + norm)
        best = sorted(scores, key=lambda number: (-scores[number], found[number]["id"]))[: max(RANKS)]
        return [found[number]["id"] for number in best]

    return search


def recall(search: Search, asked: list[dict[str, Any]]) -> tuple[dict[int, int], list[float]]:
    """Return how many queries are answered at each rank, and the seconds of each search."""
    hits = dict.fromkeys(RANKS, 0)
    seconds = []
    for query in asked:
        started = time.perf_counter()
        found = search(query["package"], query["text"])
        seconds.append(time.perf_counter() - started)
        for rank in RANKS:
            hits[rank] += not set(query["truth"]).isdisjoint(found[:rank])
    return hits, sorted(seconds)


def false_suggestions(corpus: Corpus, found: list[dict[str, Any]]) -> int:
    """Return for how many records something that shares neither alias nor text is called a likely duplicate."""
    names = {row["id"]: {row["id"], *row.get("aliases", [])} for row in found}
    texts = {row["id"]: text_of(row) for row in found}
    wrong = 0
    for row in found:
        item = from_line(item_id=row["id"], package=package_of(row), text=texts[row["id"]])
        wrong += any(
            match.score >= LIKELY and names[match.id].isdisjoint(names[item.id]) and texts[match.id] != item.text
            for match in corpus.candidates(item)
        )
    return wrong


def main() -> int:
    """Measure and print."""
    if not DATA.exists():
        print("skipped: the folder shared with the test data is not beside the checkout")
        return 0
    found, asked = records(), queries()
    started = time.perf_counter()
    corpus, search = ours(found)
    print(f"{len(found)} records indexed in {time.perf_counter() - started:.2f} s; {len(asked)} queries")
    print(f"plain: words [a-z0-9]+, k1 {PLAIN_K1}, b {PLAIN_B}")
    weights = ", ".join(f"{kind} {weight}" for kind, weight in WEIGHTS.items())
    print(f"ours:  k1 {SATURATION}, b {LENGTH_SHARE}, weights {weights}")
    totals = {}
    for name, searched in (("plain", plain(found)), ("ours", search)):
        hits, seconds = recall(searched, asked)
        totals[name] = hits
        for rank in RANKS:
            low, high = wilson(hits[rank], len(asked), z=1.96)
            share = hits[rank] / len(asked)
            print(f"{name:5} recall@{rank:<2} {hits[rank]}/{len(asked)} = {share:.3f} (95 %: {low:.3f} to {high:.3f})")
        print(f"{name:5} seconds: median {seconds[len(seconds) // 2]:.4f}, P95 {seconds[int(len(seconds) * 0.95)]:.4f}")
    print(f"ratio recall@1 ours / plain: {totals['ours'][1] / totals['plain'][1]:.3f}")
    wrong = false_suggestions(corpus, found)
    print(f"called likely at {LIKELY} without a shared alias: {wrong}/{len(found)} = {wrong / len(found):.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
