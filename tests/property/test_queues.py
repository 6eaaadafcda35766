"""The hints of where queues begin: whatever happens, the queue that comes first is found, and none is missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dispatcher.scheduling import queues
from dispatcher.scheduling.queues import JobOrder, Queue, ReadyQueues

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

QUEUES = st.builds(Queue, st.integers(0, 4), st.integers(0, 2).map(lambda number: UUID(int=number)))
ORDERS = st.builds(
    lambda priority, second, uid: (-priority, NEVER, BEGIN + timedelta(seconds=second), UUID(int=uid)),
    st.integers(0, 1),
    st.integers(0, 9),
    st.integers(0, 10**6),
)
SETS = st.frozensets(st.integers(0, 4))


class Hints(RuleBasedStateMachine):
    """Jobs come and are looked for, beside a plain list of them."""

    def __init__(self) -> None:
        super().__init__()
        self.hints = ReadyQueues()
        self.jobs: dict[Queue, list[JobOrder]] = {}

    @rule(queue=QUEUES, order=ORDERS)
    def a_job_becomes_ready(self, queue: Queue, order: JobOrder) -> None:
        self.jobs.setdefault(queue, []).append(order)
        self.hints.note(queue, order)

    @rule(queue=QUEUES)
    def a_job_goes_and_nobody_says_so(self, queue: Queue) -> None:
        if self.jobs.get(queue):
            self.jobs[queue].remove(min(self.jobs[queue]))

    @rule(classes=SETS, passed=st.frozensets(QUEUES, max_size=4))
    def a_host_looks(self, classes: frozenset[int], passed: frozenset[Queue]) -> None:
        waiting = {
            queue: min(orders)
            for queue, orders in self.jobs.items()
            if orders and queue.match_class in classes and queue not in passed
        }
        while (first := self.hints.first(classes, passed)) is not None:
            queue, order = first
            assert queue.match_class in classes
            assert queue not in passed
            true = min(self.jobs.get(queue) or [], default=None)
            if true == order:
                break
            self.hints.put(queue, true)
        assert (None if first is None else first[1]) == min(waiting.values(), default=None)

    @invariant()
    def no_queue_with_a_job_is_missing(self) -> None:
        assert {queue.match_class for queue, orders in self.jobs.items() if orders} <= self.hints.classes()


TestHints = Hints.TestCase


def test_hints_hold_with_more_sets_of_classes_than_are_kept() -> None:
    hints, queue = ReadyQueues(), Queue(1, UUID(int=1))
    order = (0, NEVER, BEGIN, UUID(int=1))
    sets = [frozenset({1, number}) for number in range(2, 2 * queues.MOST_SETS)]

    empty = [hints.first(classes) for classes in sets]
    hints.note(queue, order)

    assert set(empty) == {None}
    assert [hints.first(classes) for classes in sets] == [(queue, order)] * len(sets)


def test_what_comes_and_goes_without_end_takes_no_more_room() -> None:
    hints, queue, classes = ReadyQueues(), Queue(1, UUID(int=1)), frozenset({1})
    hints.first(classes)

    for number in range(10 * queues.MOST_STALE):
        hints.note(queue, (0, NEVER, BEGIN, UUID(int=number)))
        hints.put(queue, None)

    assert len(hints) == 0
    assert all(len(heap) <= 2 * queues.MOST_STALE for heap in hints._heaps.values())


def test_a_job_that_is_wanted_again_stands_where_it_stood() -> None:
    hints, first, second = ReadyQueues(), Queue(1, UUID(int=1)), Queue(1, UUID(int=2))
    orders = [(0, NEVER, BEGIN, UUID(int=number)) for number in (1, 2)]
    classes = frozenset({1})
    hints.first(classes)
    hints.note(second, orders[1])
    for _ in range(3):  # it is taken, and comes back
        hints.note(first, orders[0])
        hints.put(first, None)
        hints.note(first, orders[0])

    assert hints.first(classes) == (first, orders[0])
    assert hints.first(classes, {first}) == (second, orders[1])
    assert hints.first(classes) == (first, orders[0])


def test_a_job_that_is_found_before_its_hint_goes_first() -> None:
    hints, queue, other = ReadyQueues(), Queue(1, UUID(int=1)), Queue(1, UUID(int=2))
    early, middle, late = [(0, NEVER, BEGIN, UUID(int=number)) for number in (1, 2, 3)]
    classes = frozenset({1})
    hints.note(queue, late)
    hints.note(other, middle)
    hints.first(classes)
    hints.put(queue, early)

    assert hints.first(classes) == (queue, early)
    assert hints.first(classes, {queue}) == (other, middle)
