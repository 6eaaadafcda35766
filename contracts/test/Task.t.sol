// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {ITaskHub} from "../src/ITaskHub.sol";
import {Task} from "../src/Task.sol";
import {VanityTask} from "../src/VanityTask.sol";
import {Orders} from "./Orders.sol";

/// @title A dapp, paid in each of three ways.
contract TaskTest is Orders {
    /// @dev Check that the user has paid for task 1, which the dapp has launched, and that the dapp has kept nothing.
    function assertLaunched(Task dapp) private view {
        ITaskHub.Task memory task = hub.tasks(1);
        assertEq(task.status, ITaskHub.Status.Pending);
        assertEq(task.requester, user);
        assertEq(task.callback, address(dapp));
        assertEq(task.app, dapp.app());
        assertEq(dapp.requesterOf(1), user);
        assertEq(rlc.balanceOf(user), 1000e9 - PRICE);
        assertEq(rlc.balanceOf(address(dapp)), 0);
        assertEq(rlc.allowance(user, address(dapp)), 0);
        assertEq(hub.escrowed(), PRICE);
    }

    function expectLaunch(Task dapp, bytes memory params) private {
        bytes32 commitment = keccak256(
            abi.encode(
                block.chainid,
                address(hub),
                uint256(1),
                user,
                believed,
                keccak256(params),
                uint256(PRICE),
                DEADLINE,
                address(dapp),
                uint32(100_000)
            )
        );
        vm.expectEmit(address(hub));
        emit ITaskHub.TaskSubmitted(1, user, believed, params, PRICE, DEADLINE, address(dapp), 100_000, commitment);
        vm.expectEmit(address(dapp));
        emit Task.TaskRequested(1, user);
    }

    function test_a_user_approves_and_requests() public {
        vm.startPrank(user);
        rlc.approve(address(vanity), PRICE);
        expectLaunch(vanity, vanityParams());
        assertEq(vanity.request(order(), DEADLINE), 1);
        assertLaunched(vanity);
    }

    function test_a_user_approves_and_requests_by_the_typed_door() public {
        vm.startPrank(user);
        rlc.approve(address(vanity), PRICE);
        expectLaunch(vanity, vanityParams());
        assertEq(vanity.request(PATTERN, x, y, DEADLINE), 1);
        assertLaunched(vanity);
    }

    function test_a_user_approves_and_calls_at_once() public {
        expectLaunch(vanity, vanityParams());
        orderAtOnce(address(vanity), order());
        assertLaunched(vanity);
    }

    function test_a_user_signs_and_requests() public {
        (uint8 v, bytes32 r, bytes32 s) = signedPermit(address(vanity), PRICE);
        expectLaunch(vanity, vanityParams());
        vm.prank(user);
        vanity.requestWithPermit(order(), DEADLINE, PRICE, DEADLINE, v, r, s);
        assertLaunched(vanity);
    }

    function test_who_uses_a_signature_first_stops_nobody() public {
        (uint8 v, bytes32 r, bytes32 s) = signedPermit(address(vanity), PRICE);
        vm.prank(stranger);
        rlc.permit(user, address(vanity), PRICE, DEADLINE, v, r, s);

        vm.prank(user);
        vanity.requestWithPermit(order(), DEADLINE, PRICE, DEADLINE, v, r, s);
        assertLaunched(vanity);
    }

    function test_another_s_signature_pays_nothing() public {
        (uint8 v, bytes32 r, bytes32 s) = signedPermit(address(vanity), PRICE);

        bytes memory order_ = order();
        expectError(
            IERC20Errors.ERC20InsufficientAllowance.selector, abi.encode(address(vanity), uint256(0), uint256(PRICE))
        );
        vm.prank(stranger);
        vanity.requestWithPermit(order_, DEADLINE, PRICE, DEADLINE, v, r, s);
    }

    function test_only_the_token_says_that_it_was_approved() public {
        vm.prank(user);
        rlc.approve(address(vanity), PRICE);

        bytes memory data = abi.encode(order(), DEADLINE);
        expectError(Task.NotTheToken.selector, abi.encode(stranger));
        vm.prank(stranger);
        vanity.receiveApproval(user, PRICE, address(rlc), data);
    }

    function test_an_approval_below_the_price_buys_nothing() public {
        bytes memory data = abi.encode(order(), DEADLINE);
        expectError(
            IERC20Errors.ERC20InsufficientAllowance.selector,
            abi.encode(address(vanity), uint256(PRICE) - 1, uint256(PRICE))
        );
        vm.prank(user);
        rlc.approveAndCall(address(vanity), PRICE - 1, data);
    }

    function test_the_hub_s_refusal_reaches_the_user_and_the_money_stays() public {
        vm.startPrank(user);
        rlc.approve(address(vanity), PRICE);
        expectError(ITaskHub.DeadlineOutOfRange.selector, abi.encode(uint64(NOW), NOW + 60, NOW + 30 days));
        vanity.request(PATTERN, x, y, uint64(NOW));
        assertEq(rlc.balanceOf(user), 1000e9);
    }

    function test_only_the_hub_tells_a_result() public {
        orderAtOnce(address(vanity), order());

        expectError(Task.NotTheHub.selector, abi.encode(oracle));
        vm.prank(oracle);
        vanity.onResult(1, ITaskHub.Status.Done, RESULT);
    }

    function test_a_task_that_another_submitted_in_the_dapp_s_name_tells_it_nothing() public {
        uint256 id = submit(believed, address(vanity), 200_000);

        vm.expectEmit(address(hub));
        emit ITaskHub.CallbackFailed(id, address(vanity));
        finish(id, ITaskHub.Status.Done, abi.encode(uint256(1), uint8(0), false, x, y));
    }

    function test_only_the_hub_s_own_tasks_are_heard_of() public {
        expectError(Task.NotRequestedHere.selector, abi.encode(uint256(1)));
        vm.prank(address(hub));
        vanity.onResult(1, ITaskHub.Status.Done, RESULT);
    }

    function test_a_dapp_needs_an_app_that_there_is() public {
        expectError(ITaskHub.UnknownApp.selector, abi.encode(uint256(77)));
        new VanityTask(hub, 77);
    }

    function test_a_dapp_for_nothing_takes_nothing() public {
        vm.prank(admin);
        VanityTask gratis = new VanityTask(hub, hub.registerApp(provider, 0, address(0)));
        vm.prank(stranger);
        gratis.request(PATTERN, x, y, DEADLINE);

        assertEq(hub.tasks(1).requester, stranger);
    }

    function test_the_user_gets_the_money_of_a_failed_task_back() public {
        orderAtOnce(address(vanity), order());
        finish(1, ITaskHub.Status.Failed, "key-used");
        hub.withdraw(user);

        assertEq(rlc.balanceOf(user), 1000e9);
    }

    function test_a_leftover_of_the_dapp_pays_for_nobody() public {
        rlc.transfer(address(vanity), 5 * PRICE);
        orderAtOnce(address(vanity), order());

        assertEq(rlc.balanceOf(user), 1000e9 - PRICE);
        assertEq(rlc.balanceOf(address(vanity)), 5 * PRICE);
    }
}
