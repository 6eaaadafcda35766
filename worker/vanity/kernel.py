"""What a kernel is: a way to compute, what is computed, and the memory that its steps share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Generic, NamedTuple, TypeVar

from llvmlite import ir

from worker.vanity.field import Element, Field
from worker.vanity.vectors import Place, Static
from xwhep.vanity.addresses import Form
from xwhep.vanity.units import LANES, Unit

KEY_LANES = 2 * LANES  #: keys hashed together, in two halves: two keys of each of sixteen x's, or one of thirty-two
MAX_WORDS = 17  #: 32-bit words of the longest key, 65 bytes, with SHA-256's end mark
SHA256_WORDS, DIGEST_WORDS = 8, 5
BITMAP_BITS = 18  #: how many leading bits of a digest the bitmap looks at: its 32 KiB stay in the caches
IMAGES = 3  #: x's of a point: under 1, LAMBDA, LAMBDA^2
SIDES = 2  #: of a centre: C + iG, then C - iG

#: all forms that hash differently, in the order of a pass: a nested address's script holds the digest just computed
FORMS: Final = (Form.P2PKH_COMPRESSED, Form.P2SH_P2WPKH, Form.P2PKH_UNCOMPRESSED, Form.ETHEREUM)
WITH_Y: Final = frozenset({Form.P2PKH_UNCOMPRESSED, Form.ETHEREUM})  #: more than the parity of y is in their keys

Item = TypeVar("Item")


@dataclass(frozen=True)
class Kernel(Static):
    """A way to compute (the field, the lanes of the hashes), and what is computed (the rest), made by `for_unit`."""

    field: Field
    hash_lanes: int
    sha_ni: bool = False  #: whether SHA-256 is left to the processor's own instructions
    forms: tuple[Form, ...] = (Form.P2PKH_COMPRESSED,)  #: some of `FORMS`, in that order
    plain: bool = False  #: whether a point gives its own key alone, and not six
    base: int = 0  #: of the alphabet in which the ends of addresses are compared; 0: they are not

    @property
    def name(self) -> str:
        """Return a short name for people, the same whatever is computed."""
        return f"field{self.field.bits}x{self.field.width}-hash{self.hash_lanes}{'-shani' if self.sha_ni else ''}"

    @property
    def purpose(self) -> str:
        """Return what is computed, as a text that tells kernels of one name apart."""
        return "-".join([*self.forms, *["plain"] * self.plain, *[f"base{self.base}"] * (self.base > 0)])

    def for_forms(self, *forms: Form, plain: bool = False, base: int = 0) -> Kernel:
        """Return the kernel that computes in the same way what addresses of these forms, `hashed_as` forms, hold."""
        return replace(self, forms=tuple(form for form in FORMS if form in forms), plain=plain, base=base)

    def for_unit(self, unit: Unit) -> Kernel:
        """Return the kernel that computes in the same way what a unit asks for."""
        ending = unit.target.ending
        return self.for_forms(*unit.target.forms, plain=unit.plain, base=ending.base if ending else 0)

    @property
    def needs_y(self) -> bool:
        """Tell whether y is in a key, or the parity of the point itself, and not of either sign."""
        return self.plain or not WITH_Y.isdisjoint(self.forms)

    @property
    def sha_lanes(self) -> int:
        """Return how many keys a step of SHA-256 takes."""
        return 4 if self.sha_ni else self.hash_lanes

    @property
    def groups(self) -> int:
        """Return how many vectors together hold all centres; steps of the group work on one of them, or on all."""
        return LANES // self.field.width

    def load(self, place: Place, index: ir.Value | int, group: ir.Value) -> Element:
        """Return one vector's part of element `index` at `place`."""
        return self.field.load(self._part(place, index, group))

    def store(self, x: Element, place: Place, index: ir.Value | int, group: ir.Value) -> None:
        """Write one vector's part of element `index` at `place`."""
        self.field.store(x, self._part(place, index, group))

    def row(self, memory: Memory[Place], row: ir.Value) -> tuple[Element, Element]:
        """Return x and y of the table's point in all lanes."""
        number_bytes = self.field.size * 8
        table = memory.table.at(row, 2 * number_bytes)
        return self.field.load_broadcast(table), self.field.load_broadcast(table.at(1, number_bytes))

    def _part(self, place: Place, index: ir.Value | int, group: ir.Value) -> Place:
        return place.at(index, self.groups * self.field.vector_bytes).at(group, self.field.vector_bytes)


class Memory(NamedTuple, Generic[Item]):
    """The addresses of a kernel's arrays. An element is a field element for each of the centres."""

    table: Item  #: rows of x and y, one number each: iG for i = 1 .. GROUP, then POINTS_PER_STEP G
    centres: Item  #: four elements: x and y of the centres, x and y of the next ones
    products: Item  #: an element a row: the product of the differences of the rows before it
    scratch: Item  #: elements for `invert`; the first is the accumulator
    words: Item  #: 32-bit words [encodings][SIDES * IMAGES][MAX_WORDS][KEY_LANES]: keys, as `messages` lays them out
    states: Item  #: 32-bit words [SHA256_WORDS][KEY_LANES]: SHA-256 of the keys
    digests: Item  #: 32-bit words [DIGEST_WORDS][KEY_LANES]: what addresses hold, the words as big-endian numbers
    bitmap: Item  #: for each form 2^BITMAP_BITS bits in 32-bit words: whether such leading bits may be wanted
    ending: Item  #: 32-bit words: what `endings` has to know of the addresses
    ends: Item  #: 32-bit words [KEY_LANES]: the last characters of addresses, as numbers
    kept: Item  #: 32-bit words [rows of hits][DIGEST_WORDS][KEY_LANES]: the digests of all lanes, for each row of hits
