// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checkout} from "../solidity/Checkout.sol";
import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Plans} from "../solidity/Plans.sol";
import {Roles} from "../solidity/Roles.sol";
import {Services} from "../solidity/Services.sol";
import {Permit, Purchase} from "../solidity/Types.sol";
import {CheckoutFixture} from "./CheckoutFixture.sol";
import {Fixture, OnEthereum, OnTron, Spendable} from "./Fixture.sol";

interface NonceBitmap {
    function invalidateUnorderedNonces(uint256 wordPos, uint256 mask) external;
}

/// @notice What no Permit2 signature buys.
abstract contract CheckoutRefusalsTest is CheckoutFixture {
    /// @dev Signed as it is, so that nothing but the purchase itself is refused.
    function expectRefused(Purchase memory bought, bytes memory reason) private {
        Permit memory permit = permitOf(CUSTOMER_KEY, bought);
        vm.expectRevert(reason);
        bring(bought, permit);
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    /// @dev `changed` is brought with a signature over `bought`.
    function expectInvalidSigner(Purchase memory bought, Purchase memory changed) private {
        Permit memory permit = permitOf(CUSTOMER_KEY, bought);
        vm.expectRevert(INVALID_SIGNER);
        bring(changed, permit);
    }

    function expectInvalidSigner(Permit memory permit) private {
        vm.expectRevert(INVALID_SIGNER);
        bring(plan(), permit);
        vm.assertEq(usdt.balanceOf(address(forge)), 0);
    }

    function expectNoAccount(Purchase memory bought) private {
        bought.account = 0;
        expectRefused(bought, abi.encodeWithSelector(Models.ZeroAccount.selector));
    }

    /// @dev One unit below the price is the most that is offered.
    function expectPriceAboveMax(Purchase memory bought, uint256 price) private {
        bought.maxPrice = price - 1;
        expectRefused(bought, abi.encodeWithSelector(Services.PriceAboveMax.selector, price, price - 1));
    }

    function expectMonthsOutOfRange(Purchase memory bought, uint256 months) private {
        bought.months = months;
        expectRefused(bought, abi.encodeWithSelector(Models.MonthsOutOfRange.selector, months));
    }

    // what is bought

    function test_purchase_RevertWhen_NewMoneyIsStopped() external {
        pause();
        Purchase[5] memory all = [plan(), subscription(), license(), listing(), usage()];
        for (uint256 i = 0; i < all.length; ++i) {
            expectRefused(all[i], abi.encodeWithSelector(Roles.EnforcedPause.selector));
        }
    }

    function test_purchase_RevertWhen_TheKindIsUnknown() external {
        string[3] memory kinds = ["", "Plan", "publish"];
        for (uint256 i = 0; i < kinds.length; ++i) {
            Purchase memory bought = plan();
            bought.kind = kinds[i];
            expectRefused(bought, abi.encodeWithSelector(Checkout.UnknownPurchase.selector, kinds[i]));
        }
    }

    function test_purchase_RevertWhen_TheKindIsJob() external {
        expectRefused(purchaseOf(order()), abi.encodeWithSelector(Checkout.UnknownPurchase.selector, "job"));
    }

    function test_purchase_RevertWhen_ThereIsNoPermit2OnTheChain() external {
        forge = deploy(address(usdt), address(0), admin, operator, treasury, 0);
        expectRefused(plan(), abi.encodeWithSelector(Ledger.InvalidPermit2.selector, address(0)));
    }

    function test_purchase_RevertWhen_ThePlansNumberIsAbove255() external {
        Purchase memory bought = plan();
        bought.item = bytes32(uint256(256 + 2));
        expectRefused(bought, abi.encodeWithSelector(Ledger.AmountTooLarge.selector, 258));
    }

    function test_purchase_RevertWhen_ThePlanCannotBeBought() external {
        Purchase memory bought = plan();
        bought.item = bytes32(uint256(255));
        expectRefused(bought, abi.encodeWithSelector(Plans.UnknownPlan.selector, 255));
        expectNoAccount(plan());
        expectMonthsOutOfRange(plan(), 121);
        expectPriceAboveMax(plan(), 30 * USDT);
    }

    function test_purchase_RevertWhen_TheSubscriptionCannotBeBought() external {
        expectNoAccount(subscription());
        expectMonthsOutOfRange(subscription(), 0);
        expectPriceAboveMax(subscription(), 20 * USDT);
        Purchase memory bought = subscription();
        bought.splitId = idOf(alone(stranger));
        expectRefused(
            bought,
            abi.encodeWithSelector(Services.SplitChanged.selector, idOf(group()), idOf(alone(stranger)))
        );
    }

    function test_purchase_RevertWhen_TheLicenseCannotBeBought() external {
        expectNoAccount(license());
        Purchase memory bought = license();
        bought.item = 0;
        expectRefused(bought, abi.encodeWithSelector(Models.UnknownModel.selector, bytes32(0)));
        expectPriceAboveMax(license(), 50 * USDT);
        vm.warp(START + 38 days);
        expectRefused(license(), abi.encodeWithSelector(Models.NotListed.selector, modelId, START + 37 days));
    }

    function test_purchase_RevertWhen_TheListingCannotBeBought() external {
        expectNoAccount(listing());
        expectMonthsOutOfRange(listing(), 121);
        Purchase memory bought = listing();
        bought.item = 0;
        expectRefused(bought, abi.encodeWithSelector(Models.UnknownModel.selector, bytes32(0)));
    }

    function test_purchase_RevertWhen_TheListingsFeeIsOneUnitAboveTheMaximum() external {
        Purchase memory bought = listing();
        bought.maxPrice = 6 * USDT - 1;
        expectRefused(bought, abi.encodeWithSelector(Models.FeeAboveMax.selector, 6 * USDT, 6 * USDT - 1));
    }

    function test_purchase_RevertWhen_TheUsageDepositCannotBeMade() external {
        expectNoAccount(usage());
        Purchase memory bought = usage();
        bought.maxPrice = 0;
        expectRefused(bought, abi.encodeWithSelector(Ledger.ZeroAmount.selector));
    }

    function test_purchase_RevertWhen_TheUsageCapDoesNotFit() external {
        Purchase memory bought = usage();
        bought.months = uint256(type(uint64).max) + 1;
        expectRefused(bought, abi.encodeWithSelector(Ledger.AmountTooLarge.selector, bought.months));
    }

    // what was signed

    function test_purchase_RevertWhen_TheKindIsChanged() external {
        Purchase memory changed = subscription();
        changed.kind = "license";
        changed.maxPrice = 50 * USDT;
        Purchase memory bought = subscription();
        bought.maxPrice = 50 * USDT;
        expectInvalidSigner(bought, changed);
    }

    function test_purchase_RevertWhen_TheItemIsChanged() external {
        Purchase memory bought = plan();
        bought.maxPrice = 100 * USDT;
        Purchase memory changed = plan();
        changed.maxPrice = 100 * USDT;
        changed.item = bytes32(uint256(3));
        expectInvalidSigner(bought, changed);
    }

    function test_purchase_RevertWhen_TheAccountIsChanged() external {
        Purchase memory changed = plan();
        changed.account = bytes32(uint256(7));
        expectInvalidSigner(plan(), changed);
    }

    function test_purchase_RevertWhen_TheMonthsAreChanged() external {
        Purchase memory changed = subscription();
        changed.months = 1;
        expectInvalidSigner(subscription(), changed);
    }

    function test_purchase_RevertWhen_TheMaximumIsChanged() external {
        Purchase memory changed = usage();
        changed.maxPrice += 1;
        expectInvalidSigner(usage(), changed);
    }

    function test_purchase_RevertWhen_TheSplitIsChanged() external {
        // The owner swaps the split and brings the signature of who was shown the old one.
        vm.prank(creator);
        forge.setSplit(modelId, alone(creator));
        Purchase memory changed = subscription();
        changed.splitId = idOf(alone(creator));
        expectInvalidSigner(subscription(), changed);
    }

    function test_purchase_RevertWhen_ThePayerIsChanged() external {
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        approvePermit2(creator);
        permit.payer = creator;
        expectInvalidSigner(permit);
    }

    function test_purchase_RevertWhen_TheSignatureWasMadeForAnotherSpender() external {
        Allowed memory allowed = allowing(plan());
        allowed.spender = address(deploy(address(usdt), admin, operator, treasury, 0));
        expectInvalidSigner(permitOf(CUSTOMER_KEY, plan(), allowed));
    }

    function test_purchase_RevertWhen_TheSignatureWasMadeForAnotherToken() external {
        Allowed memory allowed = allowing(plan());
        allowed.token = address(newToken(1));
        expectInvalidSigner(permitOf(CUSTOMER_KEY, plan(), allowed));
    }

    function test_purchase_RevertWhen_TheSignatureWasMadeForAnotherAmount() external {
        Allowed memory allowed = allowing(plan());
        allowed.amount += 1;
        expectInvalidSigner(permitOf(CUSTOMER_KEY, plan(), allowed));
    }

    function test_purchase_RevertWhen_TheSignatureWasMadeForAnotherChain() external {
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        expectInvalidSigner(permit);
        vm.chainId(chain);
        bring(plan(), permit);
    }

    function test_purchase_RevertWhen_TheNonceWasUsed() external {
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        bring(plan(), permit);
        vm.expectRevert(INVALID_NONCE);
        bring(plan(), permit);
        vm.assertEq(usdt.balanceOf(address(forge)), 30 * USDT);
    }

    function test_purchase_RevertWhen_ThePayerCancelledTheNonce() external {
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        vm.prank(customer);
        NonceBitmap(PERMIT2).invalidateUnorderedNonces(permit.nonce >> 8, 1 << (permit.nonce & 0xFF));
        vm.expectRevert(INVALID_NONCE);
        bring(plan(), permit);
    }

    function test_purchase_RevertWhen_TheSignatureExpiredASecondAgo() external {
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        vm.warp(permit.deadline + 1);
        vm.expectRevert(abi.encodeWithSignature("SignatureExpired(uint256)", permit.deadline));
        bring(plan(), permit);
    }

    // the money

    function test_purchase_RevertWhen_ThePayerDidNotAllowPermit2() external {
        vm.prank(customer);
        Spendable(address(usdt)).approve(PERMIT2, 0);
        expectRefused(plan(), abi.encodeWithSignature("Error(string)", "TRANSFER_FROM_FAILED"));
    }

    function test_purchase_RevertWhen_ThePayerHoldsOneUnitLess() external {
        vm.prank(customer);
        Spendable(address(usdt)).transfer(second, (1_000_000 - 30) * USDT + 1);
        expectRefused(plan(), abi.encodeWithSignature("Error(string)", "TRANSFER_FROM_FAILED"));
    }

    function test_purchase_RevertWhen_TheTokenTakesAFee() external {
        switchFeeOn();
        expectRefused(
            plan(),
            abi.encodeWithSelector(Ledger.InexactTransfer.selector, 30 * USDT, 29_943_000, 30 * USDT)
        );
    }
}

contract CheckoutRefusalsOnEthereumTest is CheckoutRefusalsTest, OnEthereum {
    function setUp() public override(Fixture, CheckoutFixture) {
        CheckoutFixture.setUp();
    }
}

contract CheckoutRefusalsOnTronTest is CheckoutRefusalsTest, OnTron {
    function setUp() public override(Fixture, CheckoutFixture) {
        CheckoutFixture.setUp();
    }
}
