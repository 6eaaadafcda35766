"""The EVM and its blocks: transactions run, blocks built on any block, calls tried, gas estimated. No clock here.

eth-tester sets the chain up (rules of Prague, genesis, proof of stake). py-evm's virtual machine is then driven
directly, since eth-tester takes 0.1 s a transaction and knows neither a pool nor a block on another parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from eth.abc import (
    BlockHeaderAPI,
    ComputationAPI,
    MiningChainAPI,
    ReceiptAPI,
    SignedTransactionAPI,
    StateAPI,
    VirtualMachineAPI,
)
from eth.exceptions import PyEVMError, Revert
from eth.vm.spoof import SpoofTransaction
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_keys.exceptions import BadSignature
from eth_tester import PyEVMBackend
from eth_typing import Address, BlockNumber
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from xwhep.devchain.documents import base_fee_wei
from xwhep.devchain.json_rpc import REVERTED, SERVER_ERROR, RpcError
from xwhep.devchain.reading import Message

GAS_LIMIT: Final = 30_000_000
#: how far an estimate may lie over what is needed, as geth has it (eth/gasestimator)
ESTIMATE_ERROR: Final = 0.015
#: gas that a call with value brings to whom it calls; it must be there, and comes back
CALL_STIPEND: Final = 2300
#: the selector of Error(string), which Solidity's `require` reverts with
_ERROR_STRING: Final = bytes.fromhex("08c379a0")
#: the latest rules that py-evm has know blobs, which nobody here can check
_BLOB_TYPE: Final = 3


class Builder:
    """A block that is being built."""

    def __init__(self, chain: MiningChainAPI, parent: BlockHeaderAPI, timestamp: int, mix: bytes) -> None:
        self._chain = chain
        self._header = _child(chain, parent, timestamp=timestamp, mix_hash=mix)
        self._vm: VirtualMachineAPI = chain.get_vm(self._header)
        # what each block does before its transactions, as EIP-2935 and EIP-4788 ask
        self._vm.block_preprocessing(self._vm.get_block())  # type: ignore[attr-defined] # since Cancun
        self._transactions: list[SignedTransactionAPI] = []
        self._receipts: list[ReceiptAPI] = []

    @property
    def base_fee_wei(self) -> int:
        """What each gas costs at least."""
        return base_fee_wei(self._header)

    def nonce(self, sender: bytes) -> int:
        """Return the nonce that a sender's next transaction must have."""
        return self._vm.state.get_nonce(Address(sender))

    def fits(self, transaction: SignedTransactionAPI) -> bool:
        """Tell whether there is gas enough left in the block."""
        return self._header.gas_used + transaction.gas <= self._header.gas_limit

    def add(self, transaction: SignedTransactionAPI) -> None:
        """Run a transaction; that a contract reverts it is no error.

        Raises:
            ValidationError: it is not valid here, and nothing has changed.
        """
        receipt, _ = self._vm.apply_transaction(self._header, transaction)
        self._header = self._vm.add_receipt_to_header(self._header, receipt)
        self._transactions.append(transaction)
        self._receipts.append(receipt)

    def seal(self) -> tuple[BlockHeaderAPI, list[SignedTransactionAPI], list[ReceiptAPI]]:
        """Return the block's header and what is in it."""
        block = self._vm.set_block_transactions_and_withdrawals(
            self._vm.get_block(), self._header, self._transactions, self._receipts
        )
        header = self._vm.mine_block(block).block.header
        self._chain.chaindb.persist_header(header)  # where the opcode BLOCKHASH and the next block look it up
        return header, self._transactions, self._receipts


