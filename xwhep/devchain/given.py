"""A chain that runs already: nothing is started, its node is only looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from xwhep.chain.replies import quantity
from xwhep.chain.transport import RefusalError, open_wire

ANSWER_S: Final = 20.0
#: a node's name for itself may hold anything: what is shown of it
CLIENT_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True)
class GivenChain:
    """What a node says of itself."""

    url: str  #: fit to be shown
    chain_id: int
    client: str


async def look_at(url: str) -> GivenChain:
    """Ask a node for its chain.

    Raises:
        InvalidFieldError: this is no URL of a node.
        NodeUnavailableError: it cannot be reached, or does not answer as a node.
    """
    async with open_wire(url, ANSWER_S) as wire:
        try:
            chain_id = quantity(await wire.ask("eth_chainId"))
            client = str(await wire.ask("web3_clientVersion"))
        except (RefusalError, ValueError) as error:
            raise wire.useless("it does not say which chain it serves, or by what program") from error
    return GivenChain(wire.url, chain_id, re.sub(r"[^ -~]", "?", client)[:CLIENT_CHARACTERS])
