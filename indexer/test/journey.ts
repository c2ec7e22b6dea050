import {
  accountRef,
  aiforgeAbi,
  deployments,
  modelId,
  modelSalt,
  splitId,
  usdtAbi,
} from "@aiforge/contracts";
import { type Address, type ContractFunctionArgs, type ContractFunctionName, encodeFunctionData } from "viem";
import { testClient } from "../../scripts/testing/chain.ts";

const { aiforge, usdt } = deployments[31337]!;
const USDT = 1_000_000n;
const MAX = 2n ** 256n - 1n;
const WALLET = 0;
const CREDIT = 1;
const NO_TERMS = { sale: 0n, input: 0n, output: 0n };

export const USER = accountRef("user", "11111111-1111-4111-8111-111111111111");
export const GROUP = accountRef("group", "22222222-2222-4222-8222-222222222222");
const SALTS = ["a", "b", "c"].map((c) => modelSalt(`${c.repeat(8)}-0000-4000-8000-000000000000`));

type Writes = ContractFunctionName<typeof aiforgeAbi, "nonpayable">;

/** The demo accounts' addresses by role, and calls of the contract in their name, each mined when it returns. */
export async function actors(rpcUrl: string) {
  const client = testClient(rpcUrl);
  const addresses = await client.getAddresses();
  const at = (index: number) => addresses[index] as Address;
  const who = {
    admin: at(0),
    operator: at(1),
    treasury: at(2),
    creator: at(3),
    second: at(4),
    third: at(5),
    customer: at(6),
    node: at(7),
    faucet: at(8),
    spare: at(9),
    cashier: at(10),
  };
  async function call<name extends Writes>(
    from: Address,
    functionName: name,
    args: ContractFunctionArgs<typeof aiforgeAbi, "nonpayable", name>,
  ) {
    const data = encodeFunctionData({ abi: aiforgeAbi, functionName, args } as Parameters<
      typeof encodeFunctionData
    >[0]);
    const hash = await client.sendTransaction({ to: aiforge, data, account: from });
    const { status } = await client.waitForTransactionReceipt({ hash });
    if (status !== "success") throw new Error(`${functionName} reverted`);
  }
  async function approve(from: Address) {
    const hash = await client.writeContract({
      address: usdt,
      abi: usdtAbi,
      functionName: "approve",
      args: [aiforge, MAX],
      account: from,
    });
    await client.waitForTransactionReceipt({ hash });
  }
  async function transfer(from: Address, to: Address, amount: bigint) {
    const hash = await client.writeContract({
      address: usdt,
      abi: usdtAbi,
      functionName: "transfer",
      args: [to, amount],
      account: from,
    });
    await client.waitForTransactionReceipt({ hash });
  }
  return { client, who, call, approve, transfer };
}

export type Actors = Awaited<ReturnType<typeof actors>>;

/** What the journey makes, so that a test can look for it. */
export function namesOf({ who }: Pick<Actors, "who">) {
  const split = { members: [who.creator, who.second, who.third], bps: [5000, 3000, 2000] };
  const later = { members: [who.creator, who.second], bps: [6000, 4000] };
  return {
    split,
    later,
    splitId: splitId(split),
    laterId: splitId(later),
    first: modelId(who.creator, SALTS[0]!),
    second: modelId(who.creator, SALTS[1]!),
  };
}

/** A first model, free to publish, and a customer who subscribes to it for 10 USDT: every kind of event follows. */
export async function journey(people: Actors): Promise<void> {
  const { who, call, approve } = people;
  const { split, later, splitId, laterId, first } = namesOf(people);
  const weights = `0x${"ab".repeat(32)}` as const;
  await call(who.creator, "publish", [
    SALTS[0]!,
    weights,
    split,
    { ...NO_TERMS, month: 10n * USDT },
    GROUP,
    0n,
    WALLET,
  ]);
  await approve(who.customer);
  await approve(who.creator);
  await call(who.customer, "subscribe", [first, 1n, 10n * USDT, splitId, USER, WALLET]);
  await call(who.creator, "publish", [
    SALTS[1]!,
    weights,
    split,
    { month: 3n * USDT, sale: 50n * USDT, input: 7n, output: 9n },
    GROUP,
    5n * USDT,
    WALLET,
  ]);
  await call(who.customer, "extendListing", [first, 2n, USER, WALLET]);
  await call(who.customer, "deposit", [who.customer, 20n * USDT]);
  await call(who.creator, "setSplit", [first, later]);
  await call(who.creator, "setTerms", [first, { ...NO_TERMS, month: 4n * USDT }]);
  await call(who.customer, "subscribe", [first, 2n, 8n * USDT, laterId, USER, CREDIT]);
  await call(who.second, "draw", [split, who.second]);
  await call(who.creator, "drawAndWithdraw", [split, who.creator]);
  await call(who.customer, "withdraw", [who.spare, 2n * USDT]);
  await call(who.spare, "withdrawFor", [who.second]);
  await call(who.admin, "setTreasury", [who.spare]);
  await call(who.admin, "pause", []);
}

/** More of the same, with amounts of its own: `seed` makes one history differ from another. */
export async function moreEvents(people: Actors, seed: number): Promise<void> {
  const { who, call, approve } = people;
  const { split, splitId, second } = namesOf(people);
  await call(who.admin, "unpause", []);
  await approve(who.spare);
  await call(who.spare, "deposit", [who.third, BigInt(seed)]);
  await call(who.spare, "deposit", [who.second, BigInt(seed) * 2n]);
  await call(who.creator, "setTerms", [second, { ...NO_TERMS, month: BigInt(seed) * 1000n }]);
  await call(who.spare, "subscribe", [second, 1n, MAX, splitId, USER, WALLET]);
  await call(who.third, "draw", [split, who.third]);
  await call(who.admin, "setTreasury", [seed % 2 === 0 ? who.treasury : who.third]);
}
