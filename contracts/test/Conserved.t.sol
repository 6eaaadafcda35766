// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ITaskHub} from "../src/ITaskHub.sol";
import {RLC} from "../src/RLC.sol";
import {TaskHub} from "../src/TaskHub.sol";
import {Reentrant} from "./Hostile.sol";
import {Vm, World} from "./Support.sol";

/// @title Everybody at once: each function is one thing that somebody may do, with whatever numbers forge thinks of.
contract Crowd {
    Vm private immutable vm;
    RLC private immutable rlc;
    TaskHub private immutable hub;
    address private immutable oracle;
    address private immutable callback = address(new Reentrant());

    address[3] public accounts;
    uint256 public settlements;
    uint256 private _time = block.timestamp;

    constructor(Vm vm_, RLC rlc_, TaskHub hub_, address oracle_, address[3] memory accounts_) {
        (vm, rlc, hub, oracle, accounts) = (vm_, rlc_, hub_, oracle_, accounts_);
    }

    function submit(uint256 who, uint256 whom, uint256 app, uint64 duration, bool called) external {
        address payer = accounts[who % 3];
        app = 1 + app % 2;
        if (rlc.balanceOf(payer) < hub.apps(app).price) return;
        uint64 deadline = uint64(_time + 60 + duration % 600);
        vm.startPrank(payer);
        rlc.approve(address(hub), hub.apps(app).price);
        hub.submit(app, "ab", accounts[whom % 3], called ? callback : address(0), 200_000, deadline);
        vm.stopPrank();
    }

    function finish(uint256 id, bool done) external {
        id = _some(id);
        bytes32 commitment = hub.tasks(id).commitment;
        vm.prank(oracle);
        try hub.finish(id, commitment, done ? ITaskHub.Status.Done : ITaskHub.Status.Failed, "it", 0) {
            ++settlements;
        } catch {}
    }

    function prove(uint256 id, bool right) external {
        bytes memory result = right ? bytes("ba") : bytes("ab");
        try hub.prove(_some(id), "ab", result, sha256(result)) {
            ++settlements;
        } catch {}
    }

    function refund(uint256 id) external {
        try hub.refund(_some(id)) {
            ++settlements;
        } catch {}
    }

    function withdraw(uint256 who) external {
        try hub.withdraw(accounts[who % 3]) {} catch {}
    }

    function wait(uint16 duration) external {
        _time += duration % 300;
        vm.warp(_time);
    }

    function _some(uint256 id) private view returns (uint256) {
        return 1 + id % (hub.taskCount() + 1);
    }
}

/// @title Whatever happens, in whatever order: nobody's money is lost, made or paid twice.
contract ConservedTest is World {
    Crowd private crowd;

    function setUp() public override {
        super.setUp();
        crowd = new Crowd(vm, rlc, hub, oracle, [user, stranger, provider]);
        rlc.transfer(stranger, 1000e9);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(crowd);
    }

    /// @dev What stands in the book: the sum of all credit, the sum of the prices of pending tasks, and how many ended.
    function book() private view returns (uint256 credits, uint256 pending, uint256 ended) {
        for (uint256 i; i < 3; ++i) {
            credits += hub.credit(crowd.accounts(i));
        }
        for (uint256 id = 1; id <= hub.taskCount(); ++id) {
            ITaskHub.Task memory task = hub.tasks(id);
            if (task.status == ITaskHub.Status.Pending) pending += hub.apps(task.app).price;
            else ++ended;
        }
    }

    function invariant_money_is_conserved() public view {
        (uint256 credits, uint256 pending, uint256 ended) = book();

        assertEq(hub.escrowed(), pending);
        assertEq(rlc.balanceOf(address(hub)), pending + credits);
        assertEq(crowd.settlements(), ended);
    }
}
