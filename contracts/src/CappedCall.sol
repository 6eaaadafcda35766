// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Calls of strangers' contracts that can do the caller no harm.
library CappedCall {
    /// @notice The call could not get the gas that was promised to it; send the transaction with more.
    error NotEnoughGas(uint256 available, uint256 needed);

    /// @dev What calling a cold account (2,600 gas, EIP-2929) and telling its failure (1,756) cost, and room to spare.
    uint256 private constant _RESERVE = 10_000;

    /// @notice Call `target` with exactly `gasLimit` gas and tell whether it succeeded. It can neither make the caller fail
    /// nor take more gas; nothing that it returns is copied, since copying is at the caller's expense.
    /// @dev A call hands on at most 63/64 of the gas that is left (EIP-150): whoever sends the transaction must not be
    /// able to starve the call, so this is checked before.
    function tryCall(address target, bytes memory message, uint256 gasLimit) internal returns (bool succeeded) {
        uint256 needed = (gasLimit * 64) / 63 + _RESERVE;
        uint256 available = gasleft();
        require(available >= needed, NotEnoughGas(available, needed));
        assembly ("memory-safe") {
            succeeded := call(gasLimit, target, 0, add(message, 0x20), mload(message), 0, 0)
        }
    }
}
