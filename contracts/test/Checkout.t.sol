// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Models} from "../solidity/Models.sol";
import {Plans} from "../solidity/Plans.sol";
import {Roles} from "../solidity/Roles.sol";
import {Sales} from "../solidity/Sales.sol";
import {Services} from "../solidity/Services.sol";
import {Job, Permit, Purchase} from "../solidity/Types.sol";
import {Usage} from "../solidity/Usage.sol";
import {CheckoutFixture} from "./CheckoutFixture.sol";
import {Fixture, OnEthereum, OnTron, Spendable} from "./Fixture.sol";

/// @dev A wallet with code whose owner signs for it.
contract ContractWallet {
    address private immutable owner;

    constructor(address owner_, address token, address spender) {
        owner = owner_;
        Spendable(token).approve(spender, type(uint256).max);
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (bytes32 r, bytes32 s, uint8 v) = abi.decode(signature, (bytes32, bytes32, uint8));
        return ecrecover(hash, v, r, s) == owner ? this.isValidSignature.selector : bytes4(0);
    }
}

/// @notice What a Permit2 signature buys.
abstract contract CheckoutTest is CheckoutFixture {
    function assertPaid(uint256 price, uint256 fees) private view {
        vm.assertEq(usdt.balanceOf(customer), 1_000_000 * USDT - price);
        vm.assertEq(usdt.balanceOf(address(forge)), price);
        vm.assertEq(usdt.balanceOf(stranger), 0);
        vm.assertEq(forge.uncollectedFees(), fees);
    }

    // purchase

    function test_purchase_WhenAStrangerBringsAPlan() external {
        vm.expectEmit(address(forge));
        emit Plans.PlanPurchased({
            plan: 2,
            account: USER,
            payer: customer,
            months: 1,
            price: 30 * USDT,
            fee: 9 * USDT,
            funded: 21 * USDT,
            fees: 9 * USDT
        });
        bring(plan());
        assertPaid(30 * USDT, 9 * USDT);
        vm.assertEq(forge.poolFunded(), 21 * USDT);
    }

    function test_purchase_WhenAStrangerBringsASubscription() external {
        vm.expectEmit(address(forge));
        emit Services.ServicePurchased({
            modelId: modelId,
            account: USER,
            payer: customer,
            months: 2,
            price: 20 * USDT,
            fee: 2 * USDT,
            splitId: idOf(group()),
            splitEarned: 18 * USDT,
            fees: 2 * USDT
        });
        bring(subscription());
        assertPaid(20 * USDT, 2 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 18 * USDT);
    }

    function test_purchase_WhenAStrangerBringsALicense() external {
        vm.expectEmit(address(forge));
        emit Sales.LicensePurchased({
            modelId: modelId,
            account: USER,
            payer: customer,
            price: 50 * USDT,
            fee: 2_500_000,
            splitId: idOf(group()),
            splitEarned: 47_500_000,
            fees: 2_500_000
        });
        bring(license());
        assertPaid(50 * USDT, 2_500_000);
        vm.assertEq(forge.earnedOf(idOf(group())), 47_500_000);
    }

    function test_purchase_WhenAStrangerBringsAListing() external {
        vm.expectEmit(address(forge));
        emit Models.ListingExtended({
            modelId: modelId,
            payer: customer,
            account: USER,
            months: 3,
            fee: 6 * USDT,
            paidUntil: uint64(START + 120 days),
            fees: 6 * USDT
        });
        bring(listing());
        assertPaid(6 * USDT, 6 * USDT);
        (, uint64 until, , ) = forge.modelOf(modelId);
        vm.assertEq(until, START + 120 days);
    }

    function test_purchase_WhenAStrangerBringsAUsageDeposit() external {
        vm.expectEmit(address(forge));
        emit Usage.UsageDeposited({
            payer: customer,
            account: USER,
            amount: 25 * USDT,
            deposit: 25 * USDT,
            dailyCap: 4 * USDT
        });
        bring(usage());
        assertPaid(25 * USDT, 0);
        vm.assertEq(forge.usageDepositOf(customer).amount, 25 * USDT);
        vm.assertEq(forge.usageDepositOf(customer).dailyCap, 4 * USDT);
        vm.assertEq(forge.usageDepositOf(stranger).amount, 0);
    }

    function test_purchase_WhenThePriceIsBelowTheMaximum() external {
        Purchase[4] memory all = [plan(), subscription(), license(), listing()];
        uint256 paid = 0;
        for (uint256 i = 0; i < all.length; ++i) {
            paid += all[i].maxPrice;
            all[i].maxPrice += 5 * USDT;
            bring(all[i]);
        }
        vm.assertEq(usdt.balanceOf(address(forge)), paid);
        vm.assertEq(usdt.balanceOf(customer), 1_000_000 * USDT - paid);
    }

    function test_purchase_WhenTheSignatureExpiresThisVerySecond() external {
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        vm.warp(permit.deadline);
        bring(plan(), permit);
        assertPaid(30 * USDT, 9 * USDT);
    }

    function test_purchase_WhenTheSignatureIsInTheShortForm() external {
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        bytes memory long = permit.signature;
        (bytes32 r, bytes32 s, uint8 v) = (word(long, 0), word(long, 32), uint8(long[64]));
        // EIP-2098: the highest bit of s says which v.
        permit.signature = bytes.concat(r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
        bring(plan(), permit);
        assertPaid(30 * USDT, 9 * USDT);
    }

    function test_purchase_WhenAContractWalletSignsByEIP1271() external {
        ContractWallet wallet = new ContractWallet(customer, address(usdt), PERMIT2);
        Spendable(address(usdt)).transfer(address(wallet), 30 * USDT);
        Permit memory permit = permitOf(CUSTOMER_KEY, plan());
        bytes memory long = permit.signature;
        permit.payer = address(wallet);
        permit.signature = abi.encode(word(long, 0), word(long, 32), uint8(long[64]));
        vm.expectEmit(address(forge));
        emit Plans.PlanPurchased(2, USER, address(wallet), 1, 30 * USDT, 9 * USDT, 21 * USDT, 9 * USDT);
        bring(plan(), permit);
        vm.assertEq(usdt.balanceOf(address(wallet)), 0);
    }

    function word(bytes memory data, uint256 at) private pure returns (bytes32 value) {
        for (uint256 i = 0; i < 32; ++i) {
            value |= bytes32(data[at + i]) >> (8 * i);
        }
    }

    // openJobWithPermit

    function test_openJobWithPermit_RevertWhen_NewMoneyIsStopped() external {
        Job memory job = order();
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(job));
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        bring(job, permit);
    }

    function test_openJobWithPermit_RevertWhen_TheJobWasOpenedBefore() external {
        Job memory job = order();
        bring(job, permitOf(CUSTOMER_KEY, purchaseOf(job)));
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(job));
        vm.expectRevert(abi.encodeWithSelector(Jobs.JobNotIn.selector, jobIdOf(job), Jobs.JobStatus.Open));
        bring(job, permit);
        assertPaid(100 * USDT, 0);
    }

    function test_openJobWithPermit_RevertWhen_TheJobIsInvalid() external {
        Job memory job = order();
        job.deadline = uint40(START);
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(job));
        vm.expectRevert(abi.encodeWithSelector(Jobs.InvalidJob.selector, jobIdOf(job)));
        bring(job, permit);
    }

    function test_openJobWithPermit_RevertWhen_TheWitnessIsOfAnotherKind() external {
        Job memory job = order();
        Purchase memory other = purchaseOf(job);
        other.kind = "usage";
        Permit memory permit = permitOf(CUSTOMER_KEY, other);
        vm.expectRevert(INVALID_SIGNER);
        bring(job, permit);
    }

    function test_openJobWithPermit_RevertWhen_TheJobIsChanged() external {
        Job memory job = order();
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(job));
        // The relayer would be refunded.
        job.client = stranger;
        vm.expectRevert(INVALID_SIGNER);
        bring(job, permit);
    }

    function test_openJobWithPermit_RevertWhen_TheAccountIsChanged() external {
        Job memory job = order();
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(job));
        job.account = bytes32(uint256(7));
        vm.expectRevert(INVALID_SIGNER);
        bring(job, permit);
    }

    function test_openJobWithPermit_RevertWhen_TheNonceWasUsed() external {
        Job memory job = order();
        Job memory second_ = order();
        second_.salt = 0;
        Allowed memory allowed = allowing(purchaseOf(job));
        bring(job, permitOf(CUSTOMER_KEY, purchaseOf(job), allowed));
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(second_), allowed);
        vm.expectRevert(INVALID_NONCE);
        bring(second_, permit);
    }

    function test_openJobWithPermit_RevertWhen_ThereIsNoPermit2OnTheChain() external {
        forge = deploy(address(usdt), address(0), admin, operator, treasury, 0);
        Job memory job = order();
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(job));
        vm.expectRevert(abi.encodeWithSignature("InvalidPermit2(address)", address(0)));
        bring(job, permit);
    }

    function test_openJobWithPermit_WhenAStrangerBringsTheSignature() external {
        Job memory job = order();
        Permit memory permit = permitOf(CUSTOMER_KEY, purchaseOf(job));
        vm.expectEmit(address(forge));
        emit Jobs.JobOpened({jobId: jobIdOf(job), client: customer, account: USER, payer: customer, job: job});
        vm.assertEq(bring(job, permit), jobIdOf(job));
        assertPaid(100 * USDT, 0);
        vm.assertEq(forge.jobOf(jobIdOf(job)).escrow, 100 * USDT);
    }

    function test_openJobWithPermit_WhenAnotherThanTheClientSigns() external {
        Job memory job = order();
        job.client = creator;
        bring(job, permitOf(CUSTOMER_KEY, purchaseOf(job)));
        vm.prank(operator);
        forge.refundJob(job);
        vm.assertEq(forge.creditOf(creator), 100 * USDT);
        vm.assertEq(forge.creditOf(customer), 0);
    }
}

contract CheckoutOnEthereumTest is CheckoutTest, OnEthereum {
    function setUp() public override(Fixture, CheckoutFixture) {
        CheckoutFixture.setUp();
    }
}

contract CheckoutOnTronTest is CheckoutTest, OnTron {
    function setUp() public override(Fixture, CheckoutFixture) {
        CheckoutFixture.setUp();
    }
}
