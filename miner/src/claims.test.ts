import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  aiforgeAbi,
  type Deployment,
  demoAccount,
  deployLocal,
  LOCAL_CHAIN_ID,
  usdtAbi,
} from "@aiforge/contracts";
import { createWalletClient, type Hex, http, type PrivateKeyAccount } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { startChain, type TestChain, testClient } from "../../scripts/testing/chain.ts";
import { planClaims, send } from "./claims.ts";
import type { Work } from "./jobs/protocol.ts";
import { Results } from "./jobs/results.ts";
import { assignedWork, soundWork } from "./jobs/testing/world.ts";
import type { NodeApi, OpenResult } from "./node-api.ts";
import { resolveChains } from "./own-chains.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const CHAIN = `eip155:${LOCAL_CHAIN_ID}`;
const RESULT: Hex = `0x${"ab".repeat(32)}`;
const ANOTHER: Hex = `0x${"cd".repeat(32)}`;
const customer = privateKeyToAccount(demoAccount("customer").privateKey);

let chain: TestChain;
let deployment: Deployment;
let client: ReturnType<typeof testClient>;
let dataDir: string;
let node: PrivateKeyAccount;
let other: PrivateKeyAccount;
/** What the API says. */
let told: OpenResult[];

beforeAll(async () => {
  chain = await startChain();
  deployment = await deployLocal({ rpcUrl: chain.rpcUrl });
  client = testClient(chain.rpcUrl);
});
afterAll(() => chain.stop());
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "claims-"));
  node = privateKeyToAccount(generatePrivateKey());
  other = privateKeyToAccount(generatePrivateKey());
  told = [];
  for (const { address } of [node, other]) await client.setBalance({ address, value: 10n ** 18n });
});
afterEach(() => rm(dataDir, { recursive: true }));

async function call(account: PrivateKeyAccount, functionName: string, args: unknown[], usdt = false) {
  const wallet = createWalletClient({ account, chain: foundry, transport: http(chain.rpcUrl) });
  const hash = await wallet.writeContract({
    address: usdt ? deployment.usdt : deployment.aiforge,
    abi: usdt ? usdtAbi : aiforgeAbi,
    functionName,
    args,
  } as never);
  expect((await client.waitForTransactionReceipt({ hash })).status).toBe("success");
}

/** A job for 2 USDT that a customer paid for, given to a wallet. */
async function assigned(to: PrivateKeyAccount): Promise<Work> {
  const work = soundWork(`sha256:${"12".repeat(32)}`);
  const { timestamp } = await client.getBlock();
  const salt = generatePrivateKey();
  const job = {
    ...work.job,
    ...{ client: customer.address, price: 2_000_000n, deadline: Number(timestamp) + 3_600, salt },
  };
  await call(customer, "approve", [deployment.aiforge, 0n], true);
  await call(customer, "approve", [deployment.aiforge, job.price], true);
  await call(customer, "openJob", [job, 0]);
  const given = { chain: CHAIN, chainId: LOCAL_CHAIN_ID, aiforge: deployment.aiforge, node: to.address };
  return assignedWork(work, job, given);
}

async function submit(work: Work, by: PrivateKeyAccount, result = RESULT) {
  const { chain: _, ...assignment } = work.assignment;
  const job = { ...work.job, price: BigInt(work.job.price) };
  await call(by, "submitJob", [job, assignment, work.assignmentSignature, result]);
}

async function windowPasses() {
  await client.increaseTime({ seconds: 86_500 });
  await client.mine({ blocks: 1 });
}

/** As of the work that was given to it. */
const openResult = ({ job, onchainId, assignment }: Work, result = RESULT): OpenResult => ({
  ...{ chain: CHAIN, onchainId, name: "A job", status: "submitted", since: new Date().toISOString(), job },
  submission: { node: assignment.node, payee: assignment.payee, result },
});

