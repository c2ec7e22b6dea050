// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Roles} from "../solidity/Roles.sol";
import {Splits} from "../solidity/Splits.sol";
import {Split} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract SplitsTest is Fixture {
    /// @dev Refused both when a model is published and when its split is changed.
    function expectRefused(Split memory split, bytes memory reason) private {
        vm.expectRevert(reason);
        publish(SALT, split, USDT);
        bytes32 modelId = publish(SALT, alone(creator), USDT);
        vm.prank(creator);
        vm.expectRevert(reason);
        forge.setSplit(modelId, split);
    }

    // the rules

    function test_split_refusesSharesThatDoNotSum() external {
        Split memory split = group();
        split.bps[2] = 1999;
        expectRefused(split, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 9999));
    }

    function test_split_refusesSharesThatSumToMore() external {
        Split memory split = group();
        split.bps[2] = 2001;
        expectRefused(split, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 10_001));
    }

    function test_split_refusesSharesThatWrapAround() external {
        // 55,536 + 20,000 is 10,000 modulo 2^16.
        Split memory split = crowd(2);
        (split.bps[0], split.bps[1]) = (55_536, 20_000);
        expectRefused(split, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 75_536));
    }

    function test_split_refusesADuplicate() external {
        Split memory split = group();
        split.members[2] = creator;
        expectRefused(split, abi.encodeWithSelector(Splits.DuplicateMember.selector, creator));
    }

    function testFuzz_split_refusesADuplicateAnywhere(uint256 count, uint256 from, uint256 to) external {
        Split memory split = crowd(bound(count, 2, 100));
        from = bound(from, 0, split.members.length - 2);
        to = bound(to, from + 1, split.members.length - 1);
        split.members[to] = split.members[from];
        vm.expectRevert(abi.encodeWithSelector(Splits.DuplicateMember.selector, split.members[from]));
        publish(SALT, split, USDT);
    }

    function testFuzz_split_takesNeighbouringAddresses(uint160 first, uint256 count) external {
        // Addresses that all want the same place in the hash set.
        Split memory split = crowd(bound(count, 1, 100));
        uint256 step = 2 * split.members.length;
        for (uint256 i = 0; i < split.members.length; ++i) {
            split.members[i] = address(uint160(bound(first, 1, type(uint128).max) + i * step));
        }
        publish(SALT, split, USDT);
    }

    function test_split_refusesAZeroShare() external {
        Split memory split = group();
        (split.bps[0], split.bps[1], split.bps[2]) = (5000, 5000, 0);
        expectRefused(split, abi.encodeWithSelector(Splits.ZeroShare.selector, third));
    }

    function test_split_refusesMembersThatCannotWithdraw() external {
        Split memory split = group();
        split.members[1] = address(0);
        vm.expectRevert(abi.encodeWithSelector(Splits.InvalidMember.selector, address(0)));
        publish(SALT, split, USDT);
        split.members[1] = address(forge);
        expectRefused(split, abi.encodeWithSelector(Splits.InvalidMember.selector, address(forge)));
    }

    function test_split_refusesNobodyAtAll() external {
        expectRefused(crowd(0), abi.encodeWithSelector(Splits.MembersOutOfRange.selector, 0));
    }

    function test_split_refuses101Members() external {
        expectRefused(crowd(101), abi.encodeWithSelector(Splits.MembersOutOfRange.selector, 101));
    }

    function test_split_takes100Members() external {
        Split memory split = crowd(100);
        bytes32 modelId = publish(SALT, split, 100 * USDT);
        buy(modelId, split, 100 * USDT);
        for (uint256 i = 0; i < 100; ++i) {
            vm.assertEq(forge.draw(split, split.members[i]), 900_000);
        }
        vm.assertEq(forge.uncollectedFees(), 10 * USDT);
    }

    function test_split_refusesMembersWithoutShares() external {
        Split memory split = group();
        split.bps = new uint16[](2);
        expectRefused(split, abi.encodeWithSelector(Splits.SharesNotMatched.selector, 3, 2));
    }

    function test_splitId_isTheHashOfMembersAndShares() external view {
        Split memory split = group();
        vm.assertEq(forge.splitIdOf(split), keccak256(abi.encode(split.members, split.bps)));
        Split memory other = group();
        (other.bps[0], other.bps[1]) = (3000, 5000);
        vm.assertTrue(forge.splitIdOf(split) != forge.splitIdOf(other));
    }

    function test_declaration_namesTheMembers() external {
        Split memory split = group();
        vm.expectEmit(address(forge));
        emit Splits.SplitDeclared(idOf(split), split.members, split.bps);
        publish(SALT, split, USDT);
    }

    // draw

    /// @dev The worked example: API revenue 100 split 50/30/20 is 10 to the platform, then 45/27/18.
    function test_draw_100_split_50_30_20() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        bytes32 splitId = idOf(group());
        vm.assertEq(forge.uncollectedFees(), 10 * USDT);
        vm.assertEq(forge.earnedOf(splitId), 90 * USDT);
        vm.assertEq(forge.drawableOf(group(), creator), 45 * USDT);

        vm.expectEmit(address(forge));
        emit Splits.Drawn(splitId, creator, 45 * USDT, 45 * USDT, 45 * USDT);
        vm.assertEq(forge.draw(group(), creator), 45 * USDT);
        vm.assertEq(forge.draw(group(), second), 27 * USDT);
        vm.assertEq(forge.draw(group(), third), 18 * USDT);

        vm.assertEq(forge.creditOf(creator), 45 * USDT);
        vm.assertEq(forge.creditOf(second), 27 * USDT);
        vm.assertEq(forge.creditOf(third), 18 * USDT);
        vm.assertEq(forge.drawnOf(splitId, creator), 45 * USDT);
        vm.assertEq(forge.drawableOf(group(), creator), 0);
    }

    function test_draw_refusesASecondTime() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        forge.draw(group(), creator);
        bytes memory reason = abi.encodeWithSelector(Splits.NothingToDraw.selector, idOf(group()), creator);
        vm.expectRevert(reason);
        forge.draw(group(), creator);
        vm.prank(creator);
        vm.expectRevert(reason);
        forge.drawAndWithdraw(group(), creator);
    }

    function test_draw_refusesWhoIsNoMember() external {
        bytes memory reason = abi.encodeWithSelector(Splits.NotAMember.selector, idOf(group()), stranger);
        vm.expectRevert(reason);
        forge.draw(group(), stranger);
        vm.expectRevert(reason);
        forge.drawableOf(group(), stranger);
        vm.prank(stranger);
        vm.expectRevert(reason);
        forge.drawAndWithdraw(group(), stranger);
    }

    function test_draw_refusesASplitThatNeverEarned() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        // Another split in one's own favour, with rules broken or kept.
        Split memory greedy = alone(stranger);
        vm.expectRevert(abi.encodeWithSelector(Splits.NothingToDraw.selector, idOf(greedy), stranger));
        forge.draw(greedy, stranger);
        greedy.bps[0] = type(uint16).max;
        vm.expectRevert(abi.encodeWithSelector(Splits.NothingToDraw.selector, idOf(greedy), stranger));
        forge.draw(greedy, stranger);
    }

    function test_draw_failsOnSharesThatAreMissing() external {
        Split memory broken = alone(stranger);
        broken.bps = new uint16[](0);
        vm.expectRevert();
        forge.draw(broken, stranger);
    }

    function test_drawAndWithdraw_sendsItStraight() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        credit(third, 3 * USDT);
        vm.expectEmit(address(forge));
        emit Splits.DrawnTo(idOf(group()), third, stranger, 18 * USDT, 18 * USDT);
        vm.prank(third);
        vm.assertEq(forge.drawAndWithdraw(group(), stranger), 18 * USDT);
        vm.assertEq(usdt.balanceOf(stranger), 18 * USDT);
        vm.assertEq(forge.creditOf(third), 3 * USDT);
    }

    function test_drawAndWithdraw_refusesToLoseTheMoney() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        vm.startPrank(creator);
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(0)));
        forge.drawAndWithdraw(group(), address(0));
        vm.expectRevert(abi.encodeWithSelector(Roles.InvalidAddress.selector, address(forge)));
        forge.drawAndWithdraw(group(), address(forge));
        vm.assertEq(forge.drawableOf(group(), creator), 45 * USDT);
    }

    function test_draw_goesOnWhilePaused() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        pause();
        vm.assertEq(forge.draw(group(), creator), 45 * USDT);
        vm.prank(third);
        vm.assertEq(forge.drawAndWithdraw(group(), third), 18 * USDT);
        vm.assertEq(usdt.balanceOf(third), 18 * USDT);
    }

    function test_draw_servesOthersWhenTheTokenFreezesOne() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        usdt.addBlackList(second);
        vm.prank(third);
        forge.drawAndWithdraw(group(), third);
        vm.assertEq(usdt.balanceOf(third), 18 * USDT);
        // The frozen member can still have it sent elsewhere.
        vm.prank(second);
        forge.drawAndWithdraw(group(), stranger);
        vm.assertEq(usdt.balanceOf(stranger), 27 * USDT);
    }

    function test_draw_addsUpAcrossModelsWithTheSameSplit() external {
        bytes32 one = publish(SALT, group(), 10 * USDT);
        bytes32 two = publish(bytes32(uint256(2)), group(), 30 * USDT);
        buy(one, group(), 10 * USDT);
        buy(two, group(), 30 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 36 * USDT);
        vm.assertEq(forge.drawableOf(group(), creator), 18 * USDT);
    }

    // rounding

    /// @dev A member so small that any single purchase gives nothing is not starved: the sum counts.
    function test_rounding_neverStarvesASmallMember() external {
        Split memory split = crowd(2);
        (split.bps[0], split.bps[1]) = (9999, 1);
        bytes32 modelId = publish(SALT, split, 1000);
        for (uint256 i = 0; i < 12; ++i) {
            buy(modelId, split, 1000);
        }
        // 12 times 900 makes 10,800; each 900 alone would give floor(0.09) = 0.
        vm.assertEq(forge.draw(split, split.members[1]), 1);
    }

    /// @dev Whatever the shares, the prices and the order of draws: nobody draws more than their floor of the sum, and
    /// what waits in the end is less than one base unit a member.
    function testFuzz_draw_isExact(uint256 seed, uint8 size, uint8 purchases) external {
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

contract SplitsOnEthereumTest is SplitsTest, OnEthereum {}

contract SplitsOnTronTest is SplitsTest, OnTron {}
