"""In which stretches the chain is read, and which readings are believed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from oracle.stretches import BLOCKS_KEPT, FAR, Stretch, assemble, headers_of, next_stretch
from tests.support.small_chain import SmallChain, submitted


@given(first=st.integers(0, 5000), target=st.integers(0, 5000), limit=st.integers(1, FAR))
def test_stretches_follow_each_other_to_the_target_and_end_with_whole_ones(first: int, target: int, limit: int) -> None:
    cursor = first
    while stretch := next_stretch(cursor, target, limit):
        assert stretch.first == cursor
        assert cursor <= stretch.last <= target
        assert stretch.last - stretch.first < limit
        assert stretch.whole or stretch.last <= target - BLOCKS_KEPT
        assert not stretch.whole or stretch.first > target - BLOCKS_KEPT
        cursor = stretch.last + 1

    assert cursor == max(first, target + 1)


@given(data=st.data(), length=st.integers(1, 12), whole=st.booleans())
def test_only_what_hangs_together_is_believed(data: st.DataObject, length: int, whole: object) -> None:
    chain, other = SmallChain(), SmallChain(made=1_000)
    for number in range(1, length + 3):
        new = [submitted(number)] if data.draw(st.booleans()) else []
        chain.mine(*new)
        other.mine(*new)
    stretch = Stretch(2, length + 1, whole=bool(whole))
    events = chain.between(stretch.first, stretch.last)
    numbers = headers_of(stretch, events)
    headers = {number: chain.blocks[number] for number in numbers}
    parent = chain.blocks[1].hash

    good = assemble(stretch, headers, events, parent)
    assert good is not None
    assert good.last == chain.blocks[stretch.last]
    assert list(good.events) == events
    assert assemble(stretch, headers, events, None) == good

    wrong = data.draw(st.sampled_from(numbers))
    without = {number: header for number, header in headers.items() if number != wrong}
    assert assemble(stretch, without, events, parent) is None
    if whole:
        assert assemble(stretch, headers, events, other.blocks[1].hash) is None
        assert assemble(stretch, headers | {wrong: replace(headers[wrong], hash=b"other")}, events, parent) is None or (
            wrong == stretch.last and not chain.between(wrong, wrong)  # nothing here knows the last block's hash
        )
    if events:
        assert assemble(stretch, headers, other.between(stretch.first, stretch.last), parent) is None
