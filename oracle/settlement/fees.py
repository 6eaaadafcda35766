"""What the oracle offers for gas: enough for the next blocks, raised step by step, and never above a cap.

Source: EIP-1559 (a block's base fee changes by an eighth at most; a transaction names the most it pays for each gas,
and the tip in it). Nodes take a second transaction of the same nonce only if it offers a tenth more of both (geth's
`txpool.pricebump`, 10 %); an eighth is on the safe side. All amounts are wei for each gas. This module is pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from xwhep.chain.values import Fees


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """How much the oracle pays, and how soon it pays more."""

    cap_wei: int  #: no gas is paid more, tip included
    raise_after_s: int = 45  #: a transaction that is in no block for so long offers more


@dataclass(frozen=True, slots=True)
class Price:
    """What a transaction offers."""

    max_fee_wei: int  #: at most, tip included
    tip_wei: int


def offer(fees: Fees, policy: FeePolicy) -> Price | None:
    """Return the first offer of a transaction; None when the chain asks for more than the cap.

    Twice the base fee is enough for five blocks each of which is full.
    """
    if fees.base_wei + fees.tip_wei > policy.cap_wei:
        return None
    return Price(min(2 * fees.base_wei + fees.tip_wei, policy.cap_wei), fees.tip_wei)


def raised(price: Price, fees: Fees, policy: FeePolicy) -> Price | None:
    """Return an offer that replaces an earlier one, and meets what is asked now; None when the cap forbids it."""
    least = Price(_step(price.max_fee_wei), _step(price.tip_wei))
    if least.max_fee_wei > policy.cap_wei:
        return None
    max_fee = min(max(least.max_fee_wei, 2 * fees.base_wei + fees.tip_wei), policy.cap_wei)
    return Price(max_fee, min(max(least.tip_wei, fees.tip_wei), max_fee))


def is_short(price: Price, fees: Fees) -> bool:
    """Tell whether an offer is less than what the next block asks."""
    return price.max_fee_wei < fees.base_wei + fees.tip_wei or price.tip_wei < fees.tip_wei


def _step(amount_wei: int) -> int:
    """Return the least amount that counts as more: an eighth more, rounded up, and never the same."""
    return max(-(-amount_wei * 9 // 8), amount_wei + 1)
