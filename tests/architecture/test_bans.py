# SPDX-License-Identifier: Apache-2.0
"""What import-linter cannot see: string foreign keys, late model look-ups, signals, generic foreign keys, broad excepts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "safeconduct"
RELATIONS = {"ForeignKey", "OneToOneField", "ManyToManyField"}


def breaches(source: str) -> Iterator[str]:  # noqa: C901  # one case for each construct
    """Yield one line for each banned construct in the source text."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                target = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "to"), None)
                if name in RELATIONS and isinstance(target, ast.Constant) and target.value != "self":
                    yield f"{node.lineno}: {name} names its model by string"
                if name == "get_model":
                    yield f"{node.lineno}: get_model hides an import"
                if name in {"GenericForeignKey", "GenericRelation"}:
                    yield f"{node.lineno}: {name} cannot be constrained"
            case ast.ImportFrom(module=str(module)) if module.startswith("django.") and "signals" in module:
                yield f"{node.lineno}: signals call upward"
            case ast.Import(names=names) if any("signals" in alias.name for alias in names):
                yield f"{node.lineno}: signals call upward"
            case ast.ExceptHandler(type=None):
                yield f"{node.lineno}: a bare except swallows everything"
            case ast.ExceptHandler(type=ast.Name(id="Exception" | "BaseException")):
                yield f"{node.lineno}: a broad except swallows what it does not know"
            case ast.Name(id="TYPE_CHECKING"):
                yield f"{node.lineno}: TYPE_CHECKING hides a circle"


def modules() -> list[Path]:
    """Return every module of the product, migrations apart."""
    return [path for path in sorted(SOURCE.rglob("*.py")) if "migrations" not in path.parts]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_module_uses_a_banned_construct(path: Path) -> None:
    assert list(breaches(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "models.ForeignKey('cases.Case', on_delete=models.CASCADE)",
        "models.ManyToManyField(to='cases.Case')",
        "apps.get_model('cases', 'Case')",
        "GenericForeignKey('kind', 'key')",
        "from django.db.models.signals import post_save",
        "import django.dispatch.signals",
        "try:\n    pass\nexcept:\n    pass",
        "try:\n    pass\nexcept Exception:\n    pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass",
    ],
)
def test_the_ban_sees_the_construct(source: str) -> None:
    assert list(breaches(source))
