"""Which nonce a transaction of the oracle gets, and when a task may be sent once more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oracle.settlement.fees import FeePolicy, Price, raised
from xwhep.chain.values import Fees

#: nonces that a task may use up, at most; what is refused so often is refused for good
MAX_ATTEMPTS: Final = 10
#: seconds before the second attempt; doubled for each further one, up to a limit
PAUSE_S: Final = 10
LONGEST_PAUSE_S: Final = 600


@dataclass(frozen=True, slots=True)
class SigningTerms:
    """What holds at the node when a transaction is signed."""

    mined: int  #: the account's first nonce that is in no block
    fees: Fees
    policy: FeePolicy
    price: Price  #: what a first transaction offers


def place(offers: Mapping[int, Price | None], terms: SigningTerms) -> tuple[int, Price]:
    """Return the first nonce that is not in use, and the price to offer there.

    `offers` has the price of each open nonce's newest transaction, and None for a nonce that is in use.
    """
    nonce = terms.mined
    while nonce in offers:
        offer = offers[nonce]
        if offer is not None and (price := raised(offer, terms.fees, terms.policy)):
            return nonce, price
        nonce += 1
    return nonce, terms.price


def attempt_pause_s(attempts: int) -> int:
    """Return how many seconds after so many attempts the next may be made."""
    return min(PAUSE_S * 2 ** (attempts - 1), LONGEST_PAUSE_S) if attempts else 0
