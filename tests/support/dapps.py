"""The contracts on a development chain, accounts with ether and RLC, and results that an oracle would bring."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.chains import ChainUnderTest, running_chain
from tests.support.targets import of_pattern
from xwhep.chain.accounts import Account, create_keystore, open_keystore
from xwhep.chain.deploying import Deployer, Plan
from xwhep.chain.deployment import Deployment
from xwhep.chain.hub import Hub
from xwhep.chain.node import Node
from xwhep.chain.parameters import VanityResult, encode_vanity_result
from xwhep.chain.transactions import perform
from xwhep.chain.values import Call, Receipt, TaskStatus
from xwhep.devchain.start import Kind
from xwhep.fast_secp256k1 import add_multiple
from xwhep.secp256k1 import Point
from xwhep.vanity.split_key import Hit, hit_public_key

PASSWORD = "correct horse"
#: shorter than blocks elsewhere: tests wait for many
BLOCK_S = 0.25


def account(path: Path) -> Account:
    """Return a fresh account, with a keystore whose password is `PASSWORD` and which opens fast."""
    create_keystore(path, PASSWORD, cost=2**12)
    return open_keystore(path, PASSWORD)


@dataclass(frozen=True, slots=True)
class Market:
    """A chain with the contracts: `admin` deployed them, settles Tasks and earns; `alice` pays."""

    chain: ChainUnderTest
    hub: Hub
    admin: Account
    alice: Account
    alice_keystore: Path
    deployment_file: Path

    @property
    def deployment(self) -> Deployment:
        """Where the contracts are."""
        return self.hub.deployment

    @property
    def node(self) -> Node:
        """The way to the chain."""
        return self.hub.node

    async def does(self, who: Account, call: Call) -> Receipt:
        """Send a transaction and wait for it."""
        return await perform(self.node, who, call, timeout_s=60)

    async def pay(self, contract: str, price: int, order: bytes, *, lasts_s: int = 3600) -> int:
        """Let alice ask for a Task, and return its number."""
        deadline = int(time.time()) + lasts_s
        submitted = self.hub.submitted(await self.does(self.alice, self.hub.order(contract, price, order, deadline)))
        assert submitted is not None
        return submitted.id

    async def finish(self, number: int, result: bytes, outcome: TaskStatus = TaskStatus.DONE) -> Receipt:
        """Settle a Task as the oracle would."""
        digest = hashlib.sha256(result).digest() if outcome is TaskStatus.DONE else bytes(32)
        commitment = (await self.hub.task(number)).commitment
        return await self.does(self.admin, self.hub.finish(number, commitment, outcome, result, digest))


@contextlib.asynccontextmanager
async def a_market(kind: Kind, folder: Path, *, block_s: float = BLOCK_S) -> AsyncIterator[Market]:
    """Run a chain and deploy the contracts on it."""
    admin, alice = account(folder / "admin.json"), account(folder / "alice.json")
    fund = [admin.address, alice.address]
    async with running_chain(kind, fund, block_s, measured=False) as chain, Node.open(chain.url) as node:
        plan = Plan(rlc=None, oracle=admin.address, provider=admin.address, grants=[alice.address])
        deployment = await Deployer(node, admin, lambda _: None).run(plan)
        deployment.write(folder / "deployment.json")
        yield Market(chain, Hub(node, deployment), admin, alice, folder / "alice.json", folder / "deployment.json")


def search(public_key: Point, pattern: str) -> bytes:
    """Return the result of a search for an easy pattern, as the hub takes it."""
    target = of_pattern(pattern)
    hit = next(
        hit
        for hit in map(Hit, itertools.count(1), itertools.repeat(2), itertools.repeat(-1))
        if target.match(hit_public_key(public_key, hit))
    )
    point = add_multiple(public_key, hit.s)
    assert point is not None
    return encode_vanity_result(VanityResult(hit.s, hit.e, hit.sign < 0, *point))
