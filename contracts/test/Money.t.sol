// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, ModelUsage, Source, Split, Terms, UsageRow} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";
import {PoolFixture} from "./PoolFixture.sol";
import {Signing} from "./Signing.sol";

/// @notice The worked examples of who gets what, from the payment to the wallets: in the end nothing is left here.
abstract contract MoneyTest is PoolFixture, Signing {
    uint8 private constant PRO = 2;
    uint8 private constant ENTERPRISE = 3;

    function setUp() public virtual override(Fixture, PoolFixture) {
        PoolFixture.setUp();
    }

    /// @dev The platform collects and withdraws what it is owed, which is `amount`.
    function assertPlatform(uint256 amount) private {
        forge.collectFees();
        forge.withdrawFor(treasury);
        vm.assertEq(usdt.balanceOf(treasury), amount, "the platform's part");
    }

    /// @dev A member draws what it is owed, which is `amount`.
    function assertMember(Split memory split, address member, uint256 amount) private {
        uint256 before = usdt.balanceOf(member);
        vm.prank(member);
        forge.drawAndWithdraw(split, member);
        vm.assertEq(usdt.balanceOf(member) - before, amount, "a member's part");
    }

    function assertLeft(uint256 amount) private view {
        vm.assertEq(usdt.balanceOf(address(forge)), amount, "left here");
    }

    function test_examples_WhenAPlanOf30IsBought() external {
        vm.prank(customer);
        forge.buyPlan(PRO, 1, 30 * USDT, USER, Source.Wallet);
        assertPlatform(9 * USDT);
        vm.assertEq(forge.poolFunded(), 21 * USDT);
        assertLeft(21 * USDT);
    }

    function test_examples_WhenAPoolOf700IsSharedBy403020And10PercentOfUse() external {
        fundPool();
        vm.assertEq(forge.poolFunded(), 700 * USDT);
        splits[0] = alone(creator);
        forge.declareSplit(splits[0]);
        uint256[4] memory amounts;
        uint8[4] memory percent = [40, 30, 20, 10];
        for (uint256 i = 0; i < 4; ++i) {
            amounts[i] = (forge.poolFunded() * percent[i]) / 100;
        }
        activate(JANUARY, rootOf(amounts), 700 * USDT);
        uint256[4] memory expected = [280 * USDT, 210 * USDT, 140 * USDT, 70 * USDT];
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertEq(claim(amounts, i), expected[i]);
            assertMember(splits[i], splits[i].members[0], expected[i]);
        }
        assertPlatform(300 * USDT);
        assertLeft(0);
    }

    function test_examples_WhenAnAPISubscriptionOf10IsBought() external {
        buy(publish(SALT, alone(second), 10 * USDT), alone(second), 10 * USDT);
        assertPlatform(USDT);
        assertMember(alone(second), second, 9 * USDT);
        assertLeft(0);
    }

    function test_examples_WhenAPIRevenueOf100IsSplitBy5030And20() external {
        buy(publish(SALT, group(), 100 * USDT), group(), 100 * USDT);
        assertPlatform(10 * USDT);
        assertMember(group(), creator, 45 * USDT);
        assertMember(group(), second, 27 * USDT);
        assertMember(group(), third, 18 * USDT);
        assertLeft(0);
    }

    function test_examples_WhenPlanRevenueOf100GoesThroughAGroupOf5030And20() external {
        vm.prank(customer);
        forge.buyPlan(ENTERPRISE, 1, 100 * USDT, USER, Source.Wallet);
        activate(JANUARY, leafOf(idOf(group()), 70 * USDT), 70 * USDT);
        vm.assertEq(forge.claimShare(idOf(group()), 70 * USDT, new bytes32[](0)), 70 * USDT);
        assertPlatform(30 * USDT);
        assertMember(group(), creator, 35 * USDT);
        assertMember(group(), second, 21 * USDT);
        assertMember(group(), third, 14 * USDT);
        assertLeft(0);
    }

    function test_examples_WhenAJobOf100IsPaid() external {
        Job memory job = Job({
            client: customer,
            account: USER,
            specification: "job",
            price: uint64(100 * USDT),
            deadline: uint40(START + 1 days),
            salt: SALT
        });
        vm.prank(customer);
        bytes32 jobId = forge.openJob(job, Source.Wallet);
        bytes32 payee = bytes32(uint256(uint160(stranger)));
        forge.payJob(job, payee, "result", signed(attestationHash(jobId, payee, "result")));
        assertPlatform(5 * USDT);
        forge.withdrawFor(stranger);
        vm.assertEq(usdt.balanceOf(stranger), 95 * USDT);
        assertLeft(0);
    }

    function test_examples_WhenAModelIsSoldFor50() external {
        vm.prank(creator);
        bytes32 modelId = forge.publish(
            SALT,
            WEIGHTS,
            alone(second),
            Terms({month: 0, sale: uint64(50 * USDT), input: 0, output: 0}),
            USER,
            0,
            Source.Wallet
        );
        vm.prank(customer);
        forge.buyLicense(modelId, 50 * USDT, idOf(alone(second)), USER, Source.Wallet);
        assertPlatform(2_500_000);
        assertMember(alone(second), second, 47_500_000);
        assertLeft(0);
    }

    function test_examples_WhenMeteredUseOf10IsSettled() external {
        bytes32 modelId = publish(SALT, alone(second), 0);
        vm.prank(customer);
        forge.depositUsage(USER, 10 * USDT, uint64(10 * USDT), Source.Wallet);
        ModelUsage[] memory usage = new ModelUsage[](1);
        usage[0] = ModelUsage({modelId: modelId, rows: new UsageRow[](1)});
        usage[0].rows[0] = UsageRow({payer: customer, amount: uint64(10 * USDT)});
        vm.prank(operator);
        forge.settleUsage(1, "receipts", usage);
        assertPlatform(USDT);
        assertMember(alone(second), second, 9 * USDT);
        assertLeft(0);
    }

    function test_examples_WhenModelsArePublishedAndListed() external {
        bytes32 first = publish(SALT, group(), USDT);
        vm.assertEq(forge.uncollectedFees(), 0);
        publish(bytes32(uint256(2)), group(), USDT);
        vm.assertEq(forge.uncollectedFees(), 5 * USDT);
        vm.prank(creator);
        forge.extendListing(first, 1, USER, Source.Wallet);
        vm.assertEq(forge.uncollectedFees(), 7 * USDT);
        (, uint64 until, , ) = forge.modelOf(first);
        vm.assertEq(until, START + 60 days);
        assertPlatform(7 * USDT);
        assertLeft(0);
    }
}

contract MoneyOnEthereumTest is MoneyTest, OnEthereum {
    function setUp() public override(Fixture, MoneyTest) {
        MoneyTest.setUp();
    }
}

contract MoneyOnTronTest is MoneyTest, OnTron {
    function setUp() public override(Fixture, MoneyTest) {
        MoneyTest.setUp();
    }
}
