# SPDX-License-Identifier: Apache-2.0
"""Tables are read strictly; whatever is wrong with one names it."""

import json
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from typing import Any

import pytest

from safeconduct.errors import ConfigurationError
from safeconduct.policy import tables
from safeconduct.policy.deadline_policy import build_policy, read_policy
from safeconduct.policy.embargo_rules import build_rules
from safeconduct.policy.histories import build_fact_rules
from safeconduct.policy.lifecycle import build_lifecycle
from safeconduct.policy.messages import build_messages


def shipped(name: str) -> str:
    return files("safeconduct.policy").joinpath("data", name).read_text(encoding="utf-8")


HEADER = {"table": "t", "version": "1", "dated": "2026-11-23", "source": "s", "license": "l"}


def test_a_table_says_what_it_is() -> None:
    table = tables.read(json.dumps({**HEADER, "rows": [1]}), file_name="t.json", build=lambda table: table)

    assert (table.edition, table.dated, table.content) == ("t-1", date(2026, 11, 23), {"rows": [1]})


@pytest.mark.parametrize("name", ["lifecycle.json", "messages.json", "deadlines.toml", "embargo.toml"])
def test_the_shipped_tables_name_source_and_license(name: str) -> None:
    table = tables.load(name, lambda table: table)

    assert table.source
    assert table.license


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.json", "{"),
        ("t.json", "[]"),
        ("t.json", "{}"),
        ("t.toml", "table ="),
        ("t.json", json.dumps({**HEADER, "source": ""})),
        ("t.json", json.dumps({**HEADER, "license": 3})),
        ("t.json", json.dumps({**HEADER, "dated": "yesterday"})),
    ],
)
def test_a_malformed_table_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        tables.read(text, file_name=name, build=lambda table: table)

    assert refused.value.facts["table"] == name


def test_a_missing_table_is_named() -> None:
    with pytest.raises(ConfigurationError):
        tables.load("nothing.json", lambda table: table)


def test_an_objection_of_the_owner_is_kept() -> None:
    def build(table: tables.Table) -> None:
        raise ConfigurationError("the owner says no")

    with pytest.raises(ConfigurationError, match="the owner says no"):
        tables.read(json.dumps(HEADER), file_name="t.json", build=build)


def broken(name: str, change: Callable[[Any], object]) -> str:
    data = json.loads(shipped(name))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("name", "build", "change"),
    [
        ("lifecycle.json", build_lifecycle, lambda d: d["machines"]["report"]["edges"].append(["S", "r", "R"])),
        ("lifecycle.json", build_lifecycle, lambda d: d["machines"]["report"]["edges"].append(["S", "x", "R"])),
        ("lifecycle.json", build_lifecycle, lambda d: d["machines"]["embargo"]["states"].pop("N")),
        ("lifecycle.json", build_lifecycle, lambda d: d["machines"]["consent"]["events"].pop("invite")),
        ("lifecycle.json", build_lifecycle, lambda d: d.pop("rules")),
        ("lifecycle.json", build_fact_rules, lambda d: d["facts"]["words"].pop("V")),
        ("lifecycle.json", build_fact_rules, lambda d: d["desiderata"].update({"V<P": [3, 2]})),
        ("lifecycle.json", build_fact_rules, lambda d: d["desiderata"].update({"V<P": [1, 0]})),
        ("messages.json", build_messages, lambda d: d["words"].pop("RS")),
        ("messages.json", build_messages, lambda d: d["send"].append(["RS", "...", "A", "N", "", "", "", []])),
        ("messages.json", build_messages, lambda d: d["send"].append(["RS", "......", "Z", "N", "", "", "", []])),
        ("messages.json", build_messages, lambda d: d["send"].append(["RS"])),
    ],
)
def test_a_damaged_protocol_table_is_refused(name: str, build: Any, change: Any) -> None:
    tables.read(shipped(name), file_name=name, build=build)

    with pytest.raises(ConfigurationError):
        tables.read(broken(name, change), file_name=name, build=build)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('publish = "45d"', 'publish = "91d"'),
        ('publish = "45d"', 'publish = "45"'),
        ('publish = "45d"', ""),
        ('remediate = "30d"', ""),
        ('acknowledge = "2bd"', 'acknowledge = "4bd"'),
        ('assess = "5d"', 'assess = "5bd"'),
        ('cap = "75d"', 'cap = "40d"'),
        ('cap = "14d"', 'cap = "6d"'),
        ('extension_most = "7d"', 'extension_most = "15d"'),
        ('unassessed = "critical"', 'unassessed = "extreme"'),
        ('split_mitigate = "90d"', 'split_mitigate = "50d"'),
        ("from_hour = 9", "from_hour = 24"),
        ('"fri", "sat", "sun"', '"mon", "tue", "wed", "thu", "fri", "sat", "sun"'),
        ('"fri", "sat", "sun"', '"friday"'),
        ('kinds = ["remediate", "publish"]', 'kinds = ["sleep"]'),
        ("[tiers.none]", "[tiers.nothing]"),
    ],
)
def test_a_profile_in_which_worse_is_slower_or_that_is_incomplete_is_refused(old: str, new: str) -> None:
    text = shipped("deadlines.toml")
    assert old in text

    with pytest.raises(ConfigurationError):
        read_policy(text.replace(old, new, 1))


def test_a_default_answer_window_below_the_least_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        tables.read(shipped("embargo.toml").replace("P7D", "P1D"), file_name="embargo.toml", build=build_rules)


def test_the_shipped_profile_passes_its_own_check() -> None:
    assert tables.load("deadlines.toml", build_policy) == read_policy(shipped("deadlines.toml"))
