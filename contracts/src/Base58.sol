// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Base58 letters, as Bitcoin's addresses are written: no 0, O, I and l.
library Base58 {
    /// @dev Bit c is set if the letter with the ASCII code c belongs to the alphabet.
    /// 1-9 are 0x31-0x39, A-H 0x41-0x48, J-N 0x4a-0x4e, P-Z 0x50-0x5a, a-k 0x61-0x6b, m-z 0x6d-0x7a.
    uint256 private constant _LETTERS =
        (0x1ff << 0x31) | (0xff << 0x41) | (0x1f << 0x4a) | (0x7ff << 0x50) | (0x7ff << 0x61) | (0x3fff << 0x6d);

    /// @notice Return the position of the first letter that is not Base58; the text's length if all are.
    function firstForeign(bytes memory text) internal pure returns (uint256 position) {
        while (position < text.length && (_LETTERS >> uint8(text[position])) & 1 == 1) ++position;
    }
}
