"""Which jobs wait: hints of where each queue begins, so that a lease looks at one queue alone, however many there are.

A queue holds the ready jobs of one owner that have one requirement. A hint may promise a job that is gone: whoever
looks at the queue says so with `put`. It must never be missing: whoever makes a job ready says so with
`note`. This module knows no database.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

#: distinct sets of fitting classes whose queues are kept in order; one more set puts the longest unused out
MOST_SETS: Final = 64
#: entries of a heap that are out of date, beside those of as many queues, before it is made anew
MOST_STALE: Final = 1024


class Queue(NamedTuple):
    """Names a queue."""

    match_class: int
    owner_uid: UUID


#: by which jobs are leased: minus their priority, deadline, moment of submission, id
JobOrder: TypeAlias = tuple[int, datetime, datetime, UUID]
_Heap: TypeAlias = list[tuple[JobOrder, Queue]]


class ReadyQueues:
    """The queues that may hold a job, each with the order of its first.

    A heap for each set of classes has, for each queue of these, an entry that is at its head's place or before it; an
    entry that is before it is put right when it comes to the top.
    """

    def __init__(self) -> None:
        self._heads: dict[Queue, JobOrder] = {}
        self._heaps: dict[frozenset[int], _Heap] = {}  #: the longest unused first

    def __len__(self) -> int:
        """Return how many queues may hold a job."""
        return len(self._heads)

    def classes(self) -> set[int]:
        """Return the match classes of which a job may wait."""
        return {queue.match_class for queue in self._heads}

    def note(self, queue: Queue, order: JobOrder) -> None:
        """Take in that a job of a queue is ready."""
        known = self._heads.get(queue)
        if known is not None and known <= order:
            return
        self._heads[queue] = order
        for classes, heap in list(self._heaps.items()):
            if queue.match_class not in classes:
                continue
            if len(heap) > 2 * len(self._heads) + MOST_STALE:
                del self._heaps[classes]
            else:
                heappush(heap, (order, queue))

    def put(self, queue: Queue, order: JobOrder | None) -> None:
        """Take in the head that a queue was found to have; None: it is empty."""
        if order is None:
            self._heads.pop(queue, None)
        elif queue in self._heads and self._heads[queue] <= order:
            self._heads[queue] = order  # its entries are before it now, which is put right at the top
        else:
            self.note(queue, order)

    def first(self, classes: frozenset[int], passed: Collection[Queue] = ()) -> tuple[Queue, JobOrder] | None:
        """Return the queue of these classes, but those passed over, whose head comes first; None if there is none."""
        heap = self._heap(classes)
        aside: _Heap = []
        while (top := self._top(heap)) is not None and top[1] in passed:
            aside.append(heappop(heap))
            while heap and heap[0] == aside[-1]:
                heappop(heap)
        for entry in aside:
            heappush(heap, entry)
        return None if top is None else (top[1], top[0])

    def _heap(self, classes: frozenset[int]) -> _Heap:
        heap = self._heaps.pop(classes, None)
        if heap is None:
            heap = [(order, queue) for queue, order in self._heads.items() if queue.match_class in classes]
            heapify(heap)
            if len(self._heaps) >= MOST_SETS:
                del self._heaps[next(iter(self._heaps))]
        self._heaps[classes] = heap
        return heap

    def _top(self, heap: _Heap) -> tuple[JobOrder, Queue] | None:
        """Return the first entry that is true."""
        while heap:
            order, queue = heap[0]
            known = self._heads.get(queue)
            if known == order:
                return heap[0]
            if known is None or known < order:  # it is empty, or another entry of it came before
                heappop(heap)
            else:
                heapreplace(heap, (known, queue))
        return None
