import {
  accountRef,
  aiforgeAbi,
  type ChainRecord,
  contentCid,
  type Deployment,
  type DistributionInputs,
  demoAccount,
  deployLocal,
  distribute,
  modelId,
  modelSalt,
  monthIndex,
  monthOf,
  monthStart,
  monthText,
  purchasesOfMonth,
  readChainRecord,
  serializeInputs,
  splitId,
  usdtAbi,
} from "@aiforge/contracts";
import { type Address, createPublicClient, encodeFunctionData, type Hex, http, keccak256, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { startChain, testClient } from "../testing/chain.ts";

export const USDT = 1_000_000n;
export const bytesOf = (inputs: DistributionInputs): Uint8Array =>
  new TextEncoder().encode(serializeInputs(inputs));
export const FIRST: DistributionInputs["previous"] = { month: null, root: null, carry: 0n, cumulative: [] };
/** What a month leaves the next one. */
export const leftBy = (inputs: DistributionInputs): DistributionInputs["previous"] => {
  const { root, carry, cumulative } = distribute(inputs);
  return { month: inputs.month, root, carry, cumulative };
};

const signer = (role: Parameters<typeof demoAccount>[0]) => privateKeyToAccount(demoAccount(role).privateKey);

/** A real chain with the contract, two models of different splits, and a customer who can buy plans. */
export class Pool {
  readonly stop: () => Promise<void>;
  readonly rpcUrl: string;
  readonly deployment: Deployment;
  readonly client: ReturnType<typeof testClient>;
  readonly operator = signer("operator");
  readonly deployer = signer("deployer");
  readonly customer = signer("customer");
  readonly creator = signer("creator");
  models: { modelId: Hex; splitId: Hex }[] = [];

  private constructor(rpcUrl: string, stop: () => Promise<void>, deployment: Deployment) {
    this.rpcUrl = rpcUrl;
    this.stop = stop;
    this.deployment = deployment;
    this.client = testClient(rpcUrl);
  }

  static async start(): Promise<Pool> {
    const chain = await startChain();
    const pool = new Pool(chain.rpcUrl, chain.stop, await deployLocal({ rpcUrl: chain.rpcUrl }));
    const { aiforge, usdt } = pool.deployment;
    await pool.write(pool.customer, "approve", [aiforge, 100_000n * USDT], usdt);
    const account = accountRef("user", "00000000-0000-4000-8000-000000000002");
    for (const [at, owner] of [pool.creator, pool.customer].entries()) {
      const salt = modelSalt(`00000000-0000-4000-8000-00000000000${at}`);
      const split = { members: [owner.address], bps: [10_000] };
      const terms = { month: USDT, sale: 0n, input: 0n, output: 0n };
      await pool.write(owner, "publish", [salt, keccak256(toHex(at)), split, terms, account, 0n, 0]);
      pool.models.push({ modelId: modelId(owner.address, salt), splitId: splitId(split) });
    }
    pool.models.sort((a, b) => (a.modelId < b.modelId ? -1 : 1));
    return pool;
  }

  /** @throws when it reverts */
  async write(from: Pool["operator"], functionName: string, args: unknown[], to?: Address) {
    const data = encodeFunctionData({ abi: to ? usdtAbi : aiforgeAbi, functionName, args } as never);
    const hash = await this.client.sendTransaction({
      account: from,
      to: to ?? this.deployment.aiforge,
      data,
    });
    const receipt = await this.client.waitForTransactionReceipt({ hash });
    if (receipt.status !== "success") throw new Error(`${functionName} reverted`);
    return receipt;
  }

  /** Buys the plan of 10 USDT. */
  buyPlan(months: bigint, seed: string) {
    const account = accountRef("user", `00000000-0000-4000-8000-${seed.padStart(12, "0")}`);
    return this.write(this.customer, "buyPlan", [1, months, 10n * USDT * months, account, 0]);
  }

  post(inputs: DistributionInputs) {
    const { month, root, total } = distribute(inputs);
    return this.write(this.operator, "postRoot", [month, root, total, contentCid(bytesOf(inputs))]);
  }

  veto() {
    return this.write(this.deployer, "vetoRoot", []);
  }

  /** The month of the last block. */
  async month(): Promise<number> {
    return monthOf((await this.client.getBlock()).timestamp);
  }

  /** Goes to the start of a month. */
  async goTo(month: number): Promise<void> {
    await this.client.setNextBlockTimestamp({ timestamp: monthStart(month) + 60n });
    await this.client.mine({ blocks: 1 });
  }

  record(rpcUrl = this.rpcUrl): Promise<ChainRecord> {
    const client = createPublicClient({ transport: http(rpcUrl, { retryCount: 0 }) });
    return readChainRecord(client, { aiforge: this.deployment.aiforge });
  }

  /** The honest inputs of a month: what the chain has, and so many tokens of each model. */
  async inputs(
    month: number,
    previous: DistributionInputs["previous"],
    tokens: bigint[],
  ): Promise<DistributionInputs> {
    const { chain, aiforge, purchases } = await this.record();
    return {
      chain,
      aiforge,
      month: monthText(month),
      previous,
      purchases: purchasesOfMonth(
        purchases.filter(({ blockTimestamp }) => blockTimestamp < monthStart(month + 1)),
        month,
      ),
      usage: this.models.slice(0, tokens.length).map((model, at) => ({ ...model, tokens: tokens[at]! })),
    };
  }
}

/** The record in which the root of these inputs had been posted instead. */
export function asIfPosted(record: ChainRecord, inputs: DistributionInputs): ChainRecord {
  const month = monthIndex(inputs.month);
  const { root, total } = distribute(inputs);
  const post = { month, root, total, cid: contentCid(bytesOf(inputs)), vetoed: false };
  return { ...record, posts: [...record.posts.filter((each) => each.month !== month), post] };
}
