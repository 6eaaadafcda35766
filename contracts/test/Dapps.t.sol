// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Base58} from "../src/Base58.sol";
import {ITaskHub} from "../src/ITaskHub.sol";
import {Secp256k1} from "../src/Secp256k1.sol";
import {VanityTask} from "../src/VanityTask.sol";
import {WordcountTask} from "../src/WordcountTask.sol";
import {Orders} from "./Orders.sol";
import {Vm} from "./Support.sol";

/// @title What the two dapps take, refuse and tell.
contract DappsTest is Orders {
    bytes private constant _ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

    function isBase58(bytes1 letter) private pure returns (bool) {
        for (uint256 i; i < _ALPHABET.length; ++i) {
            if (_ALPHABET[i] == letter) return true;
        }
        return false;
    }

    function requestPattern(string memory pattern) private {
        vm.prank(user);
        vanity.request(pattern, x, y, DEADLINE);
    }

    function expectNoMoneyMoved() private view {
        assertEq(rlc.balanceOf(user), 1000e9);
        assertEq(hub.taskCount(), 0);
    }

    function test_each_letter_is_judged_as_the_alphabet_says() public pure {
        for (uint256 code; code < 256; ++code) {
            bytes1 letter = bytes1(uint8(code));
            assertEq(Base58.firstForeign(abi.encodePacked(letter)), isBase58(letter) ? 1 : 0);
        }
    }

    function testFuzz_a_pattern_is_taken_if_all_its_letters_are_base58(bytes memory tail) public {
        bytes memory letters = abi.encodePacked("1", tail);
        uint256 foreign;
        while (foreign < letters.length && isBase58(letters[foreign])) ++foreign;
        vm.prank(user);
        rlc.approve(address(vanity), PRICE);

        if (letters.length < 2 || letters.length > 20) {
            expectError(VanityTask.PatternLength.selector, abi.encode(letters.length, uint256(2), uint256(20)));
        } else if (foreign < letters.length) {
            expectError(VanityTask.PatternLetter.selector, abi.encode(foreign, letters[foreign]));
        }
        requestPattern(string(letters));
    }

    function testFuzz_a_pattern_of_the_alphabet_is_taken(uint256 seed, uint256 length) public {
        bytes memory letters = new bytes(bound(length, 2, 20));
        letters[0] = "1";
        for (uint256 i = 1; i < letters.length; ++i) {
            letters[i] = _ALPHABET[uint256(keccak256(abi.encode(seed, i))) % 58];
        }
        vm.prank(user);
        rlc.approve(address(vanity), PRICE);
        requestPattern(string(letters));

        assertEq(hub.taskCount(), 1);
    }

    function test_a_pattern_begins_with_1() public {
        expectError(VanityTask.PatternStart.selector, abi.encode(bytes1("L")));
        requestPattern("LoVE");
    }

    function test_a_pattern_has_2_to_20_letters() public {
        string[3] memory wrong = ["", "1", "1LoVELoVELoVELoVELoVE"];
        for (uint256 i; i < wrong.length; ++i) {
            uint256 length = bytes(wrong[i]).length;
            expectError(VanityTask.PatternLength.selector, abi.encode(length, uint256(2), uint256(20)));
            requestPattern(wrong[i]);
        }
        expectNoMoneyMoved();
    }

    function test_a_pattern_is_no_place_for_other_languages() public {
        string[4] memory hostile = ["1;rm -rf", "1<b>", "1../x", "1\x1b[31m"];
        for (uint256 i; i < hostile.length; ++i) {
            expectError(VanityTask.PatternLetter.selector, abi.encode(uint256(1), bytes(hostile[i])[1]));
            requestPattern(hostile[i]);
        }
        expectNoMoneyMoved();
    }

    function testFuzz_each_public_key_is_usable(uint256 secret) public {
        Vm.Wallet memory wallet = vm.createWallet(bound(secret, 1, Secp256k1.N - 1));

        assertTrue(Secp256k1.isUsable(wallet.publicKeyX, wallet.publicKeyY), "a point of the curve");
    }

    function testFuzz_a_changed_public_key_is_not_usable(uint256 secret, uint256 x_, uint256 y_) public {
        Vm.Wallet memory wallet = vm.createWallet(bound(secret, 1, Secp256k1.N - 1));
        vm.assume(x_ != wallet.publicKeyX && y_ != wallet.publicKeyY && y_ != Secp256k1.P - wallet.publicKeyY);

        assertTrue(!Secp256k1.isUsable(x_, y_), "a random pair on the curve");
        assertTrue(!Secp256k1.isUsable(wallet.publicKeyX, y_), "another y");
    }

    function test_points_that_no_result_can_be_proven_for_are_refused() public {
        // x = n is the first such point; y = 1 has a twin at p + 1, which is the same point written otherwise
        uint256 yOfN = 0x98f66641cb0ae1776b463ebdee3d77fe2658f021db48e2c8ac7ab4c92f83621e;
        uint256 xOf1 = 0x1fe1e5ef3fceb5c135ab7741333ce5a6e80d68167653f6b2b24bcbcfaaaff507;
        assertTrue(Secp256k1.isUsable(xOf1, 1), "y = 1");
        uint256[2][6] memory unfit =
            [[Secp256k1.N, yOfN], [xOf1, Secp256k1.P + 1], [uint256(0), 0], [x, 0], [x, y ^ 1], [type(uint256).max, y]];
        for (uint256 i; i < unfit.length; ++i) {
            expectError(VanityTask.KeyNotUsable.selector, abi.encode(unfit[i][0], unfit[i][1]));
            vm.prank(user);
            vanity.request(PATTERN, unfit[i][0], unfit[i][1], DEADLINE);
        }
        expectNoMoneyMoved();
    }

    function test_an_order_in_another_format_is_refused() public {
        vm.startPrank(user);
        rlc.approve(address(vanity), PRICE);
        vm.expectRevert();
        vanity.request("1LoVE", DEADLINE);
        vm.expectRevert();
        vanity.request(abi.encode(type(uint256).max, x, y), DEADLINE);
        expectNoMoneyMoved();
    }

    function testFuzz_a_found_address_is_told(uint256 s, uint8 e, bool negative) public {
        orderAtOnce(address(vanity), order());

        vm.expectEmit(address(vanity));
        emit VanityTask.AddressFound(1, user, s, e, negative);
        finish(1, ITaskHub.Status.Done, abi.encode(s, e, negative, x, y));
    }

    function testFuzz_an_oracle_s_gibberish_stops_the_callback_alone(bytes calldata gibberish) public {
        vm.assume(gibberish.length < 160);
        orderAtOnce(address(vanity), order());

        vm.expectEmit(address(hub));
        emit ITaskHub.CallbackFailed(1, address(vanity));
        finish(1, ITaskHub.Status.Done, gibberish);
        assertEq(hub.credit(provider), PRICE);
    }

    function test_a_failed_search_tells_nothing_and_fails_nothing() public {
        orderAtOnce(address(vanity), order());
        vm.prank(address(hub));
        vanity.onResult(1, ITaskHub.Status.Failed, "too-hard");
    }

    function testFuzz_a_text_is_handed_to_the_app_as_its_input(bytes calldata text) public {
        vm.assume(text.length > 0);
        orderAtOnce(address(wordcount), text);

        bytes32 params = keccak256(abi.encode(new string[](0), text));
        bytes32 commitment = keccak256(
            abi.encode(
                block.chainid, hub, uint256(1), user, believed, params, uint256(PRICE), DEADLINE, wordcount, 100_000
            )
        );
        assertEq(hub.tasks(1).commitment, commitment);
    }

    function test_a_text_has_1_to_2048_bytes() public {
        orderAtOnce(address(wordcount), new bytes(2048));
        uint256[2] memory wrong = [uint256(0), 2049];
        for (uint256 i; i < wrong.length; ++i) {
            expectError(WordcountTask.TextLength.selector, abi.encode(wrong[i], uint256(1), uint256(2048)));
            orderAtOnce(address(wordcount), new bytes(wrong[i]));
        }
        assertEq(hub.taskCount(), 1);
    }

    function test_counted_words_are_told() public {
        orderAtOnce(address(wordcount), "one two");

        vm.expectEmit(address(wordcount));
        emit WordcountTask.WordsCounted(1, user, "2 different words\n");
        finish(1, ITaskHub.Status.Done, "2 different words\n");
    }

    function test_the_longest_report_fits_into_the_callback() public {
        orderAtOnce(address(wordcount), "one two");
        bytes memory report = new bytes(1024);

        vm.expectEmit(address(wordcount));
        emit WordcountTask.WordsCounted(1, user, string(report));
        finish(1, ITaskHub.Status.Done, report);
    }
}
