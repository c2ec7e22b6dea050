// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Roles} from "../solidity/Roles.sol";
import {Splits} from "../solidity/Splits.sol";
import {Split} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract SplitsDrawTest is Fixture {
    /// @dev 100 USDT of API subscription: 10 for the platform, 45/27/18 for the group.
    function earn() private returns (bytes32 modelId) {
        modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
    }

    // draw

    function test_draw_RevertWhen_TheMemberIsNotInTheSplit() external {
        earn();
        vm.expectRevert(abi.encodeWithSelector(Splits.NotAMember.selector, idOf(group()), stranger));
        forge.draw(group(), stranger);
    }

    function test_draw_RevertWhen_TheSplitNeverEarned() external {
        earn();
        forge.declareSplit(alone(stranger));
        vm.expectRevert(abi.encodeWithSelector(Splits.NothingToDraw.selector, idOf(alone(stranger)), stranger));
        forge.draw(alone(stranger), stranger);
    }

    function test_draw_RevertWhen_TheSplitIsUndeclaredAndBreaksTheRules() external {
        earn();
        Split memory greedy = alone(stranger);
        greedy.bps[0] = type(uint16).max;
        vm.expectRevert(abi.encodeWithSelector(Splits.NothingToDraw.selector, idOf(greedy), stranger));
        forge.draw(greedy, stranger);
    }

    function test_draw_RevertWhen_SharesAreMissing() external {
        Split memory broken = alone(stranger);
        broken.bps = new uint16[](0);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x32));
        forge.draw(broken, stranger);
    }

    function test_draw_RevertWhen_TheCalldataIsNotClean() external {
        earn();
        bytes memory call = abi.encodeCall(forge.draw, (group(), creator));
        uint256[2] memory places = [uint256(4 + 0xA0), 4 + 0x120];
        for (uint256 i = 0; i < 2; ++i) {
            call[places[i]] = 0x01;
            (bool done, ) = address(forge).call(call);
            vm.assertFalse(done);
            call[places[i]] = 0x00;
        }
        vm.assertEq(forge.drawnOf(idOf(group()), creator), 0);
        (bool clean, ) = address(forge).call(call);
        vm.assertTrue(clean);
        vm.assertEq(forge.creditOf(creator), 45 * USDT);
    }

    function test_draw_RevertWhen_TheMemberDrewEverything() external {
        earn();
        forge.draw(group(), creator);
        vm.expectRevert(abi.encodeWithSelector(Splits.NothingToDraw.selector, idOf(group()), creator));
        forge.draw(group(), creator);
    }

    function test_draw_WhenAnyoneDrawsForAMember() external {
        earn();
        credit(creator, USDT);
        vm.expectEmit(address(forge));
        emit Splits.Drawn({
            splitId: idOf(group()),
            member: creator,
            amount: 45 * USDT,
            drawn: 45 * USDT,
            credit: 46 * USDT
        });
        vm.prank(stranger);
        vm.assertEq(forge.draw(group(), creator), 45 * USDT);
        vm.assertEq(forge.creditOf(creator), 46 * USDT);
        vm.assertEq(forge.creditOf(stranger), 0);
        vm.assertEq(forge.drawnOf(idOf(group()), creator), 45 * USDT);
        vm.assertEq(forge.drawableOf(group(), second), 27 * USDT);
    }

    function test_draw_WhenTheSplitEarnsAgain() external {
        bytes32 modelId = earn();
        forge.draw(group(), creator);
        buy(modelId, group(), 100 * USDT);
        vm.expectEmit(address(forge));
        emit Splits.Drawn({
            splitId: idOf(group()),
            member: creator,
            amount: 45 * USDT,
            drawn: 90 * USDT,
            credit: 90 * USDT
        });
        vm.assertEq(forge.draw(group(), creator), 45 * USDT);
    }

    function test_draw_WhenTwoModelsEarnForTheSplit() external {
        earn();
        bytes32 other = publish(bytes32(uint256(2)), group(), 30 * USDT);
        buy(other, group(), 30 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 117 * USDT);
        vm.assertEq(forge.draw(group(), creator), 58_500_000);
    }

    function test_draw_When100MembersDraw() external {
        Split memory split = crowd(100);
        bytes32 modelId = publish(SALT, split, 100 * USDT);
        buy(modelId, split, 100 * USDT);
        for (uint256 i = 0; i < 100; ++i) {
            vm.assertEq(forge.draw(split, split.members[i]), 900_000);
        }
        vm.assertEq(forge.uncollectedFees(), 10 * USDT);
    }

    /// @dev A member so small that any single purchase gives nothing is not starved: the sum counts.
    function test_draw_WhenAMemberIsSmall() external {
        Split memory split = crowd(2);
        (split.bps[0], split.bps[1]) = (9999, 1);
        bytes32 modelId = publish(SALT, split, 1000);
        for (uint256 i = 0; i < 12; ++i) {
            buy(modelId, split, 1000);
        }
        // 12 times 900 makes 10,800; each 900 alone would give floor(0.09) = 0.
        vm.assertEq(forge.draw(split, split.members[1]), 1);
    }

    function test_draw_WhenTheEarningsDoNotDivide() external {
        // 10 units for three: floor(3.333), floor(3.333), floor(3.334).
        Split memory split = crowd(3);
        bytes32 modelId = publish(SALT, split, 10);
        buy(modelId, split, 10);
        vm.assertEq(forge.earnedOf(idOf(split)), 9);
        vm.assertEq(forge.draw(split, split.members[0]), 2);
        vm.assertEq(forge.draw(split, split.members[1]), 2);
        vm.assertEq(forge.draw(split, split.members[2]), 3);
        vm.assertEq(usdt.balanceOf(address(forge)), 10);
        // The next purchase makes up for what waited.
        buy(modelId, split, 10);
        vm.assertEq(forge.draw(split, split.members[0]), 3);
    }

    /// @dev Whatever the shares, the prices and the order of draws: nobody draws more than their floor of the sum, and
    /// what waits in the end is less than one base unit a member.
    function testFuzz_draw_WhenSharesPricesAndTheOrderAreAny(uint256 seed, uint8 size, uint8 purchases) external {
        Split memory split = randomSplit(seed, bound(size, 1, 100));
        bytes32 splitId = idOf(split);
        uint256 count = split.members.length;
        bytes32 modelId = publish(SALT, split, 1);
        uint256 turns = bound(purchases, 1, 12);
        for (uint256 turn = 0; turn < turns; ++turn) {
            uint256 price = (uint256(keccak256(abi.encode(seed, turn, "price"))) % (500 * USDT)) + 1;
            vm.prank(creator);
            forge.setTerms(modelId, monthly(price));
            buy(modelId, split, price);
            address member = split.members[uint256(keccak256(abi.encode(seed, turn, "who"))) % count];
            if (forge.drawableOf(split, member) > 0) forge.draw(split, member);
        }

        uint256 earned = forge.earnedOf(splitId);
        uint256 paid = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (forge.drawableOf(split, split.members[i]) > 0) forge.draw(split, split.members[i]);
            uint256 drawn = forge.drawnOf(splitId, split.members[i]);
            vm.assertEq(drawn, (earned * split.bps[i]) / 10_000, "a member's floor of the lifetime sum");
            vm.assertEq(forge.creditOf(split.members[i]), drawn);
            paid += drawn;
        }
        vm.assertLe(paid, earned, "never more than was earned");
        vm.assertLe(earned - paid, count - 1, "dust is less than one unit a member");
        vm.assertEq(usdt.balanceOf(address(forge)), forge.uncollectedFees() + earned);
    }

    function test_draw_WhenNewMoneyIsStopped() external {
        earn();
        pause();
        vm.assertEq(forge.draw(group(), creator), 45 * USDT);
    }

    // drawAndWithdraw

    function test_drawAndWithdraw_RevertWhen_TheCallerIsNotInTheSplit() external {
        earn();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Splits.NotAMember.selector, idOf(group()), stranger));
        forge.drawAndWithdraw(group(), stranger);
    }

    function test_drawAndWithdraw_RevertWhen_TheCallerDrewEverything() external {
        earn();
        vm.startPrank(creator);
        forge.drawAndWithdraw(group(), creator);
        vm.expectRevert(abi.encodeWithSelector(Splits.NothingToDraw.selector, idOf(group()), creator));
        forge.drawAndWithdraw(group(), creator);
    }

    function test_drawAndWithdraw_RevertWhen_TheRecipientIsTheZeroAddress() external {
        earn();
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        forge.drawAndWithdraw(group(), address(0));
    }

    function test_drawAndWithdraw_RevertWhen_TheRecipientIsTheContractItself() external {
        earn();
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        forge.drawAndWithdraw(group(), address(forge));
    }

    function test_drawAndWithdraw_WhenAMemberCallsIt() external {
        earn();
        credit(third, 3 * USDT);
        vm.expectEmit(address(forge));
        emit Splits.DrawnTo({splitId: idOf(group()), member: third, to: stranger, amount: 18 * USDT, drawn: 18 * USDT});
        vm.prank(third);
        vm.assertEq(forge.drawAndWithdraw(group(), stranger), 18 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 18 * USDT);
        vm.assertEq(usdt.balanceOf(address(forge)), 85 * USDT);
        vm.assertEq(forge.creditOf(third), 3 * USDT);
        vm.assertEq(forge.drawnOf(idOf(group()), third), 18 * USDT);
    }

    function test_drawAndWithdraw_WhenTheSplitEarnsAgain() external {
        bytes32 modelId = earn();
        vm.prank(third);
        forge.drawAndWithdraw(group(), third);
        buy(modelId, group(), 100 * USDT);
        vm.expectEmit(address(forge));
        emit Splits.DrawnTo({splitId: idOf(group()), member: third, to: stranger, amount: 18 * USDT, drawn: 36 * USDT});
        vm.prank(third);
        vm.assertEq(forge.drawAndWithdraw(group(), stranger), 18 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 18 * USDT);
    }

    function test_drawAndWithdraw_WhenTheTokenFrozeAnotherMember() external {
        earn();
        usdt.addBlackList(second);
        vm.prank(third);
        forge.drawAndWithdraw(group(), third);
        vm.assertEq(usdt.balanceOf(third), 18 * USDT);
        vm.prank(second);
        forge.drawAndWithdraw(group(), stranger);
        vm.assertEq(usdt.balanceOf(stranger), 27 * USDT);
    }

    function test_drawAndWithdraw_WhenNewMoneyIsStopped() external {
        earn();
        pause();
        vm.prank(third);
        vm.assertEq(forge.drawAndWithdraw(group(), third), 18 * USDT);
        vm.assertEq(usdt.balanceOf(third), 18 * USDT);
    }

    function randomSplit(uint256 seed, uint256 count) private pure returns (Split memory split) {
        split = crowd(count);
        // Moves shares between neighbours at random; every share stays positive and the sum stays.
        for (uint256 i = 0; i + 1 < count; ++i) {
            uint16 moved = uint16(uint256(keccak256(abi.encode(seed, i, "share"))) % split.bps[i]);
            split.bps[i] -= moved;
            split.bps[i + 1] += moved;
        }
    }
}

contract SplitsDrawOnEthereumTest is SplitsDrawTest, OnEthereum {}

contract SplitsDrawOnTronTest is SplitsDrawTest, OnTron {}
