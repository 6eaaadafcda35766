"""What the ledger says of transactions: which nonce is whose, what ended how, what may be signed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from oracle.ledger.file import Ledger
from oracle.ledger.tables import Book, End, Key, Task, Transaction
from oracle.ledger.tasks import change
from oracle.ledger.transactions import (
    Leave,
    MeteredCall,
    close,
    fill_gap,
    open_slots,
    reopen,
    sign_dearer,
    sign_first,
    take_up,
    void,
)
from oracle.settlement.fees import FeePolicy, Price
from oracle.settlement.life import Event, State
from oracle.settlement.nonces import LONGEST_PAUSE_S, MAX_ATTEMPTS, PAUSE_S, SigningTerms
from oracle.settlement.requests import Subject
from tests.support.small_chain import CHAIN_ID, DEADLINE, GENESIS, HUB, SOMEBODY
from xwhep.chain.transactions import SignedTransaction
from xwhep.chain.values import Call, Fees, Receipt

FEES = Fees(base_wei=100, tip_wei=10)
POLICY = FeePolicy(cap_wei=1_000)
ORDER = MeteredCall(Call(HUB, b"finish"), gas=50_000)


def sign(call: Call, gas: int, nonce: int, price: Price) -> SignedTransaction:
    """Stand in for a signature: other transactions have other hashes."""
    raw = repr((call, gas, nonce, price)).encode()
    return SignedTransaction(hashlib.sha256(raw).digest(), raw, nonce, gas, price.max_fee_wei, price.tip_wei)


class Books:
    """A ledger with tasks that are answered."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def answered(self, number: int) -> Key:
        key = (number, hashlib.sha256(b"%d" % number).digest())
        task = Task(
            id=number,
            commitment=key[1],
            requester=SOMEBODY,
            app=1,
            params=b"",
            price=0,
            deadline=DEADLINE,
            callback=SOMEBODY,
            callback_gas=0,
            submitted_block=1,
            submitted_hash=b"",
            transaction_hash=b"",
            state=State.ANSWERED,
            changed_at=0,
        )
        self.ledger.run(Session.add, task)
        return key

    def sign(self, key: Key, mined: int = 0, *, now: int = 0) -> Transaction | None:
        order = MeteredCall(Call(HUB, b"finish %d" % key[0]), gas=50_000)
        return self.ledger.run(sign_first, key, order, terms(mined), sign, now=now)

    def signed(self, key: Key, mined: int = 0, *, now: int = 0) -> Transaction:
        transaction = self.sign(key, mined, now=now)
        assert transaction is not None
        return transaction

    def state(self, key: Key) -> State:
        return self.ledger.run(Session.get_one, Task, key).state

    def happens(self, key: Key, event: Event) -> None:
        assert self.ledger.run(change, key, self.state(key), event, now=0)

    def ends(self) -> dict[tuple[int, int], End | None]:
        """Return what became of transactions, by nonce and task."""
        found = self.ledger.run(lambda session: session.exec(select(Transaction)).all())
        return {(one.nonce, one.task_id): one.ended for one in found}

    def read_up_to(self, number: int) -> None:
        def work(session: Session) -> None:
            session.get_one(Book, 1).next_block = number + 1

        self.ledger.run(work)


def terms(mined: int) -> SigningTerms:
    return SigningTerms(mined, FEES, POLICY, Price(210, 10))


def receipt(transaction: Transaction, *, succeeded: bool = True) -> Receipt:
    return Receipt(transaction.hash, 5, b"", succeeded, 1, 1, None, ())


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.bind(Subject(CHAIN_ID, GENESIS, HUB, first_block=1))
    yield Books(ledger)
    ledger.close()


def test_transactions_take_one_nonce_after_the_other(books: Books) -> None:
    nonces = [books.signed(books.answered(number), mined=7).nonce for number in range(1, 5)]

    assert nonces == [7, 8, 9, 10]


@pytest.mark.parametrize("event", [Event.SETTLED, Event.REFUNDED, Event.ORPHANED, Event.SIGNED])
def test_only_an_answered_task_is_signed(books: Books, event: Event) -> None:
    key = books.answered(1)
    books.happens(key, event)

    assert books.ledger.run(take_up, key, now=0) is Leave.GONE
    assert books.sign(key) is None
    assert books.ends() == {}


def test_a_task_that_nobody_knows_is_not_signed(books: Books) -> None:
    assert books.ledger.run(take_up, (1, b"no such"), now=0) is Leave.GONE
    assert books.sign((1, b"no such")) is None


def test_a_task_that_is_answered_again_goes_on_with_the_transaction_that_is_open(books: Books) -> None:
    key = books.answered(1)
    books.signed(key)
    for event in (Event.ORPHANED, Event.SEEN_AGAIN, Event.ANSWERED):
        books.happens(key, event)

    assert books.ledger.run(take_up, key, now=0) is Leave.UNDER_WAY

    assert books.state(key) is State.SENT
    assert len(books.ends()) == 1


