"""What stands behind the door: one interface for every kind of chain."""

from __future__ import annotations

from typing import Any, Final, Protocol

#: what clients of a chain need to read it, to estimate, and to send what they signed themselves. Nothing that signs for
#: them, nothing that changes the chain by decree, nothing that looks into the node
METHODS: Final = frozenset(
    {
        "eth_accounts",
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_feeHistory",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getStorageAt",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
        "eth_sendRawTransaction",
        "eth_syncing",
        "net_version",
        "web3_clientVersion",
    }
)
#: what each address of `--fund` gets, in wei
FUND_WEI: Final = 100 * 10**18
#: seconds between two blocks
BLOCK_S: Final = 1.0


class Backend(Protocol):
    """A chain that answers the methods of `METHODS` as geth does, and makes a block each second by itself."""

    @property
    def name(self) -> str:
        """What people call it."""

    async def answer(self, method: str, params: list[Any]) -> Any:
        """Return a method's result, as JSON has it.

        Raises:
            RpcError: the chain refuses.
        """

    async def ended(self) -> None:
        """Wait while it works, which is for ever.

        Raises:
            DevelopmentChainError: it does not work any more.
        """
