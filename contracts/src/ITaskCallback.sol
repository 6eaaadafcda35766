// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ITaskHub} from "./ITaskHub.sol";

/// @title A contract that is told how a task ended.
interface ITaskCallback {
    /// @notice Hear that a task is Done (`result` is its result) or Failed (`result` is a reason code).
    /// @dev Check that the sender is the hub and that the task is your own: anybody can submit a task that names you. The
    /// task is settled whatever happens here; what is returned is not read.
    function onResult(uint256 id, ITaskHub.Status status, bytes calldata result) external;
}
