// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ITaskHub} from "../src/ITaskHub.sol";
import {ITaskVerifier} from "../src/ITaskVerifier.sol";
import {RLC} from "../src/RLC.sol";
import {TaskHub} from "../src/TaskHub.sol";

/// @title What these tests use of forge's test machine. Source: Foundry Book, cheatcodes reference.
interface Vm {
    struct Wallet {
        address addr;
        uint256 publicKeyX;
        uint256 publicKeyY;
        uint256 privateKey;
    }

    function addr(uint256 privateKey) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 newChainId) external;
    function cool(address target) external;
    function createWallet(uint256 privateKey) external returns (Wallet memory);
    function expectEmit(address emitter) external;
    function expectRevert() external;
    function expectRevert(bytes calldata data) external;
    function prank(address sender) external;
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256 gasUsed);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
}

/// @title Assertions that say both values.
abstract contract Assertions {
    error NotEqual(uint256 left, uint256 right);
    error NotEqualWords(bytes32 left, bytes32 right);
    error NotEqualBytes(bytes left, bytes right);

    function assertEq(uint256 left, uint256 right) internal pure {
        require(left == right, NotEqual(left, right));
    }

    function assertEq(address left, address right) internal pure {
        assertEq(uint160(left), uint160(right));
    }

    function assertEq(ITaskHub.Status left, ITaskHub.Status right) internal pure {
        assertEq(uint8(left), uint8(right));
    }

    function assertEq(bytes32 left, bytes32 right) internal pure {
        require(left == right, NotEqualWords(left, right));
    }

    function assertEq(bytes memory left, bytes memory right) internal pure {
        require(keccak256(left) == keccak256(right), NotEqualBytes(left, right));
    }

    function assertTrue(bool condition, string memory reason) internal pure {
        require(condition, reason);
    }
}

/// @title A verifier whose proof is the parameters, said backwards: easy to find, easy to get wrong.
contract Backwards is ITaskVerifier {
    function verify(bytes calldata params, bytes calldata result) external pure returns (bool) {
        if (params.length != result.length) return false;
        for (uint256 i; i < params.length; ++i) {
            if (params[i] != result[result.length - 1 - i]) return false;
        }
        return true;
    }
}

/// @title A hub with an app that is believed and one that is proven, and a user with RLC who has approved the hub.
abstract contract World is Assertions {
    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    uint256 internal constant NOW = 1_800_000_000;
    uint64 internal constant DEADLINE = uint64(NOW + 1 hours);
    uint96 internal constant PRICE = 1e9;
    bytes internal constant PARAMS = "abc";
    bytes internal constant PROOF = "cba";
    bytes internal constant RESULT = "the answer";
    bytes32 internal constant DIGEST = keccak256("whatever the oracle says");

    // a variable, since hashing is a call: it would take the revert that is expected of the next call
    bytes32 internal proofDigest = sha256(PROOF);
    address internal admin = address(0xAD);
    address internal oracle = address(0x0C);
    address internal provider = address(0xBB);
    uint256 internal userKey = 0x05E4;
    address internal user = vm.addr(userKey);
    address internal stranger = address(0x57);

    RLC internal rlc;
    TaskHub internal hub;
    Backwards internal verifier;
    uint256 internal believed;
    uint256 internal proven;
    // asking the hub is a call: it would take the revert that is expected of the next call
    mapping(uint256 id => bytes32) internal commitments;

    function setUp() public virtual {
        vm.warp(NOW);
        rlc = new RLC();
        hub = new TaskHub(rlc, admin, oracle);
        verifier = new Backwards();
        vm.startPrank(admin);
        believed = hub.registerApp(provider, PRICE, address(0));
        proven = hub.registerApp(provider, PRICE, address(verifier));
        vm.stopPrank();
        rlc.transfer(user, 1000e9);
        vm.prank(user);
        rlc.approve(address(hub), type(uint256).max);
    }

    function submit(uint256 app, address callback, uint32 callbackGas) internal returns (uint256 id) {
        vm.prank(user);
        id = hub.submit(app, PARAMS, user, callback, callbackGas, DEADLINE);
        commitments[id] = hub.tasks(id).commitment;
    }

    function submit(uint256 app) internal returns (uint256 id) {
        return submit(app, address(0), 0);
    }

    function finish(uint256 id, ITaskHub.Status outcome, bytes memory result) internal {
        bytes32 commitment = commitments[id];
        if (commitment == 0) commitment = hub.tasks(id).commitment;
        vm.prank(oracle);
        hub.finish(id, commitment, outcome, result, DIGEST);
    }

    function finish(uint256 id) internal {
        finish(id, ITaskHub.Status.Done, RESULT);
    }

    function prove(uint256 id) internal {
        hub.prove(id, PARAMS, PROOF, proofDigest);
    }

    function status(uint256 id) internal view returns (ITaskHub.Status) {
        return hub.tasks(id).status;
    }

    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + value % (most - least + 1);
    }

    /// @dev Expect the next call to revert with a custom error that has these arguments.
    function expectError(bytes4 selector, bytes memory arguments) internal {
        vm.expectRevert(abi.encodePacked(selector, arguments));
    }

    function expectMissingRole(address account, bytes32 role) internal {
        vm.expectRevert(abi.encodeWithSignature("AccessControlUnauthorizedAccount(address,bytes32)", account, role));
    }
}
