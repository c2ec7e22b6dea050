// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ModelUsage, Source, UsageRow} from "../solidity/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @notice A model in use, and a customer with a deposit of 100 USDT of which 40 may be charged in a day.
abstract contract UsageFixture is Fixture {
    bytes32 internal constant RECEIPTS = keccak256("receipts");
    uint64 internal constant CAP = 40e6;
    bytes32 internal modelId;

    function setUp() public virtual override {
        super.setUp();
        modelId = publish(SALT, group(), USDT);
        deposit(customer, 100 * USDT, CAP);
    }

    function deposit(address payer, uint256 amount, uint64 cap) internal {
        vm.prank(payer);
        forge.depositUsage(USER, amount, cap, Source.Wallet);
    }

    function leave() internal {
        vm.prank(customer);
        forge.leaveUsage();
    }

    function setCap(uint64 cap) internal {
        vm.prank(customer);
        forge.setUsageCap(cap);
    }

    function row(address payer, uint256 amount) internal pure returns (UsageRow memory) {
        return UsageRow({payer: payer, amount: uint64(amount)});
    }

    /// @dev A batch of one row.
    function batchOf(address payer, uint256 amount) internal view returns (ModelUsage[] memory usage) {
        usage = new ModelUsage[](1);
        usage[0] = ModelUsage({modelId: modelId, rows: new UsageRow[](1)});
        usage[0].rows[0] = row(payer, amount);
    }

    /// @dev The operator settles the next batch.
    function settle(ModelUsage[] memory usage) internal {
        uint256 batch = forge.lastUsageBatch() + 1;
        vm.prank(operator);
        forge.settleUsage(batch, RECEIPTS, usage);
    }

    function charge(uint256 amount) internal {
        settle(batchOf(customer, amount));
    }
}