def test_the_nonce_of_a_task_that_is_gone_goes_to_the_next_for_a_higher_fee(books: Books) -> None:
    lost, other = books.answered(1), books.answered(2)
    first = books.signed(lost)
    books.happens(lost, Event.ORPHANED)

    second = books.signed(other)

    assert second.nonce == first.nonce
    assert second.max_fee_wei * 8 >= first.max_fee_wei * 9
    for event in (Event.SEEN_AGAIN, Event.ANSWERED):
        books.happens(lost, event)
    assert books.ledger.run(take_up, lost, now=10**6) is Leave.SIGN  # what it had is not sent any more


def test_a_nonce_that_nothing_can_outbid_under_the_cap_is_left_alone(books: Books) -> None:
    lost = books.answered(1)
    first = books.signed(lost)
    assert books.ledger.run(sign_dearer, first, Price(950, 100), sign, now=0) is not None
    books.happens(lost, Event.ORPHANED)

    assert books.signed(books.answered(2)).nonce == first.nonce + 1


def test_one_of_those_with_the_same_nonce_is_mined_and_the_others_are_replaced(books: Books) -> None:
    key = books.answered(1)
    first = books.signed(key)
    second = books.ledger.run(sign_dearer, first, Price(300, 20), sign, now=0)
    assert second is not None

    assert books.ledger.run(close, receipt(first), now=0)

    found = books.ledger.run(lambda session: {one.hash: one.ended for one in session.exec(select(Transaction))})
    assert found == {first.hash: End.MINED, second.hash: End.REPLACED}
    assert books.state(key) is State.SENT  # the hub's event settles it


def test_a_task_whose_nonce_went_to_another_is_sent_once_more(books: Books) -> None:
    first, second = books.answered(1), books.answered(2)
    books.signed(first)
    books.happens(first, Event.ORPHANED)
    taken_over = books.signed(second)
    for event in (Event.SEEN_AGAIN, Event.ANSWERED, Event.SIGNED):
        books.happens(first, event)

    books.ledger.run(close, receipt(taken_over), now=0)

    assert books.state(first) is State.ANSWERED
    assert books.state(second) is State.SENT


def test_a_transaction_without_effect_is_judged_when_the_chain_was_read_past_it(books: Books) -> None:
    key = books.answered(1)
    transaction = books.signed(key)

    assert not books.ledger.run(close, receipt(transaction, succeeded=False), now=0)
    assert books.state(key) is State.SENT

    books.read_up_to(5)
    assert books.ledger.run(close, receipt(transaction, succeeded=False), now=0)
    assert books.state(key) is State.ANSWERED
    assert books.ends() == {(0, 1): End.REVERTED}


def test_no_second_attempt_is_made_while_another_transaction_of_the_task_is_open(books: Books) -> None:
    key = books.answered(1)
    books.signed(key, mined=1)
    filler = books.ledger.run(fill_gap, terms(0), sign, now=0)
    assert filler is not None

    books.ledger.run(void, filler.nonce, now=0)

    assert books.ends() == {(1, 1): None, (0, 1): End.VOID}
    assert books.state(key) is State.SENT


def test_a_gap_is_filled_by_the_last_that_waits(books: Books) -> None:
    for number in (1, 2):
        books.signed(books.answered(number), mined=5)

    filler = books.ledger.run(fill_gap, terms(4), sign, now=0)

    assert filler is not None
    assert (filler.nonce, filler.task_id, filler.data) == (4, 2, b"finish 2")
    assert books.ledger.run(fill_gap, terms(4), sign, now=0) is None


def test_where_nothing_waits_there_is_no_gap(books: Books) -> None:
    assert books.ledger.run(fill_gap, terms(4), sign, now=0) is None


def test_what_is_settled_is_not_signed_again_for_a_higher_fee(books: Books) -> None:
    key = books.answered(1)
    transaction = books.signed(key)
    books.happens(key, Event.SETTLED)

    assert books.ledger.run(sign_dearer, transaction, Price(300, 20), sign, now=0) is None


def test_pauses_between_attempts_grow_and_there_is_a_last_one(books: Books) -> None:
    key = books.answered(1)
    pauses = []
    now = 0
    for attempt in range(MAX_ATTEMPTS):
        pause = 0
        while (leave := books.ledger.run(take_up, key, now=now + pause)) is Leave.LATER:
            pause += PAUSE_S
        assert leave is Leave.SIGN
        pauses.append(pause)
        now += pause
        books.signed(key, mined=attempt, now=now)
        books.ledger.run(void, attempt, now=now)

    assert pauses[:4] == [0, PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert books.ledger.run(take_up, key, now=10**9) is Leave.NEVER
    assert books.state(key) is State.ANSWERED


def test_after_its_deadline_an_answer_is_of_no_use(books: Books) -> None:
    books.signed(books.answered(1))

    assert [slot.in_use for slot in books.ledger.run(open_slots, now=DEADLINE)] == [True]
    assert [slot.in_use for slot in books.ledger.run(open_slots, now=DEADLINE + 1)] == [False]


def test_nonces_that_a_reorganisation_sets_free_are_open_again(books: Books) -> None:
    keys = [books.answered(number) for number in (1, 2, 3)]
    transactions = [books.signed(key) for key in keys]
    for transaction in transactions:
        books.ledger.run(close, receipt(transaction), now=0)

    assert books.ledger.run(reopen, 1) == 2

    assert books.ends() == {(0, 1): End.MINED, (1, 2): None, (2, 3): None}
    assert books.ledger.run(reopen, 1) == 0
