// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {ITaskHub} from "xwhep/ITaskHub.sol";
import {Task} from "xwhep/Task.sol";

contract PiTask is Task {
    mapping(address user => string digits) public piOf;

    error TooManyDigits(uint256 digits, uint256 maximum);

    constructor(ITaskHub hub_, uint256 app_) Task(hub_, app_) {}

    function _params(bytes memory order) internal pure override returns (bytes memory) {
        uint256 digits = abi.decode(order, (uint256));
        require(digits <= 30, TooManyDigits(digits, 30));
        string[] memory argv = new string[](1);
        argv[0] = Strings.toString(digits);
        return abi.encode(argv, "");
    }

    function _onResult(uint256 id, ITaskHub.Status status, bytes calldata result) internal override {
        if (status == ITaskHub.Status.Done) piOf[requesterOf[id]] = string(result);
    }
}
