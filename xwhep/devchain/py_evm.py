"""py-evm as the chain, within this process: for who has nothing but Python.

The node works in one thread of its own, so that the event loop is never held up. A block is made each second, also an
empty one, since somebody waits for the blocks on top of a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from xwhep.devchain.backend import BLOCK_S
from xwhep.devchain.local_node import LocalNode
from xwhep.errors.chain import DevelopmentChainError
from xwhep.world import REAL, World

P = ParamSpec("P")
T = TypeVar("T")


class PyEvm:
    """A running chain of py-evm."""

    name = "py-evm"

    def __init__(self, node: LocalNode, thread: ThreadPoolExecutor, world: World) -> None:
        self._node, self._thread, self._world = node, thread, world
        self.mining: asyncio.Future[None] = asyncio.get_running_loop().create_future()  #: ends only if it fails

    async def answer(self, method: str, params: list[Any]) -> Any:
        """Return a method's result; see `Backend`."""
        return await self.run(self._node.answer, method, params)

    async def ended(self) -> None:
        """Wait for the end of mining; see `Backend`."""
        try:
            await asyncio.shield(self.mining)
        except Exception as error:
            raise DevelopmentChainError(f"py-evm made no block any more ({type(error).__name__}: {error})") from error

    async def run(self, function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Run a function of the node in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **options))

    async def mine_each(self, block_s: float) -> None:
        """Make a block each `block_s` seconds; where one took longer, the next comes at the next full period."""
        start = self._world.monotonic()
        while True:
            done = (self._world.monotonic() - start) // block_s
            await self._world.sleep(start + (done + 1) * block_s - self._world.monotonic())
            await self.run(self._node.mine)


@contextlib.asynccontextmanager
async def running_py_evm(
    fund: Sequence[str], block_s: float | None = BLOCK_S, world: World = REAL
) -> AsyncIterator[tuple[PyEvm, LocalNode]]:
    """Run a chain while the context lasts, with ether for `fund` and a block each `block_s` seconds (None: no blocks).

    Raises:
        DevelopmentChainError: Python lacks what the EVM needs.
    """
    check_hashes()
    with ThreadPoolExecutor(1, thread_name_prefix="py-evm") as thread:
        node = await asyncio.get_running_loop().run_in_executor(
            thread, LocalNode, [bytes.fromhex(address[2:]) for address in fund], world
        )
        chain = PyEvm(node, thread, world)
        if block_s is not None:
            chain.mining = asyncio.create_task(chain.mine_each(block_s))
        try:
            yield chain, node
        finally:
            chain.mining.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await chain.mining


def check_hashes() -> None:
    """Check that Python has each hash function that the EVM needs of it.

    Raises:
        DevelopmentChainError: one is missing; OpenSSL 3 builds without its legacy provider lack RIPEMD-160, which the
            EVM's third precompiled contract computes.
    """
    try:
        hashlib.new("ripemd160", b"", usedforsecurity=False)
    except ValueError as error:
        raise DevelopmentChainError(
            "the EVM needs RIPEMD-160 and this Python's OpenSSL has none; switch OpenSSL's legacy provider on, or"
            " install anvil"
        ) from error
