// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Roles} from "../solidity/Roles.sol";
import {Job, ModelUsage, Permit, Source, Terms, UsageRow} from "../solidity/Types.sol";
import {CheckoutFixture} from "./CheckoutFixture.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

/// @notice A pause stops every way in and no way out.
abstract contract PauseTest is CheckoutFixture {
    /// @dev Every way in, as the customer can take it now.
    function entries() private view returns (bytes[] memory calls) {
        Terms memory terms = monthly(1);
        Permit memory forPlan = permitOf(CUSTOMER_KEY, plan());
        Permit memory forJob = permitOf(CUSTOMER_KEY, purchaseOf(order()));
        Job memory other = order();
        other.salt = 0;
        bytes32 splitId = idOf(group());
        calls = new bytes[](10);
        calls[0] = abi.encodeCall(forge.deposit, (customer, USDT));
        calls[1] = abi.encodeCall(forge.publish, (SALT, WEIGHTS, group(), terms, USER, 0, Source.Wallet));
        calls[2] = abi.encodeCall(forge.extendListing, (modelId, 1, USER, Source.Wallet));
        calls[3] = abi.encodeCall(forge.subscribe, (modelId, 1, 10 * USDT, splitId, USER, Source.Wallet));
        calls[4] = abi.encodeCall(forge.buyLicense, (modelId, 50 * USDT, splitId, USER, Source.Wallet));
        calls[5] = abi.encodeCall(forge.buyPlan, (1, 1, 10 * USDT, USER, Source.Wallet));
        calls[6] = abi.encodeCall(forge.depositUsage, (USER, USDT, uint64(USDT), Source.Wallet));
        calls[7] = abi.encodeCall(forge.openJob, (other, Source.Wallet));
        calls[8] = abi.encodeCall(forge.purchase, (plan(), forPlan));
        calls[9] = abi.encodeCall(forge.openJobWithPermit, (order(), forJob));
    }

    function test_entries_RevertWhen_MoneyComesByAnyOfTheTenWaysIn() external {
        bytes[] memory calls = entries();
        pause();
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(customer);
            (bool done, bytes memory reason) = address(forge).call(calls[i]);
            vm.assertFalse(done);
            vm.assertEq(bytes32(reason), bytes32(Roles.EnforcedPause.selector));
        }
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function test_entries_WhenNewMoneyIsLetInAgain() external {
        bytes[] memory calls = entries();
        pause();
        vm.prank(admin);
        forge.unpause();
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(customer);
            (bool done, ) = address(forge).call(calls[i]);
            vm.assertTrue(done);
        }
        // 1 + 0 + 2 + 10 + 50 + 10 + 1 + 100 + 30 + 100
        vm.assertEq(usdt.balanceOf(address(forge)), 304 * USDT);
    }

    /// @dev Money waits everywhere that it can wait: as credit, fees, revenue of a split, pool, deposit for use and escrow.
    function test_exits_WhenEverybodyLeavesWhileNewMoneyIsStopped() external {
        buy(modelId, group(), 10 * USDT);
        credit(second, 7 * USDT);
        vm.startPrank(customer);
        forge.buyPlan(3, 1, 100 * USDT, USER, Source.Wallet);
        forge.depositUsage(USER, 30 * USDT, uint64(30 * USDT), Source.Wallet);
        forge.openJob(order(), Source.Wallet);
        vm.stopPrank();
        vm.prank(operator);
        forge.postRoot(
            24_324,
            keccak256(bytes.concat(keccak256(abi.encode(idOf(group()), 70 * USDT)))),
            uint64(70 * USDT),
            ""
        );
        pause();

        ModelUsage[] memory usage_ = new ModelUsage[](1);
        usage_[0] = ModelUsage({modelId: modelId, rows: new UsageRow[](1)});
        usage_[0].rows[0] = UsageRow({payer: customer, amount: uint64(10 * USDT)});
        vm.prank(operator);
        forge.settleUsage(1, "receipts", usage_);
        vm.prank(customer);
        forge.leaveUsage();
        vm.warp(START + 3 days);
        forge.withdrawUsage(customer);
        forge.refundJob(order());
        forge.claimShare(idOf(group()), 70 * USDT, new bytes32[](0));
        forge.collectFees();

        address[3] memory payees = [customer, second, treasury];
        for (uint256 i = 0; i < payees.length; ++i) {
            forge.withdrawFor(payees[i]);
        }
        address[3] memory members = [creator, second, third];
        for (uint256 i = 0; i < members.length; ++i) {
            vm.prank(members[i]);
            forge.drawAndWithdraw(group(), members[i]);
        }
        // 1 of the subscription, 30 of the plan, 1 of the use; 9 + 9 + 70 for the group; 20 + 100 for the customer.
        vm.assertEq(usdt.balanceOf(treasury), 32 * USDT);
        vm.assertEq(usdt.balanceOf(creator), 1044 * USDT);
        vm.assertEq(usdt.balanceOf(second), 33_400_000);
        vm.assertEq(usdt.balanceOf(third), 17_600_000);
        vm.assertEq(usdt.balanceOf(customer), (1_000_000 - 10 - 7 - 100 - 30 - 100 + 20 + 100) * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }
}

contract PauseOnEthereumTest is PauseTest, OnEthereum {
    function setUp() public override(Fixture, CheckoutFixture) {
        CheckoutFixture.setUp();
    }
}

contract PauseOnTronTest is PauseTest, OnTron {
    function setUp() public override(Fixture, CheckoutFixture) {
        CheckoutFixture.setUp();
    }
}
