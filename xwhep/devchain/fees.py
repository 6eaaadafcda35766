"""What gas cost lately, as `eth_feeHistory` tells it; pure. Source: EIP-1559, Ethereum execution APIs."""

from __future__ import annotations

from typing import Any, Final

from xwhep.devchain import reading
from xwhep.devchain.documents import Document, base_fee_wei
from xwhep.devchain.history import Block, History
from xwhep.devchain.json_rpc import INVALID_PARAMS, RpcError

#: what a block's maker is told to want
TIP_WEI: Final = 10**9
MAX_BLOCKS: Final = 1024
MAX_PERCENTILES: Final = 100


def fee_history(history: History, last: Block, next_base_fee_wei: int, count: Any, percentiles: Any) -> Document:
    """Return the fees of up to `count` blocks that end with `last`; both last arguments are as the request has them."""
    wanted = reading.at(0, reading.quantity, count)
    if not 1 <= wanted <= MAX_BLOCKS:
        raise RpcError(INVALID_PARAMS, f"invalid argument 0: 1 to {MAX_BLOCKS} blocks can be asked for")
    blocks = history.blocks[max(0, last.number + 1 - wanted) : last.number + 1]
    ranks = _ranks(percentiles or [])
    return {
        "oldestBlock": hex(blocks[0].number),
        "baseFeePerGas": [block.document["baseFeePerGas"] for block in blocks] + [hex(next_base_fee_wei)],
        "gasUsedRatio": [block.header.gas_used / block.header.gas_limit for block in blocks],
    } | ({"reward": [[hex(tip) for tip in _tips(block, ranks)] for block in blocks]} if ranks else {})


def _ranks(percentiles: Any) -> list[float]:
    is_list = isinstance(percentiles, list) and len(percentiles) <= MAX_PERCENTILES
    numbers = [one for one in percentiles if isinstance(one, int | float)] if is_list else []
    if not is_list or len(numbers) != len(percentiles) or numbers != sorted(numbers):
        raise RpcError(INVALID_PARAMS, "invalid argument 2: percentiles are numbers in growing order")
    if any(not 0 <= number <= 100 for number in numbers):
        raise RpcError(INVALID_PARAMS, "invalid argument 2: a percentile lies between 0 and 100")
    return numbers


def _tips(block: Block, ranks: list[float]) -> list[int]:
    """Return the tips at these percentiles of the block's gas; zeros for an empty block."""
    base_fee = base_fee_wei(block.header)
    paid = sorted(
        (int(receipt["effectiveGasPrice"], 16) - base_fee, int(receipt["gasUsed"], 16)) for receipt in block.receipts
    )
    return [_tip_at(paid, rank / 100 * block.header.gas_used) for rank in ranks]


def _tip_at(paid: list[tuple[int, int]], gas: float) -> int:
    used = 0
    for tip, gas_used in paid:
        used += gas_used
        if used >= gas:
            return tip
    return paid[-1][0] if paid else 0
