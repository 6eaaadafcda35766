// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The curve of Bitcoin's and Ethereum's keys: y^2 = x^3 + 7 modulo p. Source: SEC 2, version 2, section 2.4.1.
library Secp256k1 {
    /// @notice The field's prime.
    uint256 internal constant P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
    /// @notice The group's order, a prime, so that every point but infinity generates the group.
    uint256 internal constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// @notice Tell whether (x, y) is a point of the curve that a result can be proven for.
    /// @dev A proof by ecrecover takes x for a signature's r, which must be less than N. Of all points, about one in 2^128
    /// has N <= x < P; nobody has such a key by chance.
    function isUsable(uint256 x, uint256 y) internal pure returns (bool) {
        return x < N && y < P && mulmod(y, y, P) == addmod(mulmod(mulmod(x, x, P), x, P), 7, P);
    }
}
