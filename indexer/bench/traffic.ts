import {
  accountRef,
  aiforgeAbi,
  deployments,
  modelId,
  modelSalt,
  splitId,
  usdtAbi,
} from "@aiforge/contracts";
import { type Address, encodeFunctionData, type Hex, numberToHex } from "viem";
import { testClient } from "../../scripts/testing/chain.ts";

const { aiforge, usdt } = deployments[31337]!;
const CENT = 10_000n;
const EVENTS_A_ROUND = 13;
/** Ponder asks for each block with events by itself, 20 a second at first: few blocks, or that is measured. */
const ROUNDS_A_BLOCK = 50;

/**
 * Fills the local chain with what the contract sees on a busy day: in each round 3 subscriptions, 2 deposits,
 * a withdrawal, a change of price, a change of split, a licence, a plan, a deposit for use and a job, 13 events. Then enough empty blocks to make all of it
 * final.
 * @returns the number of events the contract emitted since its deployment
 */
export async function makeTraffic(rpcUrl: string, rounds: number): Promise<number> {
  const client = testClient(rpcUrl);
  const addresses = await client.getAddresses();
  const [admin, creator, second, third] = [0, 3, 4, 5].map((index) => addresses[index] as Address);
  if (!admin || !creator || !second || !third)
    throw new Error("The chain has not the accounts of a local chain");
  const account = accountRef("user", "11111111-1111-4111-8111-111111111111");
  const splits = [5000, 6000].map((share) => ({
    members: [creator, second, third],
    bps: [share, 8000 - share, 2000],
  }));
  const terms = (month: bigint) => ({ month, sale: CENT, input: 0n, output: 0n });
  const weights = `0x${"ab".repeat(32)}`;
  const salt = modelSalt("33333333-3333-4333-8333-333333333333");
  const model = modelId(creator, salt);
  const job = {
    client: creator,
    account,
    specification: weights,
    price: CENT,
    deadline: Number((await client.getBlock()).timestamp) + 2_000_000,
  };
  const call = (functionName: string, args: unknown[]) =>
    encodeFunctionData({ abi: aiforgeAbi, functionName, args } as Parameters<typeof encodeFunctionData>[0]);

  let nonce = await client.getTransactionCount({ address: creator });
  // All from one account, whose nonces give the order within a block: a subscription names the current split.
  const send = async (data: Hex, to: Address = aiforge) => {
    await client.sendTransaction({
      account: creator,
      to,
      data,
      nonce: nonce++,
      gas: 700_000n,
      gasPrice: 10n ** 10n,
    });
  };

  await client.setBlockGasLimit({ gasLimit: 1_000_000_000n });
  await client.setAutomine(false);
  await send(
    encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [aiforge, 2n ** 200n] }),
    usdt,
  );
  await client.sendTransaction({
    account: admin,
    to: aiforge,
    data: call("setPlanPrice", [1, CENT]),
    gas: 700_000n,
    gasPrice: 10n ** 10n,
  });
  await send(call("publish", [salt, weights, splits[0], terms(CENT), account, 0n, 0]));
  for (let round = 0; round < rounds; round++) {
    const split = splits[round % 2]!;
    await send(call("setSplit", [model, split]));
    for (let n = 0; n < 3; n++) {
      await send(call("subscribe", [model, 1n, 2n * CENT, splitId(split), account, 0]));
    }
    await send(call("deposit", [second, CENT]));
    await send(call("deposit", [creator, CENT]));
    await send(call("withdraw", [third, CENT]));
    await send(call("buyLicense", [model, CENT, splitId(split), account, 0]));
    await send(call("buyPlan", [1, 1n, CENT, account, 0]));
    await send(call("depositUsage", [account, CENT, CENT, 0]));
    await send(call("openJob", [{ ...job, salt: numberToHex(round, { size: 32 }) }, 0]));
    await send(call("setTerms", [model, terms(CENT + BigInt(round % 2))]));
    if (round % ROUNDS_A_BLOCK === 0) await client.mine({ blocks: 1 });
  }
  await client.mine({ blocks: 64 });
  const logs = await client.getLogs({ address: aiforge, fromBlock: 0n, toBlock: "latest" });
  const expected = rounds * EVENTS_A_ROUND;
  if (logs.length < expected)
    throw new Error(`${logs.length} events instead of ${expected}: some calls reverted`);
  return logs.length;
}
