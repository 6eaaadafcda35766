"""The outbox on both kinds of chain: every answer reaches the hub once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from oracle.ledger import transactions
from oracle.ledger.tables import End
from oracle.outbox import Outbox
from oracle.settlement.fees import FeePolicy
from oracle.settlement.life import State
from tests.support.chains import each_kind_measured_once
from tests.support.settling import GWEI, POLICY, Desk, desk
from xwhep.chain.artifacts import artifact
from xwhep.chain.hub import Hub
from xwhep.chain.node import Node
from xwhep.chain.values import Call, Sent, TaskStatus
from xwhep.devchain.start import Kind
from xwhep.errors.chain import ChainRefusedError, NodeUnavailableError, NoEtherError

pytestmark = each_kind_measured_once


class KilledError(Exception):
    """The process ends here."""


class Deaf(Node):
    """The way to a node that breaks as soon as a transaction shall go over it."""

    failure: Exception = KilledError()

    async def send_raw(self, raw: bytes) -> Sent:  # noqa: ARG002 - the node's
        raise self.failure


@pytest.fixture
async def it(kind: Kind, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(kind, tmp_path) as opened:
        yield opened


def deaf_outbox(it: Desk) -> Outbox:
    hub = Hub(Deaf(it.node._wire), it.hub.deployment)
    return Outbox(it.ledger, hub, it.oracle, it.policy, it.confirmations)


async def signed_and_killed(it: Desk) -> bytes:
    """Have a task answered and its transaction signed and stored, and the process killed before it is sent."""
    await it.submit(1)
    await it.mine()
    await it.follow()
    [task] = it.answer()
    it.outbox = deaf_outbox(it)
    with pytest.raises(KilledError):
        await it.outbox.send(task, now=it.now)
    it.restart()
    [transaction] = it.transactions()
    return transaction.raw


async def role(it: Desk, function: str) -> Call:
    """Return the call that grants or revokes the oracle's role."""
    name = await it.node.call(Call(it.hub.deployment.hub, artifact("TaskHub").call("ORACLE_ROLE")))
    return Call(it.hub.deployment.hub, artifact("TaskHub").call(function, name, it.oracle.address))


async def test_an_answer_is_told_to_the_hub_once(it: Desk) -> None:
    await it.submit(1)
    for _ in range(5):
        await it.turn()

    assert it.states() == {1: State.SETTLED}
    assert it.ends() == [End.MINED]
    assert await it.status(1) is TaskStatus.DONE


async def test_a_crash_between_storing_and_sending_sends_the_very_same_bytes(it: Desk) -> None:
    raw = await signed_and_killed(it)
    assert it.states() == {1: State.SENT}

    for _ in range(4):
        await it.turn()

    assert [transaction.raw for transaction in it.transactions()] == [raw]
    assert it.ends() == [End.MINED]
    assert it.states() == {1: State.SETTLED}


async def test_sending_again_what_the_node_knows_is_a_success(it: Desk) -> None:
    await it.submit(1)
    await it.mine()
    await it.follow()
    assert await it.send() == [True]

    it.restart()
    await it.outbox.step(now=it.now)  # the node says that it knows it
    for _ in range(3):
        await it.turn()

    assert it.ends() == [End.MINED]


