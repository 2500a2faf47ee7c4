# SPDX-License-Identifier: Apache-2.0
"""The second patch: letters that look alike are read as the same, and what stands between letters is ignored."""

import re
import unicodedata

import before

LATIN = str.maketrans("асеорхуіѕјһАВСЕНІКМОРТХУЅ", "aceopxyisjhABCEHIKMOPTXYS")  # noqa: RUF001  # the point
WORDS = tuple(word.replace(" ", "") for word in before.WORDS)


def score(texts: list[str]) -> list[float]:
    """Return 1.0 for every text that holds one of the words, however it is written, else 0.0."""
    plain = [unicodedata.normalize("NFKC", text).translate(LATIN).lower() for text in texts]
    letters = [re.sub("[^a-z]", "", text) for text in plain]
    return [float(any(word in text for word in WORDS)) for text in letters]
