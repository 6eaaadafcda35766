"""Blocks, transactions, receipts and logs as JSON documents. Source: Ethereum execution APIs, EIP-1474."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import rlp
from eth.abc import BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI
from eth_utils.crypto import keccak

_LEGACY, _ACCESS_LIST, _SET_CODE = 0, 1, 4  # EIP-2718 types; 2 is that of EIP-1559
_SUCCEEDED: Final = b"\x01"  # EIP-658

Document = dict[str, Any]


def text(data: bytes | None) -> str:
    """Return bytes as JSON has them; only headers of older rules lack a field."""
    assert data is not None
    return "0x" + data.hex()


def header_document(header: BlockHeaderAPI) -> Document:
    """Return a block without what is in it."""
    return {
        "number": hex(header.block_number),
        "hash": text(header.hash),
        "parentHash": text(header.parent_hash),
        "nonce": text(header.nonce),
        "sha3Uncles": text(header.uncles_hash),
        "logsBloom": text(header.bloom.to_bytes(256, "big")),
        "transactionsRoot": text(header.transaction_root),
        "stateRoot": text(header.state_root),
        "receiptsRoot": text(header.receipt_root),
        "miner": text(header.coinbase),
        "difficulty": hex(header.difficulty),
        "extraData": text(header.extra_data),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "mixHash": text(header.mix_hash),
        "baseFeePerGas": hex(base_fee_wei(header)),
        "withdrawalsRoot": text(header.withdrawals_root),
        "blobGasUsed": hex(header.blob_gas_used or 0),
        "excessBlobGas": hex(header.excess_blob_gas or 0),
        "parentBeaconBlockRoot": text(header.parent_beacon_block_root),
        "requestsHash": text(header.requests_hash),  # type: ignore[attr-defined] # of Prague only
        "uncles": [],
        "withdrawals": [],
    }


def base_fee_wei(header: BlockHeaderAPI) -> int:
    """Return what each gas costs at least in a block. Source: EIP-1559."""
    assert header.base_fee_per_gas is not None, "there are no blocks from before London here"
    return int(header.base_fee_per_gas)


def transaction_document(transaction: SignedTransactionAPI, base_fee_wei: int | None) -> Document:
    """Return a transaction; the price of its gas is known only in a block, where the base fee is."""
    kind = transaction.type_id or _LEGACY
    document: Document = {
        "type": hex(kind),
        "hash": text(transaction.hash),
        "nonce": hex(transaction.nonce),
        "from": text(transaction.sender),
        "to": text(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "gasPrice": hex(gas_price_wei(transaction, base_fee_wei)),
        "input": text(transaction.data),
        "chainId": hex(transaction.chain_id or 0),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        "v": hex(transaction.y_parity if kind else 35 + 2 * (transaction.chain_id or 0) + transaction.y_parity),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
    }
    if kind >= _ACCESS_LIST:
        document["yParity"] = hex(transaction.y_parity)
        document["accessList"] = [
            {"address": text(account), "storageKeys": [text(slot.to_bytes(32, "big")) for slot in slots]}
            for account, slots in transaction.access_list
        ]
    if kind > _ACCESS_LIST:
        document["maxFeePerGas"] = hex(transaction.max_fee_per_gas)
        document["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_per_gas)
    return document


def gas_price_wei(transaction: SignedTransactionAPI, base_fee_wei: int | None) -> int:
    """Return what each gas costs the sender, at most where the base fee is not known. Source: EIP-1559."""
    highest = int(transaction.max_fee_per_gas)
    return highest if base_fee_wei is None else min(highest, base_fee_wei + int(transaction.max_priority_fee_per_gas))


def receipt_document(transaction: Document, receipt: ReceiptAPI, gas_used: int, first_log: int) -> Document:
    """Return the receipt of a transaction, given as its document in a block; its logs are numbered from `first_log`."""
    where = {name: transaction[name] for name in ("blockHash", "blockNumber", "transactionIndex")}
    where["transactionHash"] = transaction["hash"]
    logs = [
        where
        | {
            "address": text(log.address),
            "topics": [text(topic.to_bytes(32, "big")) for topic in log.topics],
            "data": text(log.data),
            "logIndex": hex(first_log + index),
            "removed": False,
        }
        for index, log in enumerate(receipt.logs)
    ]
    return where | {
        "type": transaction["type"],
        "from": transaction["from"],
        "to": transaction["to"],
        "cumulativeGasUsed": hex(receipt.gas_used),
        "gasUsed": hex(gas_used),
        "effectiveGasPrice": transaction["gasPrice"],
        "contractAddress": None if transaction["to"] else _made_contract(transaction),
        "logs": logs,
        "logsBloom": text(receipt.bloom.to_bytes(256, "big")),
        "status": "0x1" if receipt.state_root == _SUCCEEDED else "0x0",
    }


def _made_contract(transaction: Document) -> str:
    """Return where a transaction puts its contract. Source: Ethereum Yellow Paper, 7 (contract creation)."""
    sender = bytes.fromhex(transaction["from"][2:])
    return text(keccak(rlp.encode([sender, int(transaction["nonce"], 16)]))[-20:])


def size_bytes(header: BlockHeaderAPI, transactions: Sequence[SignedTransactionAPI]) -> int:
    """Return about how large a block is when it travels."""
    return len(rlp.encode(header)) + sum(len(transaction.encode()) for transaction in transactions)
