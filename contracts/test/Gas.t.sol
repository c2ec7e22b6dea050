// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, ModelUsage, Source, Split, UsageRow} from "../solidity/Types.sol";
import {Fixture, OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";
import {PoolFixture} from "./PoolFixture.sol";

/// @notice What each operation costs, as a whole transaction, when everyone involved was paid before. `snapshots/` holds
/// the figures; `npm run gas:check -w contracts` fails when one changed, `npm run gas:write -w contracts` writes them.
contract GasTest is OnEthereum, PoolFixture, JobsFixture {
    bytes32 private modelId;

    function setUp() public override(Fixture, PoolFixture) {
        PoolFixture.setUp();
    }

    function test_gas() external {
        address member = third;
        bytes32 salt = bytes32(uint256(1));
        publish(salt, group(), 10 * USDT);
        publish(bytes32(uint256(2)), group(), 10 * USDT);
        modelId = publish(bytes32(uint256(3)), group(), 10 * USDT);
        snapshot("publish");
        vm.prank(creator);
        forge.setTerms(modelId, monthly(10 * USDT));
        snapshot("setTerms");
        vm.prank(creator);
        forge.extendListing(modelId, 1, USER, Source.Wallet);
        snapshot("extendListing");
        credit(customer, 50 * USDT);
        credit(customer, 50 * USDT);
        snapshot("deposit");

        fund(member, 1);
        measureSplit("3", group(), member);
        measureSplit("1", alone(member), member);
        Split memory hundred = crowd(100);
        hundred.members[99] = member;
        measureSplit("100", hundred, member);

        fundPool();
        fundPool();
        snapshot("buyPlan");
        measureJob();
        measureUsage();
        measurePool();

        vm.prank(customer);
        forge.withdraw(customer, USDT);
        snapshot("withdraw");
        forge.withdrawFor(member);
        snapshot("withdrawFor");
    }

    function measureSplit(string memory size, Split memory split, address member) private {
        vm.prank(creator);
        forge.setSplit(modelId, split);
        snapshot(string.concat("setSplit ", size));
        buy(modelId, split, 10 * USDT);
        forge.draw(split, member);
        buy(modelId, split, 10 * USDT);
        snapshot(string.concat("subscribe ", size));
        vm.prank(customer);
        forge.subscribe(modelId, 1, 10 * USDT, idOf(split), USER, Source.Credit);
        snapshot(string.concat("subscribe from credit ", size));
        forge.draw(split, member);
        snapshot(string.concat("draw ", size));
        buy(modelId, split, 10 * USDT);
        vm.prank(member);
        forge.drawAndWithdraw(split, member);
        snapshot(string.concat("drawAndWithdraw ", size));
    }

    function measureJob() private {
        for (uint256 i = 0; i < 2; ++i) {
            Job memory job = order();
            job.salt = bytes32(i);
            open(job);
            snapshot("openJob");
            pay(job, payeeOf(third));
            snapshot("payJob");
        }
    }

    /// @dev One batch of 100 payers; a row costs a hundredth of it.
    function measureUsage() private {
        ModelUsage[] memory usage = new ModelUsage[](1);
        usage[0] = ModelUsage({modelId: modelId, rows: new UsageRow[](100)});
        for (uint256 i = 0; i < 100; ++i) {
            address payer = address(uint160(uint256(keccak256(abi.encode("payer", i)))));
            fund(payer, USDT);
            vm.prank(payer);
            forge.depositUsage(USER, USDT, uint64(USDT), Source.Wallet);
            usage[0].rows[i] = UsageRow({payer: payer, amount: uint64(USDT / 7)});
        }
        for (uint256 batch = 1; batch <= 2; ++batch) {
            vm.prank(operator);
            forge.settleUsage(batch, 0, usage);
        }
        snapshot("settleUsage 100");
    }

    /// @dev Each root is put in force by a claim that is not measured.
    function measurePool() private {
        for (uint256 i = 1; i <= 2; ++i) {
            uint256[4] memory amounts = [i * USDT, i * USDT, i * USDT, i * USDT];
            activate(uint16(JANUARY + i), rootOf(amounts), 4 * i * USDT);
            claim(amounts, 1);
            claim(amounts, 0);
            snapshot("claimShare");
            vm.prank(third);
            forge.claimAndDraw(splits[2], amounts[2], proofOf(amounts, 2), third);
            snapshot("claimAndDraw");
        }
    }

    function snapshot(string memory name) private {
        vm.snapshotGasLastCall("AIForge", name);
    }
}
