"""The queue of the writer: nobody waits for all that somebody else has sent."""

from __future__ import annotations

from collections import Counter, deque
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from dispatcher.storage.fair_queue import ORIGIN, SHORT_BYTES, FairQueue, Origin

#: who sends, None being the dispatcher itself, and whether the request is long; or how many are taken
PUT = st.tuples(st.none() | st.integers(0, 3), st.booleans())
TAKE = st.integers(1, 4)
Item = tuple[int | None, bool, int]


def put(queue: FairQueue[Item], who: int | None, number: int, *, long: bool) -> Item:
    item = (who, long and who is not None, number)
    size_bytes = SHORT_BYTES + 1 if long else SHORT_BYTES
    token = ORIGIN.set(None if who is None else Origin(UUID(int=who), size_bytes))
    queue.put(item)
    ORIGIN.reset(token)
    return item


@given(st.lists(PUT | TAKE, max_size=80))
def test_all_are_taken_once_and_whoever_is_next_waits_for_one_of_each_other(
    steps: list[tuple[int | None, bool] | int],
) -> None:
    queue: FairQueue[Item] = FairQueue()
    lines: dict[tuple[int | None, bool], deque[Item]] = {}
    waits: dict[Item, Counter[tuple[int | None, bool]]] = {}  #: of each that is the first of its line: who came before
    turns: list[bool] = []  #: whether what was taken while both waited was long
    for number, step in enumerate([*steps, *[4] * len(steps)]):
        if isinstance(step, tuple):
            item = put(queue, step[0], number, long=step[1])
            lines.setdefault(item[:2], deque()).append(item)
            if len(lines[item[:2]]) == 1:
                waits[item] = Counter()
            continue
        both = {long for (_, long), line in lines.items() if line} == {True, False}
        taken = queue.take(step)
        assert len(taken) <= step
        assert [long for _, long, _ in taken] in ([True], [False] * len(taken)), "a long one is taken by itself"
        if both:
            turns.append(taken[0][1])
        else:
            turns.clear()
        assert all(one is not other for one, other in pairwise(turns)), "they take turns"
        for item in taken:
            assert lines[item[:2]].popleft() == item, "each line in its order"
            before = waits.pop(item)
            assert all(count <= 1 for line, count in before.items() if line[1] is item[1]), "one of each other"
            for other in waits.values():
                other[item[:2]] += 1
            if lines[item[:2]]:
                waits[lines[item[:2]][0]] = Counter()
        assert len(queue) == sum(map(len, lines.values()))
    assert not len(queue), "all were taken"
