// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IApprovalReceiver} from "../src/IApprovalReceiver.sol";
import {RLC} from "../src/RLC.sol";
import {World} from "./Support.sol";

/// @title Keeps what a token told it.
contract Receiver is IApprovalReceiver {
    bytes public told;
    uint256 public allowance;

    function receiveApproval(address from, uint256 value, address token, bytes calldata data) external {
        told = abi.encode(msg.sender, from, value, token, data);
        allowance = RLC(token).allowance(from, address(this));
    }
}

/// @title The likeness of RLC.
contract RLCTest is World {
    function test_it_looks_like_RLC() public view {
        assertEq(bytes(rlc.name()), "iEx.ec Network Token");
        assertEq(bytes(rlc.symbol()), "RLC");
        assertEq(rlc.decimals(), 9);
        assertEq(rlc.totalSupply(), 87_000_000e9);
    }

    function test_it_is_all_the_deployer_s() public {
        assertEq(new RLC().balanceOf(address(this)), 87_000_000e9);
    }

    function test_it_is_born_on_development_chains() public {
        uint64[3] memory chains = [uint64(31337), 1337, 131277322940537];
        for (uint256 i; i < chains.length; ++i) {
            vm.chainId(chains[i]);
            new RLC();
        }
    }

    function testFuzz_it_is_born_nowhere_else(uint64 chain) public {
        vm.assume(chain != 31337 && chain != 1337 && chain != 131277322940537 && chain != 0);
        vm.chainId(chain);
        expectError(RLC.NotADevelopmentChain.selector, abi.encode(uint256(chain)));
        new RLC();
    }

    function test_it_is_not_born_on_the_main_chain() public {
        vm.chainId(1);
        expectError(RLC.NotADevelopmentChain.selector, abi.encode(uint256(1)));
        new RLC();
    }

    function test_approving_and_calling_approves_first() public {
        Receiver receiver = new Receiver();
        vm.prank(user);
        assertTrue(rlc.approveAndCall(address(receiver), 5, "data"), "approved");

        assertEq(receiver.told(), abi.encode(rlc, user, uint256(5), rlc, bytes("data")));
        assertEq(receiver.allowance(), 5);
    }

    function test_nothing_is_approved_when_the_call_fails() public {
        vm.expectRevert();
        vm.prank(user);
        rlc.approveAndCall(address(verifier), 5, "data");

        assertEq(rlc.allowance(user, address(verifier)), 0);
    }
}
