import {
  aiforgeAbi,
  contentCid,
  type Deployment,
  type DistributionInputs,
  demoAccount,
  deployLocal,
  distribute,
  monthIndex,
  monthOf,
  monthText,
  purchasesOfMonth,
  serializeInputs,
  usdtAbi,
} from "@aiforge/contracts";
import {
  createPublicClient,
  createWalletClient,
  type Hex,
  http,
  keccak256,
  type PublicClient,
  parseEventLogs,
  toHex,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, type TestChain } from "../../../../scripts/testing/chain.ts";
import { audit, type Posted, readPosted } from "./audit.ts";

const CHAIN = "eip155:31337";
const ACCOUNT = `0x01${"00".repeat(30)}01` as Hex;
let chain: TestChain;
let contracts: Deployment;
let client: PublicClient;
let bytes: Uint8Array;
let posted: Posted;
let where: Parameters<typeof audit>[2];

const as = (role: Parameters<typeof demoAccount>[0]) =>
  createWalletClient({
    account: privateKeyToAccount(demoAccount(role).privateKey),
    chain: foundry,
    transport: http(chain.rpcUrl),
  });

beforeAll(async () => {
  chain = await startChain();
  contracts = await deployLocal({ rpcUrl: chain.rpcUrl });
  client = createPublicClient({ chain: foundry, transport: http(chain.rpcUrl), pollingInterval: 20 });
  const { aiforge, usdt } = contracts;
  const customer = as("customer");
  await customer.writeContract({
    address: usdt,
    abi: usdtAbi,
    functionName: "approve",
    args: [aiforge, 30_000_000n],
  });
  const bought = await client.waitForTransactionReceipt({
    hash: await customer.writeContract({
      address: aiforge,
      abi: aiforgeAbi,
      functionName: "buyPlan",
      args: [2, 1n, 30_000_000n, ACCOUNT, 0],
    }),
  });
  const [event] = parseEventLogs({ abi: aiforgeAbi, eventName: "PlanPurchased", logs: bought.logs });
  if (!event) throw new Error("No plan was bought");
  const { timestamp } = await client.getBlock({ blockNumber: bought.blockNumber });
  const month = monthOf(timestamp);
  const { plan, months, price, fee, account } = event.args;
  const inputs: DistributionInputs = {
    chain: CHAIN,
    aiforge: aiforge.toLowerCase() as Hex,
    month: monthText(month),
    previous: { month: null, root: null, carry: 0n, cumulative: [] },
    purchases: purchasesOfMonth(
      [
        {
          txHash: bought.transactionHash,
          logIndex: event.logIndex,
          blockNumber: bought.blockNumber,
          blockTimestamp: timestamp,
          plan,
          account,
          months: Number(months),
          price,
          fee,
        },
      ],
      month,
    ),
    usage: [1, 2, 3].map((model) => ({
      modelId: toHex(model, { size: 32 }),
      splitId: keccak256(toHex(model)),
      tokens: BigInt(model * 1000),
    })),
  };
  bytes = new TextEncoder().encode(serializeInputs(inputs));
  const { root, total } = distribute(inputs);
  const txHash = await as("operator").writeContract({
    address: aiforge,
    abi: aiforgeAbi,
    functionName: "postRoot",
    args: [monthIndex(inputs.month), root, total, contentCid(bytes)],
  });
  await client.waitForTransactionReceipt({ hash: txHash });
  posted = await readPosted(client, aiforge, txHash);
  where = { chain: CHAIN, aiforge, client };
}, 60_000);
afterAll(() => chain?.stop());

describe("an audit in the browser", () => {
  it("holds for what was published", async () => {
    const { ok, checks, distribution } = await audit(bytes, posted, where);
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    expect(distribution?.models.map(({ amount }) => amount)).toEqual([3_500_000n, 7_000_000n, 10_500_000n]);
  });

  it("turns red for any other byte, wherever it is", async () => {
    for (let at = 0; at < bytes.length; at += 7) {
      const forged = bytes.slice();
      forged[at] = (forged[at] as number) ^ 1;
      expect((await audit(forged, posted, where)).ok, `byte ${at}`).toBe(false);
    }
  });

  it("turns red for other figures under the CID of the same forger", async () => {
    const text = new TextDecoder().decode(bytes).replace('"tokens":"1000"', '"tokens":"2000"');
    const forged = new TextEncoder().encode(text);
    const { checks } = await audit(forged, { ...posted, cid: contentCid(forged) }, where);
    expect(checks.filter((check) => !check.ok).map(({ id }) => id)).toEqual(["root"]);
  });

  it("turns red for a purchase that the chain does not have", async () => {
    const hash = /"txHash":"(0x[0-9a-f]{64})"/.exec(new TextDecoder().decode(bytes))?.[1] as Hex;
    const text = new TextDecoder().decode(bytes).replace(hash, keccak256(hash));
    const { checks } = await audit(new TextEncoder().encode(text), posted, where);
    expect(checks.find(({ id }) => id === "purchases")?.ok).toBe(false);
  });

  it("turns red for another contract", async () => {
    const { checks } = await audit(bytes, posted, { ...where, aiforge: contracts.usdt });
    expect(checks.find(({ id }) => id === "contract")?.ok).toBe(false);
    await expect(readPosted(client, contracts.usdt, keccak256("0x00"))).rejects.toThrow();
  });
});
