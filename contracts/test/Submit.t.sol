// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {ITaskHub} from "../src/ITaskHub.sol";
import {TaskHub} from "../src/TaskHub.sol";
import {Greedy, Hooked, Refusing} from "./Hostile.sol";
import {World} from "./Support.sol";

/// @title What a task must be before any money moves, and what is kept of it.
contract SubmitTest is World {
    function commitment(uint256 id, address requester, uint256 app, bytes memory params, address callback, uint32 gas_)
        private
        view
        returns (bytes32)
    {
        bytes32 digest = keccak256(params);
        return
            keccak256(
                abi.encode(block.chainid, hub, id, requester, app, digest, uint256(PRICE), DEADLINE, callback, gas_)
            );
    }

    function testFuzz_a_task_is_kept_and_told_as_it_was_submitted(
        bytes calldata params,
        address requester,
        address callback,
        uint32 callbackGas,
        bool isProven
    ) public {
        vm.assume(requester != address(0) && requester != address(hub) && requester != address(rlc));
        vm.assume(callback != address(hub) && callback != address(rlc));
        callbackGas = uint32(bound(callbackGas, 0, 200_000));
        uint256 app = isProven ? proven : believed;
        bytes32 expected = commitment(1, requester, app, params, callback, callbackGas);

        vm.expectEmit(address(hub));
        emit ITaskHub.TaskSubmitted(1, requester, app, params, PRICE, DEADLINE, callback, callbackGas, expected);
        vm.prank(user);
        uint256 id = hub.submit(app, params, requester, callback, callbackGas, DEADLINE);

        ITaskHub.Task memory kept = ITaskHub.Task({
            commitment: expected,
            requester: requester,
            deadline: DEADLINE,
            status: ITaskHub.Status.Pending,
            callback: callback,
            callbackGas: callbackGas,
            app: uint64(app),
            resultHash: 0
        });
        assertEq(id, 1);
        assertEq(hub.taskCount(), 1);
        assertEq(abi.encode(hub.tasks(id)), abi.encode(kept));
    }

    function test_the_payer_pays_exactly_the_price_into_escrow() public {
        submit(believed);
        submit(proven);

        assertEq(rlc.balanceOf(user), 1000e9 - 2 * PRICE);
        assertEq(rlc.balanceOf(address(hub)), 2 * PRICE);
        assertEq(hub.escrowed(), 2 * PRICE);
    }

    function test_two_equal_tasks_have_two_numbers_and_two_commitments() public {
        (uint256 first, uint256 second) = (submit(believed), submit(believed));

        assertEq(first + 1, second);
        assertTrue(hub.tasks(first).commitment != hub.tasks(second).commitment, "one commitment for two tasks");
    }

    function test_an_app_for_nothing_moves_no_money() public {
        vm.prank(admin);
        uint256 gratis = hub.registerApp(provider, 0, address(0));
        vm.prank(stranger);
        uint256 id = hub.submit(gratis, PARAMS, stranger, address(0), 0, DEADLINE);
        finish(id);

        assertEq(rlc.balanceOf(address(hub)), 0);
        expectError(ITaskHub.NothingToWithdraw.selector, abi.encode(provider));
        hub.withdraw(provider);
    }

    function test_who_has_not_approved_cannot_submit() public {
        rlc.transfer(stranger, PRICE);

        expectError(
            IERC20Errors.ERC20InsufficientAllowance.selector, abi.encode(address(hub), uint256(0), uint256(PRICE))
        );
        vm.prank(stranger);
        hub.submit(believed, PARAMS, stranger, address(0), 0, DEADLINE);
        assertEq(hub.taskCount(), 0);
    }

    function test_an_unknown_app_is_refused() public {
        uint256[3] memory unknown = [0, proven + 1, believed + 2 ** 64];
        for (uint256 i; i < unknown.length; ++i) {
            expectError(ITaskHub.UnknownApp.selector, abi.encode(unknown[i]));
            vm.prank(user);
            hub.submit(unknown[i], PARAMS, user, address(0), 0, DEADLINE);
        }
    }

    function testFuzz_parameters_may_have_4096_bytes(uint256 size) public {
        size = bound(size, 4000, 4200);
        if (size > 4096) expectError(ITaskHub.ParamsTooLong.selector, abi.encode(size, uint256(4096)));
        vm.prank(user);
        hub.submit(believed, new bytes(size), user, address(0), 0, DEADLINE);
    }

    function testFuzz_a_deadline_is_60_seconds_to_30_days_ahead(uint64 deadline) public {
        deadline = uint64(bound(deadline, 0, 2 * (NOW + 30 days)));
        submitUntil(deadline);
    }

    function test_the_deadlines_at_both_ends() public {
        submitUntil(uint64(NOW + 59));
        submitUntil(uint64(NOW + 60));
        submitUntil(uint64(NOW + 30 days));
        submitUntil(uint64(NOW + 30 days + 1));
        submitUntil(0);
        submitUntil(type(uint64).max);
    }

    function submitUntil(uint64 deadline) private {
        (uint256 earliest, uint256 latest) = (NOW + 60, NOW + 30 days);
        if (deadline < earliest || deadline > latest) {
            expectError(ITaskHub.DeadlineOutOfRange.selector, abi.encode(deadline, earliest, latest));
        }
        vm.prank(user);
        hub.submit(believed, PARAMS, user, address(0), 0, deadline);
    }

    function test_nobody_requests_who_could_not_be_paid_back() public {
        address[3] memory nobody = [address(0), address(hub), address(rlc)];
        for (uint256 i; i < nobody.length; ++i) {
            expectError(ITaskHub.InvalidRequester.selector, abi.encode(nobody[i]));
            vm.prank(user);
            hub.submit(believed, PARAMS, nobody[i], address(0), 0, DEADLINE);
        }
    }

    function test_neither_hub_nor_token_is_called_back() public {
        address[2] memory ours = [address(hub), address(rlc)];
        for (uint256 i; i < ours.length; ++i) {
            expectError(ITaskHub.InvalidCallback.selector, abi.encode(ours[i]));
            vm.prank(user);
            hub.submit(believed, PARAMS, user, ours[i], 1, DEADLINE);
        }
    }

    function test_a_callback_may_ask_for_200000_gas() public {
        submit(believed, stranger, 200_000);

        expectError(ITaskHub.CallbackGasTooHigh.selector, abi.encode(uint256(200_001), uint256(200_000)));
        vm.prank(user);
        hub.submit(believed, PARAMS, user, stranger, 200_001, DEADLINE);
    }

    function test_a_token_that_keeps_a_fee_is_refused() public {
        TaskHub foreign = new TaskHub(new Greedy(), admin, oracle);
        vm.prank(admin);
        foreign.registerApp(provider, 100, address(0));

        expectError(ITaskHub.WrongAmountReceived.selector, abi.encode(uint256(99), uint256(100)));
        foreign.submit(1, PARAMS, user, address(0), 0, DEADLINE);
    }

    function test_a_token_that_says_no_is_believed() public {
        Refusing token = new Refusing();
        TaskHub foreign = new TaskHub(token, admin, oracle);
        vm.prank(admin);
        foreign.registerApp(provider, 100, address(0));

        vm.expectRevert(abi.encodeWithSignature("SafeERC20FailedOperation(address)", token));
        foreign.submit(1, PARAMS, user, address(0), 0, DEADLINE);
    }

    function test_a_token_with_hooks_cannot_enter_the_hub_while_it_takes_a_task() public {
        Hooked token = new Hooked();
        TaskHub foreign = new TaskHub(token, admin, oracle);
        vm.prank(admin);
        foreign.registerApp(provider, 100, address(0));
        token.hook(foreign);
        token.approve(address(foreign), 100);

        foreign.submit(1, PARAMS, address(this), address(0), 0, DEADLINE);

        assertEq(token.refusals(), 5);
        assertEq(foreign.taskCount(), 1);
        assertEq(foreign.escrowed(), 100);
    }
}
