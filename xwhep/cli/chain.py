"""`xwhep chain`: an Ethereum chain for development, and the contracts on any chain."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import click

from xwhep.chain.urls import refuse_password
from xwhep.chain.values import parse_address
from xwhep.cli.deploy import deploy
from xwhep.devchain.start import Kind, development_chain
from xwhep.extras import needing
from xwhep.terminal.shell import Group, remark

EXTRA = "devchain"


@click.group(cls=Group)
def chain() -> None:
    """Run an Ethereum chain for development, and bring the contracts onto a chain."""


chain.add_command(deploy)


@chain.command(example="xwhep chain up --fund 0x90F8bf6A479f320ead074411a4B0e7944Ea8c9C1")
@click.option("--rpc", metavar="URL", help="A node that runs already: it is looked at, and nothing is started.")
@click.option(
    "--backend",
    type=click.Choice([kind.value for kind in Kind]),
    default=Kind.AUTO.value,
    help="What runs the chain; auto: anvil where it is installed, else py-evm.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8545, show_default=True, help="0: any free one.")
@click.option("--fund", multiple=True, metavar="ADDRESS", help="Gets 100 ETH; repeatable.")
def up(rpc: str | None, backend: str, port: int, fund: tuple[str, ...]) -> None:
    """Run a chain on this machine until you press Ctrl-C.

    It makes a block each second and answers only to programs on this machine. Nobody has ether but the addresses of
    --fund, and it signs for nobody. When it ends, all that was on it is gone.
    """
    if rpc is None:
        with needing(EXTRA):
            addresses = [parse_address(one, "--fund") for one in fund]
        asyncio.run(_run(Kind(backend), port, addresses))
    elif fund:
        raise click.UsageError("--fund is for a chain that is started here, and --rpc names one that runs already")
    else:
        asyncio.run(_look_at(refuse_password(rpc)))


async def _look_at(url: str) -> None:
    with needing(EXTRA):
        from xwhep.devchain.given import look_at  # slow to load
    given = await look_at(url)
    click.echo(f"Chain {given.chain_id} at {given.url} ({given.client})")


async def _run(kind: Kind, port: int, fund: list[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(name, stop.set)
    async with development_chain(kind, port, fund) as running:
        click.echo(f"Chain {running.chain_id} at {running.url} ({running.backend.name})")
        remark("It runs until you press Ctrl-C.")
        await running.until(stop)
        remark("Stopping.")
