// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Models} from "../solidity/Models.sol";
import {Roles} from "../solidity/Roles.sol";
import {Sales} from "../solidity/Sales.sol";
import {Services} from "../solidity/Services.sol";
import {Source, Terms} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract SalesTest is Fixture {
    bytes32 internal modelId;

    function setUp() public virtual override {
        super.setUp();
        modelId = publish(SALT, group(), 10 * USDT);
        offer(50 * USDT);
    }

    function offer(uint256 price) private {
        vm.prank(creator);
        forge.setTerms(modelId, Terms({month: 7, sale: uint64(price), input: 8, output: 9}));
    }

    function buyLicense(uint256 maxPrice, bytes32 splitId, bytes32 account, Source source) private {
        vm.prank(customer);
        forge.buyLicense(modelId, maxPrice, splitId, account, source);
    }

    function purchased() private {
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
    }

    function test_buyLicense_RevertWhen_NewMoneyIsStopped() external {
        credit(customer, 50 * USDT);
        pause();
        vm.expectRevert(Roles.EnforcedPause.selector);
        buyLicense(50 * USDT, idOf(group()), USER, Source.Wallet);
        vm.expectRevert(Roles.EnforcedPause.selector);
        buyLicense(50 * USDT, idOf(group()), USER, Source.Credit);
    }

    function test_buyLicense_RevertWhen_NoAccountIsNamed() external {
        vm.expectRevert(Models.ZeroAccount.selector);
        buyLicense(50 * USDT, idOf(group()), 0, Source.Wallet);
    }

    function test_buyLicense_RevertWhen_TheModelIsUnknown() external {
        modelId = bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(Models.UnknownModel.selector, modelId));
        buyLicense(50 * USDT, 0, USER, Source.Wallet);
    }

    function test_buyLicense_RevertWhen_TheListingLapsed() external {
        vm.warp(START + 37 days + 1);
        vm.expectRevert(abi.encodeWithSelector(Models.NotListed.selector, modelId, START + 37 days));
        buyLicense(50 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_buyLicense_RevertWhen_AnotherSplitEarnsThanTheOneShown() external {
        vm.prank(creator);
        forge.setSplit(modelId, alone(creator));
        vm.expectRevert(abi.encodeWithSelector(Services.SplitChanged.selector, idOf(alone(creator)), idOf(group())));
        buyLicense(50 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_buyLicense_RevertWhen_TheModelIsNotForSale() external {
        offer(0);
        vm.expectRevert(abi.encodeWithSelector(Services.NotOffered.selector, modelId));
        buyLicense(50 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_buyLicense_RevertWhen_ThePriceIsOneUnitAboveWhatTheCallerAgreedTo() external {
        vm.expectRevert(abi.encodeWithSelector(Services.PriceAboveMax.selector, 50 * USDT, 50 * USDT - 1));
        buyLicense(50 * USDT - 1, idOf(group()), USER, Source.Wallet);
    }

    function test_buyLicense_RevertWhen_TheCreditIsOneUnitLess() external {
        credit(customer, 50 * USDT - 1);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InsufficientCredit.selector, customer, 50 * USDT - 1, 50 * USDT));
        buyLicense(50 * USDT, idOf(group()), USER, Source.Credit);
    }

    function test_buyLicense_RevertWhen_TheTokenTakesAFee() external {
        switchFeeOn();
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, 50 * USDT, 49_905_000, 50 * USDT));
        buyLicense(50 * USDT, idOf(group()), USER, Source.Wallet);
    }

    function test_buyLicense_WhenTheWalletPays() external {
        uint256 before = usdt.balanceOf(customer);
        purchased();
        buyLicense(50 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(before - usdt.balanceOf(customer), 50 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 50 * USDT);
        vm.assertEq(forge.uncollectedFees(), 2_500_000);
        vm.assertEq(forge.earnedOf(idOf(group())), 47_500_000);
    }

    function test_buyLicense_WhenTheCreditPays() external {
        credit(customer, 60 * USDT);
        uint256 before = usdt.balanceOf(customer);
        vm.expectEmit(address(forge));
        emit Ledger.Debited({payee: customer, amount: 50 * USDT, credit: 10 * USDT});
        purchased();
        buyLicense(50 * USDT, idOf(group()), USER, Source.Credit);
        vm.assertEq(usdt.balanceOf(customer), before);
        vm.assertEq(forge.creditOf(customer), 10 * USDT);
    }

    function test_buyLicense_WhenTheLastSecondOfTheGraceIsUsed() external {
        vm.warp(START + 37 days);
        buyLicense(50 * USDT, idOf(group()), USER, Source.Wallet);
        vm.assertEq(forge.earnedOf(idOf(group())), 47_500_000);
    }

    /// @dev Whatever the price, the platform has a twentieth rounded down and the split has all the rest.
    function testFuzz_buyLicense_WhenThePriceIsAny(uint64 price) external {
        vm.assume(price > 0);
        offer(price);
        usdt.issue(price);
        fund(stranger, price);
        vm.prank(stranger);
        forge.buyLicense(modelId, price, idOf(group()), USER, Source.Wallet);
        vm.assertEq(forge.uncollectedFees(), price / 20);
        vm.assertEq(forge.earnedOf(idOf(group())), price - price / 20);
        vm.assertEq(usdt.balanceOf(address(forge)), price);
        vm.assertEq(usdt.balanceOf(stranger), 0);
    }

    function test_getters_WhenSALEFEEBPSIsRead() external view {
        vm.assertEq(forge.SALE_FEE_BPS(), 500);
    }
}

contract SalesOnEthereumTest is SalesTest, OnEthereum {
    function setUp() public override(Fixture, SalesTest) {
        SalesTest.setUp();
    }
}

contract SalesOnTronTest is SalesTest, OnTron {
    function setUp() public override(Fixture, SalesTest) {
        SalesTest.setUp();
    }
}