/** @param own the flags of `claim` that are about chains */
function plan(own: Parameters<typeof resolveChains>[0] = {}, forget = true) {
  const listed = {
    ...{ chain: CHAIN, chainId: LOCAL_CHAIN_ID, name: "Local" },
    ...{ rpcUrl: chain.rpcUrl, aiforge: deployment.aiforge },
  };
  const api = { chains: async () => [listed], earnings: async () => ({ open: told }) };
  const config = { apiUrl: "http://127.0.0.1:9", dataDir, jobs: resolveChains(own) };
  return planClaims(config as never, api as unknown as NodeApi, node.address, { forget });
}

it("claims the rest when a result of this node's never got on chain", async () => {
  const results = new Results(dataDir);
  const work = await assigned(node);
  await results.keep(work, RESULT, deployment.aiforge);
  // The wallet could not pay, so the job went to another node.
  const { job } = work;
  const given = { chain: CHAIN, chainId: LOCAL_CHAIN_ID, aiforge: deployment.aiforge, node: other.address };
  await submit(await assignedWork(work, { ...job, price: BigInt(job.price) }, given), other);
  const good = await assigned(node);
  await submit(good, node);
  await results.keep(good, RESULT, deployment.aiforge);
  await call(customer, "approve", [deployment.aiforge, 1_000_000n], true);
  await call(customer, "deposit", [node.address, 1_000_000n]);

  const early = await plan();
  expect(early).toMatchObject({
    problems: [],
    chains: [{ waiting: [{ onchainId: good.onchainId }], others: [work.onchainId] }],
  });
  await windowPasses();
  const { chains, problems } = await plan();
  expect(problems).toEqual([]);
  expect(chains).toMatchObject([
    {
      ...{ credit: 1_000_000n, amount: 2_900_000n, waiting: [], others: [work.onchainId] },
      steps: [{ kind: "release" }, { kind: "withdraw" }],
    },
  ]);
  let withdrawn = 0n;
  for (const step of chains[0]!.steps) withdrawn += (await send(chains[0]!.chain, node, step)).withdrawn;
  expect(withdrawn).toBe(2_900_000n);
});

it("releases the result that is on chain, whichever of two that is and whatever the API says of it", async () => {
  const results = new Results(dataDir);
  const first = await assigned(node);
  // The transaction of the first was given up, and mined after all.
  await results.keep(first, RESULT, deployment.aiforge);
  await results.keep(first, ANOTHER, deployment.aiforge);
  await submit(first, node, RESULT);
  const second = await assigned(node);
  await results.keep(second, ANOTHER, deployment.aiforge);
  await submit(second, node, RESULT);
  const lied = { node: other.address, payee: openResult(second).submission.payee, result: ANOTHER };
  told = [{ ...openResult(first), submission: lied }, openResult(second)];
  await windowPasses();
  expect(await plan()).toMatchObject({
    problems: [],
    chains: [{ amount: 3_800_000n, others: [], steps: [{}, {}, { kind: "withdraw" }] }],
  });
});

it("pays no gas to release what others are paid for, and goes on past terms that make no sense", async () => {
  const theirs = await assigned(other);
  await submit(theirs, other);
  const good = await assigned(node);
  await submit(good, node);
  const broken = await assigned(node);
  await submit(broken, node);
  told = [
    openResult(theirs),
    { ...openResult(broken), job: { ...broken.job, account: "0x12" } },
    { ...openResult(broken), submission: { ...openResult(broken).submission, result: "0x12" } },
    openResult(good),
  ];
  await windowPasses();
  expect(await plan()).toMatchObject({
    problems: [expect.stringContaining(broken.onchainId.slice(0, 18))],
    chains: [{ amount: 1_900_000n, steps: [{ title: "Release A job" }, { kind: "withdraw" }] }],
  });
});

