# SPDX-License-Identifier: Apache-2.0
"""Evidence read for tests: from the vectors, from bytes, with every row."""

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safeconduct.formats.evidence import Provenance, ReadOptions, Row, Run
from safeconduct.formats.evidence.reader import EvidenceDraft, Reader, draft_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "formats"


def vector(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def read(reader: Reader, data: bytes, **options: Any) -> Run:
    return reader(io.BytesIO(data), options=ReadOptions(**options))


def draft(reader: Reader, data: bytes, **options: Any) -> EvidenceDraft:
    return draft_of(read(reader, data, **options), now=NOW)


def rows(reader: Reader, data: bytes, **options: Any) -> list[tuple[Provenance, Row]]:
    taken: list[tuple[Provenance, Row]] = []
    reader(io.BytesIO(data), options=ReadOptions(**options), sink=lambda source, row: taken.append((source, row)))
    return taken


def counts(run: Run) -> dict[str, tuple[int, ...]]:
    """Return hits, misses, not judged, errors and variants of each family."""
    return {item.name: (item.hits, item.misses, item.abstained, item.errors, item.clusters) for item in run.families}


def rules(run: Run) -> set[str]:
    return {remark.rule.partition(".")[2] for remark in run.remarks}


def lines(values: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)
