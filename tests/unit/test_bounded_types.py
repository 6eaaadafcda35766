"""What the bounded types of messages let in and what not, and the rules that messages add to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from dispatcher.parsing import validated
from tests.support.kinds import KINDS, WORK
from tests.support.leases import vanity_lease
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.apps import Limits
from xwhep.protocol.attempts import MAX_FINISH_BYTES, MAX_OUTPUTS, FinishAttempt, Lease, Outcome
from xwhep.protocol.base import (
    Argument,
    Digest,
    EthereumAddress,
    Moment,
    Name,
    Reason,
    RelativePath,
    VariableName,
    check_utf8_without_nul,
)
from xwhep.protocol.batches import SubmitBag
from xwhep.protocol.data import MAX_BLOB_BYTES
from xwhep.protocol.jobs import MAX_OUTPUT_NAMES_BYTES, Input, Output, SubmitJob, SubmitJobs
from xwhep.protocol.native import NativeWork
from xwhep.vanity.messages import ReportShare, SubmitSearch, VanityWork

UID = "0197a000-0000-7000-8000-000000000001"
DIGEST = "0123456789abcdef" * 4
KEY = "02" + DIGEST


def check(bounded: Any, value: object) -> Any:
    return TypeAdapter(bounded).validate_python(value)


@pytest.mark.parametrize(
    ("bounded", "value"),
    [
        (Digest, DIGEST),
        (EthereumAddress, "0x" + "0123456789abcdef0123456789abcdef01234567"),
        (Name, "a"),
        (Name, "0.1.0-rc_1"),
        (Name, "a" * 63),
        (RelativePath, "data/a.txt"),
        (RelativePath, ".hidden/...a"),
        (RelativePath, "~root/-rf"),
        (RelativePath, "%2e%2e/100 %"),
        (RelativePath, "console/auxiliary/com10/lpt.con"),
        (RelativePath, "é" * 127),
        (Argument, ""),
        (Argument, "$(rm -rf /)\n\x1b[2J'\""),
        (Argument, "é" * 4096),
        (VariableName, "_PATH_2"),
        (VariableName, "A" * 128),
        (Reason, "x" * 1000),
    ],
)
def test_what_is_in_bounds_comes_through_unchanged(bounded: Any, value: str) -> None:
    assert check(bounded, value) == value


@pytest.mark.parametrize(
    ("bounded", "value"),
    [
        *(
            (Digest, text)
            for text in ("", DIGEST.upper(), DIGEST[1:], DIGEST + "0", DIGEST + "\n", "g" * 64, "\u0660" * 64)
        ),
        *(
            (EthereumAddress, text)
            for text in ("", "0x", "0X" + "0" * 40, "0" * 40, "0x" + "0" * 39, "0x" + "0" * 41, "0x" + "g" * 40)
        ),
        *((EthereumAddress, "0x" + "0" * 40 + end) for end in ("\n", " ")),
        *((Name, text) for text in ("", "-a", ".a", "a b", "a/b", "a\n", "é", "a" * 64, "a\x00")),
        *(
            (RelativePath, text)
            for text in ("", ".", "..", "/", "/a", "//a", "a/", "a//b", "./a", "a/./b", "a/../b", "../a")
        ),
        *(
            (RelativePath, text)
            for text in ("a\\b", "C:a", "c:/a", "a:b", "a*", "a?", 'a"', "<a", "a>", "a|b", "\\\\s\\x")
        ),
        *((RelativePath, text) for text in ("a\n", "\x00", "a\x1bb", "a\x7f", "\ud800", "a" * 256, "é" * 128)),
        *(
            (RelativePath, text)
            for text in ("con", "NUL", "a/aux", "prn/a", "Com1.tar.gz", "lpt9 .txt", "COM\u00b9", "CONIN$")
        ),
        *((RelativePath, text) for text in ("a.", "a ", "a./b", "a /b", "...", "a/. ")),
        *((Argument, text) for text in ("\x00", "a\x00b", "\ud800", "a" * 4097)),
        *((VariableName, text) for text in ("", "1A", "A=B", "A-B", "A\n", "Ä", "A" * 129)),
        (Reason, "x" * 1001),
    ],
)
def test_what_is_out_of_bounds_is_refused(bounded: Any, value: str) -> None:
    with pytest.raises(ValidationError):
        check(bounded, value)


@pytest.mark.parametrize("text", ["a\x00", "\ud800"])
def test_a_text_that_no_process_can_be_given_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        check_utf8_without_nul(text)


def test_a_reason_plays_no_tricks_on_a_terminal() -> None:
    assert check(Reason, "line\n\ttab \x1b[2J \u202e é") == "line\n\ttab \ufffd[2J \ufffd é"


def test_an_ethereum_address_is_kept_in_one_form() -> None:
    checksummed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # source: EIP-55, test cases

    assert check(EthereumAddress, checksummed) == check(EthereumAddress, checksummed.lower()) == checksummed.lower()


def test_a_moment_is_turned_to_utc() -> None:
    moment = check(Moment, "2026-03-01T12:30:00.123456+02:00")

    assert moment == datetime(2026, 3, 1, 10, 30, 0, 123456, UTC)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["2026-03-01T12:30:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "soon"]
)
def test_a_moment_without_a_zone_or_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        check(Moment, text)


def test_limits_are_within_others_only_if_each_one_is() -> None:
    app = Limits(wall_s=10, files=5)

    assert app.within(app)
    assert Limits(wall_s=9, files=5).within(app)
    assert not Limits(wall_s=11, files=4).within(app)
    assert not Limits(wall_s=1, files=6).within(app)


@pytest.mark.parametrize(
    "wrong", [{"wall_s": 0}, {"cpu_s": 7 * 86400 + 1}, {"memory_bytes": 1}, {"files": 1.5}, {"processes": "many"}]
)
def test_limits_have_limits(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(wrong)


def job(*paths: str) -> dict[str, object]:
    return {"uid": UID, "app_uid": UID, "inputs": [{"digest": DIGEST, "path": path} for path in paths]}


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (("a", "b/c", "a"), "two inputs have the same path"),
        (("a/b/c", "x", "a"), "the path of one input is the folder of another"),
        (("a/b", "a/b/c"), "the path of one input is the folder of another"),
        (("a", "out/b"), "the folder `out` is kept for what the job leaves"),
    ],
)
def test_inputs_that_cannot_stand_side_by_side_are_refused(paths: tuple[str, ...], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        SubmitJob.model_validate(job(*paths))


def test_inputs_in_one_folder_stand_side_by_side() -> None:
    assert SubmitJob.model_validate(job("a/b", "a/c", "ab")).inputs[2] == Input(digest=DIGEST, path="ab")


def test_the_folders_of_inputs_are_bounded() -> None:
    deep = [f"{f'{number:x}/' * 40}x" for number in range(1000)]

    assert len(SubmitJob.model_validate(job(*deep[:250])).inputs) == 250
    with pytest.raises(ValidationError, match="the inputs lie in 40000 folders; at most 10000 are allowed"):
        SubmitJob.model_validate(job(*deep))


@pytest.mark.parametrize("count", [0, 1001])
def test_a_request_submits_one_to_a_thousand_jobs(count: int) -> None:
    with pytest.raises(ValidationError):
        SubmitJobs.model_validate({"jobs": [job()] * count})


def test_a_batch_is_read_as_what_its_kind_says() -> None:
    bag = b'{"kind":"bag","uid":"%b","name":"n","jobs":[{"uid":"%b","app_uid":"%b"}]}' % ((UID.encode(),) * 3)
    search = b'{"kind":"search","uid":"%b","name":"n","patterns":["1L"],"public_key":"%b"}' % (
        UID.encode(),
        KEY.encode(),
    )

    assert isinstance(validated(KINDS.submit_batch(), bag), SubmitBag)
    assert isinstance(validated(KINDS.submit_batch(), search), SubmitSearch)


@pytest.mark.parametrize("kind", ['"sweep"', "null", "1", '"search","jobs":[]', '"bag"'])
def test_a_batch_of_another_kind_or_with_the_fields_of_two_is_refused(kind: str) -> None:
    text = f'{{"uid":"{UID}","name":"n","patterns":["1L"],"public_key":"{KEY}","kind":{kind}}}'

    with pytest.raises(InvalidFieldError):
        validated(KINDS.submit_batch(), text.encode())


def test_a_lease_is_read_as_what_the_kind_of_its_work_says() -> None:
    native: dict[str, object] = {"kind": "native", "program": DIGEST, "entry": "a", "arguments": [], "environment": {}}
    native |= {"stdin": None, "inputs": [], "limits": {}}
    vanity: dict[str, object] = {
        "kind": "vanity",
        "batch_uid": UID,
        "number": 0,
        "steps": 1,
        "public_key": KEY,
        "targets": [{"form": "p2pkh-compressed", "ranges": [["0" * 40, "f" * 40]]}],
    }
    lease = {"job_uid": UID, "attempt": 1, "lease_s": 60, "heartbeat_s": 10}

    assert isinstance(Lease[WORK].model_validate(lease | {"work": native}).work, NativeWork)
    assert isinstance(Lease[WORK].model_validate(lease | {"work": vanity}).work, VanityWork)
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        Lease[WORK].model_validate(lease | {"work": native | {"kind": "docker"}})


@pytest.mark.parametrize(
    "wrong", [{"attempt": 0}, {"attempt": 10**7}, {"heartbeat_s": 0}, {"heartbeat_s": -1}, {"lease_s": 1e9}]
)
def test_a_lease_that_would_break_the_worker_is_no_lease(wrong: dict[str, object]) -> None:
    lease = vanity_lease(1).model_dump(mode="json")
    Lease[WORK].model_validate(lease)

    with pytest.raises(ValidationError):
        Lease[WORK].model_validate(lease | wrong)


@pytest.mark.parametrize(
    "wrong", [{"s": DIGEST.upper()}, {"e": 3}, {"e": -1}, {"sign": 0}, {"sign": "1"}, {"s": DIGEST + "00"}]
)
def test_a_hit_out_of_its_ranges_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReportShare.model_validate({"s": DIGEST, "e": 0, "sign": -1} | wrong)


@pytest.mark.parametrize("status", [-(2**31) - 1, 2**32, 2**63, 0.5])
def test_an_exit_status_that_no_system_gives_is_refused(status: float) -> None:
    with pytest.raises(ValidationError):
        FinishAttempt.model_validate({"outcome": "finished", "exit_status": status})


def test_a_request_cannot_be_changed_after_it_was_checked() -> None:
    request = SubmitJob(uid=UUID(UID), app_uid=UUID(UID))

    with pytest.raises(ValidationError, match="frozen"):
        request.stdin = DIGEST  # type: ignore[misc] # what the test is about


def test_the_largest_report_of_an_end_is_within_its_bound() -> None:
    size_bytes = MAX_OUTPUT_NAMES_BYTES // MAX_OUTPUTS
    names = [f"out/{number:x>{size_bytes - 4}}" for number in range(MAX_OUTPUTS)]
    outputs = [Output(name=name, digest=DIGEST, size_bytes=MAX_BLOB_BYTES) for name in names]
    end = FinishAttempt(
        outcome=Outcome.FINISHED,
        exit_status=2**32 - 1,
        reason="\U0001d11e" * 1000,
        outputs=outputs,
        cpu_s=1e8 / 3,
        max_rss_bytes=2**63 - 1,
        fraction=1 / 3,
        amount=2**63 - 1,
        amount_per_s=1e11 / 3,
    )

    assert MAX_FINISH_BYTES * 0.9 < len(end.model_dump_json().encode()) <= MAX_FINISH_BYTES
    assert Limits.model_validate({"files": MAX_OUTPUTS - 2}).files == MAX_OUTPUTS - 2
    with pytest.raises(ValidationError):
        Limits.model_validate({"files": MAX_OUTPUTS - 1})
