"""From the chain's bytes to a batch, and from the grid's result to an answer."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from eth_abi.abi import encode as abi_encode

from oracle.settlement.requests import Answer, Order, batch_uid, failed, found, order_for, printed
from tests.support.targets import of_pattern
from tests.support.tasks import (
    APP_UID,
    NATIVE,
    OFFER,
    REQUESTER,
    SUBJECT,
    UNKNOWN,
    VANITY,
    a_task,
    native,
    vanity,
)
from xwhep.chain.parameters import decode_vanity_result
from xwhep.chain.reasons import FailureReason
from xwhep.chain.values import TaskStatus
from xwhep.errors.jobs import FalseResultError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.ids import derived_uid
from xwhep.protocol.batches import HitView, SubmitBag, SubmitSearch
from xwhep.secp256k1 import N, decode
from xwhep.vanity.split_key import Hit, check, combine, keygen

SECRET, PUBLIC_KEY = keygen()


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


def view(hit: Hit) -> HitView:
    return HitView(s=f"{hit.s:064x}", e=hit.e, sign=hit.sign, address="")


def test_a_search_is_asked_for_with_pattern_key_and_requester() -> None:
    order = order_for(a_task(app=VANITY, params=vanity("1Lo", PUBLIC_KEY)), OFFER)

    assert isinstance(order, Order)
    assert isinstance(order.batch, SubmitSearch)
    assert (order.batch.patterns, order.batch.public_key) == (["1Lo"], PUBLIC_KEY.hex())
    assert (order.batch.name, order.batch.requester) == ("task-7", REQUESTER.lower())
    assert order.upload is None


def test_a_native_job_gets_its_arguments_and_its_standard_input() -> None:
    order = order_for(a_task(params=native("-c", "; rm -rf /", stdin=b"text")), OFFER)

    assert isinstance(order, Order)
    assert isinstance(order.batch, SubmitBag)
    (job,) = order.batch.jobs
    assert (job.app_uid, job.arguments, job.stdin) == (APP_UID, ["-c", "; rm -rf /"], sha256(b"text").hexdigest())
    assert order.upload is not None
    assert (order.upload.content, order.upload.announcement.digest) == (b"text", job.stdin)


def test_a_native_job_without_standard_input_uploads_nothing() -> None:
    order = order_for(a_task(params=native("a", stdin=b"")), OFFER)

    assert isinstance(order, Order)
    assert isinstance(order.batch, SubmitBag)
    assert order.upload is None
    assert order.batch.jobs[0].stdin is None


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
    order = order_for(a_task(), OFFER)

    assert isinstance(order, Order)
    assert isinstance(order.batch, SubmitBag)
    assert order.upload is not None
    uids = {order.batch.uid, order.batch.jobs[0].uid, order.upload.announcement.uid}
    assert len(uids) == 3
    assert {uid.version for uid in uids} == {8}


def test_the_same_task_gives_the_same_order() -> None:
    assert order_for(a_task(), OFFER) == order_for(a_task(), OFFER)


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
    assert order_for(a_task(app=app, params=params), OFFER) is reason


@pytest.mark.parametrize(
    "argument",
    ["$(reboot)", "`id`", "a\nb", "../../../etc/passwd", "<img src=x>", "\x1b]0;owned\x07", "-rf", "\u202eevil", ""],
)
def test_a_hostile_argument_stays_one_argument(argument: str) -> None:
    order = order_for(a_task(params=native(argument)), OFFER)

    assert isinstance(order, Order)
    assert isinstance(order.batch, SubmitBag)
    assert order.batch.jobs[0].arguments == [argument]
    assert order.batch.name == "task-7"


def test_a_true_hit_is_answered_with_the_sum_that_a_contract_checks() -> None:
    hit = first_hit("1L")
    answer = found(a_task(app=VANITY, params=vanity("1L", PUBLIC_KEY)), view(hit))
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
        pytest.param(HitView(s="f" * 64, e=0, sign=1, address=""), id="s beyond the order"),
        pytest.param(HitView(s="01", e=3, sign=1, address=""), id="e out of range"),
        pytest.param(HitView(s="01", e=0, sign=0, address=""), id="no sign"),
        pytest.param(HitView(s="-1", e=0, sign=1, address=""), id="a negative s"),
    ],
)
def test_a_false_hit_fails_the_task(claimed: HitView) -> None:
    task = a_task(app=VANITY, params=vanity("1LLL", PUBLIC_KEY))

    assert found(task, claimed) == failed(FailureReason.FALSE_RESULT)


def test_a_hit_for_another_pattern_is_false() -> None:
    task = a_task(app=VANITY, params=vanity("1Lzzz", PUBLIC_KEY))

    assert found(task, view(first_hit("1L"))) == failed(FailureReason.FALSE_RESULT)


def test_standard_output_is_the_answer_with_its_digest() -> None:
    assert printed(b"3\n") == Answer(TaskStatus.DONE, b"3\n", sha256(b"3\n").digest())


def test_an_output_of_1024_bytes_is_an_answer_and_a_longer_one_is_not() -> None:
    assert printed(b"x" * 1024).outcome is TaskStatus.DONE
    assert printed(b"x" * 1025) == failed(FailureReason.RESULT_TOO_LARGE)


def test_a_reason_goes_to_the_chain_as_its_code() -> None:
    assert failed(FailureReason.KEY_USED) == Answer(TaskStatus.FAILED, b"key-used", bytes(32))
