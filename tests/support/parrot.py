"""A contract that says what it is told to, in 51 bytes of the EVM's code: nothing has to be compiled for it.

The first byte of the call's data says how, the rest is what: 0 logs it (32 bytes of topic, then data), 1 reverts with
it, 2 returns it.
"""

from __future__ import annotations

from typing import Final

_CODE: Final = bytes.fromhex(
    "3660019003"  # n = CALLDATASIZE - 1
    "806001600037"  # CALLDATACOPY(memory 0, from 1, n)
    "60003560f81c"  # how = CALLDATALOAD(0) >> 248
    "80600114602a57"  # if how == 1 goto revert
    "600214602f57"  # if how == 2 goto return
    "60005190"  # topic = MLOAD(0)
    "60209003"  # n - 32
    "6020a100"  # LOG1(memory 32, n - 32, topic); STOP
    "5b506000fd"  # revert: REVERT(memory 0, n)
    "5b6000f3"  # return: RETURN(memory 0, n)
)
#: what a transaction that makes the contract carries: CODECOPY(memory 0, from 11, 51); RETURN(memory 0, 51)
CREATION: Final = bytes.fromhex("603380600b6000396000f3") + _CODE


def log(topic: bytes, data: bytes) -> bytes:
    """Return the data of a call that logs."""
    return b"\0" + topic.rjust(32, b"\0") + data


def revert(data: bytes) -> bytes:
    """Return the data of a call that reverts."""
    return b"\1" + data


def give(data: bytes) -> bytes:
    """Return the data of a call that returns."""
    return b"\2" + data
