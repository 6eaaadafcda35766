"""How the chain is read: in which ranges, and when what a node says of one may be taken down.

A node may lag behind, or be several nodes that do not agree, and the chain may be reorganised between two questions.
So a range counts only if its blocks hang together and every event stands in one of them. This module knows no node
and no database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from xwhep.chain.values import Block, SettledTask, SubmittedTask

#: how many of the last blocks the ledger keeps; a reorganisation that is deeper has everything read again
BLOCKS_KEPT: Final = 256
#: blocks that are read at once: far behind, where only the last header is taken down, and near, where each is
FAR: Final = 1_000
NEAR: Final = 64

ChainEvent = SubmittedTask | SettledTask


@dataclass(frozen=True, slots=True)
class ScanRange:
    """Blocks to read at once, the first and the last included."""

    first: int
    last: int
    whole: bool  #: take down every header: a reorganisation may reach it


@dataclass(frozen=True, slots=True)
class Scan:
    """A range of the chain that was read."""

    blocks: tuple[Block, ...]  #: at least its last one; each the child of the one before, if all are there
    events: tuple[ChainEvent, ...]  #: in the chain's order

    @property
    def last(self) -> Block:
        """The block that was read last."""
        return self.blocks[-1]


def next_range(first: int, target: int, limit: int = FAR) -> ScanRange | None:
    """Return what to read when `first` is the first block that was not read, and `target` the last that may be.

    None when there is nothing to read; never more than `limit` blocks, since some nodes serve few at once.
    """
    if first > target:
        return None
    far_end = min(first + min(FAR, limit) - 1, target - BLOCKS_KEPT)
    if far_end >= first:
        return ScanRange(first, far_end, whole=False)
    return ScanRange(first, min(first + min(NEAR, limit) - 1, target), whole=True)


def headers_of(span: ScanRange, events: Sequence[ChainEvent]) -> list[int]:
    """Return the numbers of the blocks whose headers show whether a range hangs together, in order."""
    if span.whole:
        return list(range(span.first, span.last + 1))
    return sorted({event.position.block_number for event in events} | {span.last})


def assemble(
    span: ScanRange, headers: Mapping[int, Block], events: Sequence[ChainEvent], parent: bytes | None
) -> Scan | None:
    """Return a scan, if all that was read of a range belongs to one branch of the chain; None if it does not.

    `parent` is the hash of the block before it as it was read earlier, None at the beginning.
    """
    blocks = [headers[number] for number in headers_of(span, events) if number in headers]
    if len(blocks) != len(headers_of(span, events)) or not all(_stands(event, headers) for event in events):
        return None
    if not span.whole:
        return Scan((headers[span.last],), tuple(events))
    parents = [parent or blocks[0].parent_hash, *(block.hash for block in blocks)]
    if any(block.parent_hash != before for block, before in zip(blocks, parents, strict=False)):
        return None
    return Scan(tuple(blocks), tuple(events))


def _stands(event: ChainEvent, headers: Mapping[int, Block]) -> bool:
    """Tell whether an event is in one of the blocks."""
    block = headers.get(event.position.block_number)
    return block is not None and block.hash == event.position.block_hash
