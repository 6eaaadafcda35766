"""`xwhep chain deploy`: bring the contracts onto a chain, and write down where they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel

from xwhep.chain.deployment import Deployment
from xwhep.chain.values import Address, ether_text
from xwhep.cli.on_chain import account_address, account_options, node_option, open_account, settings_of, with_node
from xwhep.errors.installations import LocalFileError
from xwhep.terminal.shell import Command, Split, json_option, remark, show

if TYPE_CHECKING:
    from xwhep.chain.accounts import Account
    from xwhep.chain.node import Node

_ADDRESS = Split(account_address)


class Deployed(BaseModel):
    """What `deploy` prints."""

    file: Path
    deployment: Deployment
    gas_used: int
    fee_wei: int


@click.command(
    cls=Command,
    example="xwhep chain deploy --rpc http://127.0.0.1:8545 --keystore admin.json --oracle 0x90F8...c9C1",
)
@node_option
@account_options
@click.option("--rlc", type=_ADDRESS, metavar="ADDRESS", help="The token's contract; needed but on development chains.")
@click.option("--oracle", type=_ADDRESS, metavar="ADDRESS", help="Who may settle Tasks; by default the deployer.")
@click.option("--provider", type=_ADDRESS, metavar="ADDRESS", help="Who earns the prices; by default the deployer.")
@click.option("--grant", type=_ADDRESS, multiple=True, metavar="ADDRESS", help="Gets 1,000 RLC for tests; repeatable.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("deployment.json"),
    show_default=True,
    help="The file that tells all others where the contracts are.",
)
@json_option
def deploy(
    *,
    rlc: Address | None,
    oracle: Address | None,
    provider: Address | None,
    grant: tuple[Address, ...],
    output: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Deploy the hub and the Task contracts, and register the apps vanity (1 RLC) and wordcount (0.1 RLC).

    On a development chain it deploys a token RLC too, unless --rlc names one. The deployer administers the hub.
    """
    settings = settings_of(options)
    if not output.absolute().parent.is_dir():
        raise LocalFileError(str(output), "there is no such folder")
    account = open_account(settings)
    parties = {"rlc": rlc, "oracle": oracle or account.address, "provider": provider or account.address}
    _deploy(settings, account, parties, grant, output, as_json=as_json)


@with_node
async def _deploy(
    node: Node,
    account: Account,
    parties: dict[str, Any],
    grants: Sequence[Address],
    output: Path,
    *,
    as_json: bool,
) -> None:
    from xwhep.chain.deploying import Deployer, Plan  # libraries of an extra

    remark(f"deploying as {account.address} through {node.url}")
    deployer = Deployer(node, account, remark)
    deployment = await deployer.run(Plan(**parties, grants=grants))
    deployment.write(output)
    remark(f"{deployer.gas_used:,} gas for {ether_text(deployer.fee_wei)}; the contracts' addresses are in {output}")
    view = Deployed(file=output, deployment=deployment, gas_used=deployer.gas_used, fee_wei=deployer.fee_wei)
    show(view, f"hub {deployment.hub} on chain {deployment.chain_id}", as_json=as_json)
