"""Time and chance come from xwhep.world: what ruff's ban (TID251 in pyproject.toml) cannot see, and its exceptions."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(
    path for package in ("xwhep", "dispatcher", "worker", "oracle") for path in (ROOT / package).rglob("*.py")
)
#: methods of an event loop
TIMERS = {"call_later", "call_at"}


def breaches(source: str) -> Iterator[str]:
    """Yield where a module goes by an event loop's clock: its timers, its time, or a wait with a time limit."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) if name in TIMERS:
                yield f"line {node.lineno}: {name}"
            case ast.Call(func=ast.Attribute(attr="time")):
                yield f"line {node.lineno}: time()"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="wait"), keywords=keywords):
                if any(keyword.arg in {"timeout", None} for keyword in keywords):
                    yield f"line {node.lineno}: asyncio.wait(timeout=)"


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_goes_by_the_clock_of_an_event_loop(path: Path) -> None:
    assert not list(breaches(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "line",
    [
        "asyncio.get_running_loop().call_later(1, f)",
        "later = loop.call_at",
        "now = self._loop.time()",
        "await asyncio.wait([task], timeout=1)",
        "await asyncio.wait([task], **options)",
    ],
)
def test_a_breach_would_be_found(line: str) -> None:
    assert list(breaches(f"async def f():\n    {line}"))


def test_a_wait_without_a_time_limit_is_none() -> None:
    assert not list(breaches("async def f():\n    await asyncio.wait([task], return_when=asyncio.FIRST_COMPLETED)"))


def test_each_exception_from_the_ban_is_a_module() -> None:
    """A pattern for a whole folder, or of a module that is gone, would let in what nobody looked at."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    exempt = {pattern for pattern, rules in lint["per-file-ignores"].items() if "TID251" in rules} - {"tests/**"}

    assert exempt <= {str(path.relative_to(ROOT)) for path in PRODUCT}
    assert len(exempt) < 10
