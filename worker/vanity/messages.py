"""Encoded keys as messages of the hashes: how they are written, and read again, word by word.

A point's x gives two keys, one in each half of the lanes. Compressed, that is the one with even y and the one with odd
y: nobody needs to know which of them is the point's and which its negative's. With y in the key, it is the point's own
and its negative's. Words that both have in common are written once, in the first half. In a plain kernel, the halves
hold the own keys of the points on either side of a centre, which have no word in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from llvmlite import ir

from worker.vanity.field import Element, Field
from worker.vanity.kernel import IMAGES, KEY_LANES, MAX_WORDS, SIDES, Kernel, Memory
from worker.vanity.vectors import I64, Place, Static, Vec
from xwhep.vanity.addresses import Form
from xwhep.vanity.units import LANES

ROW_BYTES = KEY_LANES * 4  #: of a row of 32-bit words
MESSAGE_BYTES = MAX_WORDS * ROW_BYTES  #: of any encoding
END_MARK = 0x80 << 16  #: behind one byte of a word
#: the first byte of a key with an even y, an odd y, or both coordinates. Source: SEC 1, 2.3.3
EVEN, ODD, BOTH = 2, 3, 4


@dataclass(frozen=True)
class Encoding(Static):
    """How a key is written."""

    number: int  #: its place in `Memory.words`
    size: int  #: in bytes
    bits: int  #: of a word
    common: range  #: the words that both keys of an x share
    forms: tuple[Form, ...]  #: whose addresses are made from it

    @property
    def words(self) -> int:
        """Return how many words a key has, the end mark included unless the hash adds its own."""
        return -(-(self.size + 1) // 4) if self.bits == 32 else self.size // 8


COMPRESSED: Final = Encoding(0, 33, 32, range(1, 9), (Form.P2PKH_COMPRESSED, Form.P2SH_P2WPKH))
UNCOMPRESSED: Final = Encoding(1, 65, 32, range(8), (Form.P2PKH_UNCOMPRESSED,))
COORDINATES: Final = Encoding(2, 64, 64, range(4), (Form.ETHEREUM,))  #: in words of 64 bits, little-endian
ENCODINGS: Final = (COMPRESSED, UNCOMPRESSED, COORDINATES)


def is_hashed(kernel: Kernel, encoding: Encoding) -> bool:
    """Tell whether a kernel hashes keys that are written so."""
    return not set(encoding.forms).isdisjoint(kernel.forms)


def write_keys(
    kernel: Kernel, memory: Memory[Place], variant: int, point: tuple[Element, Element | None], group: ir.Value
) -> None:
    """Write both keys of a point (x, y), of which y is None unless the kernel needs it."""
    x, y = point
    opposite = None if y is None else kernel.field.carry(kernel.field.negative(y))
    for encoding in _encodings(kernel):
        for half, (mark, ordinate) in enumerate(((EVEN, y), (ODD, opposite))):
            words = _words(kernel.field, encoding, mark, (x, ordinate))
            own = words if half == 0 else {n: word for n, word in words.items() if n not in encoding.common}
            _write(kernel, encoding, _messages(memory, encoding, variant), (half, group), own)


def write_own_key(
    kernel: Kernel, memory: Memory[Place], half: int, point: tuple[Element, Element], group: ir.Value
) -> None:
    """Write the key of a point (x, y) itself in one half of the lanes."""
    mark = kernel.field.word(point[1], 0) & 1 | EVEN
    for encoding in _encodings(kernel):
        words = _words(kernel.field, encoding, mark, point)
        _write(kernel, encoding, _messages(memory, encoding, 0), (half, group), words)


def read_keys(
    kernel: Kernel, encoding: Encoding, memory: Memory[Place], place: tuple[ir.Value, ir.Value], lanes: int
) -> list[Vec]:
    """Return the words of a variant's keys in `lanes` lanes, all of them or at most half, from `place`'s lane up."""
    variant, lane = place
    messages = _messages(memory, encoding, variant)
    in_first_half = memory.words.builder.urem(lane, I64(LANES))
    own, first_half = (messages.at(start, encoding.bits // 8) for start in (lane, in_first_half))
    common = range(0) if kernel.plain else encoding.common
    return [
        _read_twice(encoding, first_half, word, lanes) if word in common else _read(encoding, own, word, lanes)
        for word in range(encoding.words)
    ]


def _encodings(kernel: Kernel) -> list[Encoding]:
    return [encoding for encoding in ENCODINGS if is_hashed(kernel, encoding)]


def _words(field: Field, encoding: Encoding, mark: Vec | int, point: tuple[Element, Element | None]) -> dict[int, Vec]:
    """Return the words of a key by their numbers. Source: SEC 1, 2.3.3; of the coordinates alone: Yellow Paper, F."""
    x, y = point
    if encoding is COMPRESSED:
        words = [field.word(x, 232) | mark << 24, *_middle_words(field, x), field.word(x, 0) << 24 | END_MARK]
        return dict(enumerate(words))
    assert y is not None
    if encoding is COORDINATES:
        numbers = [field.long_word(number, position) for number in (x, y) for position in (192, 128, 64, 0)]
        return dict(enumerate(number.swap_bytes() for number in numbers))
    joint, last = field.word(x, 0) << 24 | field.word(y, 232), field.word(y, 0) << 24 | END_MARK
    first = field.word(x, 232) | BOTH << 24
    return dict(enumerate([first, *_middle_words(field, x), joint, *_middle_words(field, y), last]))


def _middle_words(field: Field, x: Element) -> list[Vec]:
    """Return the words of a number but its first three bytes and its last."""
    return [field.word(x, position) for position in range(200, 0, -32)]


def _messages(memory: Memory[Place], encoding: Encoding, variant: ir.Value | int) -> Place:
    return memory.words.at(encoding.number, SIDES * IMAGES * MESSAGE_BYTES).at(variant, MESSAGE_BYTES)


def _write(
    kernel: Kernel, encoding: Encoding, messages: Place, place: tuple[int, ir.Value], words: dict[int, Vec]
) -> None:
    """Write words of the keys in a group's lanes of a half, `place`."""
    half, group = place
    word_bytes = encoding.bits // 8
    start = messages.at(group, kernel.field.width * word_bytes)
    for number, word in words.items():
        start.store(word, (number * KEY_LANES + half * LANES) * word_bytes)


def _read(encoding: Encoding, place: Place, word: int, lanes: int) -> Vec:
    return place.load(lanes, encoding.bits, word * KEY_LANES * (encoding.bits // 8))


def _read_twice(encoding: Encoding, place: Place, word: int, lanes: int) -> Vec:
    if lanes <= LANES:
        return _read(encoding, place, word, lanes)
    return _read(encoding, place, word, LANES).twice()
