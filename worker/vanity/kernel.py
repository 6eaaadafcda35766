"""What a kernel is: a way to compute, and the memory that its steps share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from llvmlite import ir

from worker.vanity.field import Element, Field
from worker.vanity.vectors import Place, Static
from xwhep.bitcoin.addresses import Form
from xwhep.units import LANES

KEY_LANES = 2 * LANES  #: keys hashed together, in two halves: two keys of each of sixteen x's
MAX_WORDS = 17  #: 32-bit words of the longest key, 65 bytes, with SHA-256's end mark
SHA256_WORDS, DIGEST_WORDS = 8, 5
BITMAP_BITS = 18  #: how many leading bits of a digest the bitmap looks at: its 32 KiB stay in the caches
IMAGES = 3  #: x's of a point: under 1, LAMBDA, LAMBDA^2
SIDES = 2  #: of a centre: C + iG, then C - iG

Item = TypeVar("Item")


@dataclass(frozen=True)
class Kernel(Static):
    """A way to compute: the field's implementation, how many keys a vector of the hashes holds, and what is hashed."""

    field: Field
    hash_lanes: int
    sha_ni: bool = False  #: whether SHA-256 is left to the processor's own instructions
    form: Form = Form.P2PKH_COMPRESSED  #: never P2WPKH, which hashes the same: made by `for_form`

    @property
    def name(self) -> str:
        """Return a short name for people, the same for all forms."""
        return f"field{self.field.bits}x{self.field.width}-hash{self.hash_lanes}{'-shani' if self.sha_ni else ''}"

    def for_form(self, form: Form) -> Kernel:
        """Return the kernel that computes in the same way what addresses of a form hold."""
        return replace(self, form=Form.P2PKH_COMPRESSED if form is Form.P2WPKH else form)

    @property
    def key_bytes(self) -> int:
        """Return the size of an encoded key."""
        return 65 if self.form is Form.P2PKH_UNCOMPRESSED else 33

    @property
    def needs_y(self) -> bool:
        """Tell whether more than the parity of y is in a key."""
        return self.form is Form.P2PKH_UNCOMPRESSED

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
    words: Item  #: 32-bit words [SIDES * IMAGES][MAX_WORDS][KEY_LANES]: keys to hash, as `messages` lays them out
    states: Item  #: 32-bit words [SHA256_WORDS][KEY_LANES]: SHA-256 of the keys
    digests: Item  #: 32-bit words [DIGEST_WORDS][KEY_LANES]: hash160, the words as big-endian numbers
    bitmap: Item  #: 2^BITMAP_BITS bits in 32-bit words: whether digests with these leading bits may be wanted
