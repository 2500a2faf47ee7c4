# SPDX-License-Identifier: Apache-2.0
"""The configuration: one TOML file and the environment, read once, checked at start, then frozen.

The file is `safeconduct.toml` in the home folder, or the one named by `--config` or `SAFECONDUCT_CONFIG`. Every key of
the file may also be given as `SAFECONDUCT_` and the key in capitals; the environment wins. A key that is not known is
an error, because a misspelled limit must not silently become the default. Variables that start with
`SAFECONDUCT_TEST_` belong to the tests and are not read here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from safeconduct.domain.instants import is_zone
from safeconduct.errors import ConfigurationError
from safeconduct.server.project.reading import Value, read_value

PREFIX = "SAFECONDUCT_"
FILE_NAME = "safeconduct.toml"
PLACES = frozenset({"SAFECONDUCT_HOME", "SAFECONDUCT_CONFIG"})
TESTS_PREFIX = "SAFECONDUCT_TEST_"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MIB = 1024 * 1024
MINUTES_OF_A_DAY = 24 * 60
MOST_WATCH_DAYS = 365
MOST_WATCH_DRAWS = 200
LEAST_RUN_LENGTH, MOST_RUN_LENGTH = 100.0, 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything an operator can set; the field's metadata holds its documentation."""

    home: Path = field(metadata={"help": "Folder of all state: database, keys, log, sealed files."})
    name: str = field(default="Safeconduct", metadata={"help": "Name of this service as people read it."})
    database: str = field(
        default="sqlite",
        repr=False,
        metadata={"help": "`sqlite` (in the home folder) or `postgres://user:password@host/name` (needs [postgres])."},
    )
    base_url: str = field(
        default="http://127.0.0.1:8000",
        metadata={"help": "Address under which people reach the service. Default: http:// and bind."},
    )
    bind: str = field(default="127.0.0.1:8000", metadata={"help": "Address and port to listen on, or unix:PATH."})
    hosts: tuple[str, ...] = field(default=(), metadata={"help": "Further host names, for example an onion address."})
    threads: int = field(
        default=8, metadata={"help": "Pages that a server process answers at a time, each in a thread."}
    )
    processes: int = field(default=1, metadata={"help": "Server processes; more than one needs PostgreSQL."})
    embedded: bool | None = field(
        default=None,
        metadata={
            "help": "A trial on this machine only: no second factor asked. Default: bind and base_url are loopback."
        },
    )
    require_second_factor: bool | None = field(
        default=None,
        metadata={"help": "Coordinators and administrators must set up TOTP. Default: not embedded."},
    )
    worker_in_serve: bool | None = field(
        default=None, metadata={"help": "Run background work inside `serve`. Default: yes on SQLite."}
    )
    worker_seconds: float = field(default=2.0, metadata={"help": "Pause between two looks for background work."})
    beat_seconds: float = field(default=600.0, metadata={"help": "Interval at which the log publishes a checkpoint."})
    log_origin: str = field(
        default="", metadata={"help": "Name of the transparency log. Default: host of base_url and /log."}
    )
    zone: str = field(
        default="UTC",
        metadata={"help": "Time zone of this service, an IANA name: shown beside UTC, and for working days."},
    )
    languages: tuple[str, ...] = field(default=("en",), metadata={"help": "Languages offered, the first by default."})
    contact: str = field(
        default="", metadata={"help": "Contact for flaws in this service (security.txt). Default: the report page."}
    )
    security_txt_days: int = field(default=180, metadata={"help": "Days after which security.txt expires."})
    smtp_host: str = field(
        default="", metadata={"help": "Mail server; empty: messages are shown to the coordinator instead."}
    )
    smtp_port: int = field(default=587, metadata={"help": "Port of the mail server."})
    smtp_security: Literal["starttls", "tls", "none"] = field(
        default="starttls", metadata={"help": "How the connection to the mail server is protected."}
    )
    smtp_user: str = field(default="", metadata={"help": "Account at the mail server."})
    smtp_password_file: str = field(default="", metadata={"help": "File that holds the password of that account."})
    smtp_sender: str = field(default="", metadata={"help": "Sender of our mails; needed when smtp_host is set."})
    upload_bytes: int = field(default=100 * MIB, metadata={"help": "Largest attachment."})
    request_bytes: int = field(default=2 * MIB, metadata={"help": "Largest request without attachments."})
    minimum_free_bytes: int = field(
        default=64 * MIB, metadata={"help": "Free disk space below which the service says it is not ready."}
    )
    triage_minutes: float = field(
        default=20.0,
        metadata={"help": "Minutes taken for a first reading of a report, to estimate what the gate saves."},
    )
    invitation_days: int = field(default=14, metadata={"help": "Days for which a one-time link holds."})
    watch_days: int = field(
        default=7, metadata={"help": "Days between two looks at a verified fix; 0: no watch begins by itself."}
    )
    watch_draws: int = field(default=20, metadata={"help": "Fresh variants that a look at a verified fix asks."})
    watch_run_length: float = field(
        default=10_000.0,
        metadata={"help": "Calls that pass on average at least before a watch raises a false alarm."},
    )
    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info", metadata={"help": "Least important log line to write."}
    )

    @property
    def keys(self) -> Path:
        """Return the folder of the keys, which is never part of the database or its backup."""
        return self.home / "keys"

    @property
    def on_sqlite(self) -> bool:
        """Tell whether the embedded database is used."""
        return self.database == "sqlite"

    @property
    def is_https(self) -> bool:
        """Tell whether people reach the service over TLS."""
        return urlsplit(self.base_url).scheme == "https"

    @property
    def host(self) -> str:
        """Return the host name of the base address."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Tell whether only this machine reaches the service."""
        listens = self.bind.startswith("unix:") or (urlsplit(f"//{self.bind}").hostname or "") in LOOPBACK
        return listens and self.host in LOOPBACK

    @property
    def is_embedded(self) -> bool:
        """Tell whether this is a trial on the operator's own machine."""
        return self.is_local if self.embedded is None else self.embedded

    @property
    def demands_second_factor(self) -> bool:
        """Tell whether coordinators and administrators must have a second factor."""
        return not self.is_embedded if self.require_second_factor is None else self.require_second_factor

    @property
    def runs_worker(self) -> bool:
        """Tell whether `serve` does the background work itself."""
        return self.on_sqlite if self.worker_in_serve is None else self.worker_in_serve

    @property
    def origin(self) -> str:
        """Return the name of the transparency log."""
        return self.log_origin or f"{urlsplit(self.base_url).netloc}/log"

    @property
    def trusted_origins(self) -> tuple[str, ...]:
        """Return the further origins whose forms are taken: onion addresses, which are reached without TLS."""
        return tuple(f"http://{host}" for host in self.hosts if host.endswith(".onion"))


