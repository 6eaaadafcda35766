"""Chains for development through web3's own client: the same on each kind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import TxData, TxReceipt

from tests.support import parrot
from tests.support.chains import ChainUnderTest, connected, each_kind, running_chain
from xwhep.devchain.json_rpc import RpcError
from xwhep.devchain.start import Kind

pytestmark = each_kind

GWEI = 10**9
ETHER = 10**18
TOPIC = b"\x07"
STRANGER = AsyncWeb3.to_checksum_address("0x" + "5e" * 20)

#: methods with parameters that are none
WRONG: tuple[tuple[str, list[Any]], ...] = (
    ("eth_getBalance", []),
    ("eth_getBalance", [STRANGER, "latest", 1]),
    ("eth_getBalance", ["0x12", "latest"]),
    ("eth_getBalance", [STRANGER, "newest"]),
    ("eth_getBalance", [7, "latest"]),
    ("eth_getBlockByNumber", ["0xzz", False]),
    ("eth_getBlockByNumber", [{}, False]),
    ("eth_getBlockByHash", ["0x1", False]),
    ("eth_getTransactionReceipt", ["0x" + "11" * 31]),
    ("eth_getStorageAt", [STRANGER, "first", "latest"]),
    ("eth_call", ["0x", "latest"]),
    ("eth_call", [{"to": STRANGER, "data": "0xabc"}, "latest"]),
    ("eth_call", [{"to": STRANGER, "value": "-0x1"}, "latest"]),
    ("eth_getLogs", [{"topics": [["0x12"]]}]),
    ("eth_getLogs", [{"topics": {}}]),
    ("eth_getLogs", [{"fromBlock": "0x0", "blockHash": "0x" + "11" * 32}]),
    ("eth_sendRawTransaction", ["no bytes"]),
    ("eth_feeHistory", ["0x1", "latest", "all"]),
)


@dataclass
class Wallet:
    """Signs and sends; makes no block."""

    chain: ChainUnderTest
    web3: AsyncWeb3[AsyncHTTPProvider]
    account: LocalAccount
    nonce: int = 0

    def sign(self, nonce: int, to: ChecksumAddress | None = None, data: bytes = b"", **fields: Any) -> bytes:
        """Return a signed transaction; without a receiver it makes a contract."""
        terms = {"gas": 100_000, "value": 0, "maxFeePerGas": 10 * GWEI, "maxPriorityFeePerGas": GWEI}
        where = {} if to is None else {"to": to}
        transaction: Any = (
            terms | where | {"nonce": nonce, "data": data, "chainId": self.chain.chain_id, "type": 2} | fields
        )
        return bytes(self.account.sign_transaction(transaction).raw_transaction)

    async def send(self, to: ChecksumAddress | None = None, data: bytes = b"", **fields: Any) -> HexBytes:
        """Send the next transaction; return its hash."""
        raw = self.sign(self.nonce, to, data, **fields)
        self.nonce += 1
        return await self.web3.eth.send_raw_transaction(raw)

    async def mined(self, to: ChecksumAddress | None = None, data: bytes = b"", **fields: Any) -> TxReceipt:
        """Send the next transaction, make a block, and return the receipt."""
        sent = await self.send(to, data, **fields)
        await self.chain.controls.mine()
        return await self.web3.eth.get_transaction_receipt(sent)

    async def parrot(self) -> ChecksumAddress:
        """Make a contract that says what it is told to."""
        made = (await self.mined(data=parrot.CREATION))["contractAddress"]
        assert made is not None
        return made

    async def number(self) -> int:
        return await self.web3.eth.block_number


@contextlib.asynccontextmanager
async def a_wallet(kind: Kind, block_s: float | None = None) -> AsyncIterator[Wallet]:
    """Run a chain on which blocks are made only on demand, and give a wallet with 100 ETH."""
    account: LocalAccount = Account.create()
    async with running_chain(kind, [account.address], block_s) as chain, connected(chain.url) as web3:
        yield Wallet(chain, web3, account)


def refusal(error: pytest.ExceptionInfo[Web3RPCError]) -> str:
    response = error.value.rpc_response
    assert response is not None
    return response["error"]["message"].lower()


async def test_who_was_funded_has_ether_and_nobody_else(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        assert await wallet.web3.eth.get_balance(wallet.account.address) == 100 * ETHER
        assert await wallet.web3.eth.get_balance(STRANGER) == 0
        assert list(await wallet.web3.eth.accounts) == []


async def test_the_chain_says_what_it_is(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        assert await wallet.web3.eth.chain_id == {"anvil": 31337, "py-evm": 131277322940537}[kind]
        assert await wallet.web3.net.version == str(wallet.chain.chain_id)
        assert kind in (await wallet.web3.client_version).lower()
        assert await wallet.web3.eth.syncing is False


async def test_empty_blocks_come_by_themselves_and_with_the_time_of_the_clock(kind: Kind) -> None:
    async with a_wallet(kind, block_s=1.0) as wallet, asyncio.timeout(30):
        while await wallet.number() < 2:  # noqa: ASYNC110 - the event is the chain's, which tells nobody
            await asyncio.sleep(0.1)
        first, second = [await wallet.web3.eth.get_block(number) for number in (1, 2)]

        assert second["parentHash"] == first["hash"]
        assert second["timestamp"] > first["timestamp"]
        assert abs(second["timestamp"] - time.time()) < 60


async def test_a_transaction_waits_in_the_pool_for_the_next_block(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        sent = await wallet.send(STRANGER, value=5, gas=21_000)
        waiting = await wallet.web3.eth.get_transaction(sent)
        nonces = [
            await wallet.web3.eth.get_transaction_count(wallet.account.address, at) for at in ("latest", "pending")
        ]
        with pytest.raises(TransactionNotFound):
            await wallet.web3.eth.get_transaction_receipt(sent)
        await wallet.chain.controls.mine()
        receipt = await wallet.web3.eth.get_transaction_receipt(sent)
        mined = await wallet.web3.eth.get_transaction(sent)

    assert waiting.get("blockNumber") is None
    assert nonces == [0, 1]
    assert (receipt["status"], receipt["gasUsed"], receipt["blockNumber"]) == (1, 21_000, 1)
    assert (mined["blockHash"], mined["value"], mined["from"]) == (receipt["blockHash"], 5, wallet.account.address)


async def test_a_block_shows_its_transactions_or_their_hashes(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        receipt = await wallet.mined(STRANGER, value=5)
        short = await wallet.web3.eth.get_block(receipt["blockHash"])
        full = await wallet.web3.eth.get_block(receipt["blockNumber"], full_transactions=True)

    assert list(short["transactions"]) == [receipt["transactionHash"]]
    assert [one.get("hash") for one in cast("list[TxData]", full["transactions"])] == [receipt["transactionHash"]]
    assert short["hash"] == full["hash"]


async def test_money_moves_to_the_wei(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        receipt = await wallet.mined(STRANGER, value=ETHER)
        left = await wallet.web3.eth.get_balance(wallet.account.address)
        got = await wallet.web3.eth.get_balance(STRANGER)

    assert got == ETHER
    assert left == 99 * ETHER - receipt["gasUsed"] * receipt["effectiveGasPrice"]


async def test_a_contract_is_made_and_called(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        code = await wallet.web3.eth.get_code(contract)
        said = await wallet.web3.eth.call({"to": contract, "data": parrot.give(b"hello")})

    assert len(code) == 51
    assert said == b"hello"


async def test_a_call_needs_no_ether(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        sender = STRANGER
        said = await wallet.web3.eth.call({"from": sender, "to": contract, "data": parrot.give(b"free")})

    assert said == b"free"


async def test_a_revert_brings_the_contracts_own_error(kind: Kind) -> None:
    data = bytes.fromhex("cafebabe") + (7).to_bytes(32, "big")
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        for method in (wallet.web3.eth.call, wallet.web3.eth.estimate_gas):
            with pytest.raises(ContractCustomError) as refused:
                await method({"from": wallet.account.address, "to": contract, "data": parrot.revert(data)})

            assert refused.value.data == "0x" + data.hex()


async def test_a_revert_with_a_reason_says_it(kind: Kind) -> None:
    reason = (
        bytes.fromhex("08c379a0") + (32).to_bytes(32, "big") + (7).to_bytes(32, "big") + b"no luck".ljust(32, b"\0")
    )
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        with pytest.raises(ContractLogicError, match="no luck"):
            await wallet.web3.eth.call({"to": contract, "data": parrot.revert(reason)})


async def test_a_reverted_transaction_is_in_a_block_and_failed(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        receipt = await wallet.mined(await wallet.parrot(), parrot.revert(b"oh"))

    assert (receipt["status"], receipt["logs"]) == (0, [])


async def test_estimated_gas_is_enough_and_not_much_more(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract, data = await wallet.parrot(), parrot.log(TOPIC, b"x" * 500)
        estimate = await wallet.web3.eth.estimate_gas({"from": wallet.account.address, "to": contract, "data": data})
        receipt = await wallet.mined(contract, data, gas=estimate)

    assert receipt["status"] == 1
    assert receipt["gasUsed"] <= estimate <= receipt["gasUsed"] * 1.1


async def test_logs_are_found_by_range_by_block_and_by_topic(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        for text in (b"one", b"two"):
            await wallet.send(contract, parrot.log(TOPIC, text))
        receipt = await wallet.mined(contract, parrot.log(b"\x08", b"three"))
        later = await wallet.mined(contract, parrot.log(TOPIC, b"four"))
        get = wallet.web3.eth.get_logs
        topic = "0x" + TOPIC.rjust(32, b"\0").hex()
        everything = await get({"address": contract, "fromBlock": 0})
        of_topic = await get({"fromBlock": 0, "toBlock": later["blockNumber"], "topics": [topic]})
        either = await get({"fromBlock": 0, "topics": [[topic, "0x" + "00" * 31 + "08"]]})
        of_block = await get({"blockHash": receipt["blockHash"]})
        of_another = await get({"address": STRANGER, "fromBlock": 0})
        two_topics = await get({"fromBlock": 0, "topics": [None, topic]})

    assert [bytes(log["data"]) for log in everything] == [b"one", b"two", b"three", b"four"]
    assert [log["logIndex"] for log in everything] == [0, 1, 2, 0]
    assert [bytes(log["data"]) for log in of_topic] == [b"one", b"two", b"four"]
    assert (either, of_another, two_topics) == (everything, [], [])
    assert of_block == everything[:3]
    assert {log["blockHash"] for log in of_block} == {receipt["blockHash"]}


async def test_a_block_that_is_not_there_is_nothing_for_a_look_and_an_error_for_logs(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        for place in ("0x" + "11" * 32, hex(1000)):
            response = await wallet.web3.provider.make_request(
                "eth_getBlockByHash" if len(place) > 10 else "eth_getBlockByNumber",
                [place, False],
            )
            assert response["result"] is None
        with pytest.raises(Web3RPCError) as refused:
            await wallet.web3.eth.get_logs({"blockHash": HexBytes(b"\x11" * 32)})

    assert "unknown block" in refusal(refused)


async def test_a_used_nonce_is_refused(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        await wallet.mined(STRANGER)
        with pytest.raises(Web3RPCError) as refused:
            await wallet.web3.eth.send_raw_transaction(wallet.sign(0, STRANGER, value=1))

    assert "nonce too low" in refusal(refused)


async def test_the_same_transaction_twice_is_told_apart_from_another_one(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        await wallet.send(STRANGER)
        with pytest.raises(Web3RPCError) as same:
            await wallet.web3.eth.send_raw_transaction(wallet.sign(0, STRANGER))
        with pytest.raises(Web3RPCError) as other:
            await wallet.web3.eth.send_raw_transaction(wallet.sign(0, STRANGER, value=1))

    assert refusal(same) == {"anvil": "transaction already imported", "py-evm": "already known"}[kind]
    assert refusal(other) == "replacement transaction underpriced"


async def test_a_transaction_that_pays_more_takes_the_place_of_another(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        old = await wallet.send(STRANGER)
        raw = wallet.sign(0, STRANGER, maxFeePerGas=12 * GWEI, maxPriorityFeePerGas=2 * GWEI)
        new = await wallet.web3.eth.send_raw_transaction(raw)
        await wallet.chain.controls.mine()
        receipt = await wallet.web3.eth.get_transaction_receipt(new)
        with pytest.raises(TransactionNotFound):
            await wallet.web3.eth.get_transaction_receipt(old)

    assert receipt["status"] == 1


async def test_transactions_sent_in_disorder_are_mined_in_order(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        for nonce in (2, 1, 0, 4):
            await wallet.web3.eth.send_raw_transaction(wallet.sign(nonce, STRANGER))
        await wallet.chain.controls.mine()

        assert await wallet.web3.eth.get_transaction_count(wallet.account.address) == 3


async def test_who_cannot_pay_is_told(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        with pytest.raises(Web3RPCError) as refused:
            await wallet.send(STRANGER, value=101 * ETHER)

    assert "insufficient funds for gas * price + value" in refusal(refused)


async def test_a_transaction_of_another_chain_is_refused(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        with pytest.raises(Web3RPCError) as refused:
            await wallet.send(STRANGER, chainId=1)

    assert "chain id" in refusal(refused)


@pytest.mark.parametrize("raw", ["0x", "0x00", "0x02", "0xff" * 3, "0x02c0", "0x" + "c0" * 100])
async def test_what_is_no_transaction_is_refused(kind: Kind, raw: str) -> None:
    async with a_wallet(kind) as wallet:
        with pytest.raises(Web3RPCError):
            await wallet.web3.eth.send_raw_transaction(HexBytes(bytes.fromhex(raw[2:].replace("0x", ""))))


async def test_the_block_before_the_last_but_one_is_final(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        await wallet.chain.controls.mine(5)
        tags = {
            tag: (await wallet.web3.eth.get_block(tag))["number"] for tag in ("earliest", "finalized", "safe", "latest")
        }

    assert tags == {"earliest": 0, "finalized": 3, "safe": 4, "latest": 5}


async def test_fees_can_be_looked_up(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        await wallet.mined(STRANGER)
        history = await wallet.web3.eth.fee_history(2, "latest", [50.0])
        tip = await wallet.web3.eth.max_priority_fee
        price = await wallet.web3.eth.gas_price
        block = await wallet.web3.eth.get_block("latest")

    assert history["oldestBlock"] == 0
    assert history["baseFeePerGas"][1] == block["baseFeePerGas"]
    assert len(history["baseFeePerGas"]) == 3
    assert [list(rewards) for rewards in history["reward"]] == [[0], [GWEI]]
    assert 0 < tip < price


async def test_a_call_that_cannot_be_made_says_why(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        for call, why in (
            ({"from": STRANGER, "value": 1}, "insufficient funds"),
            ({"from": wallet.account.address, "gas": 20_000}, "gas"),
        ):
            with pytest.raises(Web3RPCError) as refused:
                await wallet.web3.eth.estimate_gas({"to": contract, "data": parrot.give(b""), **call})  # type: ignore[typeddict-item] # as given

            assert why in refusal(refused)


async def test_storage_and_older_states_can_be_read(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        await wallet.mined(STRANGER, value=7)

        assert bytes(await wallet.web3.eth.get_storage_at(contract, 0)) == bytes(32)
        assert [await wallet.web3.eth.get_balance(STRANGER, at) for at in (1, 2, "latest")] == [0, 7, 7]
        assert await wallet.web3.eth.get_code(contract, 0) == b""


@pytest.mark.parametrize(
    "fields",
    [
        {"type": None, "gasPrice": 10 * GWEI},
        {"type": 1, "gasPrice": 10 * GWEI, "accessList": [{"address": STRANGER, "storageKeys": ["0x" + "01" * 32]}]},
    ],
)
async def test_transactions_of_older_kinds_are_mined_and_shown(kind: Kind, fields: dict[str, Any]) -> None:
    async with a_wallet(kind) as wallet:
        terms: dict[str, Any] = {
            "nonce": 0,
            "to": STRANGER,
            "value": 1,
            "gas": 50_000,
            "chainId": wallet.chain.chain_id,
        } | fields
        raw = wallet.account.sign_transaction({name: value for name, value in terms.items() if value is not None})
        sent = await wallet.web3.eth.send_raw_transaction(raw.raw_transaction)
        await wallet.chain.controls.mine()
        shown = await wallet.web3.eth.get_transaction(sent)
        receipt = await wallet.web3.eth.get_transaction_receipt(sent)

    assert (receipt["status"], shown["type"], shown["gasPrice"]) == (1, fields["type"] or 0, 10 * GWEI)
    assert (int(shown["v"]), len(shown.get("accessList", []))) == (raw.v, len(fields.get("accessList", [])))
    assert receipt["effectiveGasPrice"] == 10 * GWEI


async def test_the_block_to_come_is_shown_without_a_hash(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        block = await wallet.web3.eth.get_block("pending")

    assert (block["number"], list(block["transactions"])) == (1, [])


async def test_parameters_that_are_none_are_refused(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        for method, params in WRONG:
            with pytest.raises(RpcError) as refused:
                await wallet.chain.backend.answer(method, params)

            assert refused.value.code in {-32602, -32000}


async def test_time_goes_forward_and_never_back(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        before = await wallet.web3.eth.get_block("latest")
        await wallet.chain.controls.advance(86_400)
        day = await wallet.web3.eth.get_block("latest")
        await wallet.chain.controls.mine()
        after = await wallet.web3.eth.get_block("latest")

    assert 86_400 <= day["timestamp"] - before["timestamp"] < 86_500
    assert day["timestamp"] <= after["timestamp"] < day["timestamp"] + 100


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
async def test_a_reorganisation_puts_other_blocks_in_the_place_of_the_last(kind: Kind, depth: int) -> None:
    async with a_wallet(kind) as wallet:
        await wallet.chain.controls.mine(6)
        before = [await wallet.web3.eth.get_block(number) for number in range(7)]
        await wallet.chain.controls.reorganise(depth)
        after = [await wallet.web3.eth.get_block(number) for number in range(7)]

        assert await wallet.number() == 6
    assert [old["hash"] == new["hash"] for old, new in zip(before, after, strict=True)] == [True] * (7 - depth) + [
        False
    ] * depth
    assert all(child["parentHash"] == parent["hash"] for parent, child in pairwise(after))


@pytest.mark.parametrize("depth", [1, 5])
async def test_transactions_of_lost_blocks_can_come_again(kind: Kind, depth: int) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        receipts = [await wallet.mined(contract, parrot.log(TOPIC, bytes([index]))) for index in range(depth)]
        await wallet.chain.controls.reorganise(depth, again=True)
        again = [await wallet.web3.eth.get_transaction_receipt(receipt["transactionHash"]) for receipt in receipts]
        logs = await wallet.web3.eth.get_logs({"fromBlock": 0, "address": contract})

    assert [receipt["blockNumber"] for receipt in again] == [receipt["blockNumber"] for receipt in receipts]
    assert not {receipt["blockHash"] for receipt in again} & {receipt["blockHash"] for receipt in receipts}
    assert [(log["blockHash"], bytes(log["data"])) for log in logs] == [
        (receipt["blockHash"], bytes([index])) for index, receipt in enumerate(again)
    ]


async def test_transactions_of_lost_blocks_are_gone_and_can_be_sent_again(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        raw = wallet.sign(1, contract, parrot.log(TOPIC, b"late"))
        sent = await wallet.web3.eth.send_raw_transaction(raw)
        await wallet.chain.controls.mine(2)
        await wallet.chain.controls.reorganise(2)
        with pytest.raises(TransactionNotFound):
            await wallet.web3.eth.get_transaction_receipt(sent)
        nonce = await wallet.web3.eth.get_transaction_count(wallet.account.address)
        logs = await wallet.web3.eth.get_logs({"fromBlock": 0})
        await wallet.web3.eth.send_raw_transaction(raw)
        await wallet.chain.controls.mine()
        receipt = await wallet.web3.eth.get_transaction_receipt(sent)

    assert (nonce, logs) == (1, [])
    assert receipt["blockNumber"] == 4


async def test_another_transaction_can_take_the_place_of_a_lost_one(kind: Kind) -> None:
    async with a_wallet(kind) as wallet:
        contract = await wallet.parrot()
        lost = await wallet.mined(contract, parrot.log(TOPIC, b"old"))
        await wallet.chain.controls.mine()
        await wallet.chain.controls.reorganise(2, instead=[wallet.sign(1, contract, parrot.log(TOPIC, b"new"))])
        logs = await wallet.web3.eth.get_logs({"fromBlock": 0})
        with pytest.raises(TransactionNotFound):
            await wallet.web3.eth.get_transaction_receipt(lost["transactionHash"])

    assert [(bytes(log["data"]), log["blockNumber"]) for log in logs] == [(b"new", 2)]


async def test_many_transactions_of_many_senders_are_mined(kind: Kind) -> None:
    accounts = [Account.create() for _ in range(20)]
    funded = [account.address for account in accounts]
    async with running_chain(kind, funded, None) as chain, connected(chain.url) as web3:
        wallets = [Wallet(chain, web3, account) for account in accounts]
        raws = [wallet.sign(nonce, STRANGER, value=1) for nonce in range(5) for wallet in wallets]
        await asyncio.gather(*(web3.eth.send_raw_transaction(raw) for raw in raws))
        async with asyncio.timeout(30):
            while await web3.eth.get_balance(STRANGER) < len(raws):
                await chain.controls.mine()
