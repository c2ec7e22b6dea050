import { type Address, encodeFunctionData, type Hex, keccak256, stringToBytes } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startChain, type TestChain, testClient } from "../../scripts/testing/chain.ts";
import {
  accountRef,
  aiforgeAbi,
  claimOf,
  type Deployment,
  type Distribution,
  type DistributionInputs,
  demoAccount,
  deployLocal,
  distribute,
  FEES,
  monthOf,
  monthStart,
  monthText,
  splitId,
  usdtAbi,
} from "./index.ts";

const USDT = 1_000_000n;
const WINDOW = 2 * 86_400;
const operator = privateKeyToAccount(demoAccount("operator").privateKey);
const customer = privateKeyToAccount(demoAccount("customer").privateKey);

let chain: TestChain;
let deployment: Deployment;
let client: ReturnType<typeof testClient>;
beforeAll(async () => {
  chain = await startChain();
  deployment = await deployLocal({ rpcUrl: chain.rpcUrl });
  client = testClient(chain.rpcUrl);
});
afterAll(() => chain.stop());

async function write(account: typeof operator, functionName: string, args: unknown[], to?: Address) {
  const data = encodeFunctionData({ abi: to ? usdtAbi : aiforgeAbi, functionName, args } as never);
  const hash = await client.sendTransaction({ account, to: to ?? deployment.aiforge, data });
  const receipt = await client.waitForTransactionReceipt({ hash });
  expect(receipt.status).toBe("success");
  return receipt;
}

const read = (functionName: string, args: unknown[] = []) =>
  client.readContract({
    address: deployment.aiforge,
    abi: aiforgeAbi,
    functionName,
    args,
  } as never) as Promise<bigint>;

/** A split of the customer and somebody else: as many of them as are wanted. */
const splitOf = (seed: number) => {
  const other = keccak256(stringToBytes(`member ${seed}`)).slice(0, 42) as Address;
  return { members: [customer.address, other], bps: [6_000, 4_000] };
};

async function buyPlan() {
  const { logs, blockNumber, transactionHash } = await write(customer, "buyPlan", [
    3,
    1n,
    100n * USDT,
    accountRef("user", "00000000-0000-4000-8000-000000000001"),
    0,
  ]);
  const { timestamp } = await client.getBlock({ blockNumber });
  return { txHash: transactionHash, logIndex: logs.at(-1)!.logIndex, timestamp };
}

const inputsOf = (
  { txHash, logIndex, timestamp }: Awaited<ReturnType<typeof buyPlan>>,
  splits: Hex[],
  previous: DistributionInputs["previous"],
  start = timestamp,
): DistributionInputs => ({
  chain: "eip155:31337",
  aiforge: deployment.aiforge.toLowerCase() as Address,
  month: monthText(monthOf(start)),
  previous,
  purchases: [
    {
      txHash,
      logIndex,
      plan: 3,
      months: 1,
      price: 100n * USDT,
      fee: (100n * USDT * FEES.planBps) / FEES.bps,
      periods: [{ index: 0, start: Number(start) }],
    },
  ],
  usage: splits
    .map((id, at) => ({ modelId: keccak256(id), splitId: id, tokens: BigInt(at + 1) * 1_000n }))
    .sort((a, b) => (a.modelId < b.modelId ? -1 : 1)),
});

async function post({ month, root, total }: Distribution) {
  await write(operator, "postRoot", [month, root, total, "bafkreitest"]);
  await client.increaseTime({ seconds: WINDOW });
  await client.mine({ blocks: 1 });
}

it("is paid by the contract, to one split and to a thousand, to the unit, and a later month on top", async () => {
  await write(customer, "approve", [deployment.aiforge, 1_000n * USDT], deployment.usdt);
  const splits = Array.from({ length: 1_000 }, (_, at) => splitId(splitOf(at)));

  const single = distribute(
    inputsOf(await buyPlan(), splits.slice(0, 1), { month: null, root: null, carry: 0n, cumulative: [] }),
  );
  expect([single.total, single.carry]).toEqual([70n * USDT, 0n]);
  await write(operator, "declareSplit", [splitOf(0)]);
  await post(single);
  const only = claimOf(single, splits[0]!)!;
  await write(operator, "claimShare", [splits[0], only.amount, only.proof]);
  expect(await read("earnedOf", [splits[0]])).toBe(70n * USDT);

  // The leaf that ties the root to its inputs claims nothing.
  const tie = single.tree.getProof([single.digest, "0"]);
  await expect(read("claimShare", [single.digest, 0n, tie])).rejects.toThrow(/UndeclaredSplit/);

  const bought = await buyPlan();
  const december = monthStart(single.month + 1);
  const { carry, root, cumulative } = single;
  const many = distribute(
    inputsOf(bought, splits, { month: monthText(single.month), root, carry, cumulative }, december),
  );
  expect(many.total + many.carry).toBe(140n * USDT);
  await post(many);

  let claimed = 70n * USDT;
  for (const at of [0, 1, 499, 998, 999]) {
    if (at > 0) await write(operator, "declareSplit", [splitOf(at)]);
    const { amount, proof } = claimOf(many, splits[at]!)!;
    const before = await read("claimedOf", [splits[at]]);
    if (at === 499) {
      // Claimed and drawn at once by a member, who has 60 per cent of it.
      const balance = () =>
        client.readContract({
          address: deployment.usdt,
          abi: usdtAbi,
          functionName: "balanceOf",
          args: [customer.address],
        });
      const had = await balance();
      await write(customer, "claimAndDraw", [splitOf(at), amount, proof, customer.address]);
      expect((await balance()) - had).toBe((amount * 6_000n) / 10_000n);
    } else await write(operator, "claimShare", [splits[at], amount, proof]);
    expect(await read("claimedOf", [splits[at]])).toBe(amount);
    expect(await read("earnedOf", [splits[at]])).toBe(amount);
    await expect(read("claimShare", [splits[at], amount, proof])).rejects.toThrow(/NothingToClaim/);
    await expect(read("claimShare", [splits[at], amount + 1n, proof])).rejects.toThrow(/InvalidProof/);
    claimed += amount - before;
  }
  const pool = (await read("poolOf")) as unknown as { claimed: bigint; total: bigint };
  expect([pool.claimed, pool.total]).toEqual([claimed, many.total]);
}, 60_000);
