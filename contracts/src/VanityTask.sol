// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base58} from "./Base58.sol";
import {ITaskHub} from "./ITaskHub.sol";
import {Secp256k1} from "./Secp256k1.sol";
import {Task} from "./Task.sol";

/// @title A Bitcoin address that begins with a word, found by the grid for a key that only the requester has.
/// @notice The order is abi.encode(string pattern, uint256 x, uint256 y): the beginning of the address, with its leading 1,
/// and the requester's public key. The result is abi.encode(uint256 s, uint8 e, bool negative, uint256 x, uint256 y), where
/// (x, y) is the public key plus sG, and the address belongs to the private key ±lambda^e (a + s) mod n.
contract VanityTask is Task {
    /// @notice The fewest letters of a pattern, with the leading 1.
    uint256 public constant MIN_PATTERN = 2;
    /// @notice The most letters of a pattern, with the leading 1.
    uint256 public constant MAX_PATTERN = 20;
    /// @dev Addresses that begin with 1, of compressed keys (P2PKH).
    uint8 private constant _FORM = 0;

    /// @notice The grid has found an address; see above how the key is combined. Check it before use.
    event AddressFound(uint256 indexed id, address indexed requester, uint256 s, uint8 e, bool negative);

    /// @notice Too few or too many letters.
    error PatternLength(uint256 length, uint256 minimum, uint256 maximum);
    /// @notice Such addresses begin with 1.
    error PatternStart(bytes1 letter);
    /// @notice No address has such a letter.
    error PatternLetter(uint256 position, bytes1 letter);
    /// @notice (x, y) is no point of the curve, or one that no result can be proven for.
    error KeyNotUsable(uint256 x, uint256 y);

    constructor(ITaskHub hub_, uint256 app_) Task(hub_, app_) {}

    /// @notice Launch a search; `price` must be approved before.
    function request(string calldata pattern, uint256 x, uint256 y, uint64 deadline) external returns (uint256 id) {
        return _request(msg.sender, abi.encode(pattern, x, y), deadline);
    }

    /// @inheritdoc Task
    function _params(bytes memory order) internal pure override returns (bytes memory) {
        (string memory pattern, uint256 x, uint256 y) = abi.decode(order, (string, uint256, uint256));
        bytes memory letters = bytes(pattern);
        uint256 length = letters.length;
        require(length >= MIN_PATTERN && length <= MAX_PATTERN, PatternLength(length, MIN_PATTERN, MAX_PATTERN));
        require(letters[0] == "1", PatternStart(letters[0]));
        uint256 foreign = Base58.firstForeign(letters);
        if (foreign < length) revert PatternLetter(foreign, letters[foreign]);
        require(Secp256k1.isUsable(x, y), KeyNotUsable(x, y));
        return abi.encode(_FORM, pattern, x, y);
    }

    /// @inheritdoc Task
    function _onResult(uint256 id, ITaskHub.Status status, bytes calldata result) internal override {
        if (status != ITaskHub.Status.Done) return;
        (uint256 s, uint8 e, bool negative,,) = abi.decode(result, (uint256, uint8, bool, uint256, uint256));
        emit AddressFound(id, requesterOf[id], s, e, negative);
    }
}
