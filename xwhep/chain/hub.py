"""The hub's contract, and what goes around it: calls, what it stores, its events."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from xwhep.chain.artifacts import artifact
from xwhep.chain.deployment import Deployment
from xwhep.chain.node import Node
from xwhep.chain.parameters import encode_payment
from xwhep.chain.values import (
    MAX_INTEGER,
    NOBODY,
    Address,
    AppTerms,
    Call,
    Log,
    Receipt,
    SettledTask,
    SubmittedTask,
    TaskState,
    TaskStatus,
    parse_address,
)
from xwhep.errors.chain import NoCodeError, NodeUnavailableError, WrongChainError

_LOG: Final = logging.getLogger(__name__)
_HUB: Final = "TaskHub"
_RANGE: Final = 5_000  #: blocks that are searched at a time; public nodes allow no more
_TOKEN: Final = "RLC"  # noqa: S105 - the name of a contract


class Hub:
    """The hub of a deployment, asked through a node; the methods that return a `Call` ask nobody."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self.node = node
        self.deployment = deployment

    async def app(self, number: int) -> AppTerms:
        """Return an app's terms; of an app that there is not, the provider is `NOBODY`."""
        ((provider, price, verifier, is_open),) = await self._ask("apps", number)
        return AppTerms(parse_address(provider), price, _somebody(verifier), is_open)

    async def task(self, number: int) -> TaskState:
        """Return what the hub stores of a Task; of one that there is not, the status is NONE."""
        ((commitment, requester, deadline, status, callback, gas, app, digest),) = await self._ask("tasks", number)
        return TaskState(
            commitment=commitment,
            requester=parse_address(requester),
            deadline=deadline,
            status=TaskStatus.of(status),
            callback=parse_address(callback),
            callback_gas=gas,
            app=app,
            result_hash=digest,
        )

    async def credit(self, address: Address) -> int:
        """Return what an account can take out of the hub, in units of 10^-9 RLC."""
        (amount,) = await self._ask("credit", address)
        return int(amount)

    async def rlc_balance(self, address: Address) -> int:
        """Return an account's RLC, in units of 10^-9."""
        data = artifact(_TOKEN).call("balanceOf", address)
        answer = await self.node.call(Call(self.deployment.rlc, data))
        (amount,) = self._parse(_TOKEN, "balanceOf", answer)
        return int(amount)

    async def events(self, first: int, last: int) -> list[SubmittedTask | SettledTask]:
        """Return the hub's events in blocks `first` to `last`, both included, in chain order.

        What does not decode, or bears numbers that fit no database, is left out with a line in the log.
        """
        topics = [artifact(_HUB).topic(name) for name in _EVENTS]
        found = await self.node.logs(self.deployment.hub, topics, first, last)
        return [event for log in found if (event := read_event(log)) is not None]

    async def history(self, number: int, last: int) -> list[SubmittedTask | SettledTask]:
        """Return a Task's own events up to block `last`, in chain order; empty where it has none."""
        topics = [artifact(_HUB).topic(name) for name in _EVENTS]
        about = number.to_bytes(32, "big")
        found: list[SubmittedTask | SettledTask] = []
        for end in range(last, self.deployment.block - 1, -_RANGE):  # backwards: Tasks that are looked at are young
            begin = max(self.deployment.block, end - _RANGE + 1)
            logs = await self.node.logs(self.deployment.hub, topics, begin, end, about=about)
            found = [event for log in logs if (event := read_event(log)) is not None] + found
            if any(isinstance(event, SubmittedTask) for event in found):
                break
        return found

    async def callback_failed(self, settled: SettledTask) -> bool:
        """Tell whether the contract that was to hear of a settlement did not take it."""
        block = settled.position.block_number
        topics = [artifact(_HUB).topic("CallbackFailed")]
        about = settled.id.to_bytes(32, "big")
        return bool(await self.node.logs(self.deployment.hub, topics, block, block, about=about))

    def submitted(self, receipt: Receipt) -> SubmittedTask | None:
        """Return the Task that a transaction made; None when it made none."""
        logs = [log for log in receipt.logs if log.address == self.deployment.hub]
        events = (read_event(log) for log in logs if log.topics[:1] == (artifact(_HUB).topic("TaskSubmitted"),))
        return next((event for event in events if isinstance(event, SubmittedTask)), None)

    def submit(
        self, app: int, params: bytes, requester: Address, callback: Address, callback_gas: int, deadline: int
    ) -> Call:
        """Return the call that submits a Task; the price must have been approved before."""
        return self._call("submit", app, params, requester, callback, callback_gas, deadline)

    def finish(self, number: int, commitment: bytes, outcome: TaskStatus, result: bytes, digest: bytes) -> Call:
        """Return the call that settles the Task of this number and commitment as DONE or FAILED."""
        return self._call("finish", number, commitment, outcome.number, result, digest)

    def prove(self, number: int, params: bytes, result: bytes, digest: bytes) -> Call:
        """Return the call that settles a Task of an app with a verifier as DONE."""
        return self._call("prove", number, params, result, digest)

    def refund(self, number: int) -> Call:
        """Return the call that refunds a Task after its deadline."""
        return self._call("refund", number)

    def withdraw(self, address: Address) -> Call:
        """Return the call that pays an account's credit out."""
        return self._call("withdraw", address)

    def approve(self, spender: Address, amount: int) -> Call:
        """Return the call that lets a contract take RLC."""
        return Call(self.deployment.rlc, artifact(_TOKEN).call("approve", spender, amount))

    def transfer(self, to: Address, amount: int) -> Call:
        """Return the call that gives RLC away."""
        return Call(self.deployment.rlc, artifact(_TOKEN).call("transfer", to, amount))

    def order(self, contract: str, price: int, order: bytes, deadline: int) -> Call:
        """Return the call that pays a dapp's contract, named as in the deployment, and hands it an order.

        Raises:
            DeploymentFileError: the deployment has no such contract.
        """
        spender = self.deployment.contract(contract)
        return Call(
            self.deployment.rlc,
            artifact(_TOKEN).call("approveAndCall", spender, price, encode_payment(order, deadline)),
        )

    def _call(self, function: str, *arguments: Any) -> Call:
        return Call(self.deployment.hub, artifact(_HUB).call(function, *arguments))

    async def _ask(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        return self._parse(_HUB, function, await self.node.call(self._call(function, *arguments)))

    def _parse(self, contract: str, function: str, answer: bytes) -> tuple[Any, ...]:
        try:
            return artifact(contract).answer(function, answer)
        except ValueError as error:
            why = f"what it says that {contract}.{function} answers cannot be read"
            raise NodeUnavailableError(self.node.url, why) from error


def read_event(log: Log) -> SubmittedTask | SettledTask | None:
    """Return an event of the hub; None for what is none, or bears numbers that fit no database."""
    try:
        name, fields = artifact(_HUB).event(log)
        return _EVENTS[name](log, fields)
    except (ValueError, KeyError) as error:
        _LOG.warning(
            "an event in block %d, number %d there, is left out: %s",
            log.position.block_number,
            log.position.log_index,
            error,
        )
        return None


def _submitted(log: Log, fields: Mapping[str, Any]) -> SubmittedTask:
    return SubmittedTask(
        position=log.position,
        id=_small(fields["id"]),
        commitment=fields["commitment"],
        requester=parse_address(fields["requester"]),
        app=_small(fields["app"]),
        params=fields["params"],
        price=_small(fields["price"]),
        deadline=_small(fields["deadline"]),
        callback=parse_address(fields["callback"]),
        callback_gas=fields["callbackGas"],
    )


def _settled(log: Log, fields: Mapping[str, Any]) -> SettledTask:
    return SettledTask(
        position=log.position,
        id=_small(fields["id"]),
        requester=parse_address(fields["requester"]),
        status=TaskStatus.of(fields["status"]),
        result=fields["result"],
        digest=fields["digest"],
    )


_EVENTS: Final[Mapping[str, Callable[[Log, Mapping[str, Any]], SubmittedTask | SettledTask]]] = {
    "TaskSubmitted": _submitted,
    "TaskSettled": _settled,
}


def _small(number: int) -> int:
    """Return a number that fits a database.

    Raises:
        ValueError: it does not.
    """
    if number > MAX_INTEGER:
        raise ValueError("a number does not fit 63 bits")
    return number


def _somebody(address: str) -> Address | None:
    known = parse_address(address)
    return None if known == NOBODY else known


async def check_deployment(node: Node, deployment: Deployment) -> None:
    """Check that a node serves the chain of a deployment, and that the hub is there.

    Raises:
        WrongChainError: chain id or genesis hash are others.
        NoCodeError: there is no contract at the hub's address.
        NodeUnavailableError: the node is of no use.
    """
    chain_id = await node.chain_id()
    if chain_id != deployment.chain_id:
        raise WrongChainError("chain id", str(deployment.chain_id), str(chain_id))
    genesis = "0x" + (await node.genesis_hash()).hex()
    if genesis != deployment.genesis_hash:
        raise WrongChainError("first block", deployment.genesis_hash, genesis)
    for what, address in (("hub", deployment.hub), ("RLC token", deployment.rlc)):
        if not await node.code(address):
            raise NoCodeError(what, address)
