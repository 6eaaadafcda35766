// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ITaskHub} from "./ITaskHub.sol";
import {Task} from "./Task.sol";

/// @title The words of a text, counted by a native app of the grid.
/// @notice The order is the text. Like every native app, this one takes abi.encode(string[] argv, bytes stdin) and gives
/// its standard output.
contract WordcountTask is Task {
    /// @notice The fewest bytes of a text.
    uint256 public constant MIN_TEXT = 1;
    /// @notice The most bytes of a text.
    uint256 public constant MAX_TEXT = 2048;

    /// @notice The grid has counted.
    event WordsCounted(uint256 indexed id, address indexed requester, string report);

    /// @notice An empty text, or one that is too long.
    error TextLength(uint256 length, uint256 minimum, uint256 maximum);

    constructor(ITaskHub hub_, uint256 app_) Task(hub_, app_) {}

    /// @inheritdoc Task
    function _params(bytes memory order) internal pure override returns (bytes memory) {
        uint256 length = order.length;
        require(length >= MIN_TEXT && length <= MAX_TEXT, TextLength(length, MIN_TEXT, MAX_TEXT));
        return abi.encode(new string[](0), order);
    }

    /// @inheritdoc Task
    function _onResult(uint256 id, ITaskHub.Status status, bytes calldata result) internal override {
        if (status == ITaskHub.Status.Done) emit WordsCounted(id, requesterOf[id], string(result));
    }
}
