"""Tasks as the ledger has them, for tests without a chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from oracle.ledger.tables import Task
from oracle.settlement.requests import OracleTerms, Service, Subject
from xwhep.chain.parameters import (
    NativeParameters,
    VanityParameters,
    encode_native_parameters,
    encode_vanity_parameters,
)
from xwhep.chain.values import NOBODY
from xwhep.lifecycle import BatchStatus
from xwhep.protocol.batches import BatchView
from xwhep.secp256k1 import decode
from xwhep.vanity.split_key import keygen

REQUESTER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
VANITY, NATIVE, UNKNOWN = 1, 2, 3
APP_UID = UUID("0190f3c2-8a4e-7b1d-9c3f-2e5d6a7b8c9d")
SUBJECT = Subject(31337, b"\x01" * 32, "0x" + "ab" * 20, 5)
TERMS = OracleTerms(SUBJECT, {VANITY: Service("vanity", None), NATIVE: Service("wordcount", APP_UID)}, 1e12)

#: 2G, a point of secp256k1 (SEC 2, 2.4.1)
PUBLIC_KEY = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
START = datetime(2026, 1, 1, tzinfo=UTC)


def a_task(number: int = 7, **columns: Any) -> Task:
    """Return a task that was seen in block 5 and ends in an hour."""
    values: dict[str, Any] = {
        "id": number,
        "commitment": sha256(number.to_bytes(32, "big")).digest(),
        "requester": REQUESTER,
        "app": NATIVE,
        "params": native(),
        "price": 10**9,
        "deadline": 1_003_600,
        "callback": NOBODY,
        "callback_gas": 0,
        "submitted_block": 5,
        "submitted_hash": b"\x05" * 32,
        "transaction_hash": b"\x06" * 32,
        "changed_at": 1_000_000,
    }
    return Task(**values | columns)


def a_search(claimed: Mapping[str, object] | None) -> BatchView:
    """Return the batch of a search that ended, as a grid tells of it, whatever it claims to have found."""
    details: Any = {"patterns": ["1L"], "public_key": PUBLIC_KEY, "difficulty": 22, "keys_tried": 30}
    details |= {"keys_per_s": 0, "hosts": 0, "result": claimed if claimed is None else {"address": "", **claimed}}
    return BatchView(
        uid=APP_UID,
        owner_uid=APP_UID,
        name="task-7",
        kind="search",
        status=BatchStatus.COMPLETED,
        submitted_at=START,
        ended_at=START,
        jobs={},
        details=details,
    )


def native(*argv: str, stdin: bytes = b"one two three") -> bytes:
    """Return a native app's parameters."""
    return encode_native_parameters(NativeParameters(argv, stdin))


def vanity(pattern: str = "1Lo", public_key: bytes | None = None) -> bytes:
    """Return a search's parameters, for a fresh key unless one is given."""
    x, y = decode(public_key or keygen()[1])
    return encode_vanity_parameters(VanityParameters(0, pattern, x, y))
