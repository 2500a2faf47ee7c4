# SPDX-License-Identifier: Apache-2.0
"""Recall on real duplicates; skipped where the data are not beside the checkout."""

import pytest
from benchmarks.duplicates import DATA, ours, plain, queries, recall, records


@pytest.mark.skipif(not DATA.parents[1].exists(), reason="the shared folder with the test data is not here")
def test_real_duplicates_are_found_better_than_by_plain_words() -> None:
    found, asked = records(), queries()

    ours_hits, _ = recall(ours(found)[1], asked)
    plain_hits, _ = recall(plain(found), asked)

    assert len(found) == 2661
    assert len(asked) == 87
    assert ours_hits[1] >= 77
    assert ours_hits[5] >= 83
    assert ours_hits[10] >= 86
    assert ours_hits[1] > plain_hits[1]
