"""Whatever a node answers becomes a value of ours or an error of ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import eth_account
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.chain.artifacts import artifact, refusal
from xwhep.chain.deployment import Deployment
from xwhep.chain.hub import Hub, read_event
from xwhep.chain.node import Node
from xwhep.chain.transport import RefusalError
from xwhep.chain.values import Call, Log, Position, Sent, SettledTask, SubmittedTask
from xwhep.errors.base import XwhepError
from xwhep.errors.chain import ChainRefusedError, NodeUnavailableError

HUB = "0x" + "2" * 40
SOMEBODY = "0x" + "1" * 40
HASH = b"\7" * 32
RAW = bytes(
    eth_account.Account.sign_transaction(
        {
            "type": 2,
            "chainId": 1000,
            "nonce": 0,
            "gas": 21_000,
            "maxFeePerGas": 2_000_000_000,
            "maxPriorityFeePerGas": 1_000_000_000,
            "value": 0,
            "to": SOMEBODY,
        },
        (1).to_bytes(32, "big"),
    ).raw_transaction
)
DEPLOYMENT = Deployment(
    chain_id=1, genesis_hash="0x" + "0" * 64, block=0, confirmations=1, rlc=SOMEBODY, hub=HUB, apps={}, contracts={}
)


class Parrot:
    """A wire that says what it was taught, whatever it is asked."""

    url = "http://node.example"

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def ask(self, *_: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def useless(self, why: str) -> NodeUnavailableError:
        return NodeUnavailableError(self.url, why)


def node(answer: object) -> Node:
    return Node(Parrot(answer))  # type: ignore[arg-type] # all that a node needs of a wire


Question = Callable[[Node], Coroutine[Any, Any, Any]]
QUESTIONS: list[Question] = [
    lambda node: node.chain_id(),
    lambda node: node.genesis_hash(),
    lambda node: node.head(),
    lambda node: node.finalized(),
    lambda node: node.block(5),
    lambda node: node.logs(HUB, [HASH], 0, 9),
    lambda node: node.balance(SOMEBODY),
    lambda node: node.next_nonce(SOMEBODY),
    lambda node: node.code(HUB),
    lambda node: node.fees(),
    lambda node: node.estimate(Call(HUB, b"", 1), SOMEBODY),
    lambda node: node.call(Call(HUB, b"")),
    lambda node: node.receipt(HASH),
    lambda node: node.send_raw(RAW),
    lambda node: Hub(node, DEPLOYMENT).task(1),
    lambda node: Hub(node, DEPLOYMENT).app(1),
    lambda node: Hub(node, DEPLOYMENT).credit(SOMEBODY),
    lambda node: Hub(node, DEPLOYMENT).rlc_balance(SOMEBODY),
    lambda node: Hub(node, DEPLOYMENT).events(0, 9),
    lambda node: Hub(node, DEPLOYMENT).history(1, 9),
]

quantities = st.integers(-5, 2**260).map(hex) | st.sampled_from(["0x", "0x0", "latest", "1", "0xg", "0x" + "f" * 5000])
datas = st.binary(max_size=300).map(lambda data: "0x" + data.hex()) | st.just("0x" + HASH.hex())
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | quantities | datas
FIELDS = (
    "number", "hash", "parentHash", "timestamp", "baseFeePerGas", "address", "topics", "data", "blockNumber",
    "blockHash", "transactionHash", "logIndex", "removed", "status", "gasUsed", "logs", "contractAddress",
)  # fmt: skip
answers = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=12),
    max_leaves=30,
)
refusals = st.builds(RefusalError, st.integers(), st.text(max_size=60) | st.just("execution reverted"), answers)


@given(st.sampled_from(QUESTIONS), answers | refusals)
def test_any_answer_is_a_value_or_an_error_of_ours(question: Question, answer: object) -> None:
    with contextlib.suppress(XwhepError):
        asyncio.run(question(node(answer)))


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: bytes.fromhex("08c379a0") + tail))
def test_whatever_a_revert_leaves_has_words(data: bytes) -> None:
    assert str(refusal(data)).startswith("the contract refuses: ")


TOPICS = [artifact("TaskHub").topic(name) for name in ("TaskSubmitted", "TaskSettled", "CallbackFailed")]
words = st.sampled_from([0, 1, 2, 5, 32, 64, 224, 256, 2**63, 2**255, 2**256 - 1]).map(lambda n: n.to_bytes(32, "big"))
logs = st.builds(
    Log,
    st.just(Position(1, HASH, HASH, 0)),
    st.just(HUB),
    st.tuples(st.sampled_from(TOPICS) | st.binary(min_size=32, max_size=32)).flatmap(
        lambda first: st.lists(words, max_size=3).map(lambda rest: (*first, *rest))
    ),
    st.lists(words, max_size=16).map(b"".join) | st.binary(max_size=99),
)


@given(logs)
def test_any_log_is_an_event_whose_numbers_fit_a_database_or_left_out(log: Log) -> None:
    match read_event(log):
        case SubmittedTask() as task:
            assert max(task.id, task.app, task.price, task.deadline) < 2**63
        case SettledTask() as task:
            assert task.id < 2**63


def log_reply(**changes: Any) -> dict[str, Any]:
    submitted = "0x" + TOPICS[0].hex()
    reply = {"address": HUB, "topics": [submitted], "data": "0x", "blockNumber": "0x5", "logIndex": "0x0"}
    return reply | {"blockHash": "0x" + "0" * 64, "transactionHash": "0x" + "0" * 64} | changes


@pytest.mark.parametrize(
    "foreign",
    [
        {"address": SOMEBODY},
        {"topics": ["0x" + "5" * 64]},
        {"topics": []},
        {"blockNumber": "0xa"},
        {"blockNumber": "0x1"},
        {"removed": True},
    ],
)
async def test_logs_that_were_not_asked_for_are_left_out(foreign: dict[str, Any]) -> None:
    mine = log_reply(logIndex="0x2")

    found = await node([mine, log_reply(**foreign), log_reply()]).logs(HUB, [TOPICS[0]], 2, 9)

    assert [log.position.log_index for log in found] == [0, 2]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("already known", Sent.ALREADY_KNOWN),
        ("transaction already imported", Sent.ALREADY_KNOWN),
        ("nonce too low: next nonce 5, tx nonce 3", Sent.NONCE_TOO_LOW),
        ("Invalid transaction nonce: Expected 5, but got 3", Sent.NONCE_TOO_LOW),
        ("replacement transaction underpriced", Sent.UNDERPRICED),
        ("transaction underpriced: tip needed 1, tip permitted 0", Sent.UNDERPRICED),
        ("max fee per gas less than block base fee", Sent.UNDERPRICED),
    ],
)
async def test_what_nodes_say_to_a_transaction_is_understood(said: str, meant: Sent) -> None:
    assert await node(RefusalError(-32000, said, None)).send_raw(RAW) is meant


@pytest.mark.parametrize("said", ["Invalid transaction nonce: Expected 3, but got 5", "txpool is full", "<html>"])
async def test_other_words_are_for_a_later_try(said: str) -> None:
    with pytest.raises(NodeUnavailableError, match="it refuses"):
        await node(RefusalError(-32000, said, None)).estimate(Call(HUB, b""), SOMEBODY)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("0x", "it gives no reason"),
        ("0x08c379a0" + f"{32:064x}{2:064x}" + "6e6f".ljust(64, "0"), "no"),
        ("0x4e487b71" + f"{0x11:064x}", "a number overflows"),
        ("0x4e487b71" + f"{0x99:064x}", "panic 0x99"),
        ("0x12345678", "an error that no contract here has, 12345678"),
    ],
)
async def test_a_revert_is_told_in_words(data: str, text: str) -> None:
    with pytest.raises(ChainRefusedError) as caught:
        await node(RefusalError(3, "execution reverted", data)).call(Call(HUB, b""))

    assert str(caught.value) == f"the contract refuses: {text}"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (lambda node: node.estimate(Call(HUB, b""), SOMEBODY), hex(10**9)),
        (
            lambda node: node.block(5),
            {"number": "0x6", "hash": "0x" + "0" * 64, "parentHash": "0x" + "0" * 64, "timestamp": "0x0"},
        ),
        (lambda node: node.genesis_hash(), None),
    ],
)
async def test_a_lie_that_can_be_seen_is_not_believed(question: Question, answer: object) -> None:
    with pytest.raises(NodeUnavailableError):
        await question(node(answer))
