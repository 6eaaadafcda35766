// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {VanityTask} from "../src/VanityTask.sol";
import {WordcountTask} from "../src/WordcountTask.sol";
import {Vm, World} from "./Support.sol";

/// @title A world with both dapps, and a user with a key on the curve.
abstract contract Orders is World {
    string internal constant PATTERN = "1LoVE";

    VanityTask internal vanity;
    WordcountTask internal wordcount;
    uint256 internal x;
    uint256 internal y;

    function setUp() public virtual override {
        super.setUp();
        vanity = new VanityTask(hub, believed);
        wordcount = new WordcountTask(hub, believed);
        Vm.Wallet memory wallet = vm.createWallet(uint256(keccak256("a user's secret")));
        (x, y) = (wallet.publicKeyX, wallet.publicKeyY);
    }

    function order() internal view returns (bytes memory) {
        return abi.encode(PATTERN, x, y);
    }

    function vanityParams() internal view returns (bytes memory) {
        return abi.encode(uint8(0), PATTERN, x, y);
    }

    /// @dev Order from the dapp with approval and call at once.
    function orderAtOnce(address dapp, bytes memory order_) internal {
        vm.prank(user);
        rlc.approveAndCall(dapp, PRICE, abi.encode(order_, DEADLINE));
    }

    /// @dev Return the user's signature under an approval for `spender` (EIP-2612), good until DEADLINE.
    function signedPermit(address spender, uint256 value) internal view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 permit = keccak256(abi.encode(kind, user, spender, value, rlc.nonces(user), uint256(DEADLINE)));
        return vm.sign(userKey, keccak256(abi.encodePacked("\x19\x01", rlc.DOMAIN_SEPARATOR(), permit)));
    }
}
