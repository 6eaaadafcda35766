"""What an oracle's ledger says about its work, for people and programs; it may be read while the oracle runs."""

from __future__ import annotations

from pydantic import BaseModel
from sqlmodel import Session, col, func, select

from oracle.ledger.schema import SCHEMA
from oracle.ledger.tables import Book, Task, Transaction
from oracle.settlement.life import OPEN, State
from oracle.settlement.requests import Subject, batch_uid


class OpenTask(BaseModel):
    """A task that the hub still waits for."""

    id: int
    state: State
    requester: str
    app: int
    since: int  #: when it came into its state; seconds since 1970, of the chain's time, as all times here
    deadline: int
    batch_uid: str | None  #: of the batch that the grid may be at work on
    transaction: str | None  #: the hash of the transaction that was signed last


class Progress(BaseModel):
    """What a ledger is about, and how far it is."""

    chain_id: int
    hub: str
    next_block: int  #: the first that was not read yet
    counts: dict[State, int]  #: how many tasks are in each state
    open_tasks: list[OpenTask]


def progress(session: Session) -> Progress | None:
    """Return how far a ledger is; None for one that is about no hub yet. For `Ledger.run`.

    Raises:
        SchemaMismatchError: another version of the oracle made it.
    """
    if not SCHEMA.check(session.connection()):
        return None
    book = session.get_one(Book, 1)
    subject = Subject(book.chain_id, book.genesis_hash, book.hub, book.first_block)
    counts = session.exec(select(Task.state, func.count()).group_by(col(Task.state)))
    tasks = session.exec(select(Task).where(col(Task.state).in_(OPEN)).order_by(col(Task.deadline), col(Task.id)))
    return Progress(
        chain_id=book.chain_id,
        hub=book.hub,
        next_block=book.next_block,
        counts=dict(counts.all()),
        open_tasks=[_view(session, subject, task) for task in tasks],
    )


def _view(session: Session, subject: Subject, task: Task) -> OpenTask:
    last = (
        select(Transaction.hash)
        .where(Transaction.task_id == task.id, Transaction.commitment == task.commitment)
        .order_by(col(Transaction.nonce).desc(), col(Transaction.max_fee_wei).desc())
    )
    transaction = session.exec(last.limit(1)).first()
    return OpenTask(
        id=task.id,
        state=task.state,
        requester=task.requester,
        app=task.app,
        since=task.changed_at,
        deadline=task.deadline,
        batch_uid=str(batch_uid(subject, task)) if task.batch_open else None,
        transaction=None if transaction is None else "0x" + transaction.hex(),
    )
