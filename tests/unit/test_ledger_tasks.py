"""What is to be done now, who waits, and what is noted before the grid is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle.ledger import tasks
from oracle.ledger.file import Ledger
from oracle.ledger.tables import Task
from oracle.settlement.answers import Answer
from oracle.settlement.life import Margins, State, Step
from oracle.settlement.quotas import Quotas
from tests.support.tasks import SUBJECT, VANITY, a_task
from xwhep.chain.values import TaskStatus

NOW = 1_000_000
MARGINS = Margins(15, 30, 75)
USUAL = Quotas(20, 500)
ANSWER = Answer(TaskStatus.DONE, b"the answer", bytes(32))
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    made.bind(SUBJECT)
    yield made
    made.close()


def add(ledger: Ledger, *tasks: Task) -> None:
    ledger.run(lambda session: session.add_all(tasks))


def due(ledger: Ledger, quotas: Quotas = USUAL, now: int = NOW) -> list[tuple[int, Step]]:
    return [(number, step) for (number, _), step in ledger.run(tasks.due, MARGINS, quotas, now=now)]


def test_the_oldest_task_comes_first(ledger: Ledger) -> None:
    add(ledger, a_task(1, submitted_block=9), a_task(2, submitted_block=8), a_task(3, submitted_block=8))

    assert due(ledger) == [(2, Step.ADMIT), (3, Step.ADMIT), (1, Step.ADMIT)]


def test_one_requesters_many_tasks_hold_up_nobody_else(ledger: Ledger) -> None:
    add(ledger, *(a_task(number, requester=ALICE) for number in range(1, 100)), a_task(100, requester=BOB))

    assert due(ledger, Quotas(2, 500)) == [(1, Step.ADMIT), (2, Step.ADMIT), (100, Step.ADMIT)]


def test_the_quota_of_an_app_counts_what_is_in_work(ledger: Ledger) -> None:
    in_work = [a_task(1, state=State.CONFIRMED), a_task(2, state=State.SENT), a_task(3, state=State.SETTLED)]
    add(ledger, *in_work, a_task(4), a_task(5), a_task(6, app=VANITY))

    assert due(ledger, Quotas(99, 3)) == [(1, Step.DISPATCH), (4, Step.ADMIT), (6, Step.ADMIT)]


def test_a_task_past_its_deadline_takes_no_place_and_needs_nothing(ledger: Ledger) -> None:
    add(ledger, a_task(1, state=State.ANSWERED, deadline=NOW - 1), a_task(2, deadline=NOW - 1), a_task(3))

    assert due(ledger, Quotas(1, 1)) == [(3, Step.ADMIT)]


def test_the_batch_of_a_task_past_its_deadline_is_taken_back(ledger: Ledger) -> None:
    add(ledger, a_task(1, state=State.DISPATCHED, deadline=NOW - 1, batch_open=True))

    assert due(ledger) == [(1, Step.CANCEL)]


def test_a_task_is_let_in_only_while_there_is_room(ledger: Ledger) -> None:
    first, second = a_task(1), a_task(2)
    add(ledger, first, second)

    assert ledger.run(tasks.admit, first.key, Quotas(1, 9), now=NOW)
    assert not ledger.run(tasks.admit, second.key, Quotas(1, 9), now=NOW)
    assert not ledger.run(tasks.admit, first.key, Quotas(9, 9), now=NOW)


def test_that_the_grid_may_be_at_work_is_noted_only_for_who_shall_be_dispatched(ledger: Ledger) -> None:
    confirmed, settled = a_task(1, state=State.CONFIRMED), a_task(2, state=State.SETTLED)
    add(ledger, confirmed, settled)

    assert ledger.run(tasks.expect_batch, confirmed.key)
    assert not ledger.run(tasks.expect_batch, settled.key)
    assert due(ledger) == [(1, Step.DISPATCH)]


def test_a_note_about_a_task_that_went_elsewhere_is_void(ledger: Ledger) -> None:
    task = a_task(1, state=State.REFUNDED, batch_open=True)
    add(ledger, task)

    task_as_it_was = a_task(1, state=State.DISPATCHED)
    assert not ledger.run(tasks.answer, task_as_it_was, ANSWER, batch_is_over=True, now=NOW)
    assert due(ledger) == [(1, Step.CANCEL)]
