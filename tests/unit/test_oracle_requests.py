"""From the chain's bytes to a batch, and from the grid's result to an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from eth_abi.abi import encode as abi_encode

from oracle.settlement.answers import Answer, done, failed
from oracle.settlement.requests import GridRequest, batch_uid
from oracle.settlement.searches import found, keys_tried, parsed
from oracle.settlement.services import refusal_of, request_of
from tests.support.targets import of_pattern
from tests.support.tasks import (
    APP_UID,
    NATIVE,
    REQUESTER,
    SUBJECT,
    TERMS,
    UNKNOWN,
    VANITY,
    a_task,
    native,
    vanity,
)
from xwhep.chain.parameters import decode_vanity_result
from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import TaskStatus
from xwhep.errors.base import XwhepError
from xwhep.errors.jobs import FalseResultError, UnavailableError
from xwhep.errors.requests import NotFoundError, TooLargeError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.ids import derived_uid
from xwhep.lifecycle import BatchStatus
from xwhep.protocol.batches import BatchView, SubmitBag
from xwhep.secp256k1 import N, decode
from xwhep.vanity.errors import KeyUsedError, PatternError
from xwhep.vanity.hit_fields import hit_fields
from xwhep.vanity.messages import HitView, SearchView, SubmitSearch
from xwhep.vanity.split_key import Hit, check, combine, keygen

SECRET, PUBLIC_KEY = keygen()
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def first_hit(pattern: str) -> Hit:
    """Search a pattern of two letters on Python integers."""
    judge, key = of_pattern(pattern).match, decode(PUBLIC_KEY)
    for hit in (Hit(s, e, sign) for s in range(1, 10_000) for e in range(3) for sign in (1, -1)):
        try:
            check(key, hit, judge)
        except FalseResultError:
            continue
        return hit
    raise AssertionError("nothing found")


def test_a_search_is_asked_for_with_pattern_key_and_requester() -> None:
    request = request_of(a_task(app=VANITY, params=vanity("1Lo", PUBLIC_KEY)), TERMS)

    assert isinstance(request, GridRequest)
    assert isinstance(request.batch, SubmitSearch)
    assert (request.batch.patterns, request.batch.public_key) == (["1Lo"], PUBLIC_KEY.hex())
    assert (request.batch.name, request.batch.requester) == ("task-7", REQUESTER.lower())
    assert request.upload is None


def test_a_native_job_gets_its_arguments_and_its_standard_input() -> None:
    request = request_of(a_task(params=native("-c", "; rm -rf /", stdin=b"text")), TERMS)

    assert isinstance(request, GridRequest)
    assert isinstance(request.batch, SubmitBag)
    (job,) = request.batch.jobs
    assert (job.app_uid, job.arguments, job.stdin) == (APP_UID, ["-c", "; rm -rf /"], sha256(b"text").hexdigest())
    assert request.upload is not None
    assert (request.upload.content, request.upload.announcement.digest) == (b"text", job.stdin)


def test_a_native_job_without_standard_input_uploads_nothing() -> None:
    request = request_of(a_task(params=native("a", stdin=b"")), TERMS)

    assert isinstance(request, GridRequest)
    assert isinstance(request.batch, SubmitBag)
    assert request.upload is None
    assert request.batch.jobs[0].stdin is None


def test_a_batch_has_the_id_that_chain_hub_task_and_commitment_give() -> None:
    task = a_task()

    expected = derived_uid(
        "xwhep/task-batch/1",
        SUBJECT.chain_id.to_bytes(32, "big"),
        SUBJECT.genesis_hash,
        b"\xab" * 20,
        (7).to_bytes(32, "big"),
        task.commitment,
    )

    assert batch_uid(SUBJECT, task) == expected


def test_tasks_that_differ_in_anything_have_batches_of_their_own() -> None:
    subjects = [
        SUBJECT,
        replace(SUBJECT, chain_id=1),
        replace(SUBJECT, genesis_hash=bytes(32)),
        replace(SUBJECT, hub="0x" + "cd" * 20),
    ]
    tasks = [a_task(), a_task(8), a_task(commitment=b"\x09" * 32)]

    assert len({batch_uid(subject, task) for subject in subjects for task in tasks}) == 12


def test_batch_job_and_input_of_a_task_have_three_ids() -> None:
    request = request_of(a_task(), TERMS)

    assert isinstance(request, GridRequest)
    assert isinstance(request.batch, SubmitBag)
    assert request.upload is not None
    uids = {request.batch.uid, request.batch.jobs[0].uid, request.upload.announcement.uid}
    assert len(uids) == 3
    assert {uid.version for uid in uids} == {8}


def test_the_same_task_gives_the_same_request() -> None:
    assert request_of(a_task(), TERMS) == request_of(a_task(), TERMS)


def test_a_pattern_is_parsed_once() -> None:
    """Each look at a search asks for its request again; thousands of looks parse nothing."""
    params = vanity("1Love")
    first = parsed(params)

    for _ in range(3):
        assert isinstance(request_of(a_task(app=VANITY, params=params), TERMS), GridRequest)

    assert parsed(params) is first


@pytest.mark.parametrize(
    ("app", "params", "reason"),
    [
        pytest.param(UNKNOWN, native(), FailureReason.REFUSED_APP, id="an app that is not served"),
        pytest.param(VANITY, vanity("1LongPatternXX"), FailureReason.TOO_HARD, id="too hard"),
        pytest.param(VANITY, b"", FailureReason.REFUSED_PARAMETERS, id="nothing"),
        pytest.param(VANITY, native(), FailureReason.REFUSED_PARAMETERS, id="parameters of another app"),
        pytest.param(VANITY, vanity("2Lo"), FailureReason.REFUSED_PARAMETERS, id="no address begins so"),
        pytest.param(VANITY, vanity("1<script>"), FailureReason.REFUSED_PARAMETERS, id="HTML"),
        pytest.param(VANITY, vanity("1; rm -rf /"), FailureReason.REFUSED_PARAMETERS, id="a command"),
        pytest.param(VANITY, vanity("../../etc/x"), FailureReason.REFUSED_PARAMETERS, id="a path"),
        pytest.param(VANITY, vanity("1\x1b[2J"), FailureReason.REFUSED_PARAMETERS, id="a terminal escape"),
        pytest.param(VANITY, vanity("1L\x00"), FailureReason.REFUSED_PARAMETERS, id="a NUL"),
        pytest.param(
            VANITY,
            abi_encode(("uint8", "string", "uint256", "uint256"), (1, "1Lo", *decode(PUBLIC_KEY))),
            FailureReason.REFUSED_PARAMETERS,
            id="another form",
        ),
        pytest.param(
            VANITY,
            abi_encode(("uint8", "string", "uint256", "uint256"), (0, "1Lo", 5, 5)),
            FailureReason.REFUSED_PARAMETERS,
            id="no point",
        ),
        pytest.param(
            NATIVE,
            abi_encode(("string[]", "bytes"), (["a\x00b"], b"")),
            FailureReason.REFUSED_PARAMETERS,
            id="a NUL argument",
        ),
        pytest.param(NATIVE, native() * 40, FailureReason.REFUSED_PARAMETERS, id="too long"),
        pytest.param(NATIVE, native() + b"\x00", FailureReason.REFUSED_PARAMETERS, id="something behind the end"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(app: int, params: bytes, reason: FailureReason) -> None:
    assert request_of(a_task(app=app, params=params), TERMS) is reason


@pytest.mark.parametrize(
    "argument",
    ["$(reboot)", "`id`", "a\nb", "../../../etc/passwd", "<img src=x>", "\x1b]0;owned\x07", "-rf", "\u202eevil", ""],
)
def test_a_hostile_argument_stays_one_argument(argument: str) -> None:
    request = request_of(a_task(params=native(argument)), TERMS)

    assert isinstance(request, GridRequest)
    assert isinstance(request.batch, SubmitBag)
    assert request.batch.jobs[0].arguments == [argument]
    assert request.batch.name == "task-7"


def test_a_true_hit_is_answered_with_the_sum_that_a_contract_checks() -> None:
    hit = first_hit("1L")
    answer = found(vanity("1L", PUBLIC_KEY), view(hit))
    result = decode_vanity_result(answer.result)

    assert answer.outcome is TaskStatus.DONE
    assert answer.digest == sha256(answer.result).digest()
    assert (result.s, result.e, result.negative) == (hit.s, hit.e, hit.sign == -1)
    assert (result.x, result.y) == public_key_of((SECRET + hit.s) % N)
    assert combine(SECRET, hit, of_pattern("1L").match)


@pytest.mark.parametrize(
    "claimed",
    [
        pytest.param(HitView(s="00" * 32, e=0, sign=1, address=""), id="another key"),
        pytest.param(HitView(s="not a number", e=0, sign=1, address=""), id="no number"),
        pytest.param(HitView(s="f" * 64, e=0, sign=1, address=""), id="s beyond the request"),
        pytest.param(HitView(s="01", e=3, sign=1, address=""), id="e out of range"),
        pytest.param(HitView(s="01", e=0, sign=0, address=""), id="no sign"),
        pytest.param(HitView(s="-1", e=0, sign=1, address=""), id="a negative s"),
    ],
)
def test_a_false_hit_fails_the_task(claimed: HitView) -> None:
    task = a_task(app=VANITY, params=vanity("1LLL", PUBLIC_KEY))

    assert found(task.params, claimed) == failed(FailureReason.FALSE_RESULT)


def test_a_hit_for_another_pattern_is_false() -> None:
    task = a_task(app=VANITY, params=vanity("1Lzzz", PUBLIC_KEY))

    assert found(task.params, view(first_hit("1L"))) == failed(FailureReason.FALSE_RESULT)


def view(hit: Hit) -> HitView:
    return HitView(**hit_fields(hit), address="")


def ended(result: HitView | None, *, is_search: bool = True) -> BatchView:
    """Return a batch that ended, as the grid shows it."""
    search = SearchView(
        patterns=["1L"],
        public_key=PUBLIC_KEY.hex(),
        difficulty=2.0,
        keys_tried=77,
        keys_per_s=0,
        hosts=0,
        result=result,
    )
    return BatchView(
        uid=UUID(int=1),
        owner_uid=UUID(int=2),
        name="task-7",
        kind="search" if is_search else "bag",
        status=BatchStatus.COMPLETED,
        submitted_at=MOMENT,
        ended_at=MOMENT,
        jobs={},
        details=search.model_dump(mode="json") if is_search else None,
    )


def judged(batch: BatchView) -> Answer:
    """Return what a search's request makes of an ended batch."""
    request = request_of(a_task(app=VANITY, params=vanity("1L", PUBLIC_KEY)), TERMS)
    assert isinstance(request, GridRequest)
    assert not isinstance(request.source, UUID)
    return request.source(batch)


