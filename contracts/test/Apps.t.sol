// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ITaskHub} from "../src/ITaskHub.sol";
import {TaskHub} from "../src/TaskHub.sol";
import {World} from "./Support.sol";

/// @title Who may do what, and what can be bought.
contract AppsTest is World {
    function test_an_app_is_what_it_was_registered_as() public {
        vm.expectEmit(address(hub));
        emit ITaskHub.AppRegistered(3, stranger, 5, address(verifier));
        vm.prank(admin);
        uint256 app = hub.registerApp(stranger, 5, address(verifier));

        ITaskHub.App memory terms = hub.apps(app);
        assertEq(app, 3);
        assertEq(terms.provider, stranger);
        assertEq(terms.price, 5);
        assertEq(terms.verifier, address(verifier));
        assertTrue(terms.open, "an app opens with its registration");
    }

    function test_an_unknown_app_is_all_zero() public view {
        assertEq(abi.encode(hub.apps(0)), new bytes(128));
        assertEq(abi.encode(hub.apps(3)), new bytes(128));
    }

    function test_only_the_administrator_registers() public {
        expectMissingRole(stranger, hub.DEFAULT_ADMIN_ROLE());
        vm.prank(stranger);
        hub.registerApp(provider, PRICE, address(0));
    }

    function test_the_oracle_registers_nothing() public {
        expectMissingRole(oracle, hub.DEFAULT_ADMIN_ROLE());
        vm.prank(oracle);
        hub.registerApp(oracle, PRICE, address(0));
    }

    function test_the_oracle_appoints_nobody() public {
        bytes32 role = hub.ORACLE_ROLE();
        expectMissingRole(oracle, hub.DEFAULT_ADMIN_ROLE());
        vm.prank(oracle);
        hub.grantRole(role, stranger);
    }

    function test_only_the_administrator_closes() public {
        expectMissingRole(stranger, hub.DEFAULT_ADMIN_ROLE());
        vm.prank(stranger);
        hub.closeApp(believed);
    }

    function test_nobody_is_paid_who_cannot_be() public {
        address[3] memory nobody = [address(0), address(hub), address(rlc)];
        for (uint256 i; i < nobody.length; ++i) {
            expectError(ITaskHub.InvalidProvider.selector, abi.encode(nobody[i]));
            vm.prank(admin);
            hub.registerApp(nobody[i], PRICE, address(0));
        }
    }

    function test_a_verifier_has_code_and_is_none_of_ours() public {
        address[3] memory unfit = [stranger, address(hub), address(rlc)];
        for (uint256 i; i < unfit.length; ++i) {
            expectError(ITaskHub.InvalidVerifier.selector, abi.encode(unfit[i]));
            vm.prank(admin);
            hub.registerApp(provider, PRICE, unfit[i]);
        }
    }

    function test_a_closed_app_takes_no_task_and_finishes_those_it_has() public {
        uint256 id = submit(believed);
        vm.expectEmit(address(hub));
        emit ITaskHub.AppClosed(believed);
        vm.prank(admin);
        hub.closeApp(believed);

        expectError(ITaskHub.AppIsClosed.selector, abi.encode(believed));
        vm.prank(user);
        hub.submit(believed, PARAMS, user, address(0), 0, DEADLINE);

        finish(id);
        assertEq(hub.credit(provider), PRICE);
    }

    function test_an_app_is_closed_once() public {
        vm.startPrank(admin);
        hub.closeApp(believed);
        expectError(ITaskHub.AppIsClosed.selector, abi.encode(believed));
        hub.closeApp(believed);
        expectError(ITaskHub.UnknownApp.selector, abi.encode(uint256(9)));
        hub.closeApp(9);
    }

    function test_an_oracle_that_was_dismissed_settles_nothing() public {
        uint256 id = submit(believed);
        bytes32 role = hub.ORACLE_ROLE();
        vm.prank(admin);
        hub.revokeRole(role, oracle);

        expectMissingRole(oracle, role);
        finish(id);
    }

    function test_a_hub_may_start_without_an_oracle() public {
        TaskHub young = new TaskHub(rlc, admin, address(0));

        assertTrue(!young.hasRole(young.ORACLE_ROLE(), address(0)), "nobody is no oracle");
    }

    function test_a_hub_needs_a_token_with_code() public {
        expectError(ITaskHub.InvalidToken.selector, abi.encode(stranger));
        new TaskHub(IERC20(stranger), admin, oracle);
    }

    function test_a_hub_needs_an_administrator() public {
        expectError(ITaskHub.InvalidAdmin.selector, abi.encode(address(0)));
        new TaskHub(rlc, address(0), oracle);
    }
}
