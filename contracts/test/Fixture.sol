// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
// What AIForge consists of. AIForge itself is not imported but deployed as compiled for release, see `create`.
import {Checkout as AIForge} from "../solidity/Checkout.sol";
import {Source, Split, Terms} from "../solidity/Types.sol";
import {Tether} from "../solidity/dev/Tether.sol";
import {Test} from "./Vm.sol";

/// @dev What callers of either USDT write, whatever it answers.
interface Spendable {
    function approve(address spender, uint256 amount) external;
    function transfer(address to, uint256 amount) external;
}

/// @notice A contract over one of the USDTs, and the people of the tests.
abstract contract Fixture is Test {
    uint256 internal constant USDT = 1e6;
    uint256 internal constant START = 1_800_000_000;
    bytes32 internal constant WEIGHTS = keccak256("weights");
    bytes32 internal constant SALT = bytes32(uint256(0xA1));
    /// @dev A user of the platform: 01, 15 zero bytes, 16 bytes of UUID.
    bytes32 internal constant USER = bytes32((uint256(1) << 248) | 0xCAFE);

    uint256 internal constant OPERATOR_KEY = 0x0921;
    uint256 internal constant CUSTOMER_KEY = 0xC057;

    /// @dev The one address of Permit2, and the deployer and salt that lead its one code there.
    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;
    address private constant CREATE2_DEPLOYER = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    bytes32 private constant PERMIT2_SALT = 0x0000000000000000000000000000000000000000d3af2663da51c10215000000;

    address internal immutable admin = person("admin");
    address internal immutable operator = vm.addr(OPERATOR_KEY);
    address internal immutable treasury = person("treasury");
    address internal immutable creator = person("creator");
    address internal immutable second = person("second");
    address internal immutable third = person("third");
    address internal immutable customer = vm.addr(CUSTOMER_KEY);
    address internal immutable stranger = person("stranger");

    Tether internal usdt;
    AIForge internal forge;

    function newToken(uint256 supply) internal virtual returns (Tether);

    function setUp() public virtual {
        vm.warp(START);
        usdt = newToken(1e12 * USDT);
        createPermit2();
        forge = deploy(address(usdt), admin, operator, treasury, 1 days);
        fund(customer, 1_000_000 * USDT);
        fund(creator, 1000 * USDT);
    }

    function deploy(
        address token,
        address admin_,
        address operator_,
        address treasury_,
        uint48 adminDelay
    ) internal returns (AIForge) {
        return deploy(token, PERMIT2, admin_, operator_, treasury_, adminDelay);
    }

    function deploy(
        address token,
        address permit2,
        address admin_,
        address operator_,
        address treasury_,
        uint48 adminDelay
    ) internal returns (AIForge) {
        bytes memory arguments = abi.encode(token, permit2, admin_, operator_, treasury_, adminDelay);
        return AIForge(create("AIForge.sol/AIForge", arguments));
    }

    /// @dev Puts the real Permit2 where it is on every chain: that it lands there proves that no byte of it differs.
    function createPermit2() private {
        if (CREATE2_DEPLOYER.code.length == 0) {
            // Creates what follows a salt of 32 bytes: the deployer's code as it is on every chain.
            vm.etch(
                CREATE2_DEPLOYER,
                hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
            );
        }
        string memory file = vm.readFile("contracts/src/permit2Bytecode.ts");
        bytes memory code = vm.parseBytes(vm.split(file, '"')[1]);
        (bool done, ) = CREATE2_DEPLOYER.call(bytes.concat(PERMIT2_SALT, code));
        vm.assertTrue(done && PERMIT2.code.length > 0, "Permit2");
    }

    /// @dev Deploys a contract with the bytecode that is released. `new` would compile a copy of it into every test,
    /// with the settings of the tests.
    function create(string memory artifact, bytes memory arguments) internal returns (address deployed) {
        string memory path = string.concat("contracts/artifacts/contracts/solidity/", artifact, ".json");
        bytes memory code = bytes.concat(vm.parseJsonBytes(vm.readFile(path), ".bytecode"), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        // A constructor that was to revert and did not fails the test here, as does one that reverts unexpectedly.
        require(deployed != address(0), "not deployed");
    }

    function fund(address who, uint256 amount) internal {
        Spendable(address(usdt)).transfer(who, amount);
        vm.prank(who);
        Spendable(address(usdt)).approve(address(forge), type(uint256).max);
    }

    /// @dev The owner of the token switches its fee on: 0.19 %, at most 49 USDT.
    function switchFeeOn() internal {
        usdt.setParams(19, 49);
    }

    function pause() internal {
        vm.prank(admin);
        forge.pause();
    }

    /// @dev What a call without the role reverts with.
    function lacks(address account, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role);
    }

    /// @dev The slot among the contract's first that holds `content`, to write what no test could reach.
    function slotOfContent(bytes32 content) internal view returns (bytes32) {
        for (uint256 i = 0; i < 32; ++i) {
            if (vm.load(address(forge), bytes32(i)) == content) return bytes32(i);
        }
        revert("no such slot");
    }

    /// @dev The slot of the first mapping that holds something under `key`.
    function slotOf(bytes32 key) internal view returns (bytes32 slot) {
        for (uint256 i = 0; i < 32; ++i) {
            slot = keccak256(abi.encode(key, i));
            if (vm.load(address(forge), slot) != 0) return slot;
        }
        revert("no such slot");
    }

    function alone(address member) internal pure returns (Split memory split) {
        split = Split({members: new address[](1), bps: new uint16[](1)});
        split.members[0] = member;
        split.bps[0] = 10_000;
    }

    /// @dev 50/30/20 to creator, second and third.
    function group() internal view returns (Split memory split) {
        split = Split({members: new address[](3), bps: new uint16[](3)});
        (split.members[0], split.members[1], split.members[2]) = (creator, second, third);
        (split.bps[0], split.bps[1], split.bps[2]) = (5000, 3000, 2000);
    }

    /// @dev `count` made-up members with equal shares; the last one takes what is left of the 10,000.
    function crowd(uint256 count) internal pure returns (Split memory split) {
        split = Split({members: new address[](count), bps: new uint16[](count)});
        uint256 left = 10_000;
        for (uint256 i = 0; i < count; ++i) {
            split.members[i] = address(uint160(uint256(keccak256(abi.encode("crowd", i)))));
            split.bps[i] = uint16(i + 1 == count ? left : 10_000 / count);
            left -= split.bps[i];
        }
    }

    function monthly(uint256 price) internal pure returns (Terms memory) {
        return Terms({month: uint64(price), sale: 0, input: 0, output: 0});
    }

    function idOf(Split memory split) internal pure returns (bytes32) {
        return keccak256(abi.encode(split.members, split.bps));
    }

    /// @dev Publishes a model of the creator's, the fee from the wallet.
    function publish(bytes32 salt, Split memory split, uint256 month) internal returns (bytes32) {
        vm.prank(creator);
        return forge.publish(salt, WEIGHTS, split, monthly(month), USER, 5 * USDT, Source.Wallet);
    }

    /// @dev The customer buys a month from the wallet.
    function buy(bytes32 modelId, Split memory split, uint256 price) internal {
        vm.prank(customer);
        forge.subscribe(modelId, 1, price, idOf(split), USER, Source.Wallet);
    }

    /// @dev Puts USDT of the customer's into a payee's credit.
    function credit(address payee, uint256 amount) internal {
        vm.prank(customer);
        forge.deposit(payee, amount);
    }
}

abstract contract OnEthereum is Fixture {
    function newToken(uint256 supply) internal override returns (Tether) {
        return Tether(create("dev/TetherEthereum.sol/TetherEthereum", abi.encode(supply)));
    }
}

abstract contract OnTron is Fixture {
    function newToken(uint256 supply) internal override returns (Tether) {
        return Tether(create("dev/TetherTron.sol/TetherTron", abi.encode(supply)));
    }
}
