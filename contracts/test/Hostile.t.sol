// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Jobs} from "../solidity/Jobs.sol";
import {Ledger} from "../solidity/Ledger.sol";
import {Job, Permit, Purchase, Source} from "../solidity/Types.sol";
import {Tether} from "../solidity/dev/Tether.sol";
import {TetherEthereum} from "../solidity/dev/TetherEthereum.sol";
import {Spendable} from "./Fixture.sol";
import {Signing} from "./Signing.sol";

/// @notice A token that USDT could become and must not be able to hurt with: it calls back, lies or refuses.
contract HostileToken is TetherEthereum {
    address public refused;
    bool public steals;
    bool public sleeps;
    address private _victim;
    bytes private _call;
    bytes public answer;
    bool public answered;

    constructor(uint256 supply) TetherEthereum(supply) {}

    /// @dev From within the next transfer, the token itself makes this call.
    function callBack(address victim, bytes calldata call_) external {
        (_victim, _call) = (victim, call_);
    }

    function refuse(address recipient) external {
        refused = recipient;
    }

    /// @dev Takes one base unit more from the sender of each transfer.
    function steal() external {
        steals = true;
    }

    /// @dev Moves nothing and reports no failure.
    function sleep() external {
        sleeps = true;
    }

    function transfer(address to, uint256 value) external override {
        require(to != refused);
        _reenter();
        if (sleeps) return;
        if (steals) balanceOf[msg.sender] -= 1;
        _transfer(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external override {
        _reenter();
        if (sleeps) return;
        _transferFrom(from, to, value);
    }

    function _reenter() private {
        if (_victim == address(0)) return;
        (address victim, bytes memory call_) = (_victim, _call);
        _victim = address(0);
        (answered, answer) = victim.call(call_);
    }
}

contract HostileTest is Signing {
    HostileToken private token;
    bytes32 private modelId;

    function newToken(uint256 supply) internal override returns (Tether) {
        token = new HostileToken(supply);
        return token;
    }

    function setUp() public override {
        super.setUp();
        modelId = publish(SALT, group(), 10 * USDT);
        // The token is a customer, a payee and a member too, so that its calls could succeed.
        fund(address(token), 1000 * USDT);
        credit(address(token), 100 * USDT);
        credit(customer, 100 * USDT);
        credit(creator, 100 * USDT);
    }

    /// @dev All that anyone is owed; the invariant in one number.
    function owed() private view returns (uint256) {
        return
            forge.creditOf(address(token)) +
            forge.creditOf(customer) +
            forge.creditOf(creator) +
            forge.uncollectedFees() +
            forge.creditOf(stranger) +
            forge.earnedOf(idOf(group()));
    }

    function assertGuarded() private view {
        vm.assertFalse(token.answered());
        vm.assertEq(keccak256(token.answer()), keccak256(abi.encodeWithSelector(Ledger.Reentered.selector)));
        vm.assertEq(owed(), usdt.balanceOf(address(forge)));
    }

    /// @dev A deposit within a deposit would see its own money counted twice.
    function test_reentering_WhenADepositIsMadeInsideADeposit() external {
        token.callBack(address(forge), abi.encodeCall(forge.deposit, (address(token), 5 * USDT)));
        credit(stranger, 5 * USDT);
        assertGuarded();
        vm.assertEq(forge.creditOf(stranger), 5 * USDT);
    }

    function test_reentering_WhenAWithdrawalIsMadeInsideADeposit() external {
        token.callBack(address(forge), abi.encodeCall(forge.withdraw, (stranger, 5 * USDT)));
        credit(stranger, 5 * USDT);
        assertGuarded();
    }

    function test_reentering_WhenAWithdrawalIsMadeInsideAWithdrawal() external {
        token.callBack(address(forge), abi.encodeCall(forge.withdraw, (stranger, 100 * USDT)));
        vm.prank(customer);
        forge.withdraw(customer, 100 * USDT);
        assertGuarded();
    }

    function test_reentering_WhenTheSameCreditIsWithdrawnInsideItsWithdrawal() external {
        token.callBack(address(forge), abi.encodeCall(forge.withdrawFor, (creator)));
        vm.prank(creator);
        forge.withdraw(creator, 60 * USDT);
        assertGuarded();
        vm.assertEq(forge.creditOf(creator), 40 * USDT);
    }

    function test_reentering_WhenAPurchaseIsMadeInsideAPurchase() external {
        token.callBack(
            address(forge),
            abi.encodeCall(forge.subscribe, (modelId, 1, 10 * USDT, idOf(group()), USER, Source.Wallet))
        );
        buy(modelId, group(), 10 * USDT);
        assertGuarded();
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    /// @dev What calls no token may run inside: each keeps the books on its own.
    function test_reentering_WhenAPurchaseFromCreditIsMadeInsideAPurchase() external {
        token.callBack(
            address(forge),
            abi.encodeCall(forge.subscribe, (modelId, 1, 10 * USDT, idOf(group()), USER, Source.Credit))
        );
        buy(modelId, group(), 10 * USDT);
        vm.assertTrue(token.answered());
        vm.assertEq(forge.earnedOf(idOf(group())), 18 * USDT);
        vm.assertEq(forge.uncollectedFees(), 2 * USDT);
        vm.assertEq(owed(), usdt.balanceOf(address(forge)));
    }

    function test_reentering_WhenTheSameModelIsPublishedInsideItsPublishing() external {
        // The token publishes its second model, which costs, and inside that payment the same one again.
        vm.startPrank(address(token));
        forge.publish(SALT, WEIGHTS, group(), monthly(1), USER, 0, Source.Wallet);
        bytes memory again = abi.encodeCall(
            forge.publish,
            (bytes32(uint256(9)), WEIGHTS, group(), monthly(2), USER, 5 * USDT, Source.Credit)
        );
        token.callBack(address(forge), again);
        forge.publish(bytes32(uint256(9)), WEIGHTS, group(), monthly(3), USER, 5 * USDT, Source.Wallet);
        vm.assertFalse(token.answered());
        vm.assertEq(forge.uncollectedFees(), 5 * USDT);
        vm.assertEq(owed(), usdt.balanceOf(address(forge)));
    }

    function test_reentering_WhenAPurchaseIsMadeInsideAPurchaseBySignature() external {
        approvePermit2(customer);
        Purchase memory bought = Purchase("subscription", modelId, USER, 1, 10 * USDT, idOf(group()));
        Permit memory permit = permitOf(CUSTOMER_KEY, bought);
        token.callBack(
            address(forge),
            abi.encodeCall(forge.subscribe, (modelId, 1, 10 * USDT, idOf(group()), USER, Source.Wallet))
        );
        forge.purchase(bought, permit);
        assertGuarded();
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
    }

    function order() private view returns (Job memory) {
        return
            Job({
                client: customer,
                account: USER,
                specification: "job",
                price: uint64(10 * USDT),
                deadline: uint40(START + 1 days),
                salt: SALT
            });
    }

    /// @dev The escrow of a job is held once, so it must be paid once.
    function assertOpenedOnce(Job memory job) private view {
        vm.assertFalse(token.answered());
        vm.assertEq(
            keccak256(token.answer()),
            keccak256(abi.encodeWithSelector(Jobs.JobNotIn.selector, jobIdOf(job), Jobs.JobStatus.Open))
        );
        vm.assertEq(owed() + forge.jobOf(jobIdOf(job)).escrow, usdt.balanceOf(address(forge)));
    }

    function test_reentering_WhenTheSameJobIsOpenedInsideItsOpening() external {
        token.callBack(address(forge), abi.encodeCall(forge.openJob, (order(), Source.Credit)));
        vm.prank(customer);
        forge.openJob(order(), Source.Wallet);
        assertOpenedOnce(order());
    }

    function test_reentering_WhenTheSameJobIsOpenedInsideItsOpeningBySignature() external {
        approvePermit2(customer);
        Purchase memory bought = Purchase("job", jobIdOf(order()), USER, 0, 10 * USDT, 0);
        Permit memory permit = permitOf(CUSTOMER_KEY, bought);
        token.callBack(address(forge), abi.encodeCall(forge.openJob, (order(), Source.Credit)));
        forge.openJobWithPermit(order(), permit);
        assertOpenedOnce(order());
    }

    function test_reentering_WhenADrawIsMadeInsideItsOwnTransfer() external {
        buy(modelId, group(), 10 * USDT);
        token.callBack(address(forge), abi.encodeCall(forge.draw, (group(), creator)));
        vm.prank(creator);
        forge.drawAndWithdraw(group(), creator);
        vm.assertFalse(token.answered());
        vm.assertEq(forge.drawnOf(idOf(group()), creator), 4_500_000);
        vm.assertEq(usdt.balanceOf(address(forge)), owed() - 4_500_000);
    }

    function test_lying_RevertWhen_TheTokenTakesMoreThanItWasToldToSend() external {
        token.steal();
        uint256 held = usdt.balanceOf(address(forge));
        vm.prank(creator);
        vm.expectRevert(
            abi.encodeWithSelector(Ledger.InexactTransfer.selector, held - 10 * USDT, held - 10 * USDT - 1, 10 * USDT)
        );
        forge.withdraw(creator, 10 * USDT);
    }

    function test_lying_RevertWhen_TheTokenMovesNothingAndReportsNoFailure() external {
        token.sleep();
        uint256 held = usdt.balanceOf(address(forge));
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, held + 10 * USDT, held, 10 * USDT));
        credit(creator, 10 * USDT);
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Ledger.InexactTransfer.selector, held - 10 * USDT, held, 10 * USDT));
        forge.withdraw(creator, 10 * USDT);
        vm.assertEq(forge.creditOf(creator), 100 * USDT);
    }

    function test_lying_WhenTheTokenRefusesARecipient() external {
        buy(modelId, group(), 10 * USDT);
        token.refuse(second);
        vm.prank(second);
        vm.expectRevert();
        forge.drawAndWithdraw(group(), second);
        vm.prank(third);
        forge.drawAndWithdraw(group(), third);
        vm.assertEq(usdt.balanceOf(third), 1_800_000);
        vm.prank(second);
        forge.drawAndWithdraw(group(), stranger);
        vm.assertEq(usdt.balanceOf(stranger), 2_700_000);
    }
}
