# SPDX-License-Identifier: Apache-2.0
"""The published schemas of a bundle and its readers agree on what is a bundle's file."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verification.bundles import evasion_bundle, leak_bundle
from tests.verification.test_bundle import attacks, oracles

from safeconduct.domain.bundle import AttackScript, Mutator, MutatorName, Oracle, ScoreLabels
from safeconduct.errors import SafeconductError
from safeconduct.verification.bundle import reading, scripts
from safeconduct.verification.bundle.contents import DATA_FILES
from safeconduct.verification.bundle.schema import FOLDER, READERS, bundle_schema, schema_file, schema_text
from safeconduct.verification.bundle.writing import bundle_documents
from safeconduct.verification.fields import Fields

VALIDATORS: Final = {name: jsonschema_rs.validator_for(bundle_schema(name)) for name in READERS}
_PLAIN: Final = (
    None,
    True,
    -1,
    0,
    3,
    10**15,
    0.25,
    -0.5,
    1e300,
    "",
    "x",
    "{{text}}",
    "ä" * 60,
    "x\x1b[2J",
    "a" * 60_000,
)
_BUILT: Final = ([], {}, ["x"], [{}], {"x": "y"}, {"x": 1}, {"kind": "canary", "text": "x"})
_MUTATORS: Final = (
    {"name": "nest", "inner": []},
    {"name": "case", "params": {"style": "camel"}},
    {"name": "one_of", "inner": [{"name": "rot13"}]},
)
ODD: Final = st.sampled_from([*_PLAIN, *_BUILT, *_MUTATORS])
Path = tuple[str | int, ...]


def documents(name: str) -> list[Any]:
    """Return the JSON of one file of two bundles; of `benign.jsonl`, its lines."""
    found = []
    labels = ScoreLabels(low="a", high="b")
    for bundle in (leak_bundle(), evasion_bundle()):
        data = bundle_documents(bundle)[name]
        found += [json.loads(line) for line in (data.splitlines() if name.endswith(".jsonl") else [data])]
    if name == "target.json":
        found[0]["labels"] = {"low": labels.low, "high": labels.high}
    if name == "attack.json":
        found[0]["families"][0]["chains"][0]["mutators"].append(
            {"name": "nest", "params": {"times": 2}, "inner": [{"name": "base64"}, {"name": "case"}]}
        )
        found[0]["tools"] = [{"name": "t", "parameters": [{"name": "p"}]}]
        found[0]["steps"][1] |= {
            "carry": [{"name": "c", "pattern": "(x)"}],
            "expect": [{"kind": "regex", "pattern": "x"}],
        }
    return found


def reader_takes(name: str, document: Any) -> bool:
    """Say whether the reader of the file takes the document."""
    try:
        fields = Fields.of(document, at=name)
        READERS[name](fields)
        fields.done()
    except SafeconductError:
        return False
    return True


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every value in the document, its own first."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*at, key))


def changed(document: Any, at: Path, change: Callable[[Any, Any], None]) -> Any:
    """Return the document with one change at the path."""
    copied = copy.deepcopy(document)
    holder = copied
    for key in at[:-1]:
        holder = holder[key]
    change(holder, at[-1])
    return copied


def test_every_file_of_a_bundle_has_a_schema() -> None:
    assert set(READERS) == DATA_FILES


@pytest.mark.parametrize("name", sorted(READERS))
def test_the_published_schema_is_the_one_that_the_reader_gives(name: str) -> None:
    published = (FOLDER / schema_file(name)).read_text("utf-8")

    assert published == schema_text(name), "run tools/schemas"
    jsonschema_rs.meta.validate(json.loads(published))


def test_every_mutator_and_every_check_is_described() -> None:
    schema = bundle_schema("attack.json")
    assert {kind["title"] for kind in schema["$defs"]["mutator"]["oneOf"]} == set(MutatorName)
    assert {kind["title"] for kind in schema["$defs"]["check"]["oneOf"]} == set(reading.CHECKS)


@pytest.mark.parametrize("name", sorted(READERS))
def test_what_is_written_fits_the_schema(name: str) -> None:
    for document in documents(name):
        VALIDATORS[name].validate(document)
        assert reader_takes(name, document)


@given(attack=attacks, oracle=oracles)
@settings(max_examples=50)
def test_every_attack_and_oracle_that_is_written_fits_the_schema(attack: AttackScript, oracle: Oracle) -> None:
    written = bundle_documents(leak_bundle(attack=attack, oracle=oracle))

    VALIDATORS["attack.json"].validate(json.loads(written["attack.json"]))
    VALIDATORS["oracle.json"].validate(json.loads(written["oracle.json"]))


def mutations(name: str) -> st.SearchStrategy[Any]:
    """Return documents of one file in which one value is another, absent, misnamed or there too often."""

    def make(document: Any) -> st.SearchStrategy[Any]:
        at = st.sampled_from([place for place in places(document) if place])
        replaced = st.builds(
            lambda place, value: changed(document, place, lambda it, key: it.__setitem__(key, value)), at, ODD
        )
        removed = at.map(lambda place: changed(document, place, lambda it, key: it.__delitem__(key)))
        added = st.builds(
            lambda place, value: changed(
                document, place, lambda it, _: it.update(extra=value) if isinstance(it, dict) else it.append(value)
            ),
            at,
            ODD,
        )
        return st.one_of(replaced, removed, added)

    return st.sampled_from(documents(name)).flatmap(make)


@given(data=st.data(), name=st.sampled_from(sorted(READERS)))
@settings(max_examples=600)
def test_the_schema_and_the_reader_refuse_the_same(data: st.DataObject, name: str) -> None:
    document = data.draw(mutations(name))

    assert VALIDATORS[name].is_valid(document) == reader_takes(name, document)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bundle.json", {"created": "2026-02-30T12:00:00Z"}),
        ("bundle.json", {"created": "0001-01-01T00:00:00Z"}),
        ("bundle.json", {"taxonomy": ["nonsense/1/x"]}),
        ("attack.json", {"seeds": [{"id": "e\u0301", "text": "x"}]}),
        (
            "attack.json",
            {
                "families": [
                    {"name": "f", "chains": [{"mutators": [{"name": "base64", "params": {"frame": "{{text}}" * 2}}]}]}
                ]
            },
        ),
        ("limits.json", {"calls": 1.0}),
    ],
)
def test_what_a_schema_cannot_say_the_reader_refuses_all_the_same(name: str, change: dict[str, Any]) -> None:
    document = documents(name)[0] | change

    assert VALIDATORS[name].is_valid(document)
    assert not reader_takes(name, document)


def test_a_parameter_of_any_kind_is_read_as_it_was_written() -> None:
    params = {"table": {"a": "b"}}
    document = {"name": "translation_table", "params": params, "version": None}

    read = scripts.read_mutator(Fields.of(document, at="x"))

    assert read == Mutator(name=MutatorName.TRANSLATION_TABLE, params=params)
