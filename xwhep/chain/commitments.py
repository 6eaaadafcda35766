"""What binds a Task to all that was agreed: a digest that the hub stores and that anybody can make from the event."""

from __future__ import annotations

from xwhep.chain.values import Address, SubmittedTask


def commitment_of(task: SubmittedTask, *, chain_id: int, hub: Address) -> bytes:
    """Return the commitment of a Task, from all that its event says but the commitment itself.

    Source: `_commitment` in contracts/src/TaskHub.sol; each value is a word of 32 bytes (Contract ABI Specification,
    "Formal Specification of the Encoding").
    """
    from eth_utils.crypto import keccak  # slow to load

    words = (
        _number(chain_id),
        _address(hub),
        _number(task.id),
        _address(task.requester),
        _number(task.app),
        keccak(task.params),
        _number(task.price),
        _number(task.deadline),
        _address(task.callback),
        _number(task.callback_gas),
    )
    return keccak(b"".join(words))


def _number(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _address(address: Address) -> bytes:
    return bytes.fromhex(address.removeprefix("0x")).rjust(32, b"\0")
