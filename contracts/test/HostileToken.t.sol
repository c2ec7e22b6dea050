// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Job, Source, Submission} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

/// @notice What the issuer of USDT can do: a fee in the middle of everything, a pause, a freeze. It can stop its own
/// token, and cannot make this contract owe the wrong people.
abstract contract HostileIssuerTest is JobsFixture {
    bytes32 private modelId;
    Job private running;

    function setUp() public virtual override {
        super.setUp();
        modelId = publish(SALT, group(), 10 * USDT);
        buy(modelId, group(), 10 * USDT);
        credit(stranger, 20 * USDT);
        vm.prank(customer);
        forge.depositUsage(USER, 30 * USDT, uint64(USDT), Source.Wallet);
        running = open();
        submit(running, payeeOf(payee));
    }

    /// @dev 9 of the split, 1 of fees, 20 of credit, 30 of deposit, 100 of escrow.
    function assertUntouched() private view {
        vm.assertEq(usdt.balanceOf(address(forge)), 160 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
        vm.assertEq(forge.uncollectedFees(), USDT);
        vm.assertEq(forge.creditOf(stranger), 20 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).amount, 30 * USDT);
        vm.assertEq(forge.jobOf(jobIdOf(running)).escrow, 100 * USDT);
    }

    /// @dev New money is refused, what is here goes out exactly once, and who is paid bears the fee: nobody else.
    function test_feeSwitchedOn_WhenMoneyIsHereAlready() external {
        switchFeeOn();
        uint256 held = usdt.balanceOf(address(forge));
        vm.prank(customer);
        vm.expectRevert(
            abi.encodeWithSelector(Ledger.InexactTransfer.selector, held + 10 * USDT, held + 9_981_000, 10 * USDT)
        );
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Wallet);
        assertUntouched();

        // From credit no token moves, so the market goes on.
        vm.prank(stranger);
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit);
        everybodyLeaves();
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
        vm.assertEq(usdt.balanceOf(payee), 95 * USDT - (95 * USDT * 19) / 10_000);
    }

    /// @dev Nothing moves and nothing is lost; jobs and deposits end meanwhile, into credit.
    function test_tokenPaused_WhenMoneyIsHereAlready() external {
        usdt.pause();
        vm.expectRevert();
        credit(stranger, USDT);
        vm.expectRevert();
        forge.withdrawFor(stranger);
        vm.prank(creator);
        vm.expectRevert();
        forge.drawAndWithdraw(group(), creator);
        assertUntouched();

        vm.prank(customer);
        forge.leaveUsage();
        vm.warp(START + 4 days);
        Submission memory made = submission();
        forge.releaseJob(running, made);
        forge.withdrawUsage(customer);
        forge.draw(group(), creator);
        vm.assertEq(forge.creditOf(creator), 4_500_000);
        usdt.unpause();
        everybodyLeaves();
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    /// @dev The books outlast a freeze of the contract itself.
    function test_contractBlacklisted_WhenMoneyIsHereAlready() external {
        usdt.addBlackList(address(forge));
        vm.expectRevert();
        forge.withdrawFor(stranger);
        vm.prank(creator);
        vm.expectRevert();
        forge.drawAndWithdraw(group(), creator);
        assertUntouched();
        usdt.removeBlackList(address(forge));
        everybodyLeaves();
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    /// @dev Who is frozen keeps what is owed, can send it elsewhere, and stops neither the job nor the other members.
    function test_payeeBlacklisted_WhenEverybodyElseLeaves() external {
        usdt.addBlackList(payee);
        usdt.addBlackList(second);
        everybodyLeaves();
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
        vm.assertEq(usdt.balanceOf(third), 1_800_000);
    }

    function everybodyLeaves() private {
        if (forge.usageDepositOf(customer).leaveAt == 0 && forge.usageDepositOf(customer).amount != 0) {
            vm.prank(customer);
            forge.leaveUsage();
            vm.warp(block.timestamp + 3 days);
            Submission memory made = submission();
            forge.releaseJob(running, made);
            forge.withdrawUsage(customer);
        }
        forge.collectFees();
        address[3] memory members = [creator, second, third];
        for (uint256 i = 0; i < 3; ++i) {
            if (forge.drawableOf(group(), members[i]) != 0) forge.draw(group(), members[i]);
        }
        address[7] memory payees = [creator, second, third, treasury, payee, customer, stranger];
        for (uint256 i = 0; i < payees.length; ++i) {
            if (forge.creditOf(payees[i]) != 0) forge.withdrawFor(payees[i]);
        }
    }
}

contract HostileIssuerOnEthereumTest is HostileIssuerTest, OnEthereum {
    function setUp() public override(HostileIssuerTest, Fixture) {
        HostileIssuerTest.setUp();
    }
}

contract HostileIssuerOnTronTest is HostileIssuerTest, OnTron {
    function setUp() public override(HostileIssuerTest, Fixture) {
        HostileIssuerTest.setUp();
    }
}
