// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ITaskHub} from "../src/ITaskHub.sol";
import {Orders} from "./Orders.sol";
import {PiTask} from "./PiTask.sol";

/// @title The dapp of docs/how-to/write-a-dapp.md does what that page says.
contract PiTaskTest is Orders {
    PiTask private dapp;

    function setUp() public override {
        super.setUp();
        dapp = new PiTask(hub, believed);
    }

    function test_a_user_finds_the_digits_in_the_dapp() public {
        orderAtOnce(address(dapp), abi.encode(uint256(5)));
        finish(1, ITaskHub.Status.Done, "3.1415");

        assertEq(bytes(dapp.piOf(user)), "3.1415");
    }

    function test_the_longest_answer_fits_into_the_callback() public {
        orderAtOnce(address(dapp), abi.encode(uint256(30)));
        finish(1, ITaskHub.Status.Done, "3.14159265358979323846264338327");

        assertEq(bytes(dapp.piOf(user)), "3.14159265358979323846264338327");
    }

    function test_the_app_gets_the_number_as_its_argument() public {
        string[] memory argv = new string[](1);
        argv[0] = "30";
        orderAtOnce(address(dapp), abi.encode(uint256(30)));

        bytes32 params = keccak256(abi.encode(argv, ""));
        bytes32 commitment = keccak256(
            abi.encode(block.chainid, hub, 1, user, believed, params, uint256(PRICE), DEADLINE, dapp, 100_000)
        );
        assertEq(hub.tasks(1).commitment, commitment);
    }

    function test_too_many_digits_are_refused_before_money_moves() public {
        expectError(PiTask.TooManyDigits.selector, abi.encode(uint256(31), uint256(30)));
        orderAtOnce(address(dapp), abi.encode(uint256(31)));

        assertEq(rlc.balanceOf(user), 1000e9);
    }
}
