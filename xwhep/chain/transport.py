"""The wire to one JSON-RPC node: requests with a time limit, replies with a bound, every failure an error of ours.

A node is a foreign machine: it may be away, slow, or answer rubbish without end. It is never followed to another place.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
from pydantic_core import from_json
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint, RPCResponse

from xwhep.chain.urls import parse_url, shown
from xwhep.errors.chain import NodeUnavailableError

#: the longest reply that is read: the events of some thousand blocks
MAX_REPLY_BYTES: Final = 32 * 1024 * 1024
_MAX_MESSAGE: Final = 300  #: characters of what a node says
#: statuses that say nothing about the request: too many, or trouble behind the door
_TRY_LATER: Final = frozenset({408, 425, 429, *range(500, 600)})


class RefusalError(Exception):
    """The node understood the request and refused it; never leaves this package."""

    def __init__(self, code: int, message: str, data: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class _Provider(AsyncHTTPProvider):
    """The library's provider on a session of ours, which reads no more than a bound.

    The library parses with `json`, and what it loads raises the interpreter's recursion limit so far that a reply of
    brackets alone would overflow the stack and end the process; `from_json` knows its own limit.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        super().__init__(url)
        self._session = session

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Return the reply.

        Raises:
            ValueError: it is no JSON, or too long, or says to come later.
        """
        request = self.encode_rpc_request(method, params)
        headers = self.get_request_headers()
        async with self._session.post(
            str(self.endpoint_uri), data=request, headers=headers, allow_redirects=False
        ) as reply:
            if reply.status in _TRY_LATER:
                raise ValueError(f"it answers with HTTP status {reply.status}")
            text = await _read(reply.content)
        try:
            return from_json(text)  # type: ignore[no-any-return] # looked at by who asked
        except ValueError as error:
            raise ValueError(f"it answers no JSON (HTTP status {reply.status})") from error


async def _read(content: aiohttp.StreamReader) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in content.iter_chunked(64 * 1024):
        size += len(part)
        if size > MAX_REPLY_BYTES:
            raise ValueError(f"its answer is longer than {MAX_REPLY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


class Wire:
    """Requests to one node."""

    def __init__(self, url: str, provider: AsyncHTTPProvider) -> None:
        self.url = shown(url)  #: fit to be shown
        self._provider = provider

    def useless(self, why: str) -> NodeUnavailableError:
        """Return the error for a node that is of no use."""
        return NodeUnavailableError(self.url, why)

    async def ask(self, method: str, *params: Any) -> Any:
        """Return the result of a request, as the JSON that it is.

        Raises:
            NodeUnavailableError: there is no answer, or it is none of JSON-RPC.
            RefusalError: the answer is an error.
        """
        try:
            reply: object = await self._provider.make_request(RPCEndpoint(method), params)
        except TimeoutError as error:
            raise self.useless("it does not answer in time") from error
        except aiohttp.ClientConnectionError as error:
            raise self.useless(f"no connection ({_reason(error)})") from error
        except aiohttp.ClientError as error:
            raise self.useless("it does not speak HTTP as expected") from error
        except ValueError as error:
            raise self.useless(str(error)) from error
        if isinstance(reply, dict) and reply.get("error") is not None:
            raise _refusal(reply["error"])
        if not isinstance(reply, dict) or "result" not in reply:
            raise self.useless("its answer is none of JSON-RPC")
        return reply["result"]


def _reason(error: aiohttp.ClientConnectionError) -> str:
    """Return why there is no connection; never the URL, which the library's texts repeat."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    return (getattr(cause, "strerror", None) or "it was closed").lower()


def _refusal(error: object) -> RefusalError:
    fields = error if isinstance(error, dict) else {"message": error}
    code = fields.get("code")
    return RefusalError(
        code if isinstance(code, int) else 0, str(fields.get("message"))[:_MAX_MESSAGE], fields.get("data")
    )


@contextlib.asynccontextmanager
async def open_wire(url: str, timeout_s: float) -> AsyncIterator[Wire]:
    """Yield the wire to a node; nothing is asked yet.

    Raises:
        InvalidFieldError: this is no URL of a node.
    """
    parse_url(url)
    limits = aiohttp.ClientTimeout(total=timeout_s)
    async with aiohttp.ClientSession(timeout=limits) as session:
        yield Wire(url, _Provider(url, session))
