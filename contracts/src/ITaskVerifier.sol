// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A judge of results, chosen for an app when it is registered.
interface ITaskVerifier {
    /// @notice Tell whether a result answers the parameters.
    /// @dev It is called before anything changes and cannot change anything itself. Whatever it does not tell apart,
    /// anybody can settle a task with.
    function verify(bytes calldata params, bytes calldata result) external view returns (bool);
}
