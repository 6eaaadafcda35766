// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {ITaskCallback} from "../src/ITaskCallback.sol";
import {ITaskHub} from "../src/ITaskHub.sol";

/// @title Tries each function of the hub that moves money, and counts how often the guard refused.
abstract contract Intruder {
    bytes4 private constant _REFUSAL = bytes4(keccak256("ReentrancyGuardReentrantCall()"));

    uint256 public refusals;

    function intrude(ITaskHub hub) internal {
        uint256 refused;
        bytes[5] memory attempts = [
            abi.encodeCall(hub.submit, (1, "", address(this), address(0), 0, uint64(block.timestamp + 60))),
            abi.encodeCall(hub.finish, (1, 0, ITaskHub.Status.Done, "", 0)),
            abi.encodeCall(hub.prove, (1, "", "", 0)),
            abi.encodeCall(hub.refund, (1)),
            abi.encodeCall(hub.withdraw, (address(this)))
        ];
        for (uint256 i; i < attempts.length; ++i) {
            (bool entered, bytes memory answer) = address(hub).call(attempts[i]);
            if (!entered && bytes4(answer) == _REFUSAL) ++refused;
        }
        refusals = refused;
    }
}

/// @title Comes back into the hub while it is called.
contract Reentrant is ITaskCallback, Intruder {
    function onResult(uint256, ITaskHub.Status, bytes calldata) external {
        intrude(ITaskHub(msg.sender));
    }
}

/// @title Uses up all gas that it gets.
contract Burner is ITaskCallback {
    function onResult(uint256, ITaskHub.Status, bytes calldata) external pure {
        assembly {
            invalid()
        }
    }
}

/// @title Refuses, with 100 kB of reasons.
contract Bomb is ITaskCallback {
    bool private immutable _reverts;

    constructor(bool reverts) {
        _reverts = reverts;
    }

    function onResult(uint256, ITaskHub.Status, bytes calldata) external view {
        if (_reverts) {
            assembly {
                revert(0, 102400)
            }
        }
        assembly {
            return(0, 102400)
        }
    }
}

/// @title Keeps how much gas it had.
contract Meter is ITaskCallback {
    uint256 public gasAtStart;

    function onResult(uint256, ITaskHub.Status, bytes calldata) external {
        gasAtStart = gasleft();
    }
}

/// @title Keeps what it was told.
contract Listener is ITaskCallback {
    bytes public heard;

    function onResult(uint256 id, ITaskHub.Status status, bytes calldata result) external {
        heard = abi.encode(msg.sender, id, status, result);
    }
}

/// @title Looks at the hub from inside the callback.
contract Witness is ITaskCallback {
    ITaskHub.Status public seen;
    uint256 public creditSeen;
    uint256 public escrowSeen;
    address private immutable _payee;

    constructor(address payee) {
        _payee = payee;
    }

    function onResult(uint256 id, ITaskHub.Status, bytes calldata) external {
        ITaskHub hub = ITaskHub(msg.sender);
        (seen, creditSeen, escrowSeen) = (hub.tasks(id).status, hub.credit(_payee), hub.escrowed());
    }
}

/// @title A token that keeps one hundredth of each transfer.
contract Greedy is ERC20("Greedy", "GR") {
    function transferFrom(address, address to, uint256 value) public override returns (bool) {
        _mint(to, value - value / 100);
        return true;
    }
}

/// @title A token that says false where others revert.
contract Refusing is ERC20("Refusing", "NO") {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @title A token that calls back into the hub while it moves.
contract Hooked is ERC20("Hooked", "HK"), Intruder {
    ITaskHub private _hub;

    constructor() {
        _mint(msg.sender, 1000);
    }

    function hook(ITaskHub hub) external {
        _hub = hub;
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        intrude(_hub);
        return super.transferFrom(from, to, value);
    }
}
