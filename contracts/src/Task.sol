// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IApprovalReceiver} from "./IApprovalReceiver.sol";
import {ITaskCallback} from "./ITaskCallback.sol";
import {ITaskHub} from "./ITaskHub.sol";

/// @title What a dapp inherits: it takes the user's RLC, launches the computation, and hears the answer.
/// @notice A dapp says in `_params` what an order looks like and in `_onResult` what it does with an answer. This contract
/// never holds money between two transactions.
abstract contract Task is ITaskCallback, IApprovalReceiver {
    using SafeERC20 for IERC20;

    /// @notice Where tasks are kept.
    ITaskHub public immutable hub;
    /// @notice What tasks are paid in.
    IERC20 public immutable rlc;
    /// @notice The hub's number of the app that runs.
    uint256 public immutable app;
    /// @notice What a task costs, in the token's smallest unit; it never changes.
    uint256 public immutable price;
    /// @notice Who requested a task here; zero if it was not requested here.
    mapping(uint256 id => address requester) public requesterOf;

    /// @notice A task was paid and launched; its parameters stand in the hub's TaskSubmitted.
    event TaskRequested(uint256 indexed id, address indexed requester);

    /// @notice Only the hub says how a task ended.
    error NotTheHub(address sender);
    /// @notice Only the RLC contract says that RLC was approved.
    error NotTheToken(address sender);
    /// @notice The task was not requested here.
    error NotRequestedHere(uint256 id);

    constructor(ITaskHub hub_, uint256 app_) {
        ITaskHub.App memory terms = hub_.apps(app_);
        require(terms.provider != address(0), ITaskHub.UnknownApp(app_));
        hub = hub_;
        rlc = hub_.token();
        app = app_;
        price = terms.price;
        // the hub takes only from who submits, and this contract has nothing but the price when it submits
        rlc.forceApprove(address(hub_), type(uint256).max);
    }

    /// @notice Launch a task; `price` must be approved before.
    /// @param order what the user wants, as this dapp defines it
    /// @param deadline Unix time after which the price can be had back
    function request(bytes calldata order, uint64 deadline) external returns (uint256 id) {
        return _request(msg.sender, order, deadline);
    }

    /// @notice Launch a task with an approval that the user has signed (EIP-2612) instead of sent.
    /// @param value what was approved until `permitDeadline` with the signature (v, r, s)
    function requestWithPermit(
        bytes calldata order,
        uint64 deadline,
        uint256 value,
        uint256 permitDeadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 id) {
        // Whoever saw the signature can use it first, which must not stop the user: what counts is the allowance
        try IERC20Permit(address(rlc)).permit(msg.sender, address(this), value, permitDeadline, v, r, s) {} catch {}
        return _request(msg.sender, order, deadline);
    }

    /// @notice Launch a task in the transaction that approves its price: `RLC.approveAndCall` leads here.
    /// @param data abi.encode(bytes order, uint64 deadline)
    function receiveApproval(address from, uint256, address, bytes calldata data) external override {
        require(msg.sender == address(rlc), NotTheToken(msg.sender));
        (bytes memory order, uint64 deadline) = abi.decode(data, (bytes, uint64));
        _request(from, order, deadline);
    }

    /// @notice Hear from the hub, and from nobody else, how a task that was requested here ended.
    function onResult(uint256 id, ITaskHub.Status status, bytes calldata result) external override {
        require(msg.sender == address(hub), NotTheHub(msg.sender));
        require(requesterOf[id] != address(0), NotRequestedHere(id));
        _onResult(id, status, result);
    }

    /// @dev Validate, take the price, submit.
    function _request(address requester, bytes memory order, uint64 deadline) internal returns (uint256 id) {
        bytes memory params = _params(order);
        if (price > 0) rlc.safeTransferFrom(requester, address(this), price);
        id = hub.submit(app, params, requester, address(this), _callbackGas(), deadline);
        // only now is the number known; the hub calls nobody back while it takes a task
        requesterOf[id] = requester;
        emit TaskRequested(id, requester);
    }

    /// @notice Return the app's parameters for a user's order, or revert with an error that says what is wrong with it.
    /// @dev The hook that a dapp must write. No RLC has moved yet.
    function _params(bytes memory order) internal view virtual returns (bytes memory);

    /// @notice Hear how one of this dapp's tasks ended; `requesterOf` tells whose it was.
    /// @dev A hook that a dapp may write. A refund is not told.
    /// @param result the app's result if `status` is Done, a reason code if it is Failed
    function _onResult(uint256 id, ITaskHub.Status status, bytes calldata result) internal virtual {}

    /// @notice Return the gas that `onResult` gets.
    /// @dev A hook that a dapp may write: 200,000 is the most.
    function _callbackGas() internal view virtual returns (uint32) {
        return 100_000;
    }
}
