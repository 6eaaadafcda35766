"""The way to a chain against real ones: deploying, asking, sending, reading, and what each refusal is called."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from tests.support.chains import each_kind_measured_once, running_chain
from tests.support.dapps import BLOCK_S, Market, a_market, account, search
from xwhep.chain.deploying import Deployer, Plan
from xwhep.chain.deployment import Deployment
from xwhep.chain.hub import Hub, check_deployment
from xwhep.chain.node import Node
from xwhep.chain.parameters import decode_native_parameters, decode_vanity_parameters, encode_vanity_order
from xwhep.chain.transactions import SignedTransaction, perform, prepare, sign
from xwhep.chain.values import NOBODY, RLC, AppTerms, Call, Sent, SettledTask, SubmittedTask, TaskStatus
from xwhep.devchain.start import Kind
from xwhep.errors.base import XwhepError
from xwhep.errors.chain import (
    ChainRefusedError,
    DeploymentStoppedError,
    NoCodeError,
    NodeUnavailableError,
    NoEtherError,
    NonceTakenError,
    NotADevelopmentChainError,
    TransactionPendingError,
    WrongChainError,
)
from xwhep.secp256k1 import decode
from xwhep.vanity.split_key import keygen

POINT = decode(keygen()[1])


@each_kind_measured_once
async def test_tasks_go_the_whole_way(kind: Kind, tmp_path: Path) -> None:
    async with a_market(kind, tmp_path) as market:
        await _two_tasks(market)


async def _two_tasks(market: Market) -> None:
    hub, alice, admin = market.hub, market.alice.address, market.admin.address
    await check_deployment(market.node, market.deployment)
    assert Deployment.read(market.deployment_file) == market.deployment
    assert await hub.app(1) == AppTerms(provider=admin, price=RLC, verifier=None, open=True)
    assert (await hub.app(3)).provider == NOBODY
    assert (await hub.task(1)).status is TaskStatus.NONE

    vanity = await market.pay("VanityTask", RLC, encode_vanity_order("1L", *POINT))
    words = await market.pay("WordcountTask", RLC // 10, b"some words")
    result = search(POINT, "1L")
    await market.finish(vanity, result)
    await market.finish(words, b"job-failed", TaskStatus.FAILED)

    events = await hub.events(market.deployment.block, await market.node.head())
    first, second, done, failed = events
    assert isinstance(first, SubmittedTask)
    assert isinstance(second, SubmittedTask)
    assert (first.id, first.requester, first.app, first.price) == (vanity, alice, 1, RLC)
    assert decode_vanity_parameters(first.params).public_key == POINT
    assert decode_native_parameters(second.params).stdin == b"some words"
    assert isinstance(done, SettledTask)
    assert isinstance(failed, SettledTask)
    assert (done.status, done.result, done.digest) == (TaskStatus.DONE, result, hashlib.sha256(result).digest())
    assert (failed.status, failed.result) == (TaskStatus.FAILED, b"job-failed")
    state = await hub.task(vanity)
    assert (state.status, state.commitment, state.requester) == (TaskStatus.DONE, first.commitment, alice)
    assert state.callback == market.deployment.contracts["VanityTask"]
    block = await market.node.block(done.position.block_number)
    assert block is not None
    assert block.hash == done.position.block_hash

    assert await hub.history(vanity, await market.node.head()) == [first, done]
    assert (await hub.credit(admin), await hub.credit(alice)) == (RLC, RLC // 10)
    await market.does(market.alice, hub.withdraw(alice))
    assert await hub.rlc_balance(alice) == 999 * RLC


@each_kind_measured_once
async def test_each_refusal_has_its_name(kind: Kind, tmp_path: Path) -> None:
    async with a_market(kind, tmp_path) as market:
        hub, node = market.hub, market.node
        soon = int(time.time()) + 3600
        number = await market.pay("WordcountTask", RLC // 10, b"some words")

        async def refused(call: Call) -> ChainRefusedError:
            with pytest.raises(ChainRefusedError) as caught:
                await node.estimate(call, market.alice.address)
            return caught.value

        letter = await refused(hub.order("VanityTask", RLC, encode_vanity_order("1l", *POINT), soon))
        assert str(letter) == "the contract refuses: pattern letter (position 1, letter 0x6c)"
        early = await refused(hub.refund(number))
        assert (early.reason, early.arguments[:5]) == ("DeadlineNotPassed", "id 1,")
        assert (await refused(hub.refund(7))).text == "the contract refuses: task not pending (id 7, status 0)"
        role = await refused(hub.finish(number, bytes(32), TaskStatus.DONE, b"", bytes(32)))
        assert role.reason == "AccessControlUnauthorizedAccount"
        assert market.alice.address in role.arguments
        poor = await refused(hub.transfer(market.admin.address, 10**30))
        assert poor.reason == "ERC20InsufficientBalance"
        with pytest.raises(ChainRefusedError, match="task not pending"):
            await node.call(hub.refund(7))


@each_kind_measured_once
async def test_what_a_node_says_to_a_transaction(kind: Kind, tmp_path: Path) -> None:
    alice, poor = account(tmp_path / "alice"), account(tmp_path / "poor")
    async with running_chain(kind, [alice.address], None, measured=False) as chain, Node.open(chain.url) as node:
        to_self = Call(alice.address, b"", 5)
        first = await prepare(node, alice, to_self)
        fees = {"max_fee_wei": first.max_fee_wei, "tip_wei": first.tip_wei}
        cheap = sign(alice, Call(alice.address, b"", 6), chain_id=chain.chain_id, nonce=first.nonce, gas=21_000, **fees)
        dear = sign(alice, Call(alice.address, b"", 10**30), chain_id=chain.chain_id, nonce=1, gas=21_000, **fees)

        assert await node.send_raw(first.raw) is Sent.ACCEPTED
        assert await node.send_raw(first.raw) is Sent.ALREADY_KNOWN
        assert await node.send_raw(cheap.raw) is Sent.UNDERPRICED
        with pytest.raises(NoEtherError, match=f"{alice.address} has not enough ether"):
            await node.send_raw(dear.raw)
        assert (await node.next_nonce(alice.address), await node.next_nonce(alice.address, pending=True)) == (0, 1)
        assert await node.receipt(first.hash) is None
        await chain.controls.mine()
        receipt = await node.receipt(first.hash)
        assert receipt is not None
        assert (receipt.succeeded, receipt.gas_used, receipt.contract) == (True, 21_000, None)
        assert await node.send_raw(cheap.raw) is Sent.NONCE_TOO_LOW
        with pytest.raises(NoEtherError, match=r"about 0\.\d+ ETH is needed"):
            await perform(node, poor, Call(alice.address, b""))
        with pytest.raises(TransactionPendingError, match="is in no block after 0 s"):
            await perform(node, alice, to_self, timeout_s=0.3)
        assert await node.finalized() <= await node.head()
        assert await node.block(10**9) is None


async def test_a_foreign_transaction_takes_the_nonce(tmp_path: Path) -> None:
    alice = account(tmp_path / "alice")
    async with running_chain(Kind.PY_EVM, [alice.address], None, measured=False) as chain, Node.open(chain.url) as node:
        one = await prepare(node, alice, Call(alice.address, b"", 1))
        other = await prepare(node, alice, Call(alice.address, b"", 2))
        assert (one.nonce, other.nonce) == (0, 0)
        await node.send_raw(one.raw)
        behind = NonceBehind(node)

        with pytest.raises(NonceTakenError, match="with the number 0 is there already"):
            await perform(behind, alice, Call(alice.address, b"", 2))


class NonceBehind(Node):
    """A node that has not heard of what waits elsewhere."""

    def __init__(self, node: Node) -> None:
        super().__init__(node._wire)

    async def next_nonce(self, address: str, **_: bool) -> int:
        return await super().next_nonce(address)


class HardOfHearing(Node):
    """A node whose first answers to transactions are lost, or lies."""

    def __init__(self, node: Node, *answers: XwhepError) -> None:
        super().__init__(node._wire)
        self._answers = list(answers)

    async def send_raw(self, raw: bytes) -> Sent:
        sent = await super().send_raw(raw)
        if self._answers:
            raise self._answers.pop(0)
        return sent


async def test_a_transaction_whose_answer_was_lost_is_sent_once_more_as_it_is(tmp_path: Path) -> None:
    alice = account(tmp_path / "alice")
    lost, echo = NodeUnavailableError("http://node", "it does not answer in time"), NoEtherError(alice.address)
    async with (
        running_chain(Kind.PY_EVM, [alice.address], BLOCK_S, measured=False) as chain,
        Node.open(chain.url) as node,
    ):
        receipt = await perform(HardOfHearing(node, lost, echo), alice, Call(alice.address, b"", 1), timeout_s=60)

        assert receipt.succeeded
        assert await node.next_nonce(alice.address, pending=True) == 1


async def test_before_a_node_has_a_transaction_its_sender_is_told(tmp_path: Path) -> None:
    alice = account(tmp_path / "alice")
    told: list[SignedTransaction] = []
    async with running_chain(Kind.PY_EVM, [alice.address], None, measured=False) as chain, Node.open(chain.url) as node:
        liar = HardOfHearing(node, NoEtherError(alice.address))

        with pytest.raises(NoEtherError):
            await perform(liar, alice, Call(alice.address, b"", 1), sending=told.append)
        await chain.controls.mine()

        assert await node.receipt(told[0].hash) is not None


async def test_a_deployment_belongs_to_one_chain(tmp_path: Path) -> None:
    async with a_market(Kind.PY_EVM, tmp_path) as market:
        right, node = market.deployment, market.node

        for wrong, error, text in (
            ({"chain_id": 5}, WrongChainError, "its chain id is 131277322940537 and the deployment file says 5"),
            ({"genesis_hash": "0x" + "0" * 64}, WrongChainError, "its first block is 0x"),
            ({"hub": market.alice.address}, NoCodeError, "where the hub should be"),
            ({"rlc": market.alice.address}, NoCodeError, "where the RLC token should be"),
        ):
            with pytest.raises(error, match=text):
                await check_deployment(node, right.model_copy(update=wrong))

        assert await Hub(node, right).events(0, 0) == []


async def test_a_deployment_that_stops_tells_what_was_done(tmp_path: Path) -> None:
    admin = account(tmp_path / "admin")
    async with (
        running_chain(Kind.PY_EVM, [admin.address], BLOCK_S, measured=False) as chain,
        Node.open(chain.url) as node,
    ):
        told: list[str] = []
        deployer = Deployer(node, admin, told.append)

        with pytest.raises(
            DeploymentStoppedError, match=r"stopped after RLC at 0x\w{40}, TaskHub at 0x\w{40}: the"
        ) as caught:
            await deployer.run(Plan(rlc=None, oracle=admin.address, provider=NOBODY))

        assert "invalid provider" in str(caught.value)
        assert len(told) == 2


async def test_nothing_is_given_away_where_it_is_worth_something(tmp_path: Path) -> None:
    admin = account(tmp_path / "admin")
    async with running_chain(Kind.PY_EVM, [admin.address], None, measured=False) as chain, Node.open(chain.url) as node:
        real = OtherChain(node)
        for plan, text in (
            (Plan(None, admin.address, admin.address), "chain 1 is no development chain, and there RLC has its own"),
            (Plan(admin.address, admin.address, admin.address, [admin.address]), "leave out --grant"),
        ):
            with pytest.raises(NotADevelopmentChainError, match=text):
                await Deployer(real, admin, print).run(plan)
        with pytest.raises(NoCodeError, match="where the RLC token should be"):
            await Deployer(real, admin, print).run(Plan(admin.address, admin.address, admin.address))
        assert await node.next_nonce(admin.address, pending=True) == 0


class OtherChain(Node):
    """A node that serves the main network, as far as it says."""

    def __init__(self, node: Node) -> None:
        super().__init__(node._wire)

    async def chain_id(self) -> int:
        return 1
