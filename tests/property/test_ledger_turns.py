"""Two parties change the same Task, statement by statement: no change of state is written over another.

The ledger's transactions cannot interleave on SQLite, so each statement is committed by itself here, and a seeded
scheduler says before each whose turn it is. A trigger writes down every change of a state.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event, text
from sqlmodel import Session, col, select

from oracle.ledger import tasks
from oracle.ledger.file import Ledger
from oracle.ledger.history import record, rewind
from oracle.ledger.tables import Book, Task, Transaction
from oracle.ledger.transactions import Leave, MeteredCall, sign_first, take_up, void
from oracle.settlement.answers import Answer
from oracle.settlement.fees import FeePolicy, Price
from oracle.settlement.life import TRANSITIONS, Event, State
from oracle.settlement.nonces import SigningTerms
from oracle.settlement.quotas import Quotas
from oracle.settlement.scan_ranges import Scan
from tests.support.tasks import REQUESTER, SUBJECT, a_task
from xwhep.chain.transactions import SignedTransaction
from xwhep.chain.values import Block, Call, Fees, Position, SettledTask, TaskStatus
from xwhep.errors.ledgers import LedgerBusyError

SEEDS = range(20)
TURNS = 8
LEGAL = {(str(was), str(following)) for (was, _), following in TRANSITIONS.items()}
KEY = a_task(1).key
TERMS = SigningTerms(0, Fees(100, 10), FeePolicy(10**9), Price(210, 10))
ANSWER = Answer(TaskStatus.DONE, b"the answer", hashlib.sha256(b"the answer").digest())
STATE_IN_WHERE = "AND tasks.state = ?"


class Turns:
    """Passes the turn among threads before each statement; only the one whose turn it is runs."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Condition()
        self._waiting: set[int] = set()
        self._alive = 0
        self._turn: int | None = None
        self.failures: list[Exception] = []

    def wait(self) -> None:
        """Wait until it is this thread's turn again."""
        me = threading.get_ident()
        with self._lock:
            self._waiting.add(me)
            self._pass_on()
            while self._turn != me:
                self._lock.wait(60)
            self._waiting.discard(me)

    def run(self, *works: Callable[[], None]) -> None:
        """Run all of them, one statement of one at a time."""
        self._alive = len(works)
        threads = [threading.Thread(target=self._live, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads)

    def _live(self, work: Callable[[], None]) -> None:
        self.wait()
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the test shows it
            self.failures.append(error)
        with self._lock:
            self._alive -= 1
            self._turn = None
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting and len(self._waiting) == self._alive:
            self._turn = self._chance.choice(sorted(self._waiting))
            self._lock.notify_all()


class Scene:
    """A ledger with one task, open to two parties, each statement a transaction of its own."""

    def __init__(self, folder: Path, seed: int, *, rewrite: Callable[[str], str]) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - chance, not secrets
        self.turns = Turns(self.chance)
        self.numbers = itertools.count(1)
        self._file = folder / f"{seed}.sqlite"
        ledger = Ledger(self._file)
        ledger.bind(SUBJECT)
        ledger.run(_prepare)
        ledger.close()
        self.rewrite = rewrite

    def live(self) -> set[tuple[str, str]]:
        """Let two parties work, and return the changes of state that there were: from which, to which."""
        engines = [self._engine(), self._engine()]
        self.turns.run(partial(self._work, engines[0], reads_chain=True), partial(self._work, engines[1]))
        with engines[0].connect() as connection:
            changes = {(str(was), str(new)) for was, new in connection.execute(text("SELECT was, new FROM changes"))}
        for engine in engines:
            engine.dispose()
        return changes

    def _engine(self) -> Engine:
        engine = create_engine(URL.create("sqlite", database=str(self._file)))
        event.listen(engine, "connect", _commit_each_statement)
        event.listen(engine, "before_cursor_execute", self._before, retval=True)
        return engine

    def _before(self, *arguments: Any) -> tuple[str, Any]:
        _connection, _cursor, statement, parameters, *_ = arguments
        if threading.current_thread() is not threading.main_thread():
            self.turns.wait()
        return self.rewrite(statement), parameters

    def _work(self, engine: Engine, *, reads_chain: bool = False) -> None:
        for _ in range(TURNS):
            act = self._chain if reads_chain and self.chance.random() < 0.5 else self._bridge
            with Session(engine, expire_on_commit=False) as session:
                try:
                    act(session)
                    session.commit()
                except LedgerBusyError:
                    pass  # the whole transaction would be tried again

    def _bridge(self, session: Session) -> None:
        """Do for the task what the bridge does, as the ledger has it now."""
        task = session.get_one(Task, KEY)
        match task.state:
            case State.SEEN:
                tasks.admit(session, KEY, Quotas(9, 9), now=0)
            case State.CONFIRMED:
                tasks.change(session, KEY, task.state, Event.DISPATCHED, now=0)
            case State.DISPATCHED:
                tasks.answer(session, task, ANSWER, batch_is_over=True, now=0)
            case State.ANSWERED if take_up(session, KEY, now=10**6 * next(self.numbers)) is Leave.SIGN:
                sign_first(session, KEY, MeteredCall(Call(REQUESTER, b""), 50_000), TERMS, self._sign, now=0)
            case State.SENT:
                nonces = session.exec(select(Transaction.nonce).where(col(Transaction.ended).is_(None))).all()
                for nonce in nonces:
                    void(session, nonce, now=0)

    def _chain(self, session: Session) -> None:
        """Let the hub settle the task, or a reorganisation take that away."""
        if self.chance.random() < 0.5:
            rewind(session, 5, now=0)
            return
        number = session.get_one(Book, 1).next_block
        position = Position(number, bytes(32), bytes(32), 0)
        settled = SettledTask(position, KEY[0], REQUESTER, TaskStatus.DONE, b"", bytes(32))
        record(session, Scan((Block(number, bytes(32), bytes(32), 0),), (settled,)), now=0)

    def _sign(self, call: Call, gas: int, nonce: int, price: Price) -> SignedTransaction:
        raw = repr((call, nonce, next(self.numbers))).encode()
        return SignedTransaction(hashlib.sha256(raw).digest(), raw, nonce, gas, price.max_fee_wei, price.tip_wei)


def _commit_each_statement(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=OFF").close()  # for speed: nothing is lost here by a power cut


def _prepare(session: Session) -> None:
    session.add(a_task(1))
    session.get_one(Book, 1).next_block = 6
    session.flush()
    connection = session.connection()
    connection.execute(text("CREATE TABLE changes (was TEXT, new TEXT)")).close()
    noted = "INSERT INTO changes VALUES (OLD.state, NEW.state)"
    connection.execute(text(f"CREATE TRIGGER noted AFTER UPDATE OF state ON tasks BEGIN {noted}; END")).close()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_change_comes_from_the_state_that_it_names(seed: int, tmp_path: Path) -> None:
    scene = Scene(tmp_path, seed, rewrite=str)

    changes = scene.live()

    assert scene.turns.failures == []
    assert changes
    assert changes <= LEGAL


def test_without_the_state_in_its_where_a_change_is_written_over_another(tmp_path: Path) -> None:
    def without(statement: str) -> str:
        return statement.replace(STATE_IN_WHERE, "AND ? IS NOT NULL") if statement.startswith("UPDATE") else statement

    assert any(not Scene(tmp_path, seed, rewrite=without).live() <= LEGAL for seed in SEEDS)
