"""Nobody asks what kind an app is: the registries find the kind, and the kind answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from dispatcher.kinds.registry import BUILT_IN

ROOT: Final = Path(__file__).parents[2]
SEARCHED: Final = ("dispatcher", "worker", "xwhep/client", "xwhep/protocol")
#: the modules of one kind each, and the first app's wing
OF_A_KIND: Final = ("dispatcher/kinds/native", "dispatcher/kinds/vanity", "worker/runs/native", "worker/runs/vanity")
WING: Final = "worker/vanity/"


def questions(source: str) -> Iterator[int]:
    """Yield the lines that compare something with the name of a kind, or a kind with a constant."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare(left, _, others) if _asks([left, *others]):
                yield node.lineno
            case ast.MatchValue(ast.Constant(name)) if name in BUILT_IN:
                yield node.lineno


def _asks(sides: list[ast.expr]) -> bool:
    texts = [part.value for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)]
    has_kind = any(_name(side) == "kind" for side in sides)
    has_constant = any(isinstance(text, str) for text in texts) or any(_name(side).isupper() for side in sides)
    return any(text in BUILT_IN for text in texts) or (has_kind and has_constant)


def _name(side: ast.expr) -> str:
    match side:
        case ast.Name(name) | ast.Attribute(_, name):
            return name
    return ""


def test_nobody_asks_what_kind_an_app_is() -> None:
    files = [path for folder in SEARCHED for path in sorted((ROOT / folder).rglob("*.py"))]
    names = {path: path.relative_to(ROOT).as_posix() for path in files}
    general = [path for path in files if not names[path].startswith((*OF_A_KIND, WING))]

    asked = [f"{names[path]}:{line}" for path in general for line in questions(path.read_text(encoding="utf-8"))]

    assert len(general) > 100
    assert asked == []


@pytest.mark.parametrize(
    "source",
    [
        'app.kind == "native"',
        'if "vanity" != name: pass',
        'name in ("native", "other")',
        "request.kind is KIND",
        'kind in {"wasm"}',
        'kind == "wasm"',
        'match name:\n    case "native": pass',
    ],
)
def test_a_question_is_found(source: str) -> None:
    assert list(questions(source))


@pytest.mark.parametrize(
    "source", ["batch.kind == source.name", "name in kinds.apps", 'DESCRIPTIONS = {"native": None}', "kind is None"]
)
def test_what_is_no_question_is_left_alone(source: str) -> None:
    assert not list(questions(source))
