"""Bringing the contracts onto a chain, step by step, and telling what each step did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from xwhep.chain.accounts import Account
from xwhep.chain.artifacts import artifact
from xwhep.chain.deployment import Deployment
from xwhep.chain.node import Node
from xwhep.chain.transactions import perform
from xwhep.chain.values import DEVELOPMENT_CHAINS, NOBODY, RLC, Address, Call, Receipt
from xwhep.errors.base import XwhepError

#: how far readers stay behind the head: nothing is at stake on a development chain
from xwhep.errors.chain import DeploymentStoppedError, NoCodeError, NotADevelopmentChainError

#: how far readers stay behind the head: nothing is at stake on a development chain
_CONFIRMATIONS_DEVELOPMENT: Final = 1
_CONFIRMATIONS: Final = 12
#: what a Task of each app costs, in units of 10^-9 RLC; its number at the hub is its place here
PRICES: Final = {"vanity": RLC, "wordcount": RLC // 10}
#: the dapps' contracts, by the app that each of them is for
TASKS: Final = {"vanity": "VanityTask", "wordcount": "WordcountTask"}
#: what `--grant` gives
GRANT: Final = 1_000 * RLC


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall be deployed, and for whom."""

    rlc: Address | None  #: the token; None for one of our own, on a development chain
    oracle: Address
    provider: Address  #: who earns what Tasks cost
    grants: Sequence[Address] = ()


@dataclass(slots=True)
class Deployer:
    """One run of a deployment; it keeps what was done, so that a failure can tell."""

    node: Node
    account: Account
    tell: Callable[[str], None]
    gas_used: int = 0
    fee_wei: int = 0
    done: list[str] = field(default_factory=list)

    async def run(self, plan: Plan) -> Deployment:
        """Carry out a plan.

        Raises:
            NotADevelopmentChainError: a token or grants are wished where that is not to be; nothing was sent.
            NoCodeError: there is no token at the address given; nothing was sent.
            DeploymentStoppedError: a step failed; its text tells which steps were done.
            XwhepError: the first step failed; nothing was deployed.
        """
        chain_id = await self.node.chain_id()
        genesis = await self.node.genesis_hash()
        await self._check(plan, chain_id)
        try:
            return await self._deploy(plan, chain_id, genesis)
        except XwhepError as error:
            if not self.done:
                raise
            raise DeploymentStoppedError(", ".join(self.done), error.text) from error

    async def _check(self, plan: Plan, chain_id: int) -> None:
        development = chain_id in DEVELOPMENT_CHAINS
        if plan.rlc is None and not development:
            raise NotADevelopmentChainError(chain_id, "there RLC has its own contract: give its address with --rlc")
        if plan.grants and not development:
            raise NotADevelopmentChainError(chain_id, "there nobody is given RLC: leave out --grant")
        if plan.grants and plan.rlc is not None:
            raise NotADevelopmentChainError(
                chain_id, "RLC is given away only by who deploys it: leave out --grant or --rlc"
            )
        if plan.rlc is not None and not await self.node.code(plan.rlc):
            raise NoCodeError("RLC token", plan.rlc)

    async def _deploy(self, plan: Plan, chain_id: int, genesis: bytes) -> Deployment:
        rlc = plan.rlc or await self._contract("RLC")
        for address in plan.grants:
            await self._perform(f"{GRANT // RLC:,} RLC for {address}", rlc, "RLC", "transfer", address, GRANT)
        receipt = await self._send(
            "TaskHub", Call(None, artifact("TaskHub").deployment(rlc, self.account.address, plan.oracle))
        )
        hub = _made(receipt)
        for name, price in PRICES.items():
            await self._perform(f"app {name}", hub, "TaskHub", "registerApp", plan.provider, price, NOBODY)
        numbers = {name: number for number, name in enumerate(PRICES, start=1)}
        contracts = {TASKS[name]: await self._contract(TASKS[name], hub, number) for name, number in numbers.items()}
        return Deployment(
            chain_id=chain_id,
            genesis_hash="0x" + genesis.hex(),
            block=receipt.block_number,
            confirmations=_CONFIRMATIONS_DEVELOPMENT if chain_id in DEVELOPMENT_CHAINS else _CONFIRMATIONS,
            rlc=rlc,
            hub=hub,
            apps=numbers,
            contracts=contracts,
        )

    async def _contract(self, name: str, *arguments: object) -> Address:
        return _made(await self._send(name, Call(None, artifact(name).deployment(*arguments))))

    async def _perform(self, what: str, to: Address, contract: str, function: str, *arguments: object) -> None:
        await self._send(what, Call(to, artifact(contract).call(function, *arguments)))

    async def _send(self, what: str, call: Call) -> Receipt:
        receipt = await perform(self.node, self.account, call)
        self.gas_used += receipt.gas_used
        self.fee_wei += receipt.gas_used * receipt.gas_price_wei
        where = f"{what} at {receipt.contract}" if call.to is None else what
        self.done.append(where)
        self.tell(f"{where}: {receipt.gas_used:,} gas, block {receipt.block_number}")
        return receipt


def _made(receipt: Receipt) -> Address:
    assert receipt.contract is not None, "a transaction to nobody makes a contract"
    return receipt.contract
