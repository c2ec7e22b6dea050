import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, encodeFunctionData, type Hex, keccak256, type PublicClient, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { runAudit } from "../../../scripts/audit/cli.ts";
import { bytesOf, FIRST, USDT } from "../../../scripts/audit/fixture.ts";
import { startTronDevnet, type TronDevnet } from "../../../scripts/tron-devnet/src/index.ts";
import {
  accountRef,
  aiforgeAbi,
  auditMonth,
  type ChainRecord,
  ChainRefusedError,
  contentCid,
  type DistributionInputs,
  demoAccount,
  distribute,
  modelId,
  modelSalt,
  monthIndex,
  monthOf,
  monthText,
  purchasesOfMonth,
  type ReadProgress,
  readChainRecord,
  showTronAddress,
  splitId,
  usdtAbi,
} from "../index.ts";
import { deployLocalTron, type LocalTron } from "../localTron.ts";
import { broadcastTron, buildTronCall, tronTransport } from "../tron/index.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

/** More than the event server gives at once. */
const PURCHASES = 205;
const FEE_LIMIT = 1_000_000_000n;
const UUID = "00000000-0000-4000-8000-000000000001";

let devnet: TronDevnet;
let folder: string;
let local: LocalTron;
let client: PublicClient;
let record: ChainRecord;
let inputs: DistributionInputs;
let progress: ReadProgress[] = [];

const keyOf = (role: Parameters<typeof demoAccount>[0]) => privateKeyToAccount(demoAccount(role).privateKey);
const encode = (functionName: string, args: unknown[]) =>
  encodeFunctionData({ abi: aiforgeAbi, functionName, args } as never);

/** Sends a call; it is in the next block. */
async function call(role: Parameters<typeof demoAccount>[0], data: Hex, to: Hex = local.aiforge) {
  const account = keyOf(role);
  const built = await buildTronCall({
    url: devnet.url,
    from: account.address,
    to,
    data,
    feeLimit: FEE_LIMIT,
  });
  const signature = await account.sign({ hash: `0x${built.txID}` });
  return broadcastTron(devnet.url, { ...built, signature: [signature.slice(2)] });
}

const read = (from?: bigint) =>
  readChainRecord(client, { aiforge: local.aiforge, from }, { onProgress: (at) => progress.push(at) });

beforeAll(async () => {
  devnet = await startTronDevnet({ blockTime: 0, slotMs: 100 });
  folder = await mkdtemp(join(tmpdir(), "audit-tron-"));
  local = await deployLocalTron({ url: devnet.url, file: join(folder, "deployment.json") });
  client = createPublicClient({ transport: tronTransport(devnet.url, { timeoutMs: 60_000 }) });
  const owner = keyOf("creator").address;
  const split = { members: [owner], bps: [10_000] };
  const terms = { month: USDT, sale: 0n, input: 0n, output: 0n };
  const salt = modelSalt(UUID);
  const account = accountRef("user", UUID);
  await call("creator", encode("publish", [salt, keccak256(toHex(1)), split, terms, account, 0n, 0]));
  const allowance = encodeFunctionData({
    abi: usdtAbi,
    functionName: "approve",
    args: [local.aiforge, 10_000n * USDT],
  });
  await call("customer", allowance, local.usdt);
  await devnet.mine();
  // Many in a block, so that a log's place in its block is not its place in its transaction.
  for (let at = 0; at < PURCHASES; at++) {
    await call("customer", encode("buyPlan", [1, 1n, 10n * USDT, account, 0]));
    if (at % 40 === 39) await devnet.mine();
  }
  await devnet.mine(19);
  const { chain, aiforge, purchases } = await read();
  const index = monthOf(purchases[0]!.blockTimestamp);
  inputs = {
    ...{ chain, aiforge, month: monthText(index), previous: FIRST },
    purchases: purchasesOfMonth(purchases, index),
    usage: [{ modelId: modelId(owner, salt), splitId: splitId(split), tokens: 7n }],
  };
  const { month, root, total } = distribute(inputs);
  await call("operator", encode("postRoot", [month, root, total, contentCid(bytesOf(inputs))]));
  await devnet.mine(19);
  progress = [];
  record = await read();
});
afterAll(async () => {
  await devnet?.close();
  await rm(folder, { recursive: true, force: true });
});

it("reads every purchase, split and root of a month from a Tron node", () => {
  expect(record).toMatchObject({ chain: "tron:0x74646576", aiforge: local.aiforge });
  expect(record.purchases).toHaveLength(PURCHASES);
  expect(new Set(record.purchases.map(({ txHash }) => txHash)).size).toBe(PURCHASES);
  const places = record.purchases.map(({ blockNumber, logIndex }) => `${blockNumber} ${logIndex}`);
  expect(new Set(places).size).toBe(PURCHASES);
  expect(record.purchases.map(({ blockNumber }) => blockNumber)).toEqual(
    record.purchases.map(({ blockNumber }) => blockNumber).sort((a, b) => Number(a - b)),
  );
  expect(record.splits).toHaveLength(1);
  expect(record.posts).toMatchObject([{ month: monthIndex(inputs.month), vetoed: false }]);
  const done = progress.filter(({ of }) => of === "transactions").map((each) => each.done);
  // The deployment and the publication too, and the root.
  expect(done.at(-1)).toBe(PURCHASES + 3);
  expect(done).toEqual([...done].sort((a, b) => a - b));
});

it("audits it: green, and red with a purchase left out or a token more", () => {
  const audit = (other: Partial<DistributionInputs>) =>
    auditMonth(bytesOf({ ...inputs, ...other }), record, { month: monthIndex(inputs.month), earlier: [] });
  expect(audit({}).checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(audit({}).ok).toBe(true);
  expect(audit({ purchases: inputs.purchases.slice(1) }).ok).toBe(false);
  expect(audit({ usage: [{ ...inputs.usage[0]!, tokens: 8n }] }).ok).toBe(false);
});

it("is what the command does with an address of Tron's", async () => {
  const file = join(folder, "inputs.json");
  await writeFile(file, bytesOf(inputs));
  const printed: string[] = [];
  const audit = (contract: string) =>
    runAudit([file, "--rpc", devnet.url, "--contract", contract], (line) => printed.push(line));
  const contract = showTronAddress(local.aiforge);
  expect(await audit(contract)).toBe(0);
  expect(printed.at(-1)).toContain("All is as it should be.");
  // One letter off, the checksum is wrong.
  expect(await audit(contract.slice(0, -1) + (contract.endsWith("a") ? "b" : "a"))).toBe(2);
  expect(printed.at(-1)).toContain("or an address of Tron's");
});

it("begins at the block that is asked for", async () => {
  const middle = record.purchases[100]!.blockNumber;
  const later = await read(middle);
  expect(later.purchases).toEqual(record.purchases.filter(({ blockNumber }) => blockNumber >= middle));
  expect(later.splits).toEqual([]);
});

it("goes on without fingerprints, and says when the node does not know what its event server tells of", async () => {
  const backend = devnet.backends[0]!;
  backend.dropFingerprints = true;
  try {
    expect(await read()).toEqual(record);
  } finally {
    backend.dropFingerprints = false;
  }
  const forgetful = createPublicClient({
    transport: (options) => {
      const inner = tronTransport(devnet.url)(options);
      const request: typeof inner.request = async (question) =>
        question.method === "eth_getTransactionReceipt" ? null : inner.request(question as never);
      return { ...inner, request };
    },
  });
  await expect(readChainRecord(forgetful, { aiforge: local.aiforge })).rejects.toThrow(ChainRefusedError);
});
