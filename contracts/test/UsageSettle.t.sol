// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Models} from "../solidity/Models.sol";
import {ModelUsage, UsageRow} from "../solidity/Types.sol";
import {Usage} from "../solidity/Usage.sol";
import {Fixture, OnEthereum} from "./Fixture.sol";
import {UsageFixture} from "./UsageFixture.sol";

/// @dev No token moves here, so one stand-in is enough.
contract UsageSettleTest is UsageFixture, OnEthereum {
    function setUp() public override(Fixture, UsageFixture) {
        UsageFixture.setUp();
    }

    function expectExceeded(ModelUsage[] memory usage, uint256 available, uint256 amount) private {
        uint256 batch = forge.lastUsageBatch() + 1;
        vm.expectRevert(abi.encodeWithSelector(Usage.UsageExceeded.selector, customer, available, amount));
        vm.prank(operator);
        forge.settleUsage(batch, RECEIPTS, usage);
    }

    function test_settleUsage_RevertWhen_TheCallerIsNoOPERATOR() external {
        bytes32 role = forge.OPERATOR();
        ModelUsage[] memory usage = batchOf(customer, USDT);
        address[3] memory others = [admin, creator, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(lacks(others[i], role));
            forge.settleUsage(1, RECEIPTS, usage);
        }
    }

    function test_settleUsage_RevertWhen_TheBatchWasSettledBefore() external {
        charge(USDT);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(Usage.BatchOutOfOrder.selector, 1, 2));
        forge.settleUsage(1, RECEIPTS, batchOf(customer, USDT));
    }

    function test_settleUsage_RevertWhen_ABatchIsLeftOut() external {
        charge(USDT);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(Usage.BatchOutOfOrder.selector, 3, 2));
        forge.settleUsage(3, RECEIPTS, batchOf(customer, USDT));
    }

    function test_settleUsage_RevertWhen_TheModelIsUnknown() external {
        modelId = bytes32(uint256(1));
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, modelId));
        forge.settleUsage(1, RECEIPTS, batchOf(customer, USDT));
    }

    function test_settleUsage_RevertWhen_ThePayerHasNoDeposit() external {
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(Usage.UsageExceeded.selector, stranger, 0, 1));
        forge.settleUsage(1, RECEIPTS, batchOf(stranger, 1));
    }

    function test_settleUsage_RevertWhen_TheAmountIsOneUnitAboveTheDeposit() external {
        setCap(type(uint64).max);
        expectExceeded(batchOf(customer, 100 * USDT + 1), 100 * USDT, 100 * USDT + 1);
    }

    function test_settleUsage_RevertWhen_TheAmountIsOneUnitAboveTheDaysCap() external {
        expectExceeded(batchOf(customer, 40 * USDT + 1), 40 * USDT, 40 * USDT + 1);
        charge(10 * USDT);
        expectExceeded(batchOf(customer, 30 * USDT + 1), 30 * USDT, 30 * USDT + 1);
    }

    function test_settleUsage_RevertWhen_TwoRowsOfOneBatchPassTheCapTogether() external {
        ModelUsage[] memory usage = batchOf(customer, 30 * USDT);
        usage[0].rows = new UsageRow[](2);
        usage[0].rows[0] = row(customer, 30 * USDT);
        usage[0].rows[1] = row(customer, 11 * USDT);
        expectExceeded(usage, 10 * USDT, 11 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).amount, 100 * USDT);
    }

    function test_settleUsage_RevertWhen_TwoModelsOfOneBatchPassTheDepositTogether() external {
        setCap(type(uint64).max);
        ModelUsage[] memory usage = new ModelUsage[](2);
        usage[0] = batchOf(customer, 60 * USDT)[0];
        usage[1] = batchOf(customer, 41 * USDT)[0];
        expectExceeded(usage, 40 * USDT, 41 * USDT);
    }

    function test_settleUsage_RevertWhen_ThePayersDelayEndsThisVerySecond() external {
        leave();
        vm.warp(START + 3 days);
        expectExceeded(batchOf(customer, 1), 0, 1);
    }

    function test_settleUsage_WhenThePayersDelayEndsInASecond() external {
        // An odd time: the slot's day is next to its lowest bit.
        vm.warp(START + 1);
        leave();
        vm.warp(START + 3 days);
        charge(40 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).amount, 60 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).leaveAt, START + 3 days + 1);
    }

    function test_settleUsage_WhenTheAmountIsExactlyTheDaysCap() external {
        charge(15 * USDT);
        charge(25 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).spent, 40 * USDT);
        expectExceeded(batchOf(customer, 1), 0, 1);
    }

    function test_settleUsage_WhenTheNextDayBegins() external {
        uint256 midnight = (START / 1 days + 1) * 1 days;
        // Every bit of what was spent goes at midnight, the lowest too.
        charge(40 * USDT - 1);
        vm.warp(midnight - 1);
        expectExceeded(batchOf(customer, 2), 1, 2);
        vm.warp(midnight);
        charge(40 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).spent, 40 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).day, midnight / 1 days);
        vm.assertEq(forge.usageDepositOf(customer).amount, 20 * USDT + 1);
    }

    function test_settleUsage_WhenTheAmountIsExactlyTheDeposit() external {
        setCap(uint64(100 * USDT));
        charge(100 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).amount, 0);
        setCap(type(uint64).max);
        expectExceeded(batchOf(customer, 1), 0, 1);
    }

    function test_settleUsage_WhenSeveralModelsAndPayersAreSettled() external {
        bytes32 other = publish(bytes32(uint256(2)), alone(third), USDT);
        deposit(creator, 50 * USDT, CAP);
        uint256 fees = forge.uncollectedFees();
        ModelUsage[] memory usage = new ModelUsage[](2);
        usage[0] = ModelUsage({modelId: modelId, rows: new UsageRow[](2)});
        usage[0].rows[0] = row(customer, 20 * USDT);
        usage[0].rows[1] = row(creator, 10 * USDT + 9);
        usage[1] = ModelUsage({modelId: other, rows: new UsageRow[](1)});
        usage[1].rows[0] = row(customer, 10 * USDT);

        vm.expectEmit(address(forge));
        emit Usage.UsageCharged({payer: customer, modelId: modelId, amount: 20 * USDT, deposit: 80 * USDT});
        vm.expectEmit(address(forge));
        emit Usage.UsageCharged({payer: creator, modelId: modelId, amount: 10 * USDT + 9, deposit: 40 * USDT - 9});
        vm.expectEmit(address(forge));
        emit Usage.UsageEarned({
            batch: 1,
            modelId: modelId,
            splitId: idOf(group()),
            amount: 30 * USDT + 9,
            fee: 3 * USDT,
            splitEarned: 27 * USDT + 9,
            fees: fees + 3 * USDT
        });
        vm.expectEmit(address(forge));
        emit Usage.UsageCharged({payer: customer, modelId: other, amount: 10 * USDT, deposit: 70 * USDT});
        vm.expectEmit(address(forge));
        emit Usage.UsageEarned({
            batch: 1,
            modelId: other,
            splitId: idOf(alone(third)),
            amount: 10 * USDT,
            fee: USDT,
            splitEarned: 9 * USDT,
            fees: fees + 4 * USDT
        });
        vm.expectEmit(address(forge));
        emit Usage.UsageSettled(1, RECEIPTS);
        settle(usage);

        vm.assertEq(forge.uncollectedFees(), fees + 4 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 27 * USDT + 9);
        vm.assertEq(forge.earnedOf(idOf(alone(third))), 9 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).spent, 30 * USDT);
    }

    function test_settleUsage_WhenAModelsSplitChanged() external {
        charge(10 * USDT);
        vm.prank(creator);
        forge.setSplit(modelId, alone(second));
        charge(10 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
        vm.assertEq(forge.earnedOf(idOf(alone(second))), 9 * USDT);
    }

    function test_settleUsage_WhenAModelIsListedNoMore() external {
        vm.warp(START + 100 days);
        vm.assertFalse(forge.isListed(modelId));
        charge(10 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    function test_settleUsage_WhenTheBatchHasNoRows() external {
        ModelUsage[] memory usage = new ModelUsage[](1);
        usage[0].modelId = modelId;
        vm.expectEmit(address(forge));
        emit Usage.UsageEarned(1, modelId, idOf(group()), 0, 0, 0, 0);
        settle(usage);
        vm.assertEq(forge.lastUsageBatch(), 1);
        vm.assertEq(forge.earnedOf(idOf(group())), 0);
    }

    function test_settleUsage_WhenTheBatchHasNoModels() external {
        vm.expectEmit(address(forge));
        emit Usage.UsageSettled(1, RECEIPTS);
        settle(new ModelUsage[](0));
        vm.assertEq(forge.lastUsageBatch(), 1);
        vm.assertEq(forge.usageDepositOf(customer).amount, 100 * USDT);
    }

    /// @dev A batch is rounded once, on its sum: rows give a tenth of the sum to the platform and all the rest to the split.
    function testFuzz_settleUsage_WhenAmountsAreAny(uint64[8] calldata amounts) external {
        setCap(type(uint64).max);
        ModelUsage[] memory usage = batchOf(customer, 0);
        usage[0].rows = new UsageRow[](8);
        uint256 sum = 0;
        for (uint256 i = 0; i < 8; ++i) {
            usage[0].rows[i] = row(customer, bound(amounts[i], 0, 12 * USDT));
            sum += usage[0].rows[i].amount;
        }
        settle(usage);
        vm.assertEq(forge.uncollectedFees(), sum / 10);
        vm.assertEq(forge.earnedOf(idOf(group())), sum - sum / 10);
        vm.assertEq(forge.usageDepositOf(customer).amount, 100 * USDT - sum);
        vm.assertEq(forge.usageDepositOf(customer).spent, sum);
    }

    function test_settleUsage_WhenNewMoneyIsStopped() external {
        pause();
        charge(10 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }
}
