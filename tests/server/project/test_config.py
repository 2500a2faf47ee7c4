# SPDX-License-Identifier: Apache-2.0
"""The configuration: file and environment, every value checked, every unknown key refused."""

from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.errors import ConfigurationError
from safeconduct.server.project.config import Config, load_config
from safeconduct.server.project.databases import database_settings
from safeconduct.server.project.reading import read_value


def load(tmp_path: Path, text: str = "", **environ: str) -> Config:
    if text:
        (tmp_path / "safeconduct.toml").write_text(text)
    return load_config({"SAFECONDUCT_HOME": str(tmp_path), **environ})


def test_a_fresh_home_has_the_documented_defaults(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert config.on_sqlite
    assert config.is_embedded
    assert not config.demands_second_factor
    assert config.runs_worker
    assert config.beat_seconds == 600
    assert config.origin == "127.0.0.1:8000/log"


def test_every_setting_documents_itself() -> None:
    assert all(entry.metadata["help"].endswith(".") for entry in fields(Config))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, "beat_seconds = 5\nthreads = 3", SAFECONDUCT_BEAT_SECONDS="2")

    assert (config.beat_seconds, config.threads) == (2.0, 3)


def test_a_misspelled_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, "beat_second = 5")

    assert caught.value.facts["setting"] == "beat_second"


def test_a_misspelled_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="bindd"):
        load(tmp_path, SAFECONDUCT_BINDD="x")


def test_variables_of_the_tests_are_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, SAFECONDUCT_TEST_DATABASE="postgres").on_sqlite


def test_the_environment_reads_numbers_words_and_lists(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        SAFECONDUCT_THREADS="4",
        SAFECONDUCT_WORKER_IN_SERVE="no",
        SAFECONDUCT_LANGUAGES="en, ar",
        SAFECONDUCT_SMTP_SECURITY="tls",
    )

    assert (config.threads, config.runs_worker, config.languages, config.smtp_security) == (
        4,
        False,
        ("en", "ar"),
        "tls",
    )


@pytest.mark.parametrize(
    "text",
    [
        "threads = 'many'",
        "threads = 1.5",
        "threads = true",
        "embedded = 'perhaps'",
        "languages = 3",
        "languages = [1]",
        "smtp_security = 'rot13'",
        "name = 7",
        "beat_seconds = 'soon'",
        "= broken",
        "home = 'elsewhere'",
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "base_url = 'ftp://host'",
        "base_url = 'https://host/path'",
        "base_url = 'https://'",
        "database = 'mysql://host/db'",
        "processes = 2",
        "smtp_host = 'mail.example'",
        "base_url = 'https://disclosure.example'\nembedded = true",
        "base_url = 'https://disclosure.example'\nrequire_second_factor = false",
        "languages = []",
        "threads = 0",
        "beat_seconds = 0",
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path, text)


def test_a_public_address_demands_a_second_factor(tmp_path: Path) -> None:
    config = load(tmp_path, "base_url = 'https://disclosure.example'")

    assert config.demands_second_factor
    assert config.is_https


def test_a_bind_without_a_base_address_gives_it(tmp_path: Path) -> None:
    assert load(tmp_path, "bind = '127.0.0.1:9999'").base_url == "http://127.0.0.1:9999"
    assert load(tmp_path, "bind = 'unix:/run/x.sock'").base_url == "http://127.0.0.1:8000"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path, SAFECONDUCT_CONFIG=str(tmp_path / "missing.toml"))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "safeconduct.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError):
        load(tmp_path)


def test_the_password_of_the_database_is_not_shown(tmp_path: Path) -> None:
    config = load(tmp_path, "database = 'postgres://ada:swordfish@db.example:5433/cvd'")

    assert "swordfish" not in repr(config)
    assert not config.runs_worker


def test_a_postgres_address_becomes_django_settings(tmp_path: Path) -> None:
    config = load(tmp_path, "database = 'postgres://ada:sword%20fish@db.example:5433/cvd?sslmode=require'")
    settings = database_settings(config)

    assert settings["USER"] == "ada"
    assert settings["PASSWORD"] == "sword fish"
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db.example", "5433", "cvd")
    assert settings["OPTIONS"] == {"sslmode": "require"}


@given(key=st.just("threads"), value=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_a_number_is_a_number_or_our_error(key: str, value: object) -> None:
    with suppress(ConfigurationError):
        assert isinstance(read_value(key, int, value), int)
