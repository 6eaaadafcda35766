"""The oracle's chain side on a real chain: a hub with one app, accounts, a ledger, and blocks at the test's word."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from eth_account import Account as Keys
from sqlmodel import Session, col, select

from oracle.follower import Follower
from oracle.ledger.file import Ledger
from oracle.ledger.tables import End, Task, Transaction
from oracle.ledger.tasks import answer
from oracle.outbox import Outbox
from oracle.settlement.answers import Answer
from oracle.settlement.fees import FeePolicy
from oracle.settlement.life import State
from oracle.settlement.requests import Subject
from tests.support.chains import ChainUnderTest, running_chain
from xwhep.chain.accounts import Account
from xwhep.chain.artifacts import artifact
from xwhep.chain.deployment import Deployment
from xwhep.chain.hub import Hub
from xwhep.chain.node import Node
from xwhep.chain.transactions import SignedTransaction, sign
from xwhep.chain.values import NOBODY, Call, Receipt, Sent, TaskStatus
from xwhep.devchain.start import Kind

GWEI: Final = 10**9
PRICE: Final = 10**9
POLICY: Final = FeePolicy(cap_wei=500 * GWEI)
ANSWER: Final = b"the answer"
ANSWERED: Final = Answer(TaskStatus.DONE, ANSWER, hashlib.sha256(ANSWER).digest())


def account(name: str) -> Account:
    """Return the account that always has this name."""
    return Account(Keys.from_key(hashlib.sha256(name.encode()).digest()))


@dataclass(slots=True)
class Desk:
    """What a test of the oracle's chain side holds in its hands."""

    chain: ChainUnderTest
    node: Node
    hub: Hub
    ledger: Ledger
    oracle: Account
    user: Account
    confirmations: int
    policy: FeePolicy = POLICY
    now: int = 0  #: the chain's time when it was last followed
    outbox: Outbox = field(init=False)
    follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget all that is in memory, as a crash does."""
        self.follower = Follower(self.ledger, self.node, self.hub, confirmations=self.confirmations)
        self.outbox = Outbox(self.ledger, self.hub, self.oracle, self.policy, self.confirmations)

    async def mine(self, count: int = 1) -> None:
        """Make blocks."""
        await self.chain.controls.mine(count)

    async def follow(self) -> None:
        """Read the chain."""
        self.now = (await self.follower.follow()).timestamp

    async def sign(self, sender: Account, calls: Sequence[Call], first_nonce: int | None = None) -> list[bytes]:
        """Return transactions of an account that come one after the other."""
        nonce = await self.node.next_nonce(sender.address) if first_nonce is None else first_nonce
        return [self._signed(sender, call, nonce + index).raw for index, call in enumerate(calls)]

    async def perform(self, sender: Account, *calls: Call) -> None:
        """Have calls in the next block."""
        for raw in await self.sign(sender, calls):
            assert await self.node.send_raw(raw) is Sent.ACCEPTED
        await self.mine_all(sender, await self.node.next_nonce(sender.address) + len(calls))

    async def mine_all(self, sender: Account, nonce: int) -> None:
        """Make blocks until all of an account's transactions below this nonce are in one; on a slow machine several."""
        for _ in range(100):
            await self.mine()
            if await self.node.next_nonce(sender.address) >= nonce:
                return
        raise AssertionError(f"the transactions of {sender.address} come into no block")

    async def submit(self, count: int, *, seconds: int = 3600) -> None:
        """Submit tasks in the next block."""
        await self.perform(self.user, *(self.submission(seconds, index) for index in range(count)))

    def submission(self, seconds: int = 3600, nonce: int = 0) -> Call:
        """Return the call that submits a task; `seconds` from the chain's last known time to its deadline."""
        deadline = self.now + seconds
        return self.hub.submit(1, b"parameters %d" % nonce, self.user.address, NOBODY, 0, deadline)

    async def finish(self, number: int) -> Call:
        """Return the call that settles a task."""
        commitment = (await self.hub.task(number)).commitment
        return self.hub.finish(number, commitment, TaskStatus.DONE, ANSWER, hashlib.sha256(ANSWER).digest())

    def answer(self) -> list[Task]:
        """Answer every open task, as the bridge does in the end, and return those that are to be sent."""
        return self.ledger.run(_answer_all, now=self.now)

    async def send(self) -> list[bool]:
        """Answer every open task and hand all to the outbox."""
        return [await self.outbox.send(task, now=self.now) for task in self.answer()]

    async def turn(self) -> None:
        """Do what the oracle does once a second, and make a block."""
        await self.follow()
        await self.send()
        await self.outbox.step(now=self.now)
        await self.mine()

    def states(self) -> dict[int, State]:
        """Return the states of tasks by their numbers; of two with the same number that of the living."""
        tasks = sorted(self.tasks(), key=lambda task: task.state is not State.ORPHANED)
        return {task.id: task.state for task in tasks}

    def tasks(self) -> list[Task]:
        """Return the ledger's tasks."""
        return self.ledger.run(lambda session: list(session.exec(select(Task).order_by(col(Task.id)))))

    def transactions(self) -> list[Transaction]:
        """Return the ledger's transactions, by nonce and offer."""
        order = select(Transaction).order_by(col(Transaction.nonce), col(Transaction.max_fee_wei))
        return self.ledger.run(lambda session: list(session.exec(order)))

    def ends(self) -> list[End | None]:
        """Return what became of each transaction."""
        return [transaction.ended for transaction in self.transactions()]

    async def status(self, number: int) -> TaskStatus:
        """Return a task's status at the hub."""
        return (await self.hub.task(number)).status

    def _signed(self, sender: Account, call: Call, nonce: int) -> SignedTransaction:
        tip = 2 * GWEI
        return sign(
            sender, call, chain_id=self.chain.chain_id, nonce=nonce, gas=3_000_000, max_fee_wei=20 * GWEI, tip_wei=tip
        )


