"""What is done to a request's body before anybody believes it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.parsing import FIELD_CHARACTERS, validated
from dispatcher.routes.door import MAX_BODY_BYTES, MAX_DEPTH, check_depth
from xwhep.errors.requests import BadRequestError, InvalidFieldError
from xwhep.protocol.attempts import FinishAttempt, Heartbeat
from xwhep.protocol.jobs import SubmitJobs

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
JOB: dict[str, object] = {
    "uid": "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d",
    "app_uid": "0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9e",
}


@given(JSON, st.integers(0, 2 * MAX_DEPTH))
def test_depth_is_counted_outside_of_strings(inner: object, wraps: int) -> None:
    def depth(value: object) -> int:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if children is None else 1 + max(map(depth, children), default=0)

    text = json.dumps(inner)
    raw = ("[" * wraps + text + "]" * wraps).encode()

    if depth(inner) + wraps <= MAX_DEPTH:
        check_depth(raw)
    else:
        with pytest.raises(BadRequestError, match="nested deeper than 32 levels"):
            check_depth(raw)


@pytest.mark.parametrize("raw", [b'"' + b'\\"' * 1000, b'"\\', b'"\\\\', b'"a', b'"', b"\\", b'\\"[', b'["\\"'])
def test_a_string_that_does_not_end_is_no_trouble(raw: bytes) -> None:
    check_depth(raw)


def test_hostile_text_takes_no_longer_than_its_length() -> None:
    def seconds(raw: bytes) -> float:
        began = time.process_time()
        check_depth(raw)
        return time.process_time() - began

    plain = seconds(b'""' * (MAX_BODY_BYTES // 2))

    assert seconds(b'"' + b'\\"' * (MAX_BODY_BYTES // 2)) < 5 * plain + 0.5


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "EOF while parsing"),
        (b"{", "EOF while parsing"),
        (b"{'jobs': []}", "key must be a string"),
        (b'{"jobs": [}', "expected value"),
        (b"\xff\xfe", "expected value"),
        (b'{"jobs": "\xff"}', "invalid unicode"),
        (b'{"jobs": "\\ud800"}', "unexpected end of hex escape"),
        (b"[" * 31, "EOF while parsing"),
        (b"{}{}", "trailing characters"),
    ],
)
def test_what_is_no_json_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(BadRequestError, match=f"the body is not JSON .*{why}"):
        validated(SubmitJobs, raw)


@pytest.mark.parametrize(
    ("job", "field", "why"),
    [
        ({"colour": "red"}, "jobs.0.colour", "extra inputs are not permitted"),
        ({"limits": {"walls": 1}}, "jobs.0.limits.walls", "extra inputs are not permitted"),
        ({"inputs": [{"digest": "0" * 64, "path": "a", "mode": 1}]}, "jobs.0.inputs.0.mode", "extra inputs"),
        ({"limits": {"wall_s": "60"}}, "jobs.0.limits.wall_s", "valid integer"),
        ({"limits": {"wall_s": True}}, "jobs.0.limits.wall_s", "valid integer"),
        ({"limits": {"wall_s": 1.5}}, "jobs.0.limits.wall_s", "valid integer"),
        ({"limits": {"wall_s": 10**30}}, "jobs.0.limits.wall_s", "less than or equal"),
        ({"limits": {"wall_s": 0}}, "jobs.0.limits.wall_s", "greater than or equal"),
        ({"arguments": "ls"}, "jobs.0.arguments", "valid array"),
        ({"arguments": ["a\x00b"]}, "jobs.0.arguments.0", "must not contain a NUL"),
        ({"arguments": ["a" * 4097]}, "jobs.0.arguments.0", "at most 4096 characters"),
        ({"arguments": [""] * 1001}, "jobs.0.arguments", "at most 1000 items"),
        ({"environment": {"A=B": "c"}}, "jobs.0.environment.A=B.[key]", "should match pattern"),
        ({"environment": {"A\n": "c"}}, "jobs.0.environment.A\n.[key]", "should match pattern"),
        ({"inputs": [{"digest": "0" * 63, "path": "a"}]}, "jobs.0.inputs.0.digest", "should match pattern"),
        ({"inputs": [{"digest": "0" * 64, "path": "../a"}]}, "jobs.0.inputs.0.path", "plain relative path"),
        ({"inputs": [{"digest": "0" * 64, "path": "/etc/passwd"}]}, "jobs.0.inputs.0.path", "plain relative path"),
        ({"inputs": [{"digest": "0" * 64, "path": "a/../../b"}]}, "jobs.0.inputs.0.path", "plain relative path"),
        ({"inputs": [{"digest": "0" * 64, "path": "a\\..\\b"}]}, "jobs.0.inputs.0.path", "control characters"),
        ({"inputs": [{"digest": "0" * 64, "path": "."}]}, "jobs.0.inputs.0.path", "plain relative path"),
        ({"inputs": [{"digest": "0" * 64, "path": "a"}] * 2}, "jobs.0.inputs", "two inputs have the same path"),
        ({"uid": "0190f3c2"}, "jobs.0.uid", "valid UUID"),
        ({"command": "rm -rf /"}, "jobs.0.command", "extra inputs are not permitted"),
    ],
)
def test_a_job_is_refused_with_its_field_and_the_reason(job: dict[str, object], field: str, why: str) -> None:
    with pytest.raises(InvalidFieldError, match=why) as refused:
        validated(SubmitJobs, json.dumps({"jobs": [JOB | job]}).encode())

    assert refused.value.field == field


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_no_number_is_infinite(number: str) -> None:
    body = '{"attempts": [{"job_uid": "UID", "attempt": 1, "amount_per_s": NUMBER}]}'.replace(
        "UID", str(JOB["uid"])
    ).replace("NUMBER", number)

    with pytest.raises(InvalidFieldError, match=r"finite number|less than or equal"):
        validated(Heartbeat, body.encode())


@pytest.mark.parametrize("number", [2**32, -(2**31) - 1, 10**40])
def test_an_exit_status_fits_its_column(number: int) -> None:
    with pytest.raises(InvalidFieldError, match="exit_status"):
        validated(FinishAttempt, json.dumps({"outcome": "failed", "exit_status": number}).encode())


def test_what_a_host_says_to_people_has_no_control_characters() -> None:
    end = validated(FinishAttempt, json.dumps({"outcome": "lost", "reason": "a\x1b[2J\x00\u202eb\nc"}).encode())

    assert end.reason == "a\ufffd[2J\ufffd\ufffdb\nc"


def test_an_error_repeats_only_the_beginning_of_a_long_field_name() -> None:
    with pytest.raises(InvalidFieldError) as refused:
        validated(SubmitJobs, json.dumps({"jobs": [JOB], "x" * 100_000: 1}).encode())

    assert refused.value.field == "x" * FIELD_CHARACTERS
