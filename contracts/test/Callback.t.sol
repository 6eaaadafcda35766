// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CappedCall} from "../src/CappedCall.sol";
import {ITaskHub} from "../src/ITaskHub.sol";
import {Bomb, Burner, Listener, Meter, Reentrant, Witness} from "./Hostile.sol";
import {World} from "./Support.sol";

/// @title A callback hears the truth, and can do nothing to it.
contract CallbackTest is World {
    /// @dev Settle a task with this callback, which must fail and change nothing.
    function assertFailsHarmlessly(address callback) private {
        uint256 id = submit(believed, callback, 200_000);

        vm.expectEmit(address(hub));
        emit ITaskHub.CallbackFailed(id, callback);
        uint256 before = gasleft();
        finish(id);

        assertTrue(before - gasleft() < 350_000, "the callback took more than its gas");
        assertEq(status(id), ITaskHub.Status.Done);
        assertEq(hub.credit(provider), PRICE);
    }

    function test_it_hears_what_was_settled() public {
        Listener listener = new Listener();
        uint256 id = submit(believed, address(listener), 200_000);
        finish(id);

        assertEq(listener.heard(), abi.encode(hub, id, ITaskHub.Status.Done, RESULT));
    }

    function test_it_hears_why_a_task_failed() public {
        Listener listener = new Listener();
        uint256 id = submit(believed, address(listener), 200_000);
        finish(id, ITaskHub.Status.Failed, "too-hard");

        assertEq(listener.heard(), abi.encode(hub, id, ITaskHub.Status.Failed, bytes("too-hard")));
    }

    function test_it_hears_what_was_proven() public {
        Listener listener = new Listener();
        uint256 id = submit(proven, address(listener), 200_000);
        prove(id);

        assertEq(listener.heard(), abi.encode(hub, id, ITaskHub.Status.Done, PROOF));
    }

    function test_it_does_not_hear_of_a_refund() public {
        Listener listener = new Listener();
        uint256 id = submit(believed, address(listener), 200_000);
        vm.warp(DEADLINE + 1);
        hub.refund(id);

        assertEq(listener.heard(), "");
    }

    function test_it_sees_the_task_settled_already() public {
        Witness witness = new Witness(provider);
        finish(submit(believed, address(witness), 200_000));

        assertEq(witness.seen(), ITaskHub.Status.Done);
        assertEq(witness.creditSeen(), PRICE);
        assertEq(witness.escrowSeen(), 0);
    }

    function test_it_may_burn_its_gas() public {
        assertFailsHarmlessly(address(new Burner()));
    }

    function test_it_may_revert_with_100_kilobytes() public {
        assertFailsHarmlessly(address(new Bomb(true)));
    }

    function test_it_may_return_100_kilobytes() public {
        uint256 id = submit(believed, address(new Bomb(false)), 200_000);
        uint256 before = gasleft();
        finish(id);

        assertTrue(before - gasleft() < 200_000, "somebody paid for a copy");
        assertEq(status(id), ITaskHub.Status.Done);
    }

    function test_it_may_know_no_such_function() public {
        assertFailsHarmlessly(address(verifier));
    }

    function test_it_may_be_nobody() public {
        uint256 id = submit(believed, stranger, 0);
        finish(id);

        assertEq(status(id), ITaskHub.Status.Done);
    }

    function test_it_cannot_enter_the_hub_by_any_door() public {
        Reentrant intruder = new Reentrant();
        vm.prank(admin);
        hub.grantRole(keccak256("ORACLE_ROLE"), address(intruder));
        uint256 id = submit(believed, address(intruder), 200_000);
        finish(id);

        assertEq(intruder.refusals(), 5);
        assertEq(status(id), ITaskHub.Status.Done);
        assertEq(hub.credit(provider), PRICE);
    }

    function test_the_hub_opens_again_after_a_callback_failed() public {
        assertFailsHarmlessly(address(new Burner()));
        hub.withdraw(provider);
        submit(believed);
    }

    function testFuzz_it_gets_all_the_gas_it_was_promised_or_nothing_happens(uint256 gas_, uint32 callbackGas) public {
        Meter meter = new Meter();
        callbackGas = uint32(bound(callbackGas, 30_000, 200_000));
        finish(submit(believed, address(meter), callbackGas), ITaskHub.Status.Failed, "");
        uint256 whole = meter.gasAtStart();
        uint256 id = submit(believed, address(meter), callbackGas);
        gas_ = bound(gas_, callbackGas + 20_000, callbackGas + 80_000); // what settling itself costs lies in between
        vm.cool(address(meter)); // as in a transaction of its own, where the callback's code was not read yet

        vm.prank(oracle);
        try hub.finish{gas: gas_}(id, commitments[id], ITaskHub.Status.Failed, "", 0) {
            assertEq(meter.gasAtStart(), whole);
            assertEq(status(id), ITaskHub.Status.Failed);
        } catch {
            assertEq(status(id), ITaskHub.Status.Pending);
        }
    }

    function test_too_little_gas_is_said() public {
        uint256 id = submit(believed, address(new Listener()), 200_000);

        vm.prank(oracle);
        try hub.finish{gas: 250_000}(id, commitments[id], ITaskHub.Status.Done, RESULT, DIGEST) {
            revert("finished with too little gas");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(CappedCall.NotEnoughGas.selector));
        }
    }
}
