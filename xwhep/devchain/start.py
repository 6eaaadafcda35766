"""Which chain is started, and its door."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from xwhep.devchain.anvil import find_anvil, running_anvil
from xwhep.devchain.backend import BLOCK_S, Backend
from xwhep.devchain.door import bound, serving
from xwhep.errors.chain import DevelopmentChainError
from xwhep.extras import needing


class Kind(StrEnum):
    """What runs the chain."""

    AUTO = "auto"  #: anvil where it is installed, else py-evm
    ANVIL = "anvil"
    PY_EVM = "py-evm"


@dataclass(frozen=True, slots=True)
class RunningChain:
    """A development chain with its door open."""

    url: str
    chain_id: int
    backend: Backend

    async def until(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set.

        Raises:
            DevelopmentChainError: the chain does not work any more.
        """
        stopped, ended = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self.backend.ended())
        await asyncio.wait([stopped, ended], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if ended.done():
            ended.result()
        ended.cancel()


@contextlib.asynccontextmanager
async def development_chain(kind: Kind, port: int, fund: Sequence[str]) -> AsyncIterator[RunningChain]:
    """Run a chain while the context lasts; 0 is any free port, and each address of `fund` gets 100 ETH.

    Raises:
        PortTakenError: another program listens there.
        DevelopmentChainError: no such chain can run here.
        MissingExtraError: py-evm is not installed.
    """
    with contextlib.closing(bound(port)) as listener:  # before all else: nothing is started beside another one
        async with started(kind, fund) as backend, serving(backend, listener) as url:
            yield RunningChain(url, int(await backend.answer("eth_chainId", []), 16), backend)


@contextlib.asynccontextmanager
async def started(kind: Kind, fund: Sequence[str], block_s: float | None = BLOCK_S) -> AsyncIterator[Backend]:
    """Start a chain without a door."""
    anvil = None if kind is Kind.PY_EVM else find_anvil()
    if anvil is not None:
        async with running_anvil(anvil, fund, block_s) as chain:
            yield chain
    elif kind is Kind.ANVIL:
        raise DevelopmentChainError("there is no anvil on the PATH; install Foundry, or try --backend py-evm")
    else:
        async with _py_evm(fund, block_s) as backend:
            yield backend


@contextlib.asynccontextmanager
async def _py_evm(fund: Sequence[str], block_s: float | None) -> AsyncIterator[Backend]:
    with needing("devchain"):
        from xwhep.devchain.py_evm import running_py_evm  # slow to load
    async with running_py_evm(fund, block_s) as (backend, _):
        yield backend
