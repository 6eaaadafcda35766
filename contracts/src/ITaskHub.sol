// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title The book of tasks: it keeps the price while the grid computes, and pays when it is told or proven how it ended.
/// @notice A task is Pending, then exactly one of Done, Failed and Refunded, for ever. Money leaves by `withdraw` alone.
interface ITaskHub {
    /// @notice Where a task stands. None: there is no such task.
    enum Status {
        None,
        Pending,
        Done,
        Failed,
        Refunded
    }

    /// @notice What can be bought. Nothing of it ever changes but `open`.
    /// @param provider who is paid for a task that is Done
    /// @param price what one task costs, in the token's smallest unit
    /// @param verifier the ITaskVerifier that proves results, or zero where the oracle's word counts
    /// @param open whether new tasks are taken
    struct App {
        address provider;
        uint96 price;
        address verifier;
        bool open;
    }

    /// @notice What the chain keeps of a task; its parameters and its result stand in the events.
    /// @param commitment keccak256(abi.encode(chain id, hub, id, requester, app, keccak256(params), price, deadline,
    /// callback, callbackGas))
    /// @param requester who gets the money back
    /// @param deadline the last second, in Unix time, at which the task can be finished
    /// @param status where the task stands
    /// @param callback who is told the result, or zero
    /// @param callbackGas the gas that `callback` gets
    /// @param app what was bought
    /// @param resultHash keccak256 of the result; zero before, and after a refund
    struct Task {
        bytes32 commitment;
        address requester;
        uint64 deadline;
        Status status;
        address callback;
        uint32 callbackGas;
        uint64 app;
        bytes32 resultHash;
    }

    /// @notice An app can be bought from now on.
    event AppRegistered(uint256 indexed app, address indexed provider, uint256 price, address verifier);

    /// @notice No new task of this app is taken.
    event AppClosed(uint256 indexed app);

    /// @notice A task was paid into escrow and waits for the grid.
    event TaskSubmitted(
        uint256 indexed id,
        address indexed requester,
        uint256 indexed app,
        bytes params,
        uint256 price,
        uint64 deadline,
        address callback,
        uint32 callbackGas,
        bytes32 commitment
    );

    /// @notice A task ended as Done, Failed (`result` is a reason code) or Refunded (`result` is empty).
    /// @param digest SHA-256 of the whole output where `result` may be only a part of it; zero if not Done
    event TaskSettled(uint256 indexed id, address indexed requester, Status status, bytes result, bytes32 digest);

    /// @notice The task is settled and paid, but its callback reverted or used up its gas.
    event CallbackFailed(uint256 indexed id, address indexed callback);

    /// @notice An account's credit was paid out to it.
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice The token has no code.
    error InvalidToken(address token);
    /// @notice Neither zero, nor the hub, nor the token can administer the hub.
    error InvalidAdmin(address admin);
    /// @notice Neither zero, nor the hub, nor the token can be paid for an app.
    error InvalidProvider(address provider);
    /// @notice A verifier has code, and is neither the hub nor the token.
    error InvalidVerifier(address verifier);
    /// @notice Neither zero, nor the hub, nor the token can be a requester.
    error InvalidRequester(address requester);
    /// @notice Neither the hub nor the token can be called back.
    error InvalidCallback(address callback);
    /// @notice No app has this number.
    error UnknownApp(uint256 app);
    /// @notice The app takes no new tasks.
    error AppIsClosed(uint256 app);
    /// @notice More bytes of parameters than a task may have.
    error ParamsTooLong(uint256 size, uint256 maximum);
    /// @notice More bytes of result than an event may carry.
    error ResultTooLong(uint256 size, uint256 maximum);
    /// @notice More gas for the callback than a task may ask for.
    error CallbackGasTooHigh(uint256 callbackGas, uint256 maximum);
    /// @notice The deadline is too near or too far.
    error DeadlineOutOfRange(uint64 deadline, uint256 earliest, uint256 latest);
    /// @notice The token moved another amount than it was asked to.
    error WrongAmountReceived(uint256 received, uint256 price);
    /// @notice The task does not exist, or it has ended already: `status` says how.
    error TaskNotPending(uint256 id, Status status);
    /// @notice Too late to finish the task.
    error DeadlinePassed(uint256 id, uint64 deadline, uint256 time);
    /// @notice Too early to refund the task.
    error DeadlineNotPassed(uint256 id, uint64 deadline, uint256 time);
    /// @notice A task is finished as Done or Failed only.
    error InvalidOutcome(Status outcome);
    /// @notice The app's results are proven, not believed: `prove` settles this task as Done.
    error ProofRequired(uint256 app);
    /// @notice The app has no verifier.
    error NoVerifier(uint256 app);
    /// @notice The number belongs to another task than the one that was meant.
    error AnotherTask(uint256 id, bytes32 commitment);
    /// @notice These are not the parameters that the task was submitted with.
    error ParamsMismatch(uint256 id, bytes32 commitment);
    /// @notice The digest of a proven task is the SHA-256 of its result.
    error DigestMismatch(bytes32 digest, bytes32 expected);
    /// @notice The app's verifier does not accept the result.
    error ProofRefused(uint256 id, address verifier);
    /// @notice The account has no credit.
    error NothingToWithdraw(address account);

