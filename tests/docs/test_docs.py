# SPDX-License-Identifier: Apache-2.0
"""The documentation: it builds without a warning, tells everything the code has, and claims nothing the code has not."""

import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.ledger.factories import KEY, make_world
from typer.main import get_command
from typer.testing import CliRunner

from safeconduct.cli.main import app
from safeconduct.crypto.dsse import open_statement
from safeconduct.crypto.signing import SigningKey
from safeconduct.domain.bundle import MutatorName
from safeconduct.domain.event import EventTag
from safeconduct.domain.evidence import Criterion
from safeconduct.errors import SafeconductError
from safeconduct.ledger.entry import decode_entry
from safeconduct.ledger.reader import from_folder
from safeconduct.ledger.receipt import prove
from safeconduct.server.project.config import PLACES, PREFIX, TESTS_PREFIX, Config, load_config
from safeconduct.verification.bundle.checks import Level, check_bundle
from safeconduct.verification.bundle.store import read_bundle
from safeconduct.verification.certificate import CampaignFacts, TargetRecord, make_certificate
from safeconduct.verification.variants import HeldOut

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("deploy/*")]
    if path.is_file() and "_build" not in path.parts
)
PROGRAM = "safeconduct"
# A command in prose stands in a code span or a block and is followed by what a shell would take.
CALL = re.compile(r"(?:^|[`\s/$])safeconduct((?: +[a-z][a-z-]*)+)((?:[ \t]+[^\s`|]+)*)", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`|^    .+$", re.MULTILINE | re.DOTALL)


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands() -> dict[str, Any]:
    """Return every command and group of the command line by its full name."""

    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for child, inner in getattr(command, "commands", {}).items():
            if not inner.hidden:
                yield from below(f"{name} {child}".strip(), inner)

    return dict(below("", get_command(app)))


def told(text: str) -> str:
    """Return what a text says, without frames, line breaks and marks."""
    return " ".join(re.sub(r"[│╭╮╰╯─`*\\\\|]", " ", text).split())


def errors(root: type[SafeconductError] = SafeconductError) -> Iterator[type[SafeconductError]]:
    yield root
    for child in root.__subclasses__():
        yield from errors(child)


def calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command line that the text shows: the longest known command, and its options."""
    known = commands()
    for block in CODE.findall(text):
        for match in CALL.finditer(block.strip("`").removeprefix("safeconduct\n")):
            words = match[1].split()
            while words[1:] and " ".join(words) not in known and " ".join(words[:-1]) in known:
                words.pop()
            yield " ".join(words), re.findall(r"(?<!\S)--[a-z][a-z-]*", match[2])


def lay_out_papers(folder: Path) -> None:
    """Put a receipt, its opening and the verifier key into the folder, as a reporter saves them from a mailbox."""
    world = make_world(folder / "world")
    opening = world.commit()
    world.beat()
    (folder / "opening.json").write_bytes(opening.to_json())
    (folder / "log.vkey").write_text(f"{KEY.verifier}\n", encoding="utf-8")
    for index in range(16):
        receipt = prove(from_folder(world.folder), index, key=KEY.verifier)
        if decode_entry(receipt.entry).commitment == opening.commitment():
            (folder / "receipt.tlog-proof").write_text(str(receipt), encoding="utf-8")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation as `make docs` does, into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(target / "trees")]
    result = subprocess.run(
        [*command, str(DOCS), str(target / "html")], capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, result.stderr[-6000:]
    return target / "html"


@pytest.fixture(scope="session")
def sections(site: Path) -> dict[str, str]:
    """Return each command's section of the reference as it was put into the page, by the command's full name."""
    sys.path.insert(0, str(DOCS / "_ext"))
    reference = import_module("safeconduct_facts.commands").reference()
    parts = re.split(r"^## `safeconduct ?([^`]*)`\n", reference, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_documentation_builds_without_a_warning(site: Path) -> None:
    assert (site / "index.html").is_file()


def test_the_documentation_calls_no_third_party(site: Path) -> None:
    loaded = re.compile(
        r"""<(?:script|img|iframe)[^>]+src=["'](?:https?:)?//|<link[^>]+stylesheet[^>]+href=["']https?:"""
    )

    assert [path.name for path in site.rglob("*.html") if loaded.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("error", [e for e in errors() if e.__module__ == "safeconduct.errors"], ids=lambda e: e.code)
def test_every_error_code_has_a_heading(site: Path, error: type[SafeconductError]) -> None:
    html = (site / "reference" / "errors.html").read_text(encoding="utf-8")

    assert f'id="error-{error.code.replace("_", "-")}"' in html
    assert error.__name__ in html


@pytest.mark.parametrize("tag", EventTag, ids=str)
def test_every_event_tag_has_a_row(site: Path, tag: EventTag) -> None:
    assert f'<span class="pre">{tag}</span>' in (site / "reference" / "events.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [entry.name for entry in fields(Config)])
def test_every_setting_has_a_row(site: Path, name: str) -> None:
    html = (site / "reference" / "settings.html").read_text(encoding="utf-8")

    assert f'<span class="pre">{PREFIX}{name.upper()}</span>' in html


@pytest.mark.parametrize("name", MutatorName, ids=str)
def test_every_mutator_is_described(name: MutatorName) -> None:
    assert f"`{name}`" in (DOCS / "reference" / "bundle.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", commands(), ids=lambda name: name or PROGRAM)
def test_the_help_of_every_command_equals_the_reference(name: str, sections: dict[str, str], site: Path) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})

    assert shown.exit_code == 0
    help_text, section = told(shown.output), told(sections[name])
    command = commands()[name]
    texts = [(command.help or "").split("\n\n")[0], *(parameter.help or "" for parameter in command.params)]
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    for text in [*map(told, texts), *options]:
        assert text in help_text
        assert text in section
    anchor = f"{PROGRAM} {name}".strip().replace(" ", "-")
    assert f'id="{anchor}"' in (site / "reference" / "commands.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_no_page_names_a_command_or_option_that_is_not_there(path: Path) -> None:
    known = commands()

    for name, options in calls(path.read_text(encoding="utf-8")):
        assert name in known, f"there is no command: {PROGRAM} {name}"
        offered = {option for parameter in known[name].params for option in parameter.opts} | {"--help"}
        assert set(options) <= offered, f"{PROGRAM} {name} has no {set(options) - offered}"


def test_an_invented_command_or_option_would_be_noticed() -> None:
    shown = list(calls("Run `safeconduct ledger verify R --opening F`, then\n\n    safeconduct frobnicate --now\n"))

    assert shown == [("ledger verify", ["--opening"]), ("frobnicate", ["--now"])]
    assert "frobnicate" not in commands()


def test_the_readme_shows_commands() -> None:
    assert len(list(calls((ROOT / "README.md").read_text(encoding="utf-8")))) >= 3


@pytest.mark.parametrize("path", sorted(DOCS.glob("tutorial/*.md")), ids=page_id)
def test_the_commands_of_a_lesson_answer_as_shown(path: Path, tmp_path: Path) -> None:
    lesson = [line for block in re.findall(r"```console\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
              for line in block.splitlines()]  # fmt: skip
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    lay_out_papers(tmp_path)
    answer: list[str] = []

    for line in lesson:
        if line.startswith(f"$ {PROGRAM} "):
            command = [sys.executable, "-m", PROGRAM, *shlex.split(line)[2:]]
            ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
            answer = ended.stdout.splitlines()
            assert answer, ended.stderr
        elif line != "..." and not line.startswith("$"):
            assert line in answer, f"{line!r} is not in:\n" + "\n".join(answer)


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_every_variable_named_in_a_page_is_a_setting(path: Path) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", path.read_text(encoding="utf-8")))
    known = {PREFIX + entry.name.upper() for entry in fields(Config)} | PLACES

    assert {name for name in named if not name.startswith(TESTS_PREFIX)} <= known


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_every_make_target_named_in_a_page_is_in_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        name
        for block in CODE.findall(path.read_text(encoding="utf-8"))
        for name in re.findall(r"(?:^|[$`] ?)make ([a-z-]+)", block, re.MULTILINE)
    }

    assert named <= targets


@pytest.mark.parametrize("path", [path for path in PAGES if path.suffix == ".md"], ids=page_id)
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]

    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["leaked-secret", "word-filter/bundle"])
