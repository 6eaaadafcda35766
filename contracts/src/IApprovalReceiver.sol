// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A contract that can be approved and called in one transaction.
interface IApprovalReceiver {
    /// @notice Hear that `from` has approved `value` of `token`; only the token says so.
    /// @param data whatever `from` wants to say
    function receiveApproval(address from, uint256 value, address token, bytes calldata data) external;
}
