// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Source, Split} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";

/// @notice What each operation costs, as a whole transaction, when everyone involved was paid before. `snapshots/` holds
/// the figures; `npm run gas:check -w contracts` fails when one changed, `npm run gas:write -w contracts` writes them.
contract GasTest is OnEthereum {
    bytes32 private modelId;

    function test_gas() external {
        address member = third;
        bytes32 salt = bytes32(uint256(1));
        publish(salt, group(), 10 * USDT);
        publish(bytes32(uint256(2)), group(), 10 * USDT);
        modelId = publish(bytes32(uint256(3)), group(), 10 * USDT);
        snapshot("publish");
        vm.prank(creator);
        forge.setTerms(modelId, monthly(10 * USDT));
        snapshot("setTerms");
        vm.prank(creator);
        forge.extendListing(modelId, 1, USER, Source.Wallet);
        snapshot("extendListing");
        credit(customer, 50 * USDT);
        credit(customer, 50 * USDT);
        snapshot("deposit");

        fund(member, 1);
        measureSplit("3", group(), member);
        measureSplit("1", alone(member), member);
        Split memory hundred = crowd(100);
        hundred.members[99] = member;
        measureSplit("100", hundred, member);

        vm.prank(customer);
        forge.withdraw(customer, USDT);
        snapshot("withdraw");
        forge.withdrawFor(member);
        snapshot("withdrawFor");
    }

    function measureSplit(string memory size, Split memory split, address member) private {
        vm.prank(creator);
        forge.setSplit(modelId, split);
        snapshot(string.concat("setSplit ", size));
        buy(modelId, split, 10 * USDT);
        forge.draw(split, member);
        buy(modelId, split, 10 * USDT);
        snapshot(string.concat("subscribe ", size));
        vm.prank(customer);
        forge.subscribe(modelId, 1, 10 * USDT, idOf(split), USER, Source.Credit);
        snapshot(string.concat("subscribe from credit ", size));
        forge.draw(split, member);
        snapshot(string.concat("draw ", size));
        buy(modelId, split, 10 * USDT);
        vm.prank(member);
        forge.drawAndWithdraw(split, member);
        snapshot(string.concat("drawAndWithdraw ", size));
    }

    function snapshot(string memory name) private {
        vm.snapshotGasLastCall("AIForge", name);
    }
}
