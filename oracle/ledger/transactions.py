"""What the ledger knows of the oracle's transactions: which nonce each has, which is sent, what became of it.

The functions are for `Ledger.run`. A nonce is open while none of its transactions is known to have ended. It is in use
while the task of its newest transaction waits for it; otherwise, after a reorganisation or when another settled the
task, the next transaction takes the nonce over, by a higher fee. So the order of nonces never has a gap for long, and
an answer to a task that is gone is not sent again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from sqlmodel import Session, col, select

from oracle.ledger.file import Key, move
from oracle.ledger.tables import Book, End, Task, Transaction
from oracle.settlement.fees import FeePolicy, Price, raised
from oracle.settlement.life import OPEN, Event, State
from xwhep.chain.transactions import SignedTransaction
from xwhep.chain.values import Call, Fees, Receipt

#: nonces that a task may use up, at most; what is refused so often is refused for good
MAX_ATTEMPTS: Final = 10
#: seconds before the second attempt; doubled for each further one, up to a limit
PAUSE_S: Final = 10
LONGEST_PAUSE_S: Final = 600

#: signs a call with this much gas, this nonce and this offer
Sign = Callable[[Call, int, int, Price], SignedTransaction]


class Leave(Enum):
    """Whether a task's transaction may be signed."""

    SIGN = auto()
    UNDER_WAY = auto()  #: there is one already, and the task is sent by it
    LATER = auto()  #: the last one had no effect a short while ago
    NEVER = auto()  #: too many had no effect
    GONE = auto()  #: the task is not answered, or not any more


@dataclass(frozen=True, slots=True)
class Order:
    """What a transaction is to do."""

    call: Call
    gas: int  #: at most


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds at the node when a transaction is signed."""

    mined: int  #: the account's first nonce that is in no block
    fees: Fees
    policy: FeePolicy
    price: Price  #: what a first transaction offers


@dataclass(frozen=True, slots=True)
class Slot:
    """An open nonce and its transactions."""

    nonce: int
    offers: tuple[Transaction, ...]  #: the newest last
    in_use: bool  #: the task of the newest waits for it

    @property
    def newest(self) -> Transaction:
        """What is sent."""
        return self.offers[-1]

    @property
    def price(self) -> Price:
        """What the newest offers."""
        return Price(self.newest.max_fee_wei, self.newest.tip_wei)


def open_slots(session: Session, *, now: int) -> list[Slot]:
    """Return the open nonces, the lowest first."""
    wanted = (
        select(Transaction, Task)
        .join(Task, (col(Task.id) == Transaction.task_id) & (col(Task.commitment) == Transaction.commitment))
        .where(col(Transaction.ended).is_(None))
        .order_by(col(Transaction.nonce), col(Transaction.max_fee_wei))
    )
    slots = []
    for nonce, found in itertools.groupby(session.exec(wanted), key=lambda row: row[0].nonce):
        rows = list(found)
        task = rows[-1][1]
        in_use = task.state in OPEN and now <= task.deadline
        slots.append(Slot(nonce, tuple(transaction for transaction, _ in rows), in_use))
    return slots


def take_up(session: Session, key: Key, *, now: int) -> Leave:
    """Return whether a task's transaction may be signed; one that is under way already is taken for this task."""
    task = session.get(Task, key)
    if task is None or task.state is not State.ANSWERED:
        return Leave.GONE
    if _under_way(session, key):
        move(task, Event.SIGNED, now=now)
        return Leave.UNDER_WAY
    attempts = len(set(session.exec(_of(key, Transaction.nonce))))
    if attempts >= MAX_ATTEMPTS:
        return Leave.NEVER
    return Leave.LATER if now < task.changed_at + _pause_s(attempts) else Leave.SIGN


def sign_first(session: Session, key: Key, order: Order, terms: Terms, sign: Sign, *, now: int) -> Transaction | None:
    """Sign the transaction of an answered task with the first nonce that is free, and store it.

    None if the task went elsewhere meanwhile.
    """
    task = session.get(Task, key)
    if task is None or task.state is not State.ANSWERED:
        return None
    nonce, price = _place(open_slots(session, now=now), terms)
    move(task, Event.SIGNED, now=now)
    return _store(session, key, order.call, sign(order.call, order.gas, nonce, price), now=now)


def sign_dearer(session: Session, older: Transaction, price: Price, sign: Sign, *, now: int) -> Transaction | None:
    """Sign a transaction once more, with a higher fee; None if its task does not wait for it any more."""
    return _sign_again(session, older, older.nonce, price, sign, now=now)


