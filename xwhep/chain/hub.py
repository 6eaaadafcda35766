"""The hub's contract, and what goes around it: calls, what it stores, its events."""

from __future__ import annotations

from xwhep.chain.deployment import Deployment
from xwhep.chain.node import Node
from xwhep.chain.values import Address, AppTerms, Call, SettledTask, SubmittedTask, TaskState, TaskStatus


class Hub:
    """The hub of a deployment, asked through a node; the methods that return a `Call` ask nobody."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self.node = node
        self.deployment = deployment

    async def app(self, number: int) -> AppTerms | None:
        """Return an app's terms; None when the hub has no such app."""
        raise NotImplementedError

    async def task(self, number: int) -> TaskState | None:
        """Return what the hub stores of a Task; None when it has no such Task."""
        raise NotImplementedError

    async def credit(self, address: Address) -> int:
        """Return what an account can take out of the hub, in units of 10^-9 RLC."""
        raise NotImplementedError

    async def rlc_balance(self, address: Address) -> int:
        """Return an account's RLC, in units of 10^-9."""
        raise NotImplementedError

    async def events(self, first: int, last: int) -> list[SubmittedTask | SettledTask]:
        """Return the hub's events in blocks `first` to `last`, both included, in chain order.

        What does not decode, or bears numbers that fit no database, is left out with a line in the log.
        """
        raise NotImplementedError

    def submit(self, app: int, params: bytes, requester: Address, deadline: int) -> Call:
        """Return the call that submits a Task without callback; the price must have been approved."""
        raise NotImplementedError

    def finish(self, number: int, outcome: TaskStatus, result: bytes, digest: bytes) -> Call:
        """Return the call that settles a Task as DONE or FAILED."""
        raise NotImplementedError

    def prove(self, number: int, params: bytes, result: bytes, digest: bytes) -> Call:
        """Return the call that settles a Task of an app with a verifier as DONE."""
        raise NotImplementedError

    def refund(self, number: int) -> Call:
        """Return the call that refunds a Task after its deadline."""
        raise NotImplementedError

    def withdraw(self, address: Address) -> Call:
        """Return the call that pays an account's credit out."""
        raise NotImplementedError

    def approve(self, spender: Address, amount: int) -> Call:
        """Return the call that lets a contract take RLC."""
        raise NotImplementedError

    def order(self, contract: str, price: int, order: bytes, deadline: int) -> Call:
        """Return the call that pays a dapp's contract, named as in the deployment, and hands it an order."""
        raise NotImplementedError


async def check_deployment(node: Node, deployment: Deployment) -> None:
    """Check that a node serves the chain of a deployment, and that the hub is there.

    Raises:
        WrongChainError: chain id or genesis hash are others.
        NoCodeError: there is no contract at the hub's address.
        NodeUnavailableError: the node is of no use.
    """
    raise NotImplementedError
