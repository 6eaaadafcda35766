// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

import {IApprovalReceiver} from "./IApprovalReceiver.sol";

/// @title The RLC of development chains: a likeness of iExec's token, worth nothing.
/// @notice 9 decimals, 87,000,000 RLC, all of it the deployer's.
contract RLC is ERC20Permit {
    /// @notice This chain is none for development: the true RLC has an address there.
    error NotADevelopmentChain(uint256 chainId);

    constructor() ERC20("iEx.ec Network Token", "RLC") ERC20Permit("iEx.ec Network Token") {
        // Hardhat and anvil; ganache and geth --dev; py-evm's tester
        require(
            block.chainid == 31337 || block.chainid == 1337 || block.chainid == 131277322940537,
            NotADevelopmentChain(block.chainid)
        );
        _mint(msg.sender, 87_000_000 * 10 ** decimals());
    }

    /// @notice Approve a contract to take `value` and tell it so, in one transaction.
    /// @param data handed on to the contract
    function approveAndCall(address spender, uint256 value, bytes calldata data) external returns (bool) {
        _approve(msg.sender, spender, value);
        IApprovalReceiver(spender).receiveApproval(msg.sender, value, address(this), data);
        return true;
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 9;
    }
}
