"""Bodies of JSON-RPC: whatever comes, it is read, or refused with a code of the specification."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from xwhep.devchain.json_rpc import Fault, Request, RpcError, failure, parse, result

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))
likely = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0", 2]),
        "id": scalars,
        "method": scalars | st.just("eth_call"),
        "params": values,
    },
)
requests = st.builds(
    Request,
    id=st.none() | st.integers() | st.text(max_size=8),
    method=st.text(max_size=8),
    params=st.lists(st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=3),
)


def codes(body: bytes) -> set[int]:
    """Return the codes that a body is refused with, each answer written as JSON."""
    try:
        entries = parse(body).entries
    except RpcError as error:
        return {json.loads(json.dumps(failure(None, error), allow_nan=False))["error"]["code"]}
    faults = [entry for entry in entries if isinstance(entry, Fault)]
    return {json.loads(json.dumps(failure(one.id, one.error), allow_nan=False))["error"]["code"] for one in faults}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert codes(body) <= {-32700, -32600, -32602}


@given(values | likely | st.lists(likely, max_size=3))
def test_any_json_is_read_or_refused(body: Any) -> None:
    assert codes(json.dumps(body).encode()) <= {-32700, -32600, -32602}


@given(st.lists(requests, min_size=1, max_size=5))
def test_a_batch_is_read_as_it_was_written(batch: list[Request]) -> None:
    written = [{"jsonrpc": "2.0", "id": one.id, "method": one.method, "params": one.params} for one in batch]

    body = parse(json.dumps(written).encode())

    assert (body.is_batch, body.entries) == (True, batch)
    assert [result(one, None)["id"] for one in batch] == [one.id for one in batch]
