"""Encoded keys as messages of SHA-256: how they are written, and read again, word by word.

A point's x gives two keys, one in each half of the lanes. Compressed, that is the one with even y and the one with odd
y: nobody needs to know which of them is the point's and which its negative's. Uncompressed, it is the point's own and
its negative's. Words that both have in common are written once, in the first half.
"""

from __future__ import annotations

from llvmlite import ir

from worker.vanity.field import Element, Field
from worker.vanity.kernel import KEY_LANES, MAX_WORDS, Kernel, Memory
from worker.vanity.vectors import I64, Place, Vec
from xwhep.units import LANES

ROW_BYTES = KEY_LANES * 4
MESSAGE_BYTES = MAX_WORDS * ROW_BYTES
END_MARK = 0x80 << 16  #: behind one byte of a word


def write_keys(
    kernel: Kernel, memory: Memory[Place], variant: int, point: tuple[Element, Element | None], group: ir.Value
) -> None:
    """Write both keys of a point (x, y), of which y is None unless the kernel needs it. Source: SEC 1, 2.3.3."""
    x, y = point
    field, messages = kernel.field, memory.words.at(variant, MESSAGE_BYTES).at(group, kernel.field.width * 4)
    if y is None:
        for half, words in enumerate(((2, x), (3, x))):
            _write(messages, half, [_first_word(field, *words)], 0)
        _write(messages, 0, [*_middle_words(field, x), field.word(x, 0) << 24 | END_MARK], 1)
        return
    _write(messages, 0, [_first_word(field, 4, x), *_middle_words(field, x)], 0)
    for half, ordinate in enumerate((y, field.carry(field.negative(y)))):
        joint = field.word(x, 0) << 24 | field.word(ordinate, 232)
        last = field.word(ordinate, 0) << 24 | END_MARK
        _write(messages, half, [joint, *_middle_words(field, ordinate), last], 8)


def read_keys(kernel: Kernel, memory: Memory[Place], variant: ir.Value, lane: ir.Value, lanes: int) -> list[Vec]:
    """Return the words of the keys in `lanes` lanes, all of them or at most half, from `lane` up."""
    messages = memory.words.at(variant, MESSAGE_BYTES)
    own, common = messages.at(lane, 4), messages.at(memory.words.builder.urem(lane, I64(LANES)), 4)
    shared = range(8) if kernel.needs_y else range(1, 9)
    return [
        (_read_twice(common, word, lanes) if word in shared else own.load(lanes, 32, word * ROW_BYTES))
        for word in range(-(-(kernel.key_bytes + 1) // 4))
    ]


def _read_twice(place: Place, word: int, lanes: int) -> Vec:
    if lanes <= LANES:
        return place.load(lanes, 32, word * ROW_BYTES)
    return place.load(LANES, 32, word * ROW_BYTES).twice()


def _first_word(field: Field, mark: int, x: Element) -> Vec:
    return field.word(x, 232) | mark << 24


def _middle_words(field: Field, x: Element) -> list[Vec]:
    """Return the words of a number but its first three bytes and its last."""
    return [field.word(x, position) for position in range(200, 0, -32)]


def _write(messages: Place, half: int, words: list[Vec], first: int) -> None:
    for number, word in enumerate(words, start=first):
        messages.store(word, number * ROW_BYTES + half * LANES * 4)
