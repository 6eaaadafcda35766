"""The pool of the chain on py-evm: whatever waits, a sender's nonces come in order and the best payer first."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import pytest
from eth.abc import SignedTransactionAPI
from hypothesis import given
from hypothesis import strategies as st

from xwhep.devchain.json_rpc import RpcError
from xwhep.devchain.pool import Account, Pool

RICH = Account(nonce=0, balance_wei=10**30)
NEEDED_GAS, GAS_LIMIT, BASE_FEE = 21_000, 30_000_000, 100


@dataclass(frozen=True)
class Waiting:
    """As much of a transaction as the pool looks at."""

    sender: bytes
    nonce: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    gas: int = NEEDED_GAS
    value: int = 0

    @property
    def hash(self) -> bytes:
        return repr(self).encode()


def signed(**fields: Any) -> SignedTransactionAPI:
    defaults: dict[str, Any] = {"sender": b"a", "nonce": 0, "max_fee_per_gas": 1000, "max_priority_fee_per_gas": 10}
    return cast("SignedTransactionAPI", Waiting(**(defaults | fields)))


def add(pool: Pool, transaction: SignedTransactionAPI, account: Account = RICH) -> None:
    pool.add(transaction, account, NEEDED_GAS, GAS_LIMIT)


transactions = st.builds(
    signed,
    sender=st.sampled_from([b"a", b"b", b"c"]),
    nonce=st.integers(0, 4),
    max_fee_per_gas=st.integers(50, 1000),
    max_priority_fee_per_gas=st.integers(0, 50),
)


@given(st.lists(transactions, max_size=20))
def test_a_block_takes_each_senders_nonces_in_order_and_whatever_pays(batch: list[SignedTransactionAPI]) -> None:
    pool, mined = Pool(), dict.fromkeys([b"a", b"b", b"c"], 0)
    for transaction in batch:
        with suppress(RpcError):  # that it is there already, or that another one is
            add(pool, transaction)
    for transaction in pool.ready(mined.__getitem__, BASE_FEE):
        assert transaction.nonce == mined[transaction.sender]
        assert transaction.max_fee_per_gas >= BASE_FEE
        mined[transaction.sender] += 1
    pool.forget_mined(mined.__getitem__)

    assert list(pool.ready(mined.__getitem__, BASE_FEE)) == []
    assert all(pool.get(one.hash) is None for one in batch if one.nonce < mined[one.sender])


@given(st.lists(st.integers(0, 800), min_size=1, max_size=8, unique=True))
def test_the_best_payer_comes_first(tips: list[int]) -> None:
    pool = Pool()
    for tip in tips:
        add(pool, signed(sender=b"%d" % tip, max_priority_fee_per_gas=tip))

    taken = [one.max_priority_fee_per_gas for one in pool.ready(lambda _: 0, BASE_FEE)]

    assert taken == sorted(tips, reverse=True)


@given(old=st.integers(1, 900), new=st.integers(1, 1100))
def test_a_replacement_pays_a_tenth_more_in_both_fees(old: int, new: int) -> None:
    pool = Pool()
    add(pool, signed(max_fee_per_gas=old, max_priority_fee_per_gas=old))
    better = signed(max_fee_per_gas=new, max_priority_fee_per_gas=new, value=1)

    if new > old and new * 100 >= old * 110:
        add(pool, better)
    else:
        with pytest.raises(RpcError, match="replacement transaction underpriced"):
            add(pool, better)

    assert len(list(pool.ready(lambda _: 0, 0))) == 1


@pytest.mark.parametrize(
    ("fields", "account", "why"),
    [
        ({"gas": GAS_LIMIT + 1}, RICH, "exceeds block gas limit"),
        ({"gas": NEEDED_GAS - 1}, RICH, "intrinsic gas too low: gas 20999, minimum needed 21000"),
        ({"max_priority_fee_per_gas": 1001}, RICH, "max priority fee per gas higher than max fee per gas"),
        ({"nonce": 1}, Account(3, 10**30), "nonce too low: next nonce 3, tx nonce 1"),
        (
            {"value": 1},
            Account(0, 21_000_000),
            r"insufficient funds for gas \* price \+ value: balance 21000000, tx cost 21000001, overshot 1",
        ),
    ],
)
def test_what_can_never_be_in_a_block_is_refused(fields: dict[str, int], account: Account, why: str) -> None:
    pool = Pool()

    with pytest.raises(RpcError, match=why):
        add(pool, signed(**fields), account)

    assert pool.get(signed(**fields).hash) is None


def test_the_next_nonce_counts_what_waits_without_a_gap() -> None:
    pool = Pool()
    for nonce in (0, 1, 3):
        add(pool, signed(nonce=nonce))

    assert pool.next_nonce(b"a", 0) == 2
    assert pool.next_nonce(b"nobody", 7) == 7
