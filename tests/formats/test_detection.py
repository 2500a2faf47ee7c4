# SPDX-License-Identifier: Apache-2.0
"""What a file seems to be: told from its content, and never guessed where nothing fits."""

import io
import json
from typing import Any

import pytest
from tests.formats.evidence.reading import vector
from tests.formats.examples import ADVISORY, REPORT

from safeconduct.errors import MalformedError
from safeconduct.formats import csaf, native, osv
from safeconduct.formats.catalog import TITLES, FormatName
from safeconduct.formats.detection import detected

FILES: list[tuple[FormatName, bytes]] = [
    (FormatName.NATIVE, native.canonical(ADVISORY)),
    (FormatName.NATIVE, native.canonical(REPORT)),
    (FormatName.CSAF, csaf.write(ADVISORY).data),
    (FormatName.OSV, osv.write(ADVISORY).data),
    (FormatName.GARAK, vector("garak-0.17.1.report.jsonl")),
    (FormatName.GARAK, vector("garak-0.17.1.hitlog.jsonl")),
    (FormatName.INSPECT, vector("inspect-0.3.285.eval")),
    (FormatName.INSPECT, vector("inspect-0.3.285.json")),
    (FormatName.PROMPTFOO, vector("promptfoo-0.121.20.json")),
    (FormatName.PROMPTFOO, vector("promptfoo-0.121.20.jsonl")),
    (FormatName.PYRIT, vector("pyrit-1.1.0.json")),
    (FormatName.PYRIT, b'{"attack_results": []}'),
    (FormatName.PYRIT, b"SQLite format 3\0"),
    (FormatName.MODELSCAN, vector("modelscan-0.8.8-models.json")),
    (FormatName.PICKLESCAN, vector("picklescan-1.0.5-models.txt")),
    (FormatName.JSONL, b'{"outcome": "hit"}\n{"outcome": "miss"}\n'),
]


@pytest.mark.parametrize(("name", "data"), FILES, ids=[f"{name} {number}" for number, (name, _) in enumerate(FILES)])
def test_a_file_is_known_by_its_content_and_left_at_its_start(name: FormatName, data: bytes) -> None:
    stream = io.BytesIO(data)

    assert detected(stream) is name
    assert stream.tell() == 0


@pytest.mark.parametrize("value", [{}, [], [1], 1, None, "SCAN", {"id": "x"}, {"results": {"results": {}}}])
def test_what_nobody_writes_is_not_guessed(value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        detected(io.BytesIO(json.dumps(value, indent=1).encode()))

    assert all(title in caught.value.hint for title in TITLES.values())


def test_the_words_of_a_scanner_in_a_report_do_not_make_it_one() -> None:
    record = json.loads(native.canonical(REPORT)) | {"description": "it said SCAN SUMMARY"}

    assert detected(io.BytesIO(json.dumps(record).encode())) is FormatName.NATIVE


def test_a_report_of_modelscan_that_was_printed_gets_the_way_to_the_file() -> None:
    with pytest.raises(MalformedError) as caught:
        detected(io.BytesIO(vector("modelscan-0.8.8-printed.txt")))

    assert "-o FILE" in caught.value.hint
