"""A chain made small: blocks with the hub's events in memory, and a node that serves them as the test wishes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from xwhep.chain.commitments import commitment_of
from xwhep.chain.deployment import Deployment
from xwhep.chain.hub import Hub
from xwhep.chain.node import Node
from xwhep.chain.values import Block, Position, SettledTask, SubmittedTask, TaskStatus
from xwhep.errors.chain import NodeUnavailableError

CHAIN_ID = 31337
HUB = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SOMEBODY = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
DEADLINE = 10**12
GENESIS = hashlib.sha256(b"genesis").digest()
DEPLOYMENT = Deployment(
    chain_id=CHAIN_ID,
    genesis_hash="0x" + GENESIS.hex(),
    block=1,
    confirmations=1,
    rlc=SOMEBODY,
    hub=HUB,
    apps={},
    contracts={},
)
NOWHERE = Position(0, b"", b"", 0)

ChainEvent = SubmittedTask | SettledTask


def submitted(number: int, params: bytes = b"") -> SubmittedTask:
    """Return the submission of a task, in no block yet."""
    task = SubmittedTask(NOWHERE, number, b"", SOMEBODY, 1, params, 10**9, DEADLINE, SOMEBODY, 0)
    return replace(task, commitment=commitment_of(task, chain_id=CHAIN_ID, hub=HUB))


def settled(number: int, status: TaskStatus = TaskStatus.DONE) -> SettledTask:
    """Return the end of a task, in no block yet."""
    return SettledTask(NOWHERE, number, SOMEBODY, status, b"", b"")


@dataclass(slots=True)
class SmallChain:
    """Blocks, the first of them number 0, and the events in each."""

    blocks: list[Block] = field(default_factory=lambda: [Block(0, GENESIS, b"", 0)])
    events: dict[bytes, list[ChainEvent]] = field(default_factory=dict)  #: by the block's hash
    made: int = 0

    @property
    def height(self) -> int:
        """The number of the newest block."""
        return len(self.blocks) - 1

    def mine(self, *events: ChainEvent) -> None:
        """Put a block with these events on top; no two are the same, on whatever branch."""
        parent = self.blocks[-1]
        self.made += 1
        known = hashlib.sha256(b"block %d" % self.made).digest()
        block = Block(parent.number + 1, known, parent.hash, parent.timestamp + 1)
        self.blocks.append(block)
        self.events[known] = [
            replace(event, position=Position(block.number, known, b"transaction", index))
            for index, event in enumerate(events)
        ]

    def lose(self, depth: int) -> list[ChainEvent]:
        """Take the newest blocks away, and return what happened in them."""
        first = len(self.blocks) - depth
        lost = self.between(first, self.height)
        del self.blocks[first:]
        return lost

    def happened(self, last: int) -> list[ChainEvent]:
        """Return everything that happened up to a block."""
        return self.between(1, last)

    def between(self, first: int, last: int) -> list[ChainEvent]:
        """Return what happened in some blocks."""
        return [event for block in self.blocks[first : last + 1] for event in self.events.get(block.hash, [])]


class SmallNode(Node):
    """A node of a small chain."""

    def __init__(self, chain: SmallChain) -> None:
        self.url = "http://small"
        self.chain = chain
        self.behind = 0  #: by how many blocks it lags
        self.asked: list[str] = []
        self.before_header: Callable[[], None] = _nothing  #: called before each header is served

    @property
    def _blocks(self) -> Sequence[Block]:
        return self.chain.blocks[: max(1, len(self.chain.blocks) - self.behind)]

    async def head(self) -> int:
        """See `Node`."""
        return len(self._blocks) - 1

    async def finalized(self) -> int:
        """See `Node`."""
        return max(0, len(self._blocks) - 3)

    async def block(self, number: int) -> Block | None:
        """See `Node`."""
        self.asked.append(f"header {number}")
        self.before_header()
        return self._blocks[number] if number < len(self._blocks) else None

    async def genesis_hash(self) -> bytes:
        """See `Node`."""
        return GENESIS


class SmallHub(Hub):
    """The hub of a small chain."""

    def __init__(self, node: SmallNode) -> None:
        super().__init__(node, DEPLOYMENT)
        self.small = node
        self.times = 1  #: how often it tells each event
        self.most = 10**9  #: blocks that it serves at once

    async def events(self, first: int, last: int) -> list[ChainEvent]:
        """See `Hub`."""
        self.small.asked.append(f"events {first} to {last}")
        if last - first >= self.most:
            raise NodeUnavailableError(self.small.url, "too many blocks")
        found = self.small.chain.between(first, min(last, self.small.chain.height - self.small.behind))
        return [event for event in found for _ in range(self.times)]


def _nothing() -> None:
    pass
