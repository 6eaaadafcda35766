"""In which ranges the chain is read, and which readings are believed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.scan_ranges import BLOCKS_KEPT, FAR, ScanRange, assemble, headers_of, next_range
from tests.support.small_chain import SmallChain, submitted


@given(first=st.integers(0, 5000), target=st.integers(0, 5000), limit=st.integers(1, FAR))
def test_stretches_follow_each_other_to_the_target_and_end_with_whole_ones(first: int, target: int, limit: int) -> None:
    cursor = first
    while span := next_range(cursor, target, limit):
        assert span.first == cursor
        assert cursor <= span.last <= target
        assert span.last - span.first < limit
        assert span.whole or span.last <= target - BLOCKS_KEPT
        assert not span.whole or span.first > target - BLOCKS_KEPT
        cursor = span.last + 1

    assert cursor == max(first, target + 1)


@given(data=st.data(), length=st.integers(1, 12), whole=st.booleans())
def test_only_what_hangs_together_is_believed(data: st.DataObject, length: int, whole: object) -> None:
    chain, other = SmallChain(), SmallChain(made=1_000)
    for number in range(1, length + 3):
        new = [submitted(number)] if data.draw(st.booleans()) else []
        chain.mine(*new)
        other.mine(*new)
    span = ScanRange(2, length + 1, whole=bool(whole))
    events = chain.between(span.first, span.last)
    numbers = headers_of(span, events)
    headers = {number: chain.blocks[number] for number in numbers}
    parent = chain.blocks[1].hash

    good = assemble(span, headers, events, parent)
    assert good is not None
    assert good.last == chain.blocks[span.last]
    assert list(good.events) == events
    assert assemble(span, headers, events, None) == good

    wrong = data.draw(st.sampled_from(numbers))
    without = {number: header for number, header in headers.items() if number != wrong}
    assert assemble(span, without, events, parent) is None
    if whole:
        assert assemble(span, headers, events, other.blocks[1].hash) is None
        assert assemble(span, headers | {wrong: replace(headers[wrong], hash=b"other")}, events, parent) is None or (
            wrong == span.last and not chain.between(wrong, wrong)  # nothing here knows the last block's hash
        )
    if events:
        assert assemble(span, headers, other.between(span.first, span.last), parent) is None
