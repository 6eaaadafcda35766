// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ITaskHub} from "../src/ITaskHub.sol";
import {World} from "./Support.sol";

/// @title A task ends once, in one of three ways, and the money goes where that way leads.
contract SettleTest is World {
    function assertEnded(uint256 id, ITaskHub.Status expected, address paid, bytes32 resultHash) private view {
        assertEq(status(id), expected);
        assertEq(hub.tasks(id).resultHash, resultHash);
        assertEq(hub.credit(paid), PRICE);
        assertEq(hub.credit(user) + hub.credit(provider), PRICE);
        assertEq(hub.escrowed(), 0);
        assertEq(rlc.balanceOf(address(hub)), PRICE);
    }

    function test_done_pays_the_provider() public {
        uint256 id = submit(believed);

        vm.expectEmit(address(hub));
        emit ITaskHub.TaskSettled(id, user, ITaskHub.Status.Done, RESULT, DIGEST);
        finish(id);

        assertEnded(id, ITaskHub.Status.Done, provider, keccak256(RESULT));
    }

    function test_failed_pays_the_requester_back() public {
        uint256 id = submit(believed);

        vm.expectEmit(address(hub));
        emit ITaskHub.TaskSettled(id, user, ITaskHub.Status.Failed, "too-hard", DIGEST);
        finish(id, ITaskHub.Status.Failed, "too-hard");

        assertEnded(id, ITaskHub.Status.Failed, user, keccak256("too-hard"));
    }

    function test_refunded_pays_the_requester_back() public {
        uint256 id = submit(believed);
        vm.warp(DEADLINE + 1);

        vm.expectEmit(address(hub));
        emit ITaskHub.TaskSettled(id, user, ITaskHub.Status.Refunded, "", 0);
        vm.prank(stranger);
        hub.refund(id);

        assertEnded(id, ITaskHub.Status.Refunded, user, 0);
    }

    function test_proven_pays_the_provider_whoever_proves() public {
        uint256 id = submit(proven);

        vm.expectEmit(address(hub));
        emit ITaskHub.TaskSettled(id, user, ITaskHub.Status.Done, PROOF, proofDigest);
        vm.prank(stranger);
        prove(id);

        assertEnded(id, ITaskHub.Status.Done, provider, keccak256(PROOF));
    }

    function test_the_requester_is_paid_back_and_not_the_payer() public {
        vm.prank(user);
        uint256 id = hub.submit(believed, PARAMS, stranger, address(0), 0, DEADLINE);
        finish(id, ITaskHub.Status.Failed, "job-failed");

        assertEq(hub.credit(stranger), PRICE);
        assertEq(hub.credit(user), 0);
    }

    function test_only_the_oracle_finishes() public {
        uint256 id = submit(believed);
        address[3] memory others = [user, provider, admin];
        for (uint256 i; i < others.length; ++i) {
            expectMissingRole(others[i], hub.ORACLE_ROLE());
            vm.prank(others[i]);
            hub.finish(id, 0, ITaskHub.Status.Done, RESULT, DIGEST);
        }
    }

    function testFuzz_the_answer_to_one_task_does_not_settle_another_of_its_number(bytes32 commitment) public {
        uint256 id = submit(believed);
        bytes32 kept = hub.tasks(id).commitment;
        vm.assume(commitment != kept);

        expectError(ITaskHub.AnotherTask.selector, abi.encode(id, kept));
        vm.prank(oracle);
        hub.finish(id, commitment, ITaskHub.Status.Done, RESULT, DIGEST);
    }

    function test_a_task_is_finished_as_done_or_failed_only() public {
        uint256 id = submit(believed);
        ITaskHub.Status[3] memory wrong = [ITaskHub.Status.None, ITaskHub.Status.Pending, ITaskHub.Status.Refunded];
        for (uint256 i; i < wrong.length; ++i) {
            expectError(ITaskHub.InvalidOutcome.selector, abi.encode(wrong[i]));
            finish(id, wrong[i], "");
        }
    }

    function testFuzz_a_result_may_have_1024_bytes(uint256 size, bool failed) public {
        size = bound(size, 1000, 1100);
        uint256 id = submit(believed);
        if (size > 1024) expectError(ITaskHub.ResultTooLong.selector, abi.encode(size, uint256(1024)));
        finish(id, failed ? ITaskHub.Status.Failed : ITaskHub.Status.Done, new bytes(size));
    }

    function test_a_result_that_is_too_long_proves_nothing() public {
        bytes memory params = new bytes(1025);
        vm.prank(user);
        uint256 id = hub.submit(proven, params, user, address(0), 0, DEADLINE);

        expectError(ITaskHub.ResultTooLong.selector, abi.encode(uint256(1025), uint256(1024)));
        hub.prove(id, params, params, 0);
    }

    function test_what_never_was_cannot_end() public {
        bytes memory arguments = abi.encode(uint256(7), ITaskHub.Status.None);
        expectError(ITaskHub.TaskNotPending.selector, arguments);
        vm.prank(oracle);
        hub.finish(7, 0, ITaskHub.Status.Done, RESULT, DIGEST);
        expectError(ITaskHub.TaskNotPending.selector, arguments);
        prove(7);
        vm.warp(DEADLINE + 1);
        expectError(ITaskHub.TaskNotPending.selector, arguments);
        hub.refund(7);
    }

    /// @dev Try each way to end a task that has ended as `how`.
    function assertEndsNoMore(uint256 id, ITaskHub.Status how) private {
        bytes memory arguments = abi.encode(id, how);
        uint256[2] memory times = [NOW, DEADLINE + 1];
        for (uint256 i; i < times.length; ++i) {
            vm.warp(times[i]);
            expectError(ITaskHub.TaskNotPending.selector, arguments);
            finish(id, ITaskHub.Status.Done, RESULT);
            expectError(ITaskHub.TaskNotPending.selector, arguments);
            finish(id, ITaskHub.Status.Failed, "job-error");
            expectError(ITaskHub.TaskNotPending.selector, arguments);
            prove(id);
            expectError(ITaskHub.TaskNotPending.selector, arguments);
            hub.refund(id);
        }
    }

    function test_what_is_done_stays_done() public {
        uint256 id = submit(believed);
        finish(id);
        assertEndsNoMore(id, ITaskHub.Status.Done);
    }

    function test_what_is_proven_stays_done() public {
        uint256 id = submit(proven);
        prove(id);
        assertEndsNoMore(id, ITaskHub.Status.Done);
    }

    function test_what_failed_stays_failed() public {
        uint256 id = submit(proven);
        finish(id, ITaskHub.Status.Failed, "job-error");
        assertEndsNoMore(id, ITaskHub.Status.Failed);
    }

    function test_what_was_refunded_stays_refunded() public {
        uint256 id = submit(believed);
        vm.warp(DEADLINE + 1);
        hub.refund(id);
        assertEndsNoMore(id, ITaskHub.Status.Refunded);
    }

    function test_at_the_deadline_a_task_can_be_finished_and_not_refunded() public {
        uint256 id = submit(believed);
        vm.warp(DEADLINE);

        expectError(ITaskHub.DeadlineNotPassed.selector, abi.encode(id, DEADLINE, uint256(DEADLINE)));
        hub.refund(id);
        finish(id);
    }

    function test_at_the_deadline_a_task_can_be_proven() public {
        uint256 id = submit(proven);
        vm.warp(DEADLINE);
        prove(id);
    }

    function test_after_the_deadline_a_task_can_be_refunded_and_not_settled() public {
        (uint256 id, uint256 other) = (submit(believed), submit(proven));
        vm.warp(DEADLINE + 1);

        expectError(ITaskHub.DeadlinePassed.selector, abi.encode(id, DEADLINE, uint256(DEADLINE) + 1));
        finish(id);
        expectError(ITaskHub.DeadlinePassed.selector, abi.encode(id, DEADLINE, uint256(DEADLINE) + 1));
        finish(id, ITaskHub.Status.Failed, "job-error");
        expectError(ITaskHub.DeadlinePassed.selector, abi.encode(other, DEADLINE, uint256(DEADLINE) + 1));
        prove(other);
        hub.refund(id);
        hub.refund(other);
    }

    function test_the_oracle_s_word_does_not_replace_a_proof() public {
        uint256 id = submit(proven);

        expectError(ITaskHub.ProofRequired.selector, abi.encode(proven));
        finish(id, ITaskHub.Status.Done, PROOF);
    }

    function test_nothing_is_proven_without_a_verifier() public {
        uint256 id = submit(believed);

        expectError(ITaskHub.NoVerifier.selector, abi.encode(believed));
        prove(id);
    }

    function test_a_wrong_result_proves_nothing() public {
        uint256 id = submit(proven);
        bytes32 digest = sha256(RESULT);

        expectError(ITaskHub.ProofRefused.selector, abi.encode(id, address(verifier)));
        hub.prove(id, PARAMS, RESULT, digest);
    }

    function testFuzz_a_proof_of_other_parameters_proves_nothing(bytes calldata params) public {
        vm.assume(keccak256(params) != keccak256(PARAMS));
        uint256 id = submit(proven);
        bytes32 commitment = hub.tasks(id).commitment;

        expectError(ITaskHub.ParamsMismatch.selector, abi.encode(id, commitment));
        hub.prove(id, params, PROOF, proofDigest);
    }

    function testFuzz_a_proof_carries_the_digest_of_its_result(bytes32 digest) public {
        vm.assume(digest != proofDigest);
        uint256 id = submit(proven);

        expectError(ITaskHub.DigestMismatch.selector, abi.encode(digest, proofDigest));
        hub.prove(id, PARAMS, PROOF, digest);
    }

    function test_anybody_has_an_account_s_credit_paid_to_it() public {
        finish(submit(believed));
        finish(submit(believed));

        vm.expectEmit(address(hub));
        emit ITaskHub.Withdrawn(provider, 2 * PRICE);
        vm.prank(stranger);
        hub.withdraw(provider);

        assertEq(rlc.balanceOf(provider), 2 * PRICE);
        assertEq(rlc.balanceOf(stranger), 0);
        assertEq(rlc.balanceOf(address(hub)), 0);
        expectError(ITaskHub.NothingToWithdraw.selector, abi.encode(provider));
        hub.withdraw(provider);
    }
}
