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
from typing import Any

from sqlmodel import Session, col, select

from oracle.ledger.tables import Book, End, Key, Task, Transaction
from oracle.ledger.tasks import change
from oracle.settlement.fees import Price
from oracle.settlement.life import OPEN, Event, State
from oracle.settlement.nonces import MAX_ATTEMPTS, SigningTerms, attempt_pause_s, place
from xwhep.chain.transactions import SignedTransaction
from xwhep.chain.values import Call, Receipt

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
class MeteredCall:
    """A call, and how much gas it may use."""

    call: Call
    gas: int  #: at most


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
        taken_up = change(session, key, State.ANSWERED, Event.SIGNED, now=now)
        return Leave.GONE if taken_up is None else Leave.UNDER_WAY
    attempts = len(set(session.exec(_of(key, Transaction.nonce))))
    if attempts >= MAX_ATTEMPTS:
        return Leave.NEVER
    return Leave.LATER if now < task.changed_at + attempt_pause_s(attempts) else Leave.SIGN


def sign_first(
    session: Session, key: Key, metered: MeteredCall, terms: SigningTerms, sign: Sign, *, now: int
) -> Transaction | None:
    """Sign the transaction of an answered task with the first nonce that is free, and store it.

    None if the task went elsewhere meanwhile.
    """
    if change(session, key, State.ANSWERED, Event.SIGNED, now=now) is None:
        return None
    nonce, price = place(_offers(open_slots(session, now=now)), terms)
    return _store(session, key, metered.call, sign(metered.call, metered.gas, nonce, price), now=now)


def sign_dearer(session: Session, older: Transaction, price: Price, sign: Sign, *, now: int) -> Transaction | None:
    """Sign a transaction once more, with a higher fee; None if its task does not wait for it any more."""
    return _sign_again(session, older, older.nonce, price, sign, now=now)


def fill_gap(session: Session, terms: SigningTerms, sign: Sign, *, now: int) -> Transaction | None:
    """Sign a transaction for a nonce that others wait for and that none is in use for; None if there is none.

    The last that waits is signed for it too: its own nonce comes after all others.
    """
    slots = open_slots(session, now=now)
    waiting = [slot for slot in slots if slot.in_use and slot.nonce >= terms.mined]
    nonce, price = place(_offers(slots), terms)
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
        has_effect = receipt.succeeded and transaction.task_key == mined.task_key
        if not has_effect:
            _give_back(session, transaction.task_key, now)
    return True


def void(session: Session, nonce: int, *, now: int) -> None:
    """Note that a transaction of somebody else took a nonce."""
    for transaction in _open_of(session, nonce):
        transaction.ended = End.VOID
        _give_back(session, transaction.task_key, now)


def reopen(session: Session, mined: int) -> int:
    """Open the nonces again that a reorganisation has set free, and return how many transactions that are."""
    ended = select(Transaction).where(Transaction.nonce >= mined, col(Transaction.ended).is_not(None))
    transactions = session.exec(ended).all()
    for transaction in transactions:
        transaction.ended = None
    return len(transactions)


def _offers(slots: Sequence[Slot]) -> dict[int, Price | None]:
    """Return the price of each open nonce; None for one that is in use."""
    return {slot.nonce: None if slot.in_use else slot.price for slot in slots}


def _sign_again(
    session: Session, older: Transaction, nonce: int, price: Price, sign: Sign, *, now: int
) -> Transaction | None:
    task = session.get_one(Task, older.task_key)
    if task.state is not State.SENT:
        return None
    call = Call(older.recipient, older.data)
    return _store(session, older.task_key, call, sign(call, older.gas, nonce, price), now=now)


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
    if not _under_way(session, key):
        change(session, key, State.SENT, Event.VOIDED, now=now)


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