def fill_gap(session: Session, terms: Terms, sign: Sign, *, now: int) -> Transaction | None:
    """Sign a transaction for a nonce that others wait for and that none is in use for; None if there is none.

    The last that waits is signed for it too: its own nonce comes after all others.
    """
    slots = open_slots(session, now=now)
    waiting = [slot for slot in slots if slot.in_use and slot.nonce >= terms.mined]
    nonce, price = _place(slots, terms)
    if not waiting or nonce > waiting[-1].nonce:
        return None
    return _sign_again(session, waiting[-1].newest, nonce, price, sign, now=now)


def close(session: Session, receipt: Receipt, *, now: int) -> bool:
    """Note that a transaction was mined, deep enough; False when that cannot be judged yet.

    One without effect is judged when the chain was read past its block: if the task is not settled then, it is to be
    sent once more.
    """
    mined = session.get_one(Transaction, receipt.transaction_hash)
    if not receipt.succeeded and session.get_one(Book, 1).next_block <= receipt.block_number:
        return False
    for transaction in _open_of(session, mined.nonce):
        transaction.ended = End.REPLACED
    mined.ended = End.MINED if receipt.succeeded else End.REVERTED
    for transaction in session.exec(select(Transaction).where(Transaction.nonce == mined.nonce)):
        has_effect = receipt.succeeded and _key(transaction) == _key(mined)
        if not has_effect:
            _give_back(session, _key(transaction), now)
    return True


def void(session: Session, nonce: int, *, now: int) -> None:
    """Note that a transaction of somebody else took a nonce."""
    for transaction in _open_of(session, nonce):
        transaction.ended = End.VOID
        _give_back(session, _key(transaction), now)


def reopen(session: Session, mined: int) -> int:
    """Open the nonces again that a reorganisation has set free, and return how many transactions that are."""
    ended = select(Transaction).where(Transaction.nonce >= mined, col(Transaction.ended).is_not(None))
    transactions = session.exec(ended).all()
    for transaction in transactions:
        transaction.ended = None
    return len(transactions)


def _place(slots: list[Slot], terms: Terms) -> tuple[int, Price]:
    """Return the first nonce that is not in use, and what to offer there."""
    by_nonce = {slot.nonce: slot for slot in slots}
    for nonce in itertools.count(terms.mined):
        slot = by_nonce.get(nonce)
        if slot is None:
            return nonce, terms.price
        if not slot.in_use and (price := raised(slot.price, terms.fees, terms.policy)):
            return nonce, price
    raise AssertionError("there are more nonces than transactions")


def _sign_again(
    session: Session, older: Transaction, nonce: int, price: Price, sign: Sign, *, now: int
) -> Transaction | None:
    task = session.get_one(Task, _key(older))
    if task.state is not State.SENT:
        return None
    call = Call(older.recipient, older.data)
    return _store(session, _key(older), call, sign(call, older.gas, nonce, price), now=now)


def _store(session: Session, key: Key, call: Call, signed: SignedTransaction, *, now: int) -> Transaction:
    assert call.to is not None
    assert call.value == 0
    transaction = Transaction(
        hash=signed.hash,
        nonce=signed.nonce,
        raw=signed.raw,
        task_id=key[0],
        commitment=key[1],
        recipient=call.to,
        data=call.data,
        gas=signed.gas,
        max_fee_wei=signed.max_fee_wei,
        tip_wei=signed.tip_wei,
        signed_at=now,
    )
    session.add(transaction)
    return transaction


def _give_back(session: Session, key: Key, now: int) -> None:
    """Have a task sent once more if it waits for a transaction and none is under way."""
    task = session.get_one(Task, key)
    if task.state is State.SENT and not _under_way(session, key):
        move(task, Event.VOIDED, now=now)


def _under_way(session: Session, key: Key) -> bool:
    """Tell whether the newest transaction of an open nonce is the task's."""
    own = session.exec(_of(key, Transaction).where(col(Transaction.ended).is_(None)))
    return any(transaction is _open_of(session, transaction.nonce)[-1] for transaction in own)


def _open_of(session: Session, nonce: int) -> Sequence[Transaction]:
    wanted = select(Transaction).where(Transaction.nonce == nonce, col(Transaction.ended).is_(None))
    return session.exec(wanted.order_by(col(Transaction.max_fee_wei))).all()


def _of(key: Key, what: Any) -> Any:
    """Return the query for the transactions of a task, or for a column of theirs."""
    return select(what).where(Transaction.task_id == key[0], Transaction.commitment == key[1])


def _key(transaction: Transaction) -> Key:
    return transaction.task_id, transaction.commitment


def _pause_s(attempts: int) -> int:
    """Return how long after so many attempts the next may be made."""
    return min(PAUSE_S * 2 ** (attempts - 1), LONGEST_PAUSE_S) if attempts else 0