    /// @notice Offer an app; only the administrator.
    /// @return app its number, from 1
    function registerApp(address provider, uint96 price, address verifier) external returns (uint256 app);

    /// @notice Take no new tasks of an app, for ever; only the administrator. Pending ones go on. Doing it twice is an error.
    function closeApp(uint256 app) external;

    /// @notice Buy a task; the sender pays the app's price, which it has approved before.
    /// @param app what to buy
    /// @param params the app's parameters, at most 4,096 bytes
    /// @param requester who gets the money back if the task is not done
    /// @param callback an ITaskCallback that is told how the task ended, or zero
    /// @param callbackGas the gas for it, at most 200,000
    /// @param deadline Unix time, 60 seconds to 30 days ahead; until then the money cannot be taken back
    /// @return id the task's number, from 1
    function submit(
        uint256 app,
        bytes calldata params,
        address requester,
        address callback,
        uint32 callbackGas,
        uint64 deadline
    ) external returns (uint256 id);

    /// @notice Settle a task until its deadline on the oracle's word; only the oracle.
    /// @param commitment the one of the task's TaskSubmitted event: a reorganisation of the chain may have given the number to
    /// another task since
    /// @param outcome Done, which pays the provider, or Failed, which pays the requester back
    /// @param result at most 1,024 bytes; of a failed task a reason code
    /// @param digest SHA-256 of the whole output; zero if it failed
    function finish(uint256 id, bytes32 commitment, Status outcome, bytes calldata result, bytes32 digest) external;

    /// @notice Settle a task as Done with a result that proves itself; anybody, until the deadline. The provider is paid
    /// whoever sends it.
    /// @param params the parameters of the task's TaskSubmitted event
    /// @param digest SHA-256 of `result`
    function prove(uint256 id, bytes calldata params, bytes calldata result, bytes32 digest) external;

    /// @notice Give the requester of an overdue task the price back, as credit; anybody.
    function refund(uint256 id) external;

    /// @notice Pay an account the whole of its credit; anybody can have it done.
    function withdraw(address account) external;

    /// @notice The token that tasks are paid in.
    function token() external view returns (IERC20);

    /// @notice An app's terms; all zero if there is no such app.
    function apps(uint256 app) external view returns (App memory);

    /// @notice What is kept of a task; all zero if there is no such task.
    function tasks(uint256 id) external view returns (Task memory);

    /// @notice How many tasks were ever submitted, which is also the number of the newest.
    function taskCount() external view returns (uint256);

    /// @notice What an account can withdraw.
    function credit(address account) external view returns (uint256);

    /// @notice The sum of the prices of all Pending tasks.
    function escrowed() external view returns (uint256);
}
