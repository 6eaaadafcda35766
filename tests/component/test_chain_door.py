"""The JSON-RPC door before a chain: who comes in, what a body may be, which methods there are."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from xwhep.devchain.backend import METHODS
from xwhep.devchain.door import bound, serving
from xwhep.devchain.json_rpc import MAX_BATCH, MAX_BODY_BYTES, MAX_DEPTH, RpcError
from xwhep.errors.installations import PortTakenError

PAGE = "https://dapp.example.org"


@dataclass
class Echo:
    """A chain that answers with what it was asked."""

    name: str = "echo"
    asked: list[str] = field(default_factory=list)

    async def answer(self, method: str, params: list[Any]) -> Any:
        self.asked.append(method)
        if method == "eth_call":
            raise RpcError(3, "execution reverted", "0x1234")
        if method == "eth_gasPrice":
            raise ZeroDivisionError
        return params

    async def ended(self) -> None:
        await asyncio.Event().wait()


@dataclass
class Open:
    """A door that is open, and a client before it."""

    url: str
    chain: Echo
    http: aiohttp.ClientSession

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    async def says(self, body: bytes | object, **headers: str) -> tuple[int, Any]:
        """Return the status and the JSON of the answer to a body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} | headers
        async with self.http.post(self.url, data=BytesIO(data), headers=sent) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def refuses(self, body: bytes | object) -> tuple[int, str]:
        """Return the JSON-RPC code and the text of an error."""
        status, answer = await self.says(body)
        assert (status, answer["jsonrpc"]) == (200, "2.0")
        return answer["error"]["code"], answer["error"]["message"]


@pytest.fixture
async def door() -> AsyncIterator[Open]:
    chain = Echo()
    with contextlib.closing(bound(0)) as listener:
        async with serving(chain, listener, [PAGE]) as url, aiohttp.ClientSession() as http:
            yield Open(url, chain, http)


def call(method: str = "eth_chainId", params: Any = None, identifier: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": [] if params is None else params}


async def test_a_method_is_answered(door: Open) -> None:
    assert await door.says(call(params=["0x1", {"a": None}])) == (
        200,
        {"jsonrpc": "2.0", "id": 1, "result": ["0x1", {"a": None}]},
    )


async def test_the_door_is_on_this_machine_alone(door: Open) -> None:
    assert door.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
async def test_the_door_knows_its_own_names(door: Open, name: str) -> None:
    status, _ = await door.says(call(), Host=f"{name}:{door.port}")

    assert status == 200


@pytest.mark.parametrize("name", ["evil.example.org:{}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.org:{}", ""])
async def test_another_name_is_refused_so_that_no_page_rebinds_its_own(door: Open, name: str) -> None:
    status, answer = await door.says(call(), Host=name.format(door.port))

    assert (status, "own names" in answer["error"]["message"]) == (403, True)
    assert door.chain.asked == []


async def test_two_hosts_are_refused(door: Open) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.port))
    writer.write(f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{door.port}\r\nHost: evil.org\r\n\r\n".encode())
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert status.split()[1] in {b"400", b"403"}


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "http://127.0.0.1:1", "https://127.0.0.1:{}"])
async def test_a_page_of_another_origin_is_refused(door: Open, origin: str) -> None:
    status, _ = await door.says(call(), Origin=origin.format(door.port))

    assert (status, door.chain.asked) == (403, [])


@pytest.mark.parametrize("origin", ["http://127.0.0.1:{}", "http://localhost:{}", PAGE])
async def test_its_own_pages_and_those_that_were_named_are_let_in(door: Open, origin: str) -> None:
    origin = origin.format(door.port)
    async with door.http.post(door.url, json=call(), headers={"Origin": origin}) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Vary"] == "Origin"


async def test_a_browser_is_told_what_a_named_page_may_send(door: Open) -> None:
    async with door.http.options(door.url, headers={"Origin": PAGE}) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Methods"] == "POST"
        assert response.headers["Access-Control-Allow-Headers"] == "Content-Type"


async def test_a_browser_is_told_nothing_for_other_pages(door: Open) -> None:
    async with door.http.options(door.url, headers={"Origin": "https://evil.example.org"}) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
async def test_what_a_page_can_send_unasked_is_no_request(door: Open, kind: str) -> None:
    status, _ = await door.says(call(), **{"Content-Type": kind})

    assert (status, door.chain.asked) == (415, [])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_verbs_are_refused(door: Open, method: str) -> None:
    async with door.http.request(method, door.url) as response:
        assert response.status == 405


async def test_there_is_one_path(door: Open) -> None:
    async with door.http.post(door.url + "/rpc", json=call()) as response:
        assert response.status == 404


async def test_a_body_over_the_bound_is_refused(door: Open) -> None:
    status, _ = await door.says(call(params=["x" * MAX_BODY_BYTES]))

    assert (status, door.chain.asked) == (413, [])


