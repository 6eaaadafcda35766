// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {CappedCall} from "./CappedCall.sol";
import {ITaskCallback} from "./ITaskCallback.sol";
import {ITaskHub} from "./ITaskHub.sol";
import {ITaskVerifier} from "./ITaskVerifier.sol";

/// @title The book of tasks and their money.
/// @notice The token's balance of this contract is never less than `escrowed` and all credits together.
contract TaskHub is ITaskHub, AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Who settles tasks on its word: a hot key, which can be granted and revoked by the administrator.
    bytes32 public constant ORACLE_ROLE = keccak256("ORACLE_ROLE");
    /// @notice The most bytes of parameters.
    uint256 public constant MAX_PARAMS = 4096;
    /// @notice The most bytes of result.
    uint256 public constant MAX_RESULT = 1024;
    /// @notice The most gas for a callback.
    uint256 public constant MAX_CALLBACK_GAS = 200_000;
    /// @notice The nearest deadline, in seconds from now.
    uint256 public constant MIN_DURATION = 60 seconds;
    /// @notice The farthest deadline, in seconds from now.
    uint256 public constant MAX_DURATION = 30 days;

    /// @inheritdoc ITaskHub
    IERC20 public immutable token;
    /// @inheritdoc ITaskHub
    uint256 public escrowed;
    /// @inheritdoc ITaskHub
    uint256 public taskCount;
    /// @inheritdoc ITaskHub
    mapping(address account => uint256 amount) public credit;

    uint64 private _appCount;
    mapping(uint256 app => App terms) private _apps;
    mapping(uint256 id => Task task) private _tasks;

    /// @param token_ what tasks are paid in; it must move exactly what it is asked to
    /// @param admin who registers apps and appoints oracles
    /// @param oracle the first oracle, or zero
    constructor(IERC20 token_, address admin, address oracle) {
        require(address(token_).code.length > 0, InvalidToken(address(token_)));
        token = token_;
        require(_isOutside(admin), InvalidAdmin(admin));
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        if (oracle != address(0)) _grantRole(ORACLE_ROLE, oracle);
    }

    /// @inheritdoc ITaskHub
    function registerApp(address provider, uint96 price, address verifier)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (uint256 app)
    {
        require(_isOutside(provider), InvalidProvider(provider));
        require(verifier == address(0) || (verifier.code.length > 0 && _isOutside(verifier)), InvalidVerifier(verifier));
        app = ++_appCount;
        _apps[app] = App({provider: provider, price: price, verifier: verifier, open: true});
        emit AppRegistered(app, provider, price, verifier);
    }

    /// @inheritdoc ITaskHub
    function closeApp(uint256 app) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _requireOpen(app);
        _apps[app].open = false;
        emit AppClosed(app);
    }

    /// @inheritdoc ITaskHub
    function submit(
        uint256 app,
        bytes calldata params,
        address requester,
        address callback,
        uint32 callbackGas,
        uint64 deadline
    ) external nonReentrant returns (uint256 id) {
        uint256 price = _requireOpen(app);
        require(params.length <= MAX_PARAMS, ParamsTooLong(params.length, MAX_PARAMS));
        require(_isOutside(requester), InvalidRequester(requester));
        require(callback == address(0) || _isOutside(callback), InvalidCallback(callback));
        require(callbackGas <= MAX_CALLBACK_GAS, CallbackGasTooHigh(callbackGas, MAX_CALLBACK_GAS));
        _requireDuration(deadline);

        id = ++taskCount;
        Task storage task = _tasks[id];
        task.requester = requester;
        task.deadline = deadline;
        task.status = Status.Pending;
        task.callback = callback;
        task.callbackGas = callbackGas;
        task.app = uint64(app); // a registered app's number came from a uint64
        bytes32 commitment = _commitment(id, task, keccak256(params), price);
        task.commitment = commitment;
        escrowed += price;
        emit TaskSubmitted(id, requester, app, params, price, deadline, callback, callbackGas, commitment);

        if (price > 0) _take(price);
    }

    /// @inheritdoc ITaskHub
    function finish(uint256 id, bytes32 commitment, Status outcome, bytes calldata result, bytes32 digest)
        external
        nonReentrant
        onlyRole(ORACLE_ROLE)
    {
        Task storage task = _requireFinishable(id);
        App storage app = _apps[task.app];
        require(task.commitment == commitment, AnotherTask(id, task.commitment));
        require(outcome == Status.Done || outcome == Status.Failed, InvalidOutcome(outcome));
        require(outcome == Status.Failed || app.verifier == address(0), ProofRequired(task.app));
        require(result.length <= MAX_RESULT, ResultTooLong(result.length, MAX_RESULT));

        _settle(id, outcome, outcome == Status.Done ? app.provider : task.requester, result, digest);
        _callBack(id, outcome, result);
    }

    /// @inheritdoc ITaskHub
    function prove(uint256 id, bytes calldata params, bytes calldata result, bytes32 digest) external nonReentrant {
        Task storage task = _requireFinishable(id);
        App storage app = _apps[task.app];
        require(app.verifier != address(0), NoVerifier(task.app));
        require(result.length <= MAX_RESULT, ResultTooLong(result.length, MAX_RESULT));
        bytes32 commitment = task.commitment;
        require(_commitment(id, task, keccak256(params), app.price) == commitment, ParamsMismatch(id, commitment));
        bytes32 expected = sha256(result);
        require(digest == expected, DigestMismatch(digest, expected));
        require(ITaskVerifier(app.verifier).verify(params, result), ProofRefused(id, app.verifier));

        _settle(id, Status.Done, app.provider, result, digest);
        _callBack(id, Status.Done, result);
    }

    /// @inheritdoc ITaskHub
    function refund(uint256 id) external nonReentrant {
        Task storage task = _requirePending(id);
        uint64 deadline = task.deadline;
        require(block.timestamp > deadline, DeadlineNotPassed(id, deadline, block.timestamp));

        _settle(id, Status.Refunded, task.requester, msg.data[0:0], 0);
    }

    /// @inheritdoc ITaskHub
    function withdraw(address account) external nonReentrant {
        uint256 amount = credit[account];
        require(amount > 0, NothingToWithdraw(account));

        credit[account] = 0;
        emit Withdrawn(account, amount);
        token.safeTransfer(account, amount);
    }

    /// @inheritdoc ITaskHub
    function apps(uint256 app) external view returns (App memory) {
        return _apps[app];
    }

    /// @inheritdoc ITaskHub
    function tasks(uint256 id) external view returns (Task memory) {
        return _tasks[id];
    }

    /// @dev Move exactly `price` from the sender into this contract.
    function _take(uint256 price) private {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), price);
        uint256 received = token.balanceOf(address(this)) - before;
        require(received == price, WrongAmountReceived(received, price));
    }

    /// @dev End a pending task: all that changes in the hub when it does. `payee` gets the price as credit.
    function _settle(uint256 id, Status outcome, address payee, bytes calldata result, bytes32 digest) private {
        Task storage task = _tasks[id];
        uint256 price = _apps[task.app].price;
        task.status = outcome;
        if (outcome != Status.Refunded) task.resultHash = keccak256(result);
        escrowed -= price;
        credit[payee] += price;
        emit TaskSettled(id, task.requester, outcome, result, digest);
    }

    /// @dev Tell the callback, which cannot make the settlement fail.
    function _callBack(uint256 id, Status outcome, bytes calldata result) private {
        address callback = _tasks[id].callback;
        if (callback == address(0)) return;
        bytes memory message = abi.encodeCall(ITaskCallback.onResult, (id, outcome, result));
        bool succeeded = CappedCall.tryCall(callback, message, _tasks[id].callbackGas);
        if (!succeeded) emit CallbackFailed(id, callback);
    }

    /// @dev Return the price of an app that takes tasks.
    function _requireOpen(uint256 app) private view returns (uint256 price) {
        App storage terms = _apps[app];
        require(terms.provider != address(0), UnknownApp(app));
        require(terms.open, AppIsClosed(app));
        return terms.price;
    }

    function _requireDuration(uint64 deadline) private view {
        (uint256 earliest, uint256 latest) = (block.timestamp + MIN_DURATION, block.timestamp + MAX_DURATION);
        require(deadline >= earliest && deadline <= latest, DeadlineOutOfRange(deadline, earliest, latest));
    }

    function _requirePending(uint256 id) private view returns (Task storage task) {
        task = _tasks[id];
        Status status = task.status;
        require(status == Status.Pending, TaskNotPending(id, status));
    }

    function _requireFinishable(uint256 id) private view returns (Task storage task) {
        task = _requirePending(id);
        uint64 deadline = task.deadline;
        require(block.timestamp <= deadline, DeadlinePassed(id, deadline, block.timestamp));
    }

    /// @dev Tell whether an account is neither nobody nor one of ours, where money would be stuck or a call would lie.
    function _isOutside(address account) private view returns (bool) {
        return account != address(0) && account != address(this) && account != address(token);
    }

    /// @dev Return what binds a task to all that was agreed, and to this hub on this chain.
    function _commitment(uint256 id, Task storage task, bytes32 paramsHash, uint256 price)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                block.chainid,
                address(this),
                id,
                task.requester,
                uint256(task.app),
                paramsHash,
                price,
                task.deadline,
                task.callback,
                task.callbackGas
            )
        );
    }
}
