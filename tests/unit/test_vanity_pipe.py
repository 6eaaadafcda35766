"""What daemon and child say to each other."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from tests.support import strategies
from tests.support.targets import of_pattern
from worker.vanity import pipe
from worker.vanity.pipe import Command, Event, Found, Order, UnitMessage
from xwhep.errors.keys import PublicKeyError
from xwhep.errors.requests import BadRequestError, InvalidFieldError, TooLargeError
from xwhep.secp256k1 import G
from xwhep.vanity.split_key import Hit
from xwhep.vanity.units import Unit
from xwhep.vanity.wanted import MAX_RANGES, want_ending, want_expression

UNIT = Unit(UUID(int=1), 2, 3, G, of_pattern("1LoVE"))


ALL = ["0" * 40, "f" * 40]


def ranges(ranges: list[list[str]], form: str = "p2pkh-compressed") -> list[dict[str, Any]]:
    return [{"form": form, "ranges": ranges}]


def line_of(**changes: Any) -> bytes:
    """Return the line of a good unit with some fields changed, or left out where the value is None."""
    fields = json.loads(pipe.render(UnitMessage.for_unit(UNIT))) | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


@pytest.mark.parametrize(
    "unit",
    [
        UNIT,
        replace(UNIT, plain=True),
        replace(UNIT, target=want_ending("LoVE", "1Lo").target),
        replace(UNIT, target=want_expression("1LoV.*[0-9]$").target),
    ],
)
def test_a_unit_survives_the_pipe(unit: Unit) -> None:
    message = UnitMessage.for_unit(unit, first_step=1, nice=10)

    received = pipe.parse_unit(pipe.render(message))

    assert received == message
    assert received.checked_unit() == unit
    assert (received.first_step, received.nice) == (1, 10)


@given(hit=strategies.hits)
def test_a_hit_survives_the_pipe(hit: Hit) -> None:
    event = pipe.parse_event(pipe.render(Found.of(hit, 49_248)))

    assert isinstance(event, Found)
    assert event.hit() == hit


@pytest.mark.parametrize(
    "event",
    [
        pipe.Compiling(),
        pipe.Compiled(kernel="field", why="any", keys_per_s=1e6, keys_per_cpu_s=2e6, bound_keys_per_cpu_s=3e6),
        pipe.Started(kernel="field"),
        pipe.Progress(keys=2**63, next_step=2**32, keys_per_s=3.5e7),
        pipe.Done(keys=12, next_step=4),
        pipe.Failed(code="miscalculation", text="this machine computed a wrong key"),
    ],
)
def test_an_event_survives_the_pipe(event: Event) -> None:
    assert pipe.parse_event(pipe.render(event)) == event


@pytest.mark.parametrize("order", Order)
def test_a_command_survives_the_pipe(order: Order) -> None:
    assert pipe.parse_command(pipe.render(Command(do=order))).do is order


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 2**32 + 1}, "steps"),
        ({"number": -1}, "number"),
        ({"number": 2**63}, "number"),
        ({"batch": "x"}, "batch"),
        ({"batch": None}, "batch"),
        ({"targets": []}, "targets"),
        ({"targets": ranges([ALL], form="p2tr")}, "targets.0.form"),
        ({"nice": 20}, "nice"),
        ({"targets": ranges([])}, "targets.0.ranges"),
        ({"targets": ranges([ALL] * (MAX_RANGES + 1))}, "targets.0.ranges"),
        ({"targets": ranges([["0" * 40, "f" * 41]])}, "targets.0.ranges.0.1"),
        ({"public_key": "04" + "0" * 64}, "public_key"),
        ({"private_key": "1"}, "private_key"),
    ],
)
def test_a_unit_with_a_bad_field_is_refused_by_its_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        pipe.parse_unit(line_of(**changes))

    assert caught.value.field == field


def test_a_first_step_beyond_the_unit_is_refused() -> None:
    with pytest.raises(InvalidFieldError, match="first_step: 3 is beyond the unit's 3 steps"):
        pipe.parse_unit(line_of(first_step=3)).checked_unit()


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidFieldError, match="ranges"):
        pipe.parse_unit(line_of(targets=ranges([["1" * 40, "0" * 40]]))).checked_unit()


def test_a_public_key_off_the_curve_is_refused() -> None:
    with pytest.raises(PublicKeyError):
        pipe.parse_unit(line_of(public_key="02" + f"{5:064x}")).checked_unit()


@pytest.mark.parametrize("line", [b"", b"{", b"\xff\xff", b"[" * 5000])
def test_a_line_that_is_not_json_is_refused(line: bytes) -> None:
    with pytest.raises(BadRequestError, match="a line of the pipe is not JSON"):
        pipe.parse_command(line)


@pytest.mark.parametrize("line", [b"1", b"[]", b'{"event":"other"}', b'{"do":"dance"}'])
def test_a_line_of_another_shape_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidFieldError):
        pipe.parse_command(line)
    with pytest.raises(InvalidFieldError):
        pipe.parse_event(line)


def test_lines_are_read_one_by_one_to_the_end() -> None:
    stream = BytesIO(b"one\ntwo")

    assert [pipe.read_line(stream) for _ in range(3)] == [b"one\n", b"two", None]


def test_a_line_over_its_bound_is_refused() -> None:
    with pytest.raises(TooLargeError, match="a line of the pipe is larger than the 2097152 bytes allowed"):
        pipe.read_line(BytesIO(b" " * (pipe.MAX_LINE_BYTES + 1)))


def test_the_largest_unit_fits_in_a_line() -> None:
    line = line_of(
        targets=ranges([[f"{2 * i:040x}", f"{2 * i:040x}"] for i in range(MAX_RANGES)]), number=2**63 - 1, steps=2**32
    )

    assert pipe.read_line(BytesIO(line)) == line
    pipe.parse_unit(line).checked_unit()
