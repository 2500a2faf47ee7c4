# SPDX-License-Identifier: Apache-2.0
"""What the generator of schemas does not understand fails at once."""

from dataclasses import dataclass

import pytest

from safeconduct.formats.schema import json_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree of names.

    The rest of the docstring is not shown.
    """

    name: str
    branches: tuple["Tree", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    rows: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    data: bytes


def test_a_type_may_hold_itself() -> None:
    schema = json_schema(Tree, title="A Tree", version="1.0.0")

    assert schema["$id"] == "urn:safeconduct:schema:a-tree:1.0.0"
    assert schema["description"] == "A tree of names."
    assert schema["properties"]["branches"]["items"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["required"] == ["name"]


@pytest.mark.parametrize("kind", [Table, Raw])
def test_a_hint_that_has_no_schema_is_a_mistake_of_the_program(kind: type) -> None:
    with pytest.raises(TypeError):
        json_schema(kind, title="x", version="1.0.0")
