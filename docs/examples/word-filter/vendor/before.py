# SPDX-License-Identifier: Apache-2.0
"""A small filter for advertisement mail, as a vendor ships it: it knows a few words."""

WORDS = ("lottery", "jackpot", "casino", "miracle pill", "free money")


def score(texts: list[str]) -> list[float]:
    """Return 1.0 for every text that holds one of the words, else 0.0."""
    return [float(any(word in text.lower() for word in WORDS)) for text in texts]
