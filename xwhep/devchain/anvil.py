"""anvil as the chain: a child process on a port of its own, which nobody is told.

anvil lets every page of a browser change the chain by its own methods, so only the door's methods reach it, and CORS is
off. It has no accounts; ether comes by its own method before the door opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from xwhep.devchain import tied
from xwhep.devchain.backend import BLOCK_S, FUND_WEI
from xwhep.devchain.json_rpc import INTERNAL_ERROR, RpcError
from xwhep.errors.chain import DevelopmentChainError
from xwhep.world import REAL

#: how long anvil may take to start and to answer, seconds; a call may run long in the EVM
START_S: Final = 30.0
ANSWER_S: Final = 60.0
STOP_S: Final = 10.0
#: the same rules as py-evm's latest; one slot an epoch makes the last block but one final
OPTIONS: Final = ("--accounts", "0", "--hardfork", "prague", "--slots-in-an-epoch", "1", "--no-cors", "--port", "0")
LISTENING: Final = re.compile(rb"Listening on (127\.0\.0\.1:\d+)")


class Anvil:
    """A running anvil."""

    name = "anvil"

    def __init__(self, url: str, process: Process, http: aiohttp.ClientSession) -> None:
        self._url, self._process, self._http = url, process, http

    async def answer(self, method: str, params: list[Any]) -> Any:
        """Return what anvil answers.

        Raises:
            RpcError: it refuses, or does not answer.
        """
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            async with self._http.post(self._url, json=question) as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RpcError(INTERNAL_ERROR, "anvil does not answer") from error
        if refusal := answer.get("error"):
            raise RpcError(refusal["code"], refusal["message"], refusal.get("data"))
        return answer["result"]

    async def ended(self) -> None:
        """Wait for its end; see `Backend`."""
        status = await self._process.wait()
        raise DevelopmentChainError(f"anvil ended with exit status {status}")


def find_anvil() -> str | None:
    """Return the path of anvil; None if there is none on the PATH."""
    return shutil.which("anvil")


@contextlib.asynccontextmanager
async def running_anvil(program: str, fund: Sequence[str], block_s: float | None = BLOCK_S) -> AsyncIterator[Anvil]:
    """Run anvil while the context lasts, with ether for `fund` and a block each `block_s` seconds (None: no blocks).

    Raises:
        DevelopmentChainError: it does not start.
    """
    mining = ["--no-mining"] if block_s is None else ["--block-time", str(block_s)]
    # -I and -S: nothing but the standard library, whatever the folder and the environment; it starts in a moment
    command = [sys.executable, "-I", "-S", str(Path(tied.__file__)), program, *OPTIONS, *mining]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,  # Ctrl-C is for us, who then stop anvil
    )
    assert process.stdin is not None
    assert process.stdout is not None
    drain: asyncio.Task[None] | None = None
    try:
        address = await _address(process.stdout)
        drain = asyncio.create_task(_drain(process.stdout))
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWER_S)) as http:
            anvil = Anvil(f"http://{address}", process, http)
            for account in fund:
                await anvil.answer("anvil_setBalance", [account, hex(FUND_WEI)])
            yield anvil
    finally:
        process.stdin.close()  # which ends anvil, and the process that watches over it
        await _end(process)
        if drain is not None:
            await drain


async def _address(stdout: asyncio.StreamReader) -> str:
    """Return where anvil listens, which it says after a page of decoration."""
    try:
        async with REAL.timeout(START_S):
            async for line in stdout:
                if found := LISTENING.match(line):
                    return found[1].decode()
    except TimeoutError as error:
        raise DevelopmentChainError(f"anvil did not start within {START_S:.0f} seconds") from error
    raise DevelopmentChainError("anvil ended before it listened; try --backend py-evm")


async def _drain(stdout: asyncio.StreamReader) -> None:
    """Read on, since anvil stops when nobody takes what it says about each request."""
    while await stdout.read(65536):
        pass


async def _end(process: Process) -> None:
    try:
        async with REAL.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