class Evm:
    """The virtual machine; every block's state is kept, so that any block can be asked and built upon."""

    def __init__(self, fund: Iterable[bytes], fund_wei: int, timestamp: int) -> None:
        accounts = {one: {"balance": fund_wei, "nonce": 0, "code": b"", "storage": {}} for one in fund}
        parameters = PyEVMBackend.generate_genesis_params({"timestamp": timestamp, "gas_limit": GAS_LIMIT})
        self._chain: MiningChainAPI = PyEVMBackend(genesis_parameters=parameters, genesis_state=accounts).chain
        self.genesis = self._chain.get_canonical_head()

    @property
    def chain_id(self) -> int:
        """The chain's number, that of eth-tester's chains."""
        return self._chain.chain_id

    def builder(self, parent: BlockHeaderAPI, timestamp: int, mix: bytes) -> Builder:
        """Return the beginning of a block on `parent`; its time must be later."""
        return Builder(self._chain, parent, timestamp, mix)

    def next_base_fee_wei(self, parent: BlockHeaderAPI) -> int:
        """Return what each gas costs at least in the block after `parent`. Source: EIP-1559."""
        return base_fee_wei(_child(self._chain, parent))

    def state(self, header: BlockHeaderAPI) -> StateAPI:
        """Return the accounts as they are after a block; changes to them are not kept."""
        return self._chain.get_vm(header).state

    def decode(self, raw: bytes) -> SignedTransactionAPI:
        """Return a signed transaction whose signature is well formed and is for this chain.

        Raises:
            RpcError: it is none.
        """
        try:
            transaction = self._chain.get_vm(self.genesis).get_transaction_builder().decode(raw)
            transaction.validate()
            transaction.check_signature_validity()
            assert transaction.sender, "an address of 20 bytes"
        except (RLPException, PyEVMError, ValidationError, BadSignature, ValueError, TypeError, IndexError) as error:
            raise RpcError(SERVER_ERROR, "the transaction cannot be decoded, or its signature is not valid") from error
        if transaction.type_id == _BLOB_TYPE:
            raise RpcError(SERVER_ERROR, "transaction type not supported")
        if transaction.chain_id is None:
            raise RpcError(SERVER_ERROR, "only replay-protected (EIP-155) transactions allowed over RPC")
        if transaction.chain_id != self.chain_id:
            have = f"have {transaction.chain_id} want {self.chain_id}"
            raise RpcError(SERVER_ERROR, f"invalid chain id for signer: {have}")
        return transaction

    def needed_gas(self, transaction: SignedTransactionAPI) -> int:
        """Return the gas that a transaction takes before anything runs. Source: EIP-2028, EIP-2930, EIP-7623."""
        executor = self.state(self.genesis).get_transaction_executor()
        # the floor of the data's cost, as it is where nothing else was used
        floor: int = executor.calc_data_floor_gas(transaction, 0, 0)  # type: ignore[attr-defined] # of Prague only
        return max(transaction.intrinsic_gas, floor)

    def call(self, header: BlockHeaderAPI, message: Message) -> bytes:
        """Return what a call gives after a block, changing nothing.

        Raises:
            RpcError: the contract reverts (with its data), or the call cannot be made.
        """
        computation = self._tried(header, message, min(message.gas or GAS_LIMIT, GAS_LIMIT))
        _check(computation)
        return computation.output

    def estimate(self, header: BlockHeaderAPI, message: Message) -> int:
        """Return how much gas a transaction needs after a block, by trying less and less.

        Raises:
            RpcError: it fails with all the gas that there is.
        """
        high = min(message.gas or GAS_LIMIT, GAS_LIMIT)
        computation = self._tried(header, message, high)
        _check(computation)
        low = high - computation.get_gas_remaining() - 1  # what was used before refunds; less can never do
        enough = (low + 1 + CALL_STIPEND) * 64 // 63  # each inner call leaves a part behind (EIP-150)
        if enough < high and not self._tried(header, message, enough).is_error:
            high = enough
        while high - low > 1 and (high - low) / high > ESTIMATE_ERROR:
            middle = (high + low) // 2
            low, high = (middle, high) if self._tried(header, message, middle).is_error else (low, middle)
        return max(high, self.needed_gas(self._unsigned(self.state(header), message, high)))

    def _tried(self, header: BlockHeaderAPI, message: Message, gas: int) -> ComputationAPI:
        # gas is free in a trial, as in geth, so that an account without ether can ask
        state = self.state(header.copy(base_fee_per_gas=0))
        transaction = self._unsigned(state, message, gas)
        try:
            return state.apply_transaction(transaction)
        except ValidationError as error:
            if state.get_balance(Address(message.sender)) < message.value:
                raise RpcError(SERVER_ERROR, "insufficient funds for gas * price + value") from error
            if gas < self.needed_gas(transaction):
                raise RpcError(SERVER_ERROR, "intrinsic gas too low") from error
            raise RpcError(SERVER_ERROR, f"the transaction is not valid: {error}") from error

    def _unsigned(self, state: StateAPI, message: Message, gas: int) -> Any:
        sender = Address(message.sender)
        builder: Any = self._chain.get_vm(self.genesis).get_transaction_builder()  # its interface is Frontier's
        unsigned = builder.new_unsigned_dynamic_fee_transaction(
            chain_id=self.chain_id,
            nonce=state.get_nonce(sender),
            max_priority_fee_per_gas=0,
            max_fee_per_gas=0,
            gas=gas,
            to=Address(message.to),
            value=message.value,
            data=message.data,
            access_list=(),
        )
        return SpoofTransaction(unsigned, from_=sender)


def _child(chain: MiningChainAPI, parent: BlockHeaderAPI, **fields: Any) -> BlockHeaderAPI:
    rules = chain.get_vm_class_for_block_number(BlockNumber(parent.block_number + 1))
    return rules.create_header_from_parent(parent, gas_limit=parent.gas_limit, **fields)


def _check(computation: ComputationAPI) -> None:
    """Raise what a computation failed with, in geth's words."""
    if not computation.is_error:
        return
    if not isinstance(computation.error, Revert):
        raise RpcError(SERVER_ERROR, str(computation.error) or type(computation.error).__name__)
    data = computation.output
    reason = _reason(data)
    raise RpcError(REVERTED, f"execution reverted: {reason}" if reason else "execution reverted", "0x" + data.hex())


def _reason(data: bytes) -> str | None:
    if data[:4] != _ERROR_STRING:
        return None
    try:
        return str(decode(["string"], data[4:])[0])
    except DecodingError:
        return None
