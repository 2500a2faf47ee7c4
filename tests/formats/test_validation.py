# SPDX-License-Identifier: Apache-2.0
"""Remarks of a JSON Schema end somewhere, and so do the fates of a loss report."""

import jsonschema_rs

from safeconduct.formats.base import Fate, Rule, declared, leaves
from safeconduct.formats.validation import REMARKS_LIMIT, schema_remarks


def test_remarks_name_rule_and_place() -> None:
    validator = jsonschema_rs.validator_for({"items": {"type": "string"}})

    (remark,) = schema_remarks(validator, ["a", 1], rule="x.schema")
    assert (remark.rule, remark.at) == ("x.schema", "/1")


def test_a_document_with_thousands_of_errors_gives_a_hundred() -> None:
    validator = jsonschema_rs.validator_for({"items": {"type": "string"}})

    assert len(schema_remarks(validator, list(range(5000)), rule="x.schema")) == REMARKS_LIMIT


def test_leaves_are_scalars_and_empty_containers_by_their_place() -> None:
    assert leaves({"a": [{"b/c": 1}, []], "d": {}}) == {"/a/0/b~1c": 1, "/a/1": [], "/d": {}}


def test_the_first_rule_that_speaks_of_a_place_decides_and_names_the_target() -> None:
    rules = [Rule("/a/*/x", Fate.NATIVE, "/b/*/y"), Rule("/**", Fate.DROPPED, "", "why")]
    entries = declared({"a": [{"x": 1, "z": 2}]}, rules)

    assert [(entry.source, entry.fate, entry.target, entry.reason) for entry in entries] == [
        ("/a/0/x", Fate.NATIVE, "/b/0/y", ""),
        ("/a/0/z", Fate.DROPPED, "", "why"),
    ]
