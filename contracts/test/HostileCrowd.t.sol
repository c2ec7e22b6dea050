// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Job, Permit, Purchase, Source, Terms} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

interface IPermit2Direct {
    struct TokenPermissions {
        address token;
        uint256 amount;
    }
    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }
    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }
    function permitTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata details,
        address owner,
        bytes calldata signature
    ) external;
}

/// @notice What anybody can send: ahead of others, in dust, in somebody else's name, in numbers that overflow.
contract HostileCrowdTest is JobsFixture, OnEthereum {
    /// @dev A model's id holds its owner, so whoever sees a publication coming can only publish a model of their own.
    function test_frontRunning_WhenAPublicationIsCopied() external {
        vm.prank(stranger);
        bytes32 copied = forge.publish(SALT, WEIGHTS, alone(stranger), monthly(1), USER, 0, Source.Wallet);
        bytes32 own = publish(SALT, group(), 10 * USDT);
        vm.assertTrue(copied != own);
        (address owner, , bytes32 splitId, ) = forge.modelOf(own);
        vm.assertEq(owner, creator);
        vm.assertEq(splitId, idOf(group()));
    }

    /// @dev Who opens a job of another's terms pays for it, and the client is still who approves and is refunded.
    function test_frontRunning_WhenAJobIsOpenedByAnother() external {
        fund(stranger, 100 * USDT);
        Job memory job = order();
        vm.prank(stranger);
        forge.openJob(job, Source.Wallet);
        vm.prank(customer);
        vm.expectRevert(notIn(job, Jobs.JobStatus.Open));
        forge.openJob(job, Source.Wallet);
        vm.warp(DEADLINE + 1);
        forge.refundJob(job);
        vm.assertEq(forge.creditOf(customer), 100 * USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
    }

    /// @dev A signature for a purchase here is no use to anyone at Permit2 itself: the spender and the purchase are in it.
    function test_permit2_RevertWhen_TheSignatureIsTakenThereDirectly() external {
        approvePermit2(customer);
        Purchase memory bought = Purchase("plan", bytes32(uint256(1)), USER, 1, 10 * USDT, 0);
        Allowed memory allowed = allowing(bought);
        Permit memory permit = permitOf(CUSTOMER_KEY, bought, allowed);
        vm.prank(stranger);
        vm.expectRevert();
        IPermit2Direct(PERMIT2).permitTransferFrom(
            IPermit2Direct.PermitTransferFrom(
                IPermit2Direct.TokenPermissions(address(usdt), allowed.amount),
                allowed.nonce,
                allowed.deadline
            ),
            IPermit2Direct.SignatureTransferDetails(stranger, allowed.amount),
            customer,
            permit.signature
        );
        vm.assertEq(usdt.balanceOf(stranger), 0);
        forge.purchase(bought, permit);
        vm.assertEq(forge.uncollectedFees(), 3 * USDT);
    }

    /// @dev The worst a stranger can do with another's credit is to send it home. Its owner then pays from the wallet.
    function test_griefing_WhenAStrangerSendsACreditHomeBeforeItsOwnerPaysWithIt() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        credit(customer, 10 * USDT);
        uint256 held = usdt.balanceOf(customer);
        vm.prank(stranger);
        forge.withdrawFor(customer);
        vm.assertEq(usdt.balanceOf(customer), held + 10 * USDT);
        vm.prank(customer);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, 0, 10 * USDT));
        forge.subscribe(modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit);
        buy(modelId, group(), 10 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    /// @dev Drawing for a member after each base unit takes nothing from it: its share is of the lifetime sum.
    function test_dust_WhenAStrangerDrawsAfterEveryUnit() external {
        bytes32 modelId = publish(SALT, group(), 2);
        for (uint256 i = 0; i < 50; ++i) {
            buy(modelId, group(), 2);
            vm.startPrank(stranger);
            if (forge.drawableOf(group(), second) != 0) forge.draw(group(), second);
            if (forge.drawableOf(group(), third) != 0) forge.draw(group(), third);
            vm.stopPrank();
        }
        vm.assertEq(forge.earnedOf(idOf(group())), 100);
        vm.assertEq(forge.creditOf(second), 30);
        vm.assertEq(forge.creditOf(third), 20);
    }

    /// @dev Prices so small that the fee is nothing are the seller's loss, and stop nobody.
    function test_dust_WhenThousandthsOfACentAreTraded() external {
        bytes32 modelId = publish(SALT, group(), 1);
        for (uint256 i = 0; i < 20; ++i) {
            buy(modelId, group(), 1);
            credit(stranger, 1);
        }
        vm.assertEq(forge.uncollectedFees(), 0);
        vm.assertEq(forge.earnedOf(idOf(group())), 20);
        forge.draw(group(), creator);
        forge.withdrawFor(stranger);
        vm.assertEq(usdt.balanceOf(stranger), 20);
        vm.assertEq(usdt.balanceOf(address(forge)), 20);
    }

    function test_overflow_RevertWhen_AmountsAreBeyondAllMoney() external {
        bytes32 modelId = publish(SALT, group(), type(uint64).max);
        vm.expectRevert();
        credit(stranger, type(uint256).max);
        vm.prank(customer);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, 0, type(uint256).max));
        forge.withdraw(customer, type(uint256).max);
        vm.startPrank(customer);
        vm.expectRevert();
        forge.subscribe(modelId, 120, type(uint256).max, idOf(group()), USER, Source.Wallet);
        vm.expectRevert(abi.encodeWithSelector(Models.MonthsOutOfRange.selector, type(uint256).max));
        forge.subscribe(modelId, type(uint256).max, type(uint256).max, idOf(group()), USER, Source.Wallet);
        vm.expectRevert();
        forge.depositUsage(USER, type(uint256).max, type(uint64).max, Source.Wallet);
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    /// @dev The coin of the chain has no way in, so it cannot be lost here.
    function test_ether_RevertWhen_ItIsSent() external {
        (bool plain, ) = address(forge).call{value: 1}("");
        (bool called, ) = address(forge).call{value: 1}(abi.encodeCall(forge.collectFees, ()));
        (bool unknown, ) = address(forge).call(abi.encodeWithSignature("rescue(address)", address(this)));
        vm.assertFalse(plain || called || unknown);
        vm.assertEq(address(forge).balance, 0);
    }

    /// @dev Every role renounced, for ever: who has money here gets it out without them.
    function test_noRoles_WhenEverybodyStillGetsOut() external {
        Job memory job = submitted();
        dispute(job);
        Job memory idle = order();
        idle.salt = "idle";
        open(idle);
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        buy(modelId, group(), 10 * USDT);
        vm.startPrank(admin);
        forge.pause();
        forge.revokeRole(forge.OPERATOR(), operator);
        forge.renounceRole(forge.ADMIN(), admin);
        forge.beginDefaultAdminTransfer(address(0));
        vm.warp(START + 8 days);
        forge.renounceRole(bytes32(0), admin);
        vm.stopPrank();
        vm.assertEq(forge.defaultAdmin(), address(0));

        forge.halveJob(job, submission());
        forge.refundJob(idle);
        forge.draw(group(), creator);
        forge.withdrawFor(customer);
        forge.withdrawFor(payee);
        forge.withdrawFor(creator);
        forge.collectFees();
        forge.withdrawFor(treasury);
        vm.assertEq(usdt.balanceOf(payee), 47_500_000);
        vm.assertEq(usdt.balanceOf(address(forge)), 4_500_000);
    }

    /// @dev A price of nothing sells nothing: the owner cannot be made to give a model away, nor its licence.
    function test_terms_RevertWhen_NothingIsOffered() external {
        vm.prank(creator);
        bytes32 modelId = forge.publish(SALT, WEIGHTS, group(), Terms(0, 0, 1, 1), USER, 0, Source.Wallet);
        vm.startPrank(stranger);
        vm.expectRevert();
        forge.subscribe(modelId, 1, 0, idOf(group()), USER, Source.Wallet);
        vm.expectRevert();
        forge.buyLicense(modelId, 0, idOf(group()), USER, Source.Wallet);
    }
}