it("forgets a result only when a node of its operator's says in a final block that the job is over", async () => {
  const own = { rpcUrl: chain.rpcUrl };
  const results = new Results(dataDir);
  const work = await assigned(node);
  await submit(work, node);
  await results.keep(work, RESULT, deployment.aiforge);
  await results.keep(work, ANOTHER, deployment.aiforge);
  const job = { ...work.job, price: BigInt(work.job.price) };
  await call(customer, "approveJob", [job, openResult(work).submission]);
  await plan(own);
  expect(await results.all(), "the block is not final").toHaveLength(2);
  await client.mine({ blocks: 100 });
  await plan();
  expect(await results.all(), "the API's node is not believed").toHaveLength(2);
  await plan(own, false);
  expect(await results.all(), "a dry run changes nothing").toHaveLength(2);
  await plan(own);
  expect(await results.all()).toEqual([]);
});

it("claims at the contract to which a result was submitted, also when another one is named by now", async () => {
  const code = (await client.getCode({ address: deployment.aiforge }))!;
  const now = `0x${"1f".repeat(20)}` as const;
  await client.setCode({ address: now, bytecode: code });
  const contracts = `${CHAIN}=${now}`;
  const results = new Results(dataDir);
  const work = await assigned(node);
  await submit(work, node);
  await results.keep(work, RESULT, deployment.aiforge);
  await windowPasses();
  const { chains, problems } = await plan({ contracts });
  expect(problems).toEqual([]);
  expect(chains).toMatchObject([
    { amount: 0n, steps: [], chain: { name: "Local", aiforge: now } },
    {
      ...{ amount: 1_900_000n, steps: [{ kind: "release" }, { kind: "withdraw" }] },
      chain: { name: `Local (${deployment.aiforge.toLowerCase()})`, trusted: false },
    },
  ]);
  // Nothing is sent to one that this version does not know.
  await client.setCode({ address: deployment.aiforge, bytecode: `${code}00` });
  expect(await plan({ contracts })).toMatchObject({
    chains: [{ chain: { aiforge: now } }],
    problems: [expect.stringMatching(/is not the contract that this version knows.* --contracts eip155:/)],
  });
  await client.setCode({ address: deployment.aiforge, bytecode: code });

  const [file] = await readdir(join(dataDir, "results"));
  const path = join(dataDir, "results", file!);
  const kept = await readFile(path, "utf8");
  const { aiforge, ...old } = JSON.parse(kept) as Record<string, unknown>;
  expect(aiforge).toBe(deployment.aiforge);
  await writeFile(path, JSON.stringify(old));
  expect(await plan({ contracts }), "an older file does not name it").toMatchObject({
    chains: [{ steps: [] }],
  });
  expect((await plan()).chains).toMatchObject([{ amount: 1_900_000n, chain: { name: "Local" } }]);
  await writeFile(path, kept);

  const own = { contracts, rpcUrl: chain.rpcUrl };
  const former = chains[1]!;
  await send(former.chain, node, former.steps[0]!);
  await client.mine({ blocks: 100 });
  expect((await plan(own)).chains).toMatchObject([{}, { credit: 1_900_000n }]);
  expect(await results.all(), "without it the credit is not found").toHaveLength(1);
  expect((await send(former.chain, node, former.steps[1]!)).withdrawn).toBe(1_900_000n);
  await client.setCode({ address: deployment.aiforge, bytecode: `${code}00` });
  expect(await plan({ contracts }), "one that owes nothing").toMatchObject({
    problems: [],
    chains: [{}, {}],
  });
  await client.setCode({ address: deployment.aiforge, bytecode: code });
  await plan(own);
  expect(await results.all()).toEqual([]);
});

it("claims on the other chains when one of the operator's nodes is away, and asks nobody else in its place", async () => {
  await call(customer, "approve", [deployment.aiforge, 1_000_000n], true);
  await call(customer, "deposit", [node.address, 1_000_000n]);
  const away = "http://127.0.0.1:9/v2/a-key";
  const { chains, problems } = await plan({ rpcUrl: `${away},${CHAIN}=${chain.rpcUrl}` });
  expect(chains).toMatchObject([{ credit: 1_000_000n }]);
  expect(problems).toEqual([
    expect.stringMatching(/^--rpc-url http:\/\/127\.0\.0\.1:9: The chain cannot be asked/),
  ]);
  await expect(plan({ rpcUrl: away })).rejects.toThrow("The chain cannot be asked");
});
