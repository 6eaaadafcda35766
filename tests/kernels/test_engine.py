"""The choices of the kernels' host side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import config

from worker.vanity.choice import KERNELS, choose_kernel, host_features, reason_for, usable_kernels
from worker.vanity.comparison import bitmap, first_words, last_characters
from worker.vanity.engine import SLICE_S, next_slice
from worker.vanity.kernel import BITMAP_BITS
from xwhep.errors.requests import InvalidFieldError
from xwhep.vanity import base58
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.endings import Ending, value
from xwhep.vanity.shares import SHARES_A_UNIT, share_target
from xwhep.vanity.wanted import want_ending

words = st.integers(0, 2**32 - 1)
word_ranges = st.tuples(words, words).map(lambda pair: (min(pair), max(pair)))


def test_a_processor_gets_the_fastest_kernel_it_can_run() -> None:
    ifma = usable_kernels({"avx512f": True, "avx512ifma": True})
    zen = usable_kernels({"avx512f": True, "avx512ifma": True, "sha": True, "zen": True})
    avx512 = usable_kernels({"avx512f": True, "avx512ifma": False})
    avx2 = usable_kernels({"avx2": True})
    shani = usable_kernels({"avx2": True, "sha": True})
    others = usable_kernels({})

    assert [kernel.name for kernel in ifma] == ["field52x8-hash32", "field26x8-hash32", "field26x4-hash8"]
    assert [kernel.name for kernel in zen] == ["field52x8-hash32-shani", *(kernel.name for kernel in ifma)]
    assert avx512 == ifma[1:]
    assert avx2 == others == ifma[2:]
    assert [kernel.name for kernel in shani] == ["field26x4-hash8-shani", "field26x4-hash8"]


def test_a_kernel_is_chosen_for_a_reason() -> None:
    zen, ifma, avx512, shani, plain = (kernel for kernel, _ in KERNELS)

    assert reason_for(zen, {"avx512ifma": True, "sha": True, "zen": True}) == (
        "the processor has avx512ifma and sha and zen"
    )
    assert reason_for(ifma, {"avx512ifma": True, "sha": True}) == "the processor has avx512ifma; this one lacks zen"
    assert reason_for(shani, {"avx2": True, "sha": True}) == (
        "the processor has avx2 and sha; this one lacks avx512f and avx512ifma and zen"
    )
    assert reason_for(avx512, {"avx512f": True}) == (
        "the processor has avx512f; this one lacks avx512ifma and sha and zen"
    )
    assert (
        reason_for(plain, {"avx2": True})
        == "this kernel suits any processor; this one lacks avx512f and avx512ifma and sha and zen"
    )


def test_features_can_be_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CPU_FEATURES", "+avx2,-avx512f")

    assert host_features() == {"avx2": True, "avx512f": False}
    assert choose_kernel().name == "field26x4-hash8"


def test_a_kernel_can_be_chosen_by_name() -> None:
    assert choose_kernel("field26x4-hash8").name == "field26x4-hash8"


def test_an_unknown_kernel_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidFieldError, match=r"kernel: warp9 is none that this machine can run: .*field26x4-hash8"):
        choose_kernel("warp9")


@given(ranges=st.lists(word_ranges, min_size=1, max_size=6), word=words)
def test_first_words_are_those_of_the_ranges(ranges: list[tuple[int, int]], word: int) -> None:
    hashes = tuple((first << 128 | 99, last << 128 | 2**100) for first, last in ranges)
    probes = {word, *(edge + by for pair in ranges for edge in pair for by in (-1, 0, 1))}

    rows = first_words(hashes).tolist()

    for probe in probes:
        assert any(low <= probe <= low + span for low, span in rows) == any(a <= probe <= b for a, b in ranges)


@given(ranges=st.lists(word_ranges, min_size=1, max_size=6))
def test_first_words_are_disjoint_and_ascending(ranges: list[tuple[int, int]]) -> None:
    rows = first_words(tuple((first << 128, last << 128) for first, last in ranges)).astype(np.int64)

    assert all(low > end + 1 for low, end in zip(rows[1:, 0], rows[:-1].sum(axis=1), strict=True))


@given(ranges=st.lists(word_ranges, min_size=1, max_size=6), word=words)
def test_the_bitmap_has_the_leading_bits_of_all_wanted_words(ranges: list[tuple[int, int]], word: int) -> None:
    bits = bitmap(first_words(tuple((first << 128, last << 128) for first, last in ranges)))
    shift = 32 - BITMAP_BITS

    for probe in {word, *(edge for pair in ranges for edge in pair)}:
        place = probe >> shift
        wanted = any(first >> shift <= place <= last >> shift for first, last in ranges)
        assert bits[place // 32] >> place % 32 & 1 == wanted


@settings(max_examples=30)  # each tries 3,364 endings
@given(ends=st.tuples(st.integers(0, 58**7 - 1), st.integers(0, 58**7 - 1)), data=st.data())
def test_the_last_characters_are_those_of_the_whole_ending(ends: tuple[int, int], data: st.DataObject) -> None:
    first, last = sorted(ends)
    ending = Ending(Form.P2PKH_COMPRESSED, Network.MAIN, 7, ((first, last),))
    text = data.draw(st.text(base58.ALPHABET, min_size=7, max_size=7))

    characters, ranges = last_characters(ending)

    assert characters == 5
    number = value(text[-5:], ending.form, ending.network)
    others = (f"{a}{b}{text[-5:]}" for a in base58.ALPHABET for b in base58.ALPHABET)
    assert any(low <= number <= high for low, high in ranges) == any(
        first <= ending.rank(one) <= last for one in others
    )


@pytest.mark.parametrize("suffix", ["LoVE", "LoVELoVELoVE"])
def test_a_kernel_lets_through_hardly_more_than_the_shares_of_an_ending(suffix: str) -> None:
    keys = 2**31
    ending = share_target(want_ending(suffix).target, keys).ending
    assert ending is not None

    characters, ranges = last_characters(ending)

    let_through = keys * sum(last - first + 1 for first, last in ranges) / 58**characters
    assert SHARES_A_UNIT <= let_through < 1000


def test_a_slice_is_as_long_as_commands_can_wait() -> None:
    assert next_slice(100, SLICE_S) == 100
    assert next_slice(100, 4 * SLICE_S) == 25
    assert next_slice(1, 100.0) == 1
    assert next_slice(10, 0.0) == 40
