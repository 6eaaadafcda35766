"""The follower: reads the hub's events into the ledger, some blocks behind the head, and notices reorganisations.

A node is believed only as far as what it says hangs together (`oracle.settlement.scan_ranges`), and a lower head alone
strikes out nothing: behind one address there may be several nodes, and some lag.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from oracle.ledger.file import Ledger
from oracle.ledger.history import known_blocks, next_block, record, rewind
from oracle.settlement.scan_ranges import FAR, ChainEvent, Scan, ScanRange, assemble, headers_of, next_range
from xwhep.chain.commitments import commitment_of
from xwhep.chain.hub import Hub
from xwhep.chain.node import Node
from xwhep.chain.values import Block, SubmittedTask
from xwhep.errors.chain import NodeUnavailableError, WrongChainError
from xwhep.world import REAL, World

log = logging.getLogger(__name__)

#: after how many seconds without a new block the chain is called stalled
STALL_S: Final = 120.0
#: headers that are asked for at the same time
_AT_ONCE: Final = 8


class Follower:
    """Follows one hub, from where the ledger says."""

    def __init__(
        self,
        ledger: Ledger,
        node: Node,
        hub: Hub,
        *,
        confirmations: int | None,
        world: World = REAL,
    ) -> None:
        """Stay `confirmations` blocks behind the head; None: read what the chain calls finalized."""
        self._ledger = ledger
        self._node = node
        self._hub = hub
        self._confirmations = confirmations
        self._limit = FAR  # halved when a node fails to serve so many blocks at once
        self._pulse = _Pulse(world.monotonic)

    async def follow(self) -> Block:
        """Read everything that can be read now, each range in one transaction, and return the head of the chain.

        Raises:
            NodeUnavailableError: the node is of no use now; what was read before it failed is in the ledger.
            WrongChainError: the node serves another chain by now.
        """
        head = await self._header(await self._node.head())
        self._pulse.note(head.number)
        if not await self._is_on_branch(head):
            return head
        target = await self._target(head)
        while span := next_range(self._ledger.run(next_block), target, self._limit):
            scan = await self._read(span)
            if scan is None:
                log.info("blocks %d to %d changed while they were read; later again", span.first, span.last)
                break
            self._ledger.run(record, scan, now=head.timestamp)
        return head

    async def _target(self, head: Block) -> int:
        """Return the last block that may be read."""
        if self._confirmations is None:
            return min(await self._node.finalized(), head.number)
        return head.number - self._confirmations

    async def _is_on_branch(self, head: Block) -> bool:
        """Tell whether reading can go on, after everything was struck out that the chain has lost meanwhile."""
        known = self._ledger.run(known_blocks)
        for number, known_hash in known:
            block = await self._node.block(number)
            if block is None:
                return False  # the node lags: what was read is neither lost nor confirmed
            if block.hash == known_hash:
                if number != known[0][0]:
                    log.warning("the chain was reorganised after block %d: reading it again from there", number)
                    self._ledger.run(rewind, number, now=head.timestamp)
                return True
        if known:
            await self._begin_again(head)
        return True

    async def _begin_again(self, head: Block) -> None:
        expected = self._hub.deployment.genesis
        found = await self._node.genesis_hash()
        if found != expected:
            raise WrongChainError("first block", "0x" + expected.hex(), "0x" + found.hex())
        log.warning("the chain was reorganised deeper than the ledger remembers: reading it again from the beginning")
        self._ledger.run(rewind, None, now=head.timestamp)

    async def _read(self, span: ScanRange) -> Scan | None:
        """Return what happened in a range; None if the chain changed meanwhile, or the node is of two minds."""
        before = self._ledger.run(known_blocks)[:1]
        last = await self._header(span.last)
        events = await self._events(span)
        headers = await self._headers(headers_of(span, events))
        if headers[span.last] != last or not (span.whole or await self._all_stand(before)):
            return None
        parent = next((known_hash for number, known_hash in before if number == span.first - 1), None)
        scan = assemble(span, headers, events, parent)
        self._limit = min(2 * self._limit, FAR)
        return scan

    async def _all_stand(self, known: Sequence[tuple[int, bytes]]) -> bool:
        """Tell whether blocks that were read earlier are on the chain."""
        return all([(await self._header(number)).hash == known_hash for number, known_hash in known])

    async def _events(self, span: ScanRange) -> Sequence[ChainEvent]:
        try:
            events = await self._hub.events(span.first, span.last)
        except NodeUnavailableError:
            self._limit = max(1, (span.last - span.first + 1) // 2)  # perhaps it was too much to ask
            raise
        return [event for event in events if self._is_sound(event)]

    def _is_sound(self, event: ChainEvent) -> bool:
        """Tell whether an event can come from the hub: its commitment is made of what it says."""
        if not isinstance(event, SubmittedTask):
            return True
        deployment = self._hub.deployment
        if event.commitment == commitment_of(event, chain_id=deployment.chain_id, hub=deployment.hub):
            return True
        log.error(
            "task %d in block %d is refused: its commitment does not fit what it says, so the node at %s made it up",
            event.id,
            event.position.block_number,
            self._node.url,
        )
        return False

    async def _headers(self, numbers: Sequence[int]) -> dict[int, Block]:
        headers: dict[int, Block] = {}
        for begin in range(0, len(numbers), _AT_ONCE):
            some = numbers[begin : begin + _AT_ONCE]
            headers.update(zip(some, await asyncio.gather(*map(self._header, some)), strict=True))
        return headers

    async def _header(self, number: int) -> Block:
        block = await self._node.block(number)
        if block is None:
            raise NodeUnavailableError(self._node.url, f"it has no block {number}, which it spoke of")
        return block


class _Pulse:
    """Tells in the log, once, that the chain makes no new blocks, and that it goes on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._highest = -1
        self._since = clock()
        self._told = False

    def note(self, number: int) -> None:
        now = self._clock()
        if number > self._highest:
            if self._told:
                log.warning("the chain goes on at block %d", number)
            self._highest, self._since, self._told = number, now, False
        elif not self._told and now - self._since > STALL_S:
            log.warning("the chain stands still at block %d; waiting for the next", self._highest)
            self._told = True