async def test_a_node_that_goes_away_while_sending_costs_no_second_signature(
    it: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await it.submit(1)
    await it.mine()
    await it.follow()
    [task] = it.answer()
    monkeypatch.setattr(Deaf, "failure", NodeUnavailableError("http://node", "gone"))

    assert await deaf_outbox(it).send(task, now=it.now)

    for _ in range(4):
        await it.turn()
    assert it.ends() == [End.MINED]


async def test_a_foreign_transaction_that_takes_the_nonce_has_the_answer_signed_anew(it: Desk) -> None:
    await signed_and_killed(it)
    await it.perform(it.oracle, Call(it.user.address, b"", 1))

    for _ in range(5):
        await it.turn()
    assert it.states() == {1: State.ANSWERED}  # not at once: somebody spends the account's nonces
    await it.chain.controls.advance(60)
    for _ in range(4):
        await it.turn()

    assert it.ends() == [End.VOID, End.MINED]
    assert it.states() == {1: State.SETTLED}


async def test_a_transaction_without_effect_is_followed_by_another_after_a_pause(it: Desk) -> None:
    await signed_and_killed(it)
    await it.perform(it.user, await role(it, "revokeRole"))
    for _ in range(3):
        await it.turn()
    assert it.states() == {1: State.ANSWERED}
    assert it.ends() == [End.REVERTED]

    await it.perform(it.user, await role(it, "grantRole"))
    await it.chain.controls.advance(60)
    for _ in range(4):
        await it.turn()

    assert it.ends() == [End.REVERTED, End.MINED]
    assert it.states() == {1: State.SETTLED}


async def test_what_the_hub_refuses_is_not_signed(it: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await it.perform(it.user, await role(it, "revokeRole"))
    await it.submit(1)
    await it.mine()
    await it.follow()

    assert await it.send() == [False]
    assert await it.send() == [False]

    assert it.transactions() == []
    assert len([line for line in caplog.messages if "access control unauthorized account" in line]) == 1


async def test_a_task_that_another_oracle_settled_is_a_success(it: Desk) -> None:
    await signed_and_killed(it)
    name = await it.node.call(Call(it.hub.deployment.hub, artifact("TaskHub").call("ORACLE_ROLE")))
    grant = Call(it.hub.deployment.hub, artifact("TaskHub").call("grantRole", name, it.user.address))
    await it.perform(it.user, grant, await it.finish(1))
    await it.outbox.step(now=it.now)  # ours goes out all the same: this oracle has not read of it yet
    await it.mine()
    for _ in range(4):
        await it.turn()

    assert it.states() == {1: State.SETTLED}
    assert it.ends() == [End.REVERTED]


async def test_before_signing_a_task_that_is_settled_already_is_a_success(it: Desk) -> None:
    await it.submit(1)
    await it.mine()
    await it.follow()
    [task] = it.answer()
    await it.perform(it.oracle, await it.finish(1))

    assert await it.outbox.send(task, now=it.now)

    assert it.transactions() == []


async def test_an_answer_to_a_refunded_task_is_not_sent_again_and_its_nonce_goes_to_the_next(it: Desk) -> None:
    await it.submit(1, seconds=90)
    await it.mine()
    await it.follow()
    [task] = it.answer()
    it.outbox = deaf_outbox(it)
    with pytest.raises(KilledError):
        await it.outbox.send(task, now=it.now)
    it.restart()
    await it.chain.controls.advance(120)
    await it.perform(it.user, it.hub.refund(1))
    for _ in range(3):
        await it.turn()
    assert it.states() == {1: State.REFUNDED}
    assert it.ends() == [None]

    await it.submit(1)
    for _ in range(5):
        await it.turn()

    assert it.states() == {1: State.REFUNDED, 2: State.SETTLED}
    assert it.ends() == [End.REPLACED, End.MINED]
    assert len({transaction.nonce for transaction in it.transactions()}) == 1


async def test_a_reorganisation_that_takes_the_settlement_sends_the_same_transaction_again(it: Desk) -> None:
    await it.submit(1)
    for _ in range(4):
        await it.turn()
    await it.follow()
    [before] = it.transactions()
    assert (before.ended, it.states()) == (End.MINED, {1: State.SETTLED})

    await it.chain.controls.reorganise(4)
    for _ in range(5):
        await it.turn()

    assert it.states() == {1: State.SETTLED}
    [after] = it.transactions()
    assert (after.raw, after.ended) == (before.raw, End.MINED)
    assert await it.status(1) is TaskStatus.DONE


async def test_a_gap_that_a_reorganisation_leaves_is_filled(it: Desk) -> None:
    await it.submit(1)
    await it.mine()
    await it.perform(it.oracle, Call(it.user.address, b"", 1))  # will be lost
    await it.follow()
    await it.send()
    [first] = it.transactions()
    await it.chain.controls.reorganise(1)
    await it.chain.controls.advance(60)

    for _ in range(6):
        await it.turn()

    assert [one.nonce for one in it.transactions()] == [first.nonce - 1, first.nonce]
    assert it.ends()[0] is End.MINED
    assert it.states() == {1: State.SETTLED}
    assert await it.status(1) is TaskStatus.DONE


async def test_attempts_come_to_an_end(
    it: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transactions, "MAX_ATTEMPTS", 1)
    await signed_and_killed(it)
    await it.perform(it.user, await role(it, "revokeRole"))
    for _ in range(3):
        await it.turn()
    await it.perform(it.user, await role(it, "grantRole"))
    await it.chain.controls.advance(600)

    for _ in range(4):
        await it.turn()

    assert it.ends() == [End.REVERTED]
    assert it.states() == {1: State.ANSWERED}
    assert len([line for line in caplog.messages if "giving it up" in line]) == 1


async def test_an_account_without_ether_is_told_once_and_tried_again(
    kind: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(kind, tmp_path, oracle_has_ether=False) as it:
        await it.submit(3)
        await it.mine()
        await it.follow()
        assert await it.send() == [False] * 3
        assert it.transactions() == []
        told = [line for line in caplog.messages if it.oracle.address in line]
        assert len(told) == 1
        assert "send it some; everything else goes on" in told[0]

        await it.perform(it.user, Call(it.oracle.address, b"", 10**18))
        await it.chain.controls.advance(60)
        for _ in range(4):
            await it.turn()

        assert set(it.states().values()) == {State.SETTLED}


async def test_an_account_that_loses_its_ether_on_the_way_is_told_once(
    it: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await signed_and_killed(it)
    monkeypatch.setattr(Deaf, "failure", NoEtherError(it.oracle.address))
    poor = deaf_outbox(it)

    for later in range(0, 120, 10):
        await poor.step(now=it.now + later)

    assert len([line for line in caplog.messages if "has not enough ether" in line]) == 1
    it.restart()
    for _ in range(3):
        await it.turn()
    assert it.states() == {1: State.SETTLED}


async def test_what_a_node_refuses_is_told_once_and_offered_again(
    it: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await signed_and_killed(it)
    monkeypatch.setattr(Deaf, "failure", ChainRefusedError("TooMuchGas"))
    refused = deaf_outbox(it)

    for later in range(0, 40, 10):
        await refused.step(now=it.now + later)

    assert (
        len([line for line in caplog.messages if "the node refuses it: the contract refuses: too much gas" in line])
        == 1
    )
    assert it.states() == {1: State.SENT}


async def test_gas_above_the_cap_is_waited_out(it: Desk, caplog: pytest.LogCaptureFixture) -> None:
    it.policy = FeePolicy(cap_wei=1)
    it.restart()
    await it.submit(1)
    await it.mine()
    for _ in range(3):
        await it.turn()
    assert it.transactions() == []
    assert len([line for line in caplog.messages if "the cap of 1 wei" in line]) == 1

    it.policy = POLICY
    it.restart()
    for _ in range(4):
        await it.turn()

    assert it.states() == {1: State.SETTLED}


async def test_offers_stop_at_the_cap(it: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await signed_and_killed(it)
    [first] = it.transactions()
    it.policy = FeePolicy(cap_wei=first.max_fee_wei * 5 // 4)
    it.restart()

    for later in range(0, 1000, 50):
        await it.outbox.step(now=it.now + later)

    assert [one.nonce for one in it.transactions()] == [first.nonce] * 2
    assert it.transactions()[-1].max_fee_wei <= it.policy.cap_wei
    assert len([line for line in caplog.messages if "waiting" in line]) == 1


async def test_a_foreign_transaction_that_waits_with_the_nonce_is_outbid(it: Desk) -> None:
    await signed_and_killed(it)
    [foreign] = await it.sign(it.oracle, [Call(it.user.address, b"", 1)])
    await it.node.send_raw(foreign)  # it offers more than the oracle at first

    for later in range(0, 3000, 50):
        await it.outbox.step(now=it.now + later)
    await it.mine(2)
    await it.turn()
    await it.turn()

    assert set(it.ends()) == {End.MINED, End.REPLACED}
    assert it.states() == {1: State.SETTLED}


async def test_many_answers_go_out_in_one_go(it: Desk) -> None:
    """Two hundred do so in test_oracle.py."""
    count = 40
    await it.submit(count)
    await it.mine()
    await it.follow()

    assert await it.send() == [True] * count

    assert [transaction.nonce for transaction in it.transactions()] == list(range(count))
    await it.mine_all(it.oracle, count)
    await it.mine()
    await it.turn()
    assert set(it.states().values()) == {State.SETTLED}
    assert set(it.ends()) == {End.MINED}


async def test_fees_are_raised_until_a_block_takes_the_answer(it: Desk, kind: Kind) -> None:
    if kind is Kind.PY_EVM:
        pytest.skip("there the base fee follows the blocks alone")
    await it.submit(1)
    await it.mine()
    await it.follow()
    await it.send()

    for seconds in (1, 50, 1):
        await it.chain.backend.answer("anvil_setNextBlockBaseFeePerGas", [hex(50 * GWEI)])
        await it.chain.controls.advance(seconds)
        await it.follow()
        await it.outbox.step(now=it.now)
    for _ in range(3):
        await it.turn()

    first, second = it.transactions()
    assert (first.ended, second.ended) == (End.REPLACED, End.MINED)
    assert first.nonce == second.nonce
    assert second.max_fee_wei * 8 >= first.max_fee_wei * 9
    assert 50 * GWEI <= second.max_fee_wei <= POLICY.cap_wei
    assert it.states() == {1: State.SETTLED}
