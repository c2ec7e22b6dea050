import {
  accountRef,
  aiforgeAbi,
  deployments,
  modelId,
  modelSalt,
  splitId,
  usdtAbi,
} from "@aiforge/contracts";
import { type Address, encodeFunctionData, type Hex } from "viem";
import { testClient } from "../../scripts/testing/chain.ts";

const { aiforge, usdt } = deployments[31337]!;
const CENT = 10_000n;
const EVENTS_A_ROUND = 9;

/**
 * Fills the local chain with what the contract sees on a busy day: in each round 3 subscriptions, 2 deposits,
 * a withdrawal, a change of price and a change of split; 9 events in 2 blocks. Then enough empty blocks to make
 * all of it final.
 * @returns the number of events the contract emitted since its deployment
 */
export async function makeTraffic(rpcUrl: string, rounds: number): Promise<number> {
  const client = testClient(rpcUrl);
  const addresses = await client.getAddresses();
  const at = (index: number) => addresses[index] as Address;
  const [creator, second, third, customer] = [at(3), at(4), at(5), at(6)];
  const account = accountRef("user", "11111111-1111-4111-8111-111111111111");
  const splits = [5000, 6000].map((share) => ({
    members: [creator, second, third],
    bps: [share, 8000 - share, 2000],
  }));
  const terms = (month: bigint) => ({ month, sale: 0n, input: 0n, output: 0n });
  const model = modelId(creator, modelSalt("33333333-3333-4333-8333-333333333333"));
  const nonces = new Map<Address, number>();

  const send = async (from: Address, data: Hex, to: Address = aiforge) => {
    const nonce = nonces.get(from) ?? (await client.getTransactionCount({ address: from }));
    nonces.set(from, nonce + 1);
    await client.sendTransaction({ account: from, to, data, nonce, gas: 700_000n });
  };
  const call = (functionName: string, args: unknown[]) =>
    encodeFunctionData({ abi: aiforgeAbi, functionName, args } as Parameters<typeof encodeFunctionData>[0]);

  await client.setBlockGasLimit({ gasLimit: 1_000_000_000n });
  await client.setAutomine(false);
  await send(
    customer,
    encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [aiforge, 2n ** 200n] }),
    usdt,
  );
  const salt = modelSalt("33333333-3333-4333-8333-333333333333");
  await send(
    creator,
    call("publish", [salt, `0x${"ab".repeat(32)}`, splits[0], terms(CENT), account, 0n, 0]),
  );
  await client.mine({ blocks: 1 });
  for (let round = 0; round < rounds; round++) {
    const split = splits[round % 2]!;
    const subscribe = call("subscribe", [model, 1n, 2n * CENT, splitId(split), account, 0]);
    await send(creator, call("setSplit", [model, split]));
    // A block of its own: the order of two accounts' transactions within one is the chain's to choose.
    await client.mine({ blocks: 1 });
    for (let n = 0; n < 3; n++) await send(customer, subscribe);
    await send(customer, call("deposit", [second, 2n * CENT]));
    await send(customer, call("deposit", [customer, CENT]));
    await send(customer, call("withdraw", [third, CENT]));
    await send(creator, call("setTerms", [model, terms(CENT + BigInt(round % 2))]));
    await client.mine({ blocks: 1 });
  }
  await client.mine({ blocks: 64 });
  const logs = await client.getLogs({ address: aiforge, fromBlock: 0n, toBlock: "latest" });
  const expected = rounds * EVENTS_A_ROUND;
  if (logs.length < expected)
    throw new Error(`${logs.length} events instead of ${expected}: some calls reverted`);
  return logs.length;
}
