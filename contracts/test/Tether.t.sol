// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Fixture, OnEthereum, OnTron, Spendable} from "./Fixture.sol";

/// @notice The stand-ins are as awkward as the tokens they stand for.
abstract contract TetherTest is Fixture {
    /// @dev What the token answers to a call that succeeds.
    function answer(bytes memory call) internal returns (bytes memory) {
        vm.prank(customer);
        (bool done, bytes memory answered) = address(usdt).call(call);
        vm.assertTrue(done);
        return answered;
    }

    function test_approve_changesFromOrToZeroOnly() external {
        Spendable token = Spendable(address(usdt));
        vm.startPrank(stranger);
        token.approve(creator, 1);
        vm.expectRevert();
        token.approve(creator, 2);
        token.approve(creator, 0);
        token.approve(creator, 2);
        vm.assertEq(usdt.allowance(stranger, creator), 2);
    }

    function test_fee_isPaidToTheOwnerOutOfWhatArrives() external {
        switchFeeOn();
        uint256 before = usdt.balanceOf(address(this));
        vm.startPrank(customer);
        Spendable(address(usdt)).transfer(stranger, 1000 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 998_100_000);
        vm.assertEq(usdt.balanceOf(address(this)) - before, 1_900_000);
        // At most 49 USDT.
        Spendable(address(usdt)).transfer(second, 100_000 * USDT);
        vm.assertEq(usdt.balanceOf(second), 99_951 * USDT);
    }

    function test_fee_hasACap() external {
        vm.expectRevert();
        usdt.setParams(20, 49);
        vm.expectRevert();
        usdt.setParams(19, 50);
    }

    function test_blacklist_stopsSendersAndDestroysWhatTheyHold() external {
        vm.expectRevert();
        usdt.destroyBlackFunds(customer);
        usdt.addBlackList(customer);
        vm.prank(customer);
        vm.expectRevert();
        Spendable(address(usdt)).transfer(stranger, 1);
        Spendable(address(usdt)).transfer(customer, 1);
        uint256 supply = usdt.totalSupply();
        uint256 held = usdt.balanceOf(customer);
        usdt.destroyBlackFunds(customer);
        vm.assertEq(usdt.balanceOf(customer), 0);
        vm.assertEq(supply - usdt.totalSupply(), held);
    }

    function test_supply_isTheOwners() external {
        uint256 supply = usdt.totalSupply();
        usdt.issue(5);
        usdt.redeem(2);
        vm.assertEq(usdt.totalSupply(), supply + 3);
        usdt.transferOwnership(address(0));
        vm.assertEq(usdt.owner(), address(this));
        usdt.transferOwnership(stranger);
        vm.expectRevert();
        usdt.issue(1);
    }
}

contract TetherOnEthereumTest is TetherTest, OnEthereum {
    function test_answers_areEmpty() external {
        vm.assertEq(answer(abi.encodeWithSignature("transfer(address,uint256)", stranger, 1)).length, 0);
        vm.assertEq(answer(abi.encodeWithSignature("approve(address,uint256)", customer, 5)).length, 0);
        vm.assertEq(
            answer(abi.encodeWithSignature("transferFrom(address,address,uint256)", customer, stranger, 1)).length,
            0
        );
        vm.assertEq(usdt.balanceOf(stranger), 2);
    }
}

contract TetherOnTronTest is TetherTest, OnTron {
    function test_transfer_succeedsAndAnswersFalse() external {
        bytes memory answered = answer(abi.encodeWithSignature("transfer(address,uint256)", stranger, 1));
        vm.assertEq(answered.length, 32);
        vm.assertEq(bytes32(answered), bytes32(0));
        vm.assertEq(usdt.balanceOf(stranger), 1);
    }

    function test_transferFrom_andApprove_answerTrue() external {
        bytes memory approved = answer(abi.encodeWithSignature("approve(address,uint256)", customer, 5));
        vm.assertEq(bytes32(approved), bytes32(uint256(1)));
        bytes memory moved = answer(
            abi.encodeWithSignature("transferFrom(address,address,uint256)", customer, stranger, 1)
        );
        vm.assertEq(bytes32(moved), bytes32(uint256(1)));
    }
}
