// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ITaskHub} from "../src/ITaskHub.sol";
import {RLC} from "../src/RLC.sol";
import {TaskHub} from "../src/TaskHub.sol";
import {VanityTask} from "../src/VanityTask.sol";
import {WordcountTask} from "../src/WordcountTask.sol";
import {Bomb, Burner} from "./Hostile.sol";
import {Orders} from "./Orders.sol";

/// @title What each transaction costs, with its 21,000 gas and its data; the figures are compared with snapshots/gas.json.
/// @dev Each measured call is a transaction of its own (isolate), so that every slot is cold as on a chain. The hub is one
/// in use: another task is pending, and the provider and the user have credit; what it costs more to be the first is said.
contract GasTest is Orders {
    bytes private constant _TEXT = "the quick brown fox jumps over the lazy dog and the cat";
    bytes private constant _REPORT = "the 3\nquick 1\nbrown 1\nfox 1\njumps 1\nover 1\nlazy 1\ndog 1\nand 1\ncat 1\n";

    function setUp() public override {
        super.setUp();
        finish(submit(believed));
        finish(submit(believed), ITaskHub.Status.Failed, "too-hard");
        submit(believed);
    }

    function vanityResult() private view returns (bytes memory) {
        return abi.encode(uint256(keccak256("an offset")), uint8(1), true, x, y);
    }

    function measured(string memory name) private {
        vm.snapshotGasLastCall("gas", name);
    }

    /// forge-config: default.isolate = true
    function test_gas_of_the_token() public {
        vm.startPrank(user);
        rlc.approve(address(vanity), PRICE);
        measured("RLC.approve");
        rlc.transfer(stranger, PRICE);
        measured("RLC.transfer");
    }

    /// forge-config: default.isolate = true
    function test_gas_of_the_administrator() public {
        vm.startPrank(admin);
        hub.registerApp(provider, PRICE, address(verifier));
        measured("TaskHub.registerApp");
        hub.closeApp(believed);
        measured("TaskHub.closeApp");
        hub.grantRole(keccak256("ORACLE_ROLE"), stranger);
        measured("TaskHub.grantRole");
    }

    /// forge-config: default.isolate = true
    function test_gas_of_a_task_without_callback() public {
        vm.prank(user);
        uint256 id = hub.submit(believed, PARAMS, user, address(0), 0, DEADLINE);
        measured("TaskHub.submit, 3 bytes");
        finish(id);
        measured("TaskHub.finish, Done, 10 bytes");
        finish(submit(believed), ITaskHub.Status.Failed, "too-hard");
        measured("TaskHub.finish, Failed");
        id = submit(proven);
        prove(id);
        measured("TaskHub.prove, 3 bytes and their verifier");
        id = submit(believed);
        vm.warp(DEADLINE + 1);
        hub.refund(id);
        measured("TaskHub.refund");
        hub.withdraw(provider);
        measured("TaskHub.withdraw, to an account without RLC");
        hub.withdraw(user);
        measured("TaskHub.withdraw");
    }

    /// forge-config: default.isolate = true
    function test_gas_of_being_the_first() public {
        TaskHub young = new TaskHub(rlc, admin, oracle);
        vm.prank(admin);
        young.registerApp(provider, PRICE, address(0));
        vm.prank(user);
        rlc.approve(address(young), PRICE);
        vm.prank(user);
        young.submit(1, PARAMS, user, address(0), 0, DEADLINE);
        measured("TaskHub.submit, 3 bytes, the hub's first");
        bytes32 commitment = young.tasks(1).commitment;
        vm.prank(oracle);
        young.finish(1, commitment, ITaskHub.Status.Done, RESULT, DIGEST);
        measured("TaskHub.finish, Done, 10 bytes, the payee's first");
    }

    /// forge-config: default.isolate = true
    function test_gas_of_callbacks() public {
        finish(submit(believed, address(new Burner()), 200_000));
        measured("TaskHub.finish, callback burns 200,000");
        finish(submit(believed, address(new Bomb(false)), 200_000));
        measured("TaskHub.finish, callback returns 100 kB");
    }

    /// forge-config: default.isolate = true
    function test_gas_of_a_vanity_search() public {
        orderAtOnce(address(vanity), order());
        measured("RLC.approveAndCall, VanityTask, 5 letters");
        finish(4, ITaskHub.Status.Done, vanityResult());
        measured("TaskHub.finish, VanityTask hears");
        vm.startPrank(user);
        rlc.approve(address(vanity), PRICE);
        vanity.request(PATTERN, x, y, DEADLINE);
        measured("VanityTask.request, 5 letters");
        rlc.approve(address(vanity), PRICE);
        vanity.request("1LoVELoVELoVELoVELoV", x, y, DEADLINE);
        measured("VanityTask.request, 20 letters");
        (uint8 v, bytes32 r, bytes32 s) = signedPermit(address(vanity), PRICE);
        vanity.requestWithPermit(order(), DEADLINE, PRICE, DEADLINE, v, r, s);
        measured("VanityTask.requestWithPermit, 5 letters");
    }

    /// forge-config: default.isolate = true
    function test_gas_of_a_word_count() public {
        orderAtOnce(address(wordcount), _TEXT);
        measured("RLC.approveAndCall, WordcountTask, 55 bytes");
        finish(4, ITaskHub.Status.Done, _REPORT);
        measured("TaskHub.finish, WordcountTask hears 70 bytes");
        orderAtOnce(address(wordcount), new bytes(2048));
        measured("RLC.approveAndCall, WordcountTask, 2,048 bytes");
        finish(5, ITaskHub.Status.Done, new bytes(1024));
        measured("TaskHub.finish, WordcountTask hears 1,024 bytes");
    }

    function test_gas_of_deployment() public {
        measureDeployment("deploy RLC", type(RLC).creationCode);
        measureDeployment(
            "deploy TaskHub", abi.encodePacked(type(TaskHub).creationCode, abi.encode(rlc, admin, oracle))
        );
        bytes memory arguments = abi.encode(hub, believed);
        measureDeployment("deploy VanityTask", abi.encodePacked(type(VanityTask).creationCode, arguments));
        measureDeployment("deploy WordcountTask", abi.encodePacked(type(WordcountTask).creationCode, arguments));
    }

    /// @dev To the nearest 1,000: what a creation costs here, and 21,000 gas and 4 or 16 for each byte of data (EIP-2028).
    function measureDeployment(string memory name, bytes memory code) private {
        address made;
        uint256 gas_ = gasleft();
        assembly {
            made := create(0, add(code, 0x20), mload(code))
        }
        gas_ = gas_ - gasleft() + 21_000;
        for (uint256 i; i < code.length; ++i) {
            gas_ += code[i] == 0 ? 4 : 16;
        }
        assertTrue(made != address(0), name);
        vm.snapshotValue("gas", name, ((gas_ + 500) / 1000) * 1000);
    }
}