async def test_a_body_up_to_the_bound_is_taken(door: Open) -> None:
    body = json.dumps(call()).encode()

    status, _ = await door.says(body + b" " * (MAX_BODY_BYTES - len(body)))

    assert status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"id": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b'"\x01"',
        b"1" * 5000,
        b"\xef\xbb\xbf{}",
    ],
)
async def test_what_is_no_json_is_a_parse_error(door: Open, body: bytes) -> None:
    assert await door.refuses(body) == (-32700, "the body is not JSON")


@pytest.mark.parametrize("part", [b"[", b'{"a":'])
async def test_nesting_without_end_is_a_parse_error(door: Open, part: bytes) -> None:
    code, _ = await door.refuses(part * 100_000)

    assert code == -32700


async def test_deep_nesting_is_a_parse_error(door: Open) -> None:
    deep: list[Any] = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]

    assert await door.refuses(call(params=deep)) == (-32700, f"the body is nested deeper than {MAX_DEPTH} levels")


@pytest.mark.parametrize(
    "body",
    [
        1,
        "eth_chainId",
        None,
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": 1, "method": 7},
        {"jsonrpc": "2.0", "id": {}, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": True, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "eth_chainId"},
        [],
    ],
)
async def test_what_is_no_request_is_an_invalid_one(door: Open, body: object) -> None:
    code, _ = await door.refuses(body)

    assert (code, door.chain.asked) == (-32600, [])


async def test_parameters_by_name_are_refused(door: Open) -> None:
    code, _ = await door.refuses(call(params={"address": "0x"}))

    assert code == -32602


@pytest.mark.parametrize(
    "method",
    [
        "eth_sendTransaction",
        "eth_sign",
        "eth_signTransaction",
        "personal_unlockAccount",
        "anvil_setBalance",
        "evm_mine",
        "hardhat_setCode",
        "debug_traceTransaction",
        "admin_peers",
        "ETH_CHAINID",
        "eth_chainId ",
        "__class__",
        "",
    ],
)
async def test_a_method_that_is_not_on_the_list_does_not_exist(door: Open, method: str) -> None:
    code, _ = await door.refuses(call(method))

    assert (code, door.chain.asked) == (-32601, [])


def test_no_method_on_the_list_signs_or_changes_the_chain_by_decree() -> None:
    assert {method for method in METHODS if "send" in method.lower()} == {"eth_sendRawTransaction"}
    assert {method.partition("_")[0] for method in METHODS} == {"eth", "net", "web3"}
    assert not any("sign" in method.lower() for method in METHODS)


async def test_a_hostile_method_is_shown_as_harmless_text(door: Open) -> None:
    _, message = await door.refuses(call("\x1b[2J\u202e" + "<script>" * 1000))

    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 120


async def test_what_the_chain_refuses_is_told_with_its_data(door: Open) -> None:
    _, answer = await door.says(call("eth_call", identifier="x"))

    assert answer == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {"code": 3, "message": "execution reverted", "data": "0x1234"},
    }


async def test_a_fault_of_the_chain_is_told_without_its_insides(door: Open, caplog: pytest.LogCaptureFixture) -> None:
    assert await door.refuses(call("eth_gasPrice")) == (-32603, "the chain failed to answer; its log says why")
    assert "ZeroDivisionError" in caplog.text


async def test_a_batch_is_answered_in_its_order_and_faults_in_it_by_themselves(door: Open) -> None:
    status, answers = await door.says([call(identifier=7), 5, call("eth_sign", identifier=None), call(identifier="z")])

    assert status == 200
    assert [answer["id"] for answer in answers] == [7, None, None, "z"]
    assert ["error" in answer and answer["error"]["code"] for answer in answers] == [False, -32600, -32601, False]


async def test_a_batch_up_to_the_bound_is_answered(door: Open) -> None:
    _, answers = await door.says([call(identifier=index) for index in range(MAX_BATCH)])

    assert [answer["id"] for answer in answers] == list(range(MAX_BATCH))


async def test_a_batch_over_the_bound_is_refused_whole(door: Open) -> None:
    code, message = await door.refuses([call()] * (MAX_BATCH + 1))

    assert (code, door.chain.asked) == (-32600, [])
    assert message == "a batch has 1 to 1000 requests, not 1001"


async def test_notifications_are_carried_out_and_not_answered(door: Open) -> None:
    notification = {"jsonrpc": "2.0", "method": "eth_chainId"}

    assert await door.says([notification, notification]) == (204, None)
    assert door.chain.asked == ["eth_chainId"] * 2


def test_a_port_that_is_taken_is_told() -> None:
    with contextlib.closing(bound(0)) as first:
        first.listen()
        port = first.getsockname()[1]

        with pytest.raises(PortTakenError, match=f"cannot listen on 127.0.0.1 port {port}"):
            bound(port)
