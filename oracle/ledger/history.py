"""What the ledger takes down of the chain: blocks, tasks and settlements, and what a reorganisation strikes out.

The functions are for `Ledger.run`: what was read and how far stand in one transaction. Reading the same block twice is
reading it once.
"""

from __future__ import annotations

import logging

from sqlmodel import Session, col, delete, select

from oracle.ledger.tables import Book, ReadBlock, Task
from oracle.ledger.tasks import must_change
from oracle.settlement.life import OPEN, Event, State
from oracle.settlement.scan_ranges import BLOCKS_KEPT, Scan
from xwhep.chain.values import SettledTask, SubmittedTask, TaskStatus

log = logging.getLogger(__name__)


def next_block(session: Session) -> int:
    """Return the first block that was not read yet."""
    return session.get_one(Book, 1).next_block


def known_blocks(session: Session) -> list[tuple[int, bytes]]:
    """Return number and hash of the last blocks that were read, the newest first."""
    rows = session.exec(select(ReadBlock).order_by(col(ReadBlock.number).desc()))
    return [(row.number, row.hash) for row in rows]


def record(session: Session, scan: Scan, *, now: int) -> None:
    """Take down a scan of the chain that begins with the next block, and everything that happened in it."""
    for happened in scan.events:
        match happened:
            case SubmittedTask():
                _submitted(session, happened, now)
            case SettledTask():
                _settled(session, happened, now)
    for block in scan.blocks:
        session.merge(ReadBlock(number=block.number, hash=block.hash))
    session.exec(delete(ReadBlock).where(col(ReadBlock.number) <= scan.last.number - BLOCKS_KEPT))
    session.get_one(Book, 1).next_block = scan.last.number + 1


def rewind(session: Session, kept: int | None, *, now: int) -> None:
    """Strike out what was read after the block `kept`, the last that is still on the chain; None: everything.

    A task whose settlement is lost goes on as if it had just been seen, one whose submission is lost is orphaned.
    """
    book = session.get_one(Book, 1)
    last = book.first_block - 1 if kept is None else kept
    for task in session.exec(select(Task).where(col(Task.settled_block) > last)).all():
        reopened = must_change(session, task, Event.REOPENED, now=now)
        reopened.settled_status = reopened.settled_block = reopened.settled_by = None
    lost = select(Task).where(Task.submitted_block > last, Task.state != State.ORPHANED)
    for task in session.exec(lost).all():
        log.warning("task %d: a reorganisation took its submission away", task.id)
        must_change(session, task, Event.ORPHANED, now=now)
    session.exec(delete(ReadBlock).where(col(ReadBlock.number) > last))
    book.next_block = last + 1


def _submitted(session: Session, event: SubmittedTask, now: int) -> None:
    task = session.get(Task, (event.id, event.commitment))
    if task is None:
        session.add(_row(event, now))
        session.flush()
    elif task.state is State.ORPHANED:
        again = must_change(session, task, Event.SEEN_AGAIN, now=now)
        again.submitted_block = event.position.block_number
        again.submitted_hash = event.position.block_hash
        again.transaction_hash = event.position.transaction_hash


def _row(event: SubmittedTask, now: int) -> Task:
    return Task(
        id=event.id,
        commitment=event.commitment,
        requester=event.requester,
        app=event.app,
        params=event.params,
        price=event.price,
        deadline=event.deadline,
        callback=event.callback,
        callback_gas=event.callback_gas,
        submitted_block=event.position.block_number,
        submitted_hash=event.position.block_hash,
        transaction_hash=event.position.transaction_hash,
        changed_at=now,
    )


def _settled(session: Session, event: SettledTask, now: int) -> None:
    task = session.exec(select(Task).where(Task.id == event.id, col(Task.state).in_(OPEN))).first()
    if task is None:
        return  # read before, or the settlement of a task that this ledger never saw
    refunded = event.status is TaskStatus.REFUNDED
    settled = must_change(session, task, Event.REFUNDED if refunded else Event.SETTLED, now=now)
    settled.settled_status = event.status
    settled.settled_block = event.position.block_number
    settled.settled_by = event.position.transaction_hash
    log.info("task %d: %s in block %d, by transaction 0x%s", task.id, event.status, *_where(event))


def _where(event: SettledTask) -> tuple[int, str]:
    return event.position.block_number, event.position.transaction_hash.hex()
