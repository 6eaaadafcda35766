"""The tables of the ledger: what the oracle has read from one hub, and what it has sent to it.

Times are the chain's, in seconds since 1970; amounts and fees are of the smallest unit. A row of a task or a
transaction is never deleted.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKeyConstraint, Index, MetaData
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from oracle.settlement.life import State
from xwhep.chain.values import TaskStatus
from xwhep.sql.columns import NAMES, enumeration, partial_index

Key = tuple[int, bytes]  #: a task's number and its commitment

METADATA = MetaData(naming_convention=dict(NAMES))


class Row(SQLModel, registry=registry(metadata=METADATA)):
    """The root of the ledger's tables."""


class Book(Row, table=True):
    """The one row that says what this ledger is about, and how far the chain was read."""

    __tablename__ = "book"

    id: int = Field(default=1, primary_key=True)
    chain_id: int
    genesis_hash: bytes
    hub: str
    first_block: int  #: where reading begins: the hub is not older
    next_block: int  #: the first block that was not read yet


class ReadBlock(Row, table=True):
    """One of the last blocks that were read: what shows a reorganisation."""

    __tablename__ = "blocks"

    number: int = Field(primary_key=True)
    hash: bytes


class Task(Row, table=True):
    """One task of the hub. The commitment is part of its name: a reorganisation may give its number to another."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(None, "state", "submitted_block"),
        Index(None, "requester", "state"),
        partial_index("ix_tasks_open_batches", "id", where="batch_open"),
    )

    id: int = Field(primary_key=True)
    commitment: bytes = Field(primary_key=True)
    requester: str
    app: int
    params: bytes
    price: int
    deadline: int
    callback: str
    callback_gas: int
    submitted_block: int
    submitted_hash: bytes  #: of that block
    transaction_hash: bytes  #: that submitted it

    state: State = enumeration(State, default=State.SEEN)
    changed_at: int
    batch_open: bool = False  #: the grid may be at work on it

    outcome: TaskStatus | None = enumeration(TaskStatus, default=None)  #: the answer: Done or Failed; None: not known
    result: bytes | None = None
    digest: bytes | None = None

    settled_status: TaskStatus | None = enumeration(TaskStatus, default=None)  #: as the hub says it
    settled_block: int | None = None
    settled_by: bytes | None = None  #: the transaction that settled it, ours or another's

    @property
    def key(self) -> Key:
        """What names the task."""
        return self.id, self.commitment


class End(StrEnum):
    """What became of a transaction."""

    MINED = "mined"
    REVERTED = "reverted"  #: mined, and without effect
    REPLACED = "replaced"  #: another of the same nonce was mined
    VOID = "void"  #: somebody else's transaction took its nonce


class Transaction(Row, table=True):
    """A signed transaction, stored before it is first sent.

    Those of one nonce replace each other, also those of different tasks; the one that offers most was signed last.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        ForeignKeyConstraint(["task_id", "commitment"], ["tasks.id", "tasks.commitment"]),
        Index(None, "task_id", "commitment"),
        partial_index("ix_transactions_open", "nonce", where="ended IS NULL"),
    )

    hash: bytes = Field(primary_key=True)
    nonce: int
    raw: bytes = Field(repr=False)
    task_id: int
    commitment: bytes
    recipient: str
    data: bytes = Field(repr=False)  #: what it asks of the recipient; with a higher fee it is signed once more
    gas: int
    max_fee_wei: int
    tip_wei: int
    signed_at: int
    ended: End | None = enumeration(End, default=None)  #: None: it is sent until it is mined

    @property
    def task_key(self) -> Key:
        """What names the task that it settles."""
        return self.task_id, self.commitment