def test_the_example_bundles_can_be_run(name: str) -> None:
    bundle = read_bundle(DOCS / "examples" / name)

    assert [remark for remark in check_bundle(bundle) if remark.level is Level.ERROR] == []


def test_every_member_of_a_certificate_is_described() -> None:
    target = TargetRecord(name="a model", fingerprint="")
    instant = datetime(2026, 11, 23, tzinfo=UTC)
    facts = CampaignFacts(
        criterion=Criterion(),
        families=("one",),
        benign=False,
        unpatched=target,
        patched=target,
        bundle_sha256="",
        oracle_sha256="",
        commitment="",
        reveal=HeldOut(salt=bytes(32), seed=bytes(32)),
        started_at=instant,
        ended_at=instant,
    )
    key = SigningKey.generate("docs.example", bytes)
    page = (DOCS / "reference" / "certificate.md").read_text(encoding="utf-8")

    statement = open_statement(make_certificate(facts, (), key), [key.verifier])

    assert [name for name in statement.predicate if f"`{name}`" not in page] == []
    assert statement.predicate_type in page


def test_the_example_configuration_is_accepted(tmp_path: Path) -> None:
    config = load_config({"SAFECONDUCT_HOME": str(tmp_path)}, ROOT / "deploy" / "safeconduct.toml")

    assert config.is_https
    assert config.demands_second_factor


def test_the_proxy_examples_write_no_address_down() -> None:
    nginx = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    servers = nginx.split("\nserver {")[1:]

    assert len(servers) == 2
    for server in servers:
        assert "access_log off;" in server
        assert "error_log /dev/null;" in server
    assert "proxy_request_buffering off;" in nginx
    assert "http.log" in (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(DOCS.glob("adr/0*.md")), ids=lambda path: path.stem)
def test_every_decision_fits_on_a_page_and_says_what_it_costs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Drivers", "Options", "Decision", "What it costs us"]
    assert text.count("\n") <= 80
    assert re.match(rf"# {int(path.stem[:4])}\. ", text)


@pytest.mark.parametrize("path", sorted((DOCS / "_static").glob("*.svg")), ids=lambda path: path.name)
def test_every_drawing_tells_what_it_shows(path: Path) -> None:
    drawing = ET.parse(path).getroot()  # noqa: S314  # our own file
    space = "{http://www.w3.org/2000/svg}"

    assert drawing.get("role") == "img"
    labels = (drawing.get("aria-labelledby") or "").split()
    told = {element.get("id"): element.text for name in ("title", "desc") for element in drawing.findall(space + name)}
    assert labels
    assert all(told.get(label) for label in labels)
