// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Job, ModelUsage, Source, Submission, UsageRow} from "../solidity/Types.sol";
import {OnEthereum} from "./Fixture.sol";
import {JobsFixture} from "./JobsFixture.sol";

/// @notice Any batch of usage and any decision on a job: every base unit is somebody's, and of one only.
contract FuzzMoneyTest is JobsFixture, OnEthereum {
    uint256 private constant PAYERS = 6;
    uint256 private constant MODELS = 3;

    bytes32[] private models;
    address[] private payers;
    mapping(address payer => uint256 amount) private deposited;
    mapping(address payer => uint256 amount) private cap;
    mapping(address payer => uint256 amount) private charged;

    /// @dev Rows of random payers, the same one twice too, of amounts within what each has left today.
    function testFuzz_usage_chargesEveryRowOnce(uint256 seed, uint8 rows) external {
        for (uint256 i = 0; i < MODELS; ++i) {
            models.push(publish(bytes32(i), i == 2 ? group() : alone(person(i == 0 ? "one" : "two")), 1));
        }
        for (uint256 i = 0; i < PAYERS; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, "payer", i)));
            address payer = address(uint160(uint256(keccak256(abi.encode("payer", i)))));
            payers.push(payer);
            fund(payer, 1e12);
            deposited[payer] = bound(dice, 1, 1e12);
            cap[payer] = bound(dice >> 128, 0, 2 * deposited[payer]);
            vm.prank(payer);
            forge.depositUsage(USER, deposited[payer], uint64(cap[payer]), Source.Wallet);
        }

        uint256 before = forge.uncollectedFees();
        for (uint256 batch = 1; batch <= 2; ++batch) {
            settle(batch, uint256(keccak256(abi.encode(seed, batch))), 1 + (rows % 40));
        }
        uint256 sum = 0;
        for (uint256 i = 0; i < PAYERS; ++i) {
            sum += charged[payers[i]];
            vm.assertEq(forge.usageDepositOf(payers[i]).amount, deposited[payers[i]] - charged[payers[i]]);
            vm.assertEq(forge.usageDepositOf(payers[i]).spent, charged[payers[i]]);
            vm.assertLe(charged[payers[i]], cap[payers[i]], "charged in a day <= cap");
        }
        uint256 shared = forge.uncollectedFees() - before + forge.earnedOf(idOf(group()));
        shared += forge.earnedOf(idOf(alone(person("one")))) + forge.earnedOf(idOf(alone(person("two"))));
        vm.assertEq(shared, sum, "platform + splits = charged");
    }

    /// @dev One base unit above what a payer has left, anywhere in a batch, and nothing of the batch happened.
    function testFuzz_usage_refusesABatchWhole(uint256 amount, uint256 above) external {
        bytes32 modelId = publish(SALT, group(), 1);
        vm.prank(customer);
        forge.depositUsage(USER, 100 * USDT, uint64(40 * USDT), Source.Wallet);
        amount = bound(amount, 0, 40 * USDT);
        above = bound(above, 40 * USDT - amount + 1, type(uint64).max);
        ModelUsage[] memory usage = new ModelUsage[](1);
        usage[0] = ModelUsage({modelId: modelId, rows: new UsageRow[](2)});
        usage[0].rows[0] = UsageRow(customer, uint64(amount));
        usage[0].rows[1] = UsageRow(customer, uint64(above));
        vm.prank(operator);
        vm.expectRevert();
        forge.settleUsage(1, "receipts", usage);
        vm.assertEq(forge.usageDepositOf(customer).amount, 100 * USDT);
        vm.assertEq(forge.earnedOf(idOf(group())), 0);
        vm.assertEq(forge.lastUsageBatch(), 0);
    }

    /// @dev Any share of any price, to an address or to a split: node, platform and client have it all between them.
    function testFuzz_job_resolutionSumsToThePrice(uint64 price, uint256 bps, bool toSplit) external {
        Job memory job = order();
        job.price = uint64(bound(price, 1, 1000 * USDT));
        bps = bound(bps, 0, 10_000);
        forge.declareSplit(group());
        bytes32 to = toSplit ? idOf(group()) : payeeOf(payee);
        open(job);
        submit(job, to);
        dispute(job);
        vm.prank(admin);
        forge.resolveJob(job, submissionTo(to), bps);

        uint256 gross = (uint256(job.price) * bps) / 10_000;
        uint256 fee = (gross * 500) / 10_000;
        vm.assertEq(toSplit ? forge.earnedOf(idOf(group())) : forge.creditOf(payee), gross - fee, "node");
        vm.assertEq(forge.uncollectedFees(), fee, "platform");
        vm.assertEq(forge.creditOf(customer), job.price - gross, "client");
        vm.assertEq(usdt.balanceOf(address(forge)), job.price);
        vm.assertEq(forge.jobOf(jobIdOf(job)).escrow, 0);
    }

    function testFuzz_job_halvesAnyPrice(uint64 price) external {
        Job memory job = order();
        job.price = uint64(bound(price, 1, 1000 * USDT));
        open(job);
        submit(job, payeeOf(payee));
        dispute(job);
        vm.warp(START + 7 days + 1);
        Submission memory made = submission();
        vm.prank(stranger);
        forge.halveJob(job, made);
        vm.assertEq(forge.creditOf(customer), job.price - job.price / 2, "the odd unit is the client's");
        vm.assertEq(forge.creditOf(payee) + forge.uncollectedFees(), job.price / 2);
    }

    function settle(uint256 batch, uint256 seed, uint256 rows) private {
        ModelUsage[] memory usage = new ModelUsage[](MODELS);
        for (uint256 i = 0; i < MODELS; ++i) {
            usage[i] = ModelUsage({modelId: models[i], rows: new UsageRow[](rows)});
            for (uint256 j = 0; j < rows; ++j) {
                uint256 dice = uint256(keccak256(abi.encode(seed, i, j)));
                address payer = payers[dice % PAYERS];
                uint256 most = deposited[payer] < cap[payer] ? deposited[payer] : cap[payer];
                uint256 amount = bound(dice >> 64, 0, most - charged[payer]);
                if (dice % 5 > 0) amount /= 10;
                usage[i].rows[j] = UsageRow(payer, uint64(amount));
                charged[payer] += amount;
            }
        }
        vm.prank(operator);
        forge.settleUsage(batch, "receipts", usage);
    }
}