def test_a_search_takes_its_answer_from_the_ended_batch() -> None:
    batch = ended(view(first_hit("1L")))

    assert judged(batch).outcome is TaskStatus.DONE
    assert keys_tried(batch) == 77


def test_a_batch_without_the_result_of_a_search_is_no_answer() -> None:
    assert judged(ended(None)) == failed(FailureReason.FALSE_RESULT)
    assert judged(ended(None, is_search=False)) == failed(FailureReason.FALSE_RESULT)
    assert keys_tried(ended(None, is_search=False)) is None


def test_an_account_of_a_search_that_cannot_be_understood_is_no_answer() -> None:
    batch = ended(None).model_copy(update={"details": {"difficulty": "none"}})

    assert judged(batch) == failed(FailureReason.FALSE_RESULT)


def test_a_bag_takes_its_answer_from_its_only_job() -> None:
    request = request_of(a_task(), TERMS)

    assert isinstance(request, GridRequest)
    assert isinstance(request.batch, SubmitBag)
    assert request.source == request.batch.jobs[0].uid


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyUsedError(), FailureReason.KEY_USED),
        (PatternError("2Lo", "no address begins so"), FailureReason.REFUSED_PARAMETERS),
        (NotFoundError("app", "wordcount"), FailureReason.REFUSED_APP),
        (TooLargeError("arguments", 9), FailureReason.REFUSED_PARAMETERS),
        (UnavailableError("the dispatcher is away"), None),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_what_the_grid_says_for_good_is_a_reason(error: XwhepError, reason: FailureReason | None) -> None:
    assert refusal_of(error) is reason


def test_standard_output_is_the_answer_with_its_digest() -> None:
    assert done(b"3\n") == Answer(TaskStatus.DONE, b"3\n", sha256(b"3\n").digest())


def test_an_output_of_1024_bytes_is_an_answer_and_a_longer_one_is_not() -> None:
    assert done(b"x" * 1024).outcome is TaskStatus.DONE
    assert done(b"x" * 1025) == failed(FailureReason.RESULT_TOO_LARGE)


def test_a_reason_goes_to_the_chain_as_its_code() -> None:
    assert failed(FailureReason.KEY_USED) == Answer(TaskStatus.FAILED, b"key-used", bytes(32))
