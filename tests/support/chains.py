"""Development chains for tests, with what only tests may do to them: blocks at will, later times, reorganisations."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
from web3 import AsyncHTTPProvider, AsyncWeb3

from tests.support.chain_tools import anvil
from tests.support.measuring import unmeasured
from xwhep.devchain.anvil import Anvil, running_anvil
from xwhep.devchain.backend import BLOCK_S, Backend
from xwhep.devchain.door import bound, serving
from xwhep.devchain.local_node import LocalNode
from xwhep.devchain.py_evm import PyEvm, running_py_evm
from xwhep.devchain.start import Kind

ROOT: Final = Path(__file__).parents[2]

#: runs a test on each kind of chain, as its argument `kind`
each_kind = pytest.mark.parametrize("kind", [Kind.PY_EVM, Kind.ANVIL])
#: the same for tests of code that does not know which kind it is on: on the first it is measured
each_kind_measured_once = pytest.mark.parametrize("kind", [Kind.PY_EVM, pytest.param(Kind.ANVIL, marks=unmeasured)])


class Controls(Protocol):
    """What only tests may do to a chain."""

    async def mine(self, count: int = 1) -> None:
        """Make blocks now: the first of what waits in the pool."""

    async def advance(self, seconds: int) -> None:
        """Set the chain's clock forward for good, and make a block, which shows the later time."""

    async def reorganise(self, depth: int, *, again: bool = False, instead: Sequence[bytes] = ()) -> None:
        """Replace the last `depth` blocks by as many others; the pool stays as it is.

        The transactions of the lost blocks are gone for good, or come `again`, each in the block at its old height. The
        raw transactions of `instead` come first in the first new block.
        """


@dataclass(frozen=True, slots=True)
class ChainUnderTest:
    """A chain with its door open."""

    kind: Kind
    url: str
    chain_id: int
    controls: Controls
    backend: Backend  #: behind the door


@contextlib.asynccontextmanager
async def running_chain(
    kind: Kind, fund: Sequence[str] = (), block_s: float | None = BLOCK_S, *, measured: bool = True
) -> AsyncIterator[ChainUnderTest]:
    """Run a chain, with 100 ETH for each address of `fund` and a block each `block_s` seconds; None: only by `mine`.

    Unless it is `measured`, coverage does not look at py-evm's thread: for tests of what stands before the chain.
    """
    async with _started(kind, fund, block_s) as (backend, controls):
        if isinstance(backend, PyEvm) and not measured:
            await backend.run(sys.settrace, None)
        with contextlib.closing(bound(0)) as listener:
            async with serving(backend, listener) as url:
                yield ChainUnderTest(kind, url, int(await backend.answer("eth_chainId", []), 16), controls, backend)


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncWeb3[AsyncHTTPProvider]]:
    """Connect web3's own client."""
    web3 = AsyncWeb3(AsyncHTTPProvider(url))
    try:
        yield web3
    finally:
        await web3.provider.disconnect()


def path_with_anvil() -> str:
    """Return a PATH on which the tests' anvil is found; skip the test where there is none for this machine."""
    return os.pathsep.join([str(anvil().parent), os.environ.get("PATH", "")])


@contextlib.asynccontextmanager
async def _started(kind: Kind, fund: Sequence[str], block_s: float | None) -> AsyncIterator[tuple[Backend, Controls]]:
    if kind is Kind.ANVIL:
        async with running_anvil(str(anvil()), fund, block_s) as chain:
            yield chain, AnvilControls(chain, block_s)
    else:
        async with running_py_evm(fund, block_s) as (py_evm, node):
            yield py_evm, PyEvmControls(py_evm, node)


@dataclass(frozen=True, slots=True)
class AnvilControls:
    """anvil's own methods, which the door does not let through."""

    anvil: Anvil
    block_s: float | None

    async def mine(self, count: int = 1) -> None:
        """See `Controls`."""
        await self.anvil.answer("anvil_mine", [hex(count)])

    async def advance(self, seconds: int) -> None:
        """See `Controls`."""
        await self.anvil.answer("evm_increaseTime", [hex(seconds)])
        await self.mine()

    async def reorganise(self, depth: int, *, again: bool = False, instead: Sequence[bytes] = ()) -> None:
        """See `Controls`."""
        async with self._no_blocks():  # or one could come between the look at the lost blocks and their end
            lost = await self._transactions(depth) if again else []
            first = [["0x" + raw.hex(), 0] for raw in instead]
            await self.anvil.answer("anvil_reorg", [depth, first + lost])

    async def _transactions(self, depth: int) -> list[list[Any]]:
        head = int(await self.anvil.answer("eth_blockNumber", []), 16)
        blocks = [
            await self.anvil.answer("eth_getBlockByNumber", [hex(head - depth + 1 + index), False])
            for index in range(depth)
        ]
        return [
            [await self.anvil.answer("eth_getRawTransactionByHash", [one]), index]
            for index, block in enumerate(blocks)
            for one in block["transactions"]
        ]

    @contextlib.asynccontextmanager
    async def _no_blocks(self) -> AsyncIterator[None]:
        if self.block_s is None:
            yield
            return
        await self.anvil.answer("evm_setIntervalMining", [0])
        try:
            yield
        finally:
            await self.anvil.answer("evm_setIntervalMining", [self.block_s])


@dataclass(frozen=True, slots=True)
class PyEvmControls:
    """The node in this process."""

    chain: PyEvm
    node: LocalNode

    async def mine(self, count: int = 1) -> None:
        """See `Controls`."""
        for _ in range(count):
            await self.chain.run(self.node.mine)

    async def advance(self, seconds: int) -> None:
        """See `Controls`."""
        await self.chain.run(self.node.advance, seconds)

    async def reorganise(self, depth: int, *, again: bool = False, instead: Sequence[bytes] = ()) -> None:
        """See `Controls`."""
        await self.chain.run(self.node.reorganise, depth, again=again, instead=instead)