@contextlib.asynccontextmanager
async def desk(
    kind: Kind, folder: Path, *, confirmations: int = 1, oracle_has_ether: bool = True
) -> AsyncIterator[Desk]:
    """Open a desk on a fresh chain that makes no block by itself."""
    oracle, user = account("oracle"), account("user")
    fund = [user.address, *([oracle.address] if oracle_has_ether else [])]
    async with running_chain(kind, fund, None, measured=False) as chain, Node.open(chain.url) as node:
        deployment = await _deploy(chain, node, user, oracle)
        ledger = Ledger(folder / "ledger.db")
        ledger.bind(Subject(chain.chain_id, deployment.genesis, deployment.hub, deployment.block))
        opened = Desk(chain, node, Hub(node, deployment), ledger, oracle, user, confirmations)
        try:
            await opened.follow()
            yield opened
        finally:
            ledger.close()


async def _deploy(chain: ChainUnderTest, node: Node, user: Account, oracle: Account) -> Deployment:
    """Put RLC and a hub with one app on the chain, and let the hub take the user's RLC."""

    async def block(*calls: Call) -> Receipt:
        first = await node.next_nonce(user.address)
        for nonce, call in enumerate(calls, first):
            signed = sign(
                user, call, chain_id=chain.chain_id, nonce=nonce, gas=5_000_000, max_fee_wei=20 * GWEI, tip_wei=GWEI
            )
            await node.send_raw(signed.raw)
        await chain.controls.mine()
        receipt = await node.receipt(signed.hash)
        assert receipt is not None
        assert receipt.succeeded
        return receipt

    rlc = (await block(Call(None, artifact("RLC").deployment()))).contract
    made = await block(Call(None, artifact("TaskHub").deployment(rlc, user.address, oracle.address)))
    assert rlc is not None
    assert made.contract is not None
    await block(
        Call(made.contract, artifact("TaskHub").call("registerApp", account("provider").address, PRICE, NOBODY)),
        Call(rlc, artifact("RLC").call("approve", made.contract, 10_000 * PRICE)),
    )
    return Deployment(
        chain_id=chain.chain_id,
        genesis_hash="0x" + (await node.genesis_hash()).hex(),
        block=made.block_number,
        confirmations=1,
        rlc=rlc,
        hub=made.contract,
        apps={"echo": 1},
        contracts={},
    )


def _answer_all(session: Session, *, now: int) -> list[Task]:
    states = (State.SEEN, State.CONFIRMED, State.DISPATCHED, State.ANSWERED)
    found = list(session.exec(select(Task).where(col(Task.state).in_(states)).order_by(col(Task.id))))
    for task in found:
        if task.state is not State.ANSWERED:
            answer(session, task, ANSWERED, batch_is_over=False, now=now)
    return found