def load_config(environ: Mapping[str, str], file: Path | None = None) -> Config:
    """Read file and environment and return the checked configuration.

    Raises:
        ConfigurationError: a key is unknown, a value has the wrong type, or settings contradict each other.
    """
    home = Path(environ.get("SAFECONDUCT_HOME", "var")).absolute()
    named = file or (Path(environ["SAFECONDUCT_CONFIG"]) if "SAFECONDUCT_CONFIG" in environ else None)
    raw = _from_file(named or home / FILE_NAME, required=named is not None) | _from_environment(environ)
    known = {entry.name: entry.type for entry in fields(Config) if entry.name != "home"}
    for key in raw:
        if key not in known:
            raise ConfigurationError(f"unknown setting: {key}", hint="see the reference of settings", setting=key)
    values = {key: read_value(key, known[key], value) for key, value in raw.items()}
    if "base_url" not in values and ":" in str(values.get("bind", "unix:")).removeprefix("unix:"):
        values["base_url"] = f"http://{values['bind']}"
    config = Config(home=home, **values)  # type: ignore[arg-type]  # read_value checked each against its annotation
    _check(config)
    return config


def _from_file(path: Path, *, required: bool) -> dict[str, Value]:
    if not path.exists():
        if required:
            raise ConfigurationError("the named configuration file is not there", hint=str(path))
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}", hint="it must be TOML 1.0") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Value]:
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in PLACES and not name.startswith(TESTS_PREFIX)
    }


def _check(config: Config) -> None:
    address = urlsplit(config.base_url)
    contradictions = {
        "base_url must be http://host or https://host without a path": address.scheme not in {"http", "https"}
        or not address.hostname
        or address.path not in {"", "/"},
        "database must be sqlite or start with postgres://": not config.on_sqlite
        and urlsplit(config.database).scheme not in {"postgres", "postgresql"},
        "more than one process needs PostgreSQL": config.on_sqlite and config.processes > 1,
        "smtp_sender is needed when smtp_host is set": bool(config.smtp_host) and not config.smtp_sender,
        "an embedded trial has a loopback bind and base_url": config.is_embedded and not config.is_local,
        "the second factor may only be waived in an embedded trial": not config.demands_second_factor
        and not config.is_embedded,
        "zone must be a time zone that this machine knows, such as Europe/Berlin": not is_zone(config.zone),
        "languages must name at least one": not config.languages,
        "threads, processes and limits must be positive": min(
            config.threads, config.processes, config.upload_bytes, config.request_bytes, config.invitation_days
        )
        < 1,
        "watch_days is 0 to 365, watch_draws 1 to 200, watch_run_length 100 or more": not _is_watchable(config),
        "worker_seconds and beat_seconds must be positive": min(config.worker_seconds, config.beat_seconds) <= 0,
        "triage_minutes must lie between 0 and a day": not 0 <= config.triage_minutes <= MINUTES_OF_A_DAY,
    }
    for sentence, holds in contradictions.items():
        if holds:
            raise ConfigurationError(sentence, hint="see the reference of settings")


def _is_watchable(config: Config) -> bool:
    return (
        0 <= config.watch_days <= MOST_WATCH_DAYS
        and 1 <= config.watch_draws <= MOST_WATCH_DRAWS
        and LEAST_RUN_LENGTH <= config.watch_run_length <= MOST_RUN_LENGTH
    )
