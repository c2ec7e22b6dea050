// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, ModelUsage, Source, Split, Terms, UsageRow} from "../solidity/Types.sol";
import {OnEthereum, OnTron} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

/// @notice Any split of up to 100 members, any incomes from every source, drawn in any order: each member gets the floor
/// of its share of all, once.
abstract contract FuzzSharesTest is JobsFixture {
    uint256 private constant INCOMES = 8;
    uint16 private constant MONTH = 2027 * 12;

    Split private split;
    bytes32 private splitId;
    bytes32 private modelId;
    uint256 private earned;
    uint256 private fees;
    uint256 private funded;
    uint256 private claimed;
    uint256 private sent;

    function testFuzz_split_sharesIncomesOfEverySource(uint256 seed, uint256 size) external {
        split = anySplit(seed, bound(size, 1, 100));
        splitId = idOf(split);
        modelId = publish(SALT, split, 1);
        vm.prank(customer);
        forge.depositUsage(USER, 100_000 * USDT, uint64(100_000 * USDT), Source.Wallet);
        for (uint256 i = 0; i < INCOMES; ++i) {
            income(i, uint256(keccak256(abi.encode(seed, "income", i))));
            vm.assertEq(forge.earnedOf(splitId), earned);
            // Some draw now and some later: what they get in the end is the same.
            uint256 dice = uint256(keccak256(abi.encode(seed, "draw", i)));
            for (uint256 j = 0; j < 3; ++j) {
                drawIfAny((dice >> (32 * j)) % split.members.length, (dice >> (32 * j + 31)) % 2 == 0);
            }
        }
        uint256 first = seed % split.members.length;
        uint256 drawn = 0;
        for (uint256 i = 0; i < split.members.length; ++i) {
            uint256 member = (first + i) % split.members.length;
            drawIfAny(member, i % 2 == 0);
            vm.assertEq(forge.drawnOf(splitId, split.members[member]), (earned * split.bps[member]) / 10_000);
            drawn += forge.drawnOf(splitId, split.members[member]);
        }
        vm.assertLe(earned - drawn, split.members.length - 1, "dust <= members - 1");
        vm.assertEq(forge.uncollectedFees(), fees);
        uint256 credits = drawn - sent;
        uint256 rest = earned - drawn + fees + funded - claimed + forge.usageDepositOf(customer).amount;
        vm.assertEq(usdt.balanceOf(address(forge)), credits + rest);
    }

    /// @dev Shares of every kind: random parts of what the others left, none of them zero.
    function anySplit(uint256 seed, uint256 size) private pure returns (Split memory any) {
        any = crowd(size);
        uint256 left = 10_000 - size;
        for (uint256 i = 0; i < size; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            uint256 more = i + 1 == size ? left : bound(dice >> 8, 0, dice % 3 == 0 ? left : left / 8);
            any.bps[i] = uint16(1 + more);
            left -= more;
        }
    }

    function income(uint256 index, uint256 dice) private {
        uint256 amount = bound(dice, 1, 10 ** bound(dice >> 128, 0, 10));
        uint256 source = (dice >> 64) % 5;
        if (source == 0) subscribe(amount);
        else if (source == 1) license(amount);
        else if (source == 2) use(amount);
        else if (source == 3) job(amount, index);
        else plan(amount, uint16(MONTH + index));
    }

    function subscribe(uint256 price) private {
        setTerms(price, 0);
        uint256 months = 1 + (price % 3);
        vm.prank(customer);
        forge.subscribe(modelId, months, months * price, splitId, USER, Source.Wallet);
        earn(months * price, 1000);
    }

    function license(uint256 price) private {
        setTerms(0, price);
        vm.prank(customer);
        forge.buyLicense(modelId, price, splitId, USER, Source.Wallet);
        earn(price, 500);
    }

    function use(uint256 amount) private {
        ModelUsage[] memory usage = new ModelUsage[](1);
        usage[0] = ModelUsage({modelId: modelId, rows: new UsageRow[](2)});
        usage[0].rows[0] = UsageRow(customer, uint64(amount / 3));
        usage[0].rows[1] = UsageRow(customer, uint64(amount - amount / 3));
        uint256 batch = forge.lastUsageBatch() + 1;
        vm.prank(operator);
        forge.settleUsage(batch, "receipts", usage);
        earn(amount, 1000);
    }

    function job(uint256 price, uint256 salt) private {
        Job memory ordered = order();
        (ordered.price, ordered.salt) = (uint64(price), bytes32(salt));
        ordered.deadline = uint40(block.timestamp + 1 days);
        open(ordered);
        pay(ordered, splitId);
        earn(price, 500);
    }

    /// @dev The whole pool is the split's: a tree of one leaf.
    function plan(uint256 price, uint16 month) private {
        vm.prank(admin);
        forge.setPlanPrice(1, uint64(price));
        vm.prank(customer);
        forge.buyPlan(1, 1, price, USER, Source.Wallet);
        fees += (price * 3000) / 10_000;
        funded += price - (price * 3000) / 10_000;
        bytes32 root = keccak256(bytes.concat(keccak256(abi.encode(splitId, funded))));
        vm.prank(operator);
        forge.postRoot(month, root, uint64(funded), "inputs");
        vm.warp(block.timestamp + 2 days);
        earned += forge.claimShare(splitId, funded, new bytes32[](0));
        claimed = funded;
    }

    function earn(uint256 amount, uint256 bps) private {
        uint256 fee = (amount * bps) / 10_000;
        fees += fee;
        earned += amount - fee;
    }

    function setTerms(uint256 month, uint256 sale) private {
        vm.prank(creator);
        forge.setTerms(modelId, Terms({month: uint64(month), sale: uint64(sale), input: 0, output: 0}));
    }

    function drawIfAny(uint256 member, bool straight) private {
        address drawer = split.members[member];
        if (forge.drawableOf(split, drawer) == 0) return;
        if (straight) {
            vm.prank(drawer);
            sent += forge.drawAndWithdraw(split, drawer);
        } else {
            forge.draw(split, drawer);
        }
    }
}

contract FuzzSharesOnEthereumTest is FuzzSharesTest, OnEthereum {}

contract FuzzSharesOnTronTest is FuzzSharesTest, OnTron {}
