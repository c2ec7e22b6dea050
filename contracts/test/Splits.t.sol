// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ledger} from "../solidity/Ledger.sol";
import {Splits} from "../solidity/Splits.sol";
import {Split} from "../solidity/Types.sol";
import {Fixture, OnEthereum, OnTron} from "./Fixture.sol";

abstract contract SplitsTest is Fixture {
    /// @dev Refused when it is declared, when a model is published with it and when a model's split is changed to it.
    function expectRefused(Split memory split, bytes memory reason) private {
        vm.expectRevert(reason);
        forge.declareSplit(split);
        vm.expectRevert(reason);
        publish(SALT, split, USDT);
        bytes32 modelId = publish(SALT, alone(creator), USDT);
        vm.prank(creator);
        vm.expectRevert(reason);
        forge.setSplit(modelId, split);
        vm.assertFalse(forge.isDeclared(idOf(split)));
    }

    // declareSplit

    function test_declareSplit_RevertWhen_ThereAreNoMembers() external {
        expectRefused(crowd(0), abi.encodeWithSelector(Splits.MembersOutOfRange.selector, 0));
    }

    function test_declareSplit_RevertWhen_ThereAre101Members() external {
        expectRefused(crowd(101), abi.encodeWithSelector(Splits.MembersOutOfRange.selector, 101));
    }

    /// @dev Bits above an address or a share would make another id of what reads the same.
    function test_declareSplit_RevertWhen_TheCalldataIsNotClean() external {
        bytes memory call = abi.encodeCall(forge.declareSplit, (group()));
        uint256[2] memory places = [uint256(4 + 0x80), 4 + 0x100];
        for (uint256 i = 0; i < 2; ++i) {
            call[places[i]] = 0x01;
            (bool done, ) = address(forge).call(call);
            vm.assertFalse(done);
            call[places[i]] = 0x00;
        }
        (bool clean, ) = address(forge).call(call);
        vm.assertTrue(clean);
        vm.assertTrue(forge.isDeclared(idOf(group())));
    }

    function test_declareSplit_WhenThereAre100Members() external {
        forge.declareSplit(crowd(100));
        vm.assertTrue(forge.isDeclared(idOf(crowd(100))));
    }

    function test_declareSplit_RevertWhen_AShareIsMissing() external {
        Split memory split = group();
        split.bps = new uint16[](2);
        expectRefused(split, abi.encodeWithSelector(Splits.SharesNotMatched.selector, 3, 2));
    }

    function test_declareSplit_RevertWhen_ThereIsAShareTooMany() external {
        Split memory split = alone(creator);
        split.bps = new uint16[](2);
        split.bps[0] = 10_000;
        expectRefused(split, abi.encodeWithSelector(Splits.SharesNotMatched.selector, 1, 2));
    }

    function test_declareSplit_RevertWhen_AMemberIsTheZeroAddress() external {
        Split memory split = group();
        split.members[1] = address(0);
        expectRefused(split, abi.encodeWithSelector(Splits.InvalidMember.selector, address(0)));
    }

    function test_declareSplit_RevertWhen_AMemberIsTheContractItself() external {
        Split memory split = group();
        split.members[1] = address(forge);
        expectRefused(split, abi.encodeWithSelector(Splits.InvalidMember.selector, address(forge)));
    }

    function test_declareSplit_RevertWhen_AShareIsZero() external {
        Split memory split = group();
        (split.bps[0], split.bps[1], split.bps[2]) = (5000, 5000, 0);
        expectRefused(split, abi.encodeWithSelector(Splits.ZeroShare.selector, third));
    }

    function testFuzz_declareSplit_RevertWhen_AMemberStandsThereTwiceWherever(
        uint256 count,
        uint256 from,
        uint256 to
    ) external {
        Split memory split = crowd(bound(count, 2, 100));
        from = bound(from, 0, split.members.length - 2);
        to = bound(to, from + 1, split.members.length - 1);
        split.members[to] = split.members[from];
        expectRefused(split, abi.encodeWithSelector(Splits.DuplicateMember.selector, split.members[from]));
    }

    function test_declareSplit_RevertWhen_TheSharesSumTo9999() external {
        Split memory split = group();
        split.bps[2] = 1999;
        expectRefused(split, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 9999));
    }

    function test_declareSplit_RevertWhen_TheSharesSumTo10001() external {
        Split memory split = group();
        split.bps[2] = 2001;
        expectRefused(split, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 10_001));
    }

    function test_declareSplit_RevertWhen_TheSharesSumTo10000Modulo216() external {
        // 55,536 + 20,000 is 10,000 modulo 2^16.
        Split memory split = crowd(2);
        (split.bps[0], split.bps[1]) = (55_536, 20_000);
        expectRefused(split, abi.encodeWithSelector(Splits.SharesDoNotSum.selector, 75_536));
    }

    function testFuzz_declareSplit_WhenTheMembersAddressesAllWantTheSamePlace(uint160 first, uint256 count) external {
        Split memory split = crowd(bound(count, 1, 100));
        uint256 step = 2 * split.members.length;
        for (uint256 i = 0; i < split.members.length; ++i) {
            split.members[i] = address(uint160(bound(first, 1, type(uint128).max) + i * step));
        }
        forge.declareSplit(split);
        vm.assertTrue(forge.isDeclared(idOf(split)));
    }

    function test_declareSplit_WhenAllRulesAreKept() external {
        Split memory split = group();
        vm.expectEmit(address(forge));
        emit Splits.SplitDeclared({splitId: idOf(split), members: split.members, bps: split.bps});
        vm.prank(stranger);
        vm.assertEq(forge.declareSplit(split), idOf(split));
        vm.assertTrue(forge.isDeclared(idOf(split)));
        vm.assertEq(forge.earnedOf(idOf(split)), 0);
    }

    function test_declareSplit_WhenItIsDeclaredAgain() external {
        buy(publish(SALT, group(), 10 * USDT), group(), 10 * USDT);
        forge.draw(group(), creator);
        vm.prank(stranger);
        forge.declareSplit(group());
        vm.assertTrue(forge.isDeclared(idOf(group())));
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
        vm.assertEq(forge.drawnOf(idOf(group()), creator), 4_500_000);
        vm.assertEq(forge.drawableOf(group(), second), 2_700_000);
    }

    function test_declareSplit_WhenNewMoneyIsStopped() external {
        pause();
        forge.declareSplit(group());
        vm.assertTrue(forge.isDeclared(idOf(group())));
    }

    // what can be read

    function test_earnedOf_WhenTheSplitEarns() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 0);
        buy(modelId, group(), 10 * USDT);
        forge.draw(group(), creator);
        vm.assertEq(forge.earnedOf(idOf(group())), 9 * USDT);
        buy(modelId, group(), 10 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 18 * USDT);
    }

    function test_earnedOf_RevertWhen_TheSumOutgrowsWhereItIsKept() external {
        bytes32 modelId = publish(SALT, group(), 10 * USDT);
        // No market can bring that much, so it is written beside the mark that the split is declared.
        bytes32 slot = slotOf(idOf(group()));
        uint256 mark = uint256(vm.load(address(forge), slot));
        uint256 most = type(uint248).max;
        for (; most > USDT; most >>= 8) {
            vm.store(address(forge), slot, bytes32(mark | (most - 9 * USDT)));
            if (forge.earnedOf(idOf(group())) == most - 9 * USDT) break;
        }
        buy(modelId, group(), 10 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), most);
        vm.expectRevert(abi.encodeWithSelector(Ledger.AmountTooLarge.selector, most + 9 * USDT));
        buy(modelId, group(), 10 * USDT);
    }

    function test_isDeclared_WhenASplitIsDeclaredByItselfByAModelOrNotAtAll() external {
        vm.assertFalse(forge.isDeclared(idOf(group())));
        forge.declareSplit(group());
        vm.assertTrue(forge.isDeclared(idOf(group())));

        bytes32 modelId = publish(SALT, alone(second), USDT);
        vm.assertTrue(forge.isDeclared(idOf(alone(second))));
        vm.prank(creator);
        forge.setSplit(modelId, alone(third));
        vm.assertTrue(forge.isDeclared(idOf(alone(third))));
        vm.assertFalse(forge.isDeclared(idOf(alone(stranger))));
    }

    function test_drawableOf_RevertWhen_TheMemberIsNotInTheSplit() external {
        vm.expectRevert(abi.encodeWithSelector(Splits.NotAMember.selector, idOf(group()), stranger));
        forge.drawableOf(group(), stranger);
    }

    function test_drawableOf_WhenAMemberDrewAPart() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        buy(modelId, group(), 100 * USDT);
        vm.assertEq(forge.drawableOf(group(), creator), 45 * USDT);
        forge.draw(group(), creator);
        vm.assertEq(forge.drawableOf(group(), creator), 0);
        buy(modelId, group(), 100 * USDT);
        vm.assertEq(forge.drawableOf(group(), creator), 45 * USDT);
        vm.assertEq(forge.drawableOf(group(), third), 36 * USDT);
    }

    function test_splitIdOf_WhenMembersOrSharesDiffer() external view {
        Split memory split = group();
        vm.assertEq(forge.splitIdOf(split), keccak256(abi.encode(split.members, split.bps)));
        Split memory other = group();
        (other.bps[0], other.bps[1]) = (3000, 5000);
        vm.assertTrue(forge.splitIdOf(split) != forge.splitIdOf(other));
        other = group();
        (other.members[0], other.members[1]) = (second, creator);
        vm.assertTrue(forge.splitIdOf(split) != forge.splitIdOf(other));
    }

    function test_drawnOf_WhenMembersDrawAgainAndAgain() external {
        bytes32 modelId = publish(SALT, group(), 100 * USDT);
        for (uint256 i = 1; i <= 2; ++i) {
            buy(modelId, group(), 100 * USDT);
            forge.draw(group(), creator);
            forge.draw(group(), third);
            vm.assertEq(forge.drawnOf(idOf(group()), creator), i * 45 * USDT);
            vm.assertEq(forge.drawnOf(idOf(group()), second), 0);
            vm.assertEq(forge.drawnOf(idOf(group()), third), i * 18 * USDT);
        }
        vm.assertEq(forge.drawnOf(idOf(group()), stranger), 0);
        vm.assertEq(forge.drawnOf(idOf(alone(creator)), creator), 0);
    }
}

contract SplitsOnEthereumTest is SplitsTest, OnEthereum {}

contract SplitsOnTronTest is SplitsTest, OnTron {}
