"""The imports of the product, read from its text: those inside functions and those for types are counted too."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("xwhep", "dispatcher", "worker", "oracle")
INITS = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("__init__.py"))


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """Return of each module of ours what it imports of ours."""
    graph = grimp.build_graph(*PACKAGES)
    return {module: frozenset(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}


def cycle(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Return modules that import each other in a circle, the first again at the end; none if there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("path", INITS, ids=str)
def test_a_package_imports_nothing(path: Path) -> None:
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body

    assert [type(statement) for statement in body] == [ast.Expr], "its docstring, and nothing else"
    assert ast.get_docstring(ast.Module(body, []))


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not cycle(imports())


def test_imports_inside_functions_and_for_types_are_counted() -> None:
    assert "xwhep.chain.node" in imports()["xwhep.cli.on_chain"], "inside a function"
    assert "xwhep.chain.transactions" in imports()["xwhep.cli.on_chain"]
    assert "xwhep.chain.hub" in imports()["xwhep.cli.task_watch"], "for types"


def test_a_circle_would_be_found() -> None:
    back = imports()["xwhep.errors.base"] | {"xwhep.cli.on_chain"}

    found = cycle({**imports(), "xwhep.errors.base": back})

    assert {"xwhep.errors.base", "xwhep.cli.on_chain"} <= set(found)
