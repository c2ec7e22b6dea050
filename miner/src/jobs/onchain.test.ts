import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  aiforgeAbi,
  type Deployment,
  demoAccount,
  deployLocal,
  LOCAL_CHAIN_ID,
  payeeOf,
  usdtAbi,
} from "@aiforge/contracts";
import { createWalletClient, encodeFunctionData, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startChain, type TestChain, testClient } from "../../../scripts/testing/chain.ts";
import { openChain } from "../chain-node.ts";
import { createLogger } from "../logger.ts";
import { resolveChains } from "../own-chains.ts";
import { Places } from "../places.ts";
import { Attempt, type AttemptDeps } from "./attempt.ts";
import { Coordinator } from "./coordinator.ts";
import { type ChainAccess, ownResult, submitOnChain } from "./onchain.ts";
import { removeFolder } from "./outputs.ts";
import type { Finish, RunEnd, Work } from "./protocol.ts";
import { Records } from "./records.ts";
import { Results } from "./results.ts";
import { JobsApi } from "./testing/jobs-api.ts";
import { account, assignedWork, soundWork } from "./testing/world.ts";

const CHAIN = `eip155:${LOCAL_CHAIN_ID}`;
const RESULT = `0x${"ab".repeat(32)}` as const;
const IMAGE = `sha256:${"12".repeat(32)}`;
const OPEN = 1;
const SUBMITTED = 2;
const log = createLogger({ json: true, level: process.env.AIFORGE_TEST_LOG ?? "silent" });
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let chain: TestChain;
let deployment: Deployment;
let client: ReturnType<typeof testClient>;
let api: JobsApi;
let dataDir: string;

beforeAll(async () => {
  chain = await startChain();
  deployment = await deployLocal({ rpcUrl: chain.rpcUrl });
  client = testClient(chain.rpcUrl);
  await client.setBalance({ address: account.address, value: 10n ** 18n });
});
afterAll(() => chain.stop());
beforeEach(async () => {
  api = await JobsApi.start();
  api.chains = [{ chain: CHAIN, rpcUrl: chain.rpcUrl, aiforge: deployment.aiforge }];
  dataDir = await mkdtemp(join(tmpdir(), "onchain-"));
});
afterEach(async () => {
  await api.stop();
  await removeFolder(dataDir);
});

const customerWallet = () =>
  createWalletClient({
    account: privateKeyToAccount(demoAccount("customer").privateKey),
    chain: foundry,
    transport: http(chain.rpcUrl),
    pollingInterval: 50,
  });

/** A job that a customer paid for on the chain, assigned to the node by the operator. */
async function assigned(review = true): Promise<Work> {
  const { aiforge, usdt } = deployment;
  const customer = customerWallet();
  const { timestamp } = await client.getBlock();
  const work = soundWork(IMAGE, { review });
  const job = {
    ...work.job,
    client: customer.account.address,
    price: 2_000_000n,
    deadline: Number(timestamp) + 3_600,
  };
  const send = async (call: Parameters<typeof customer.writeContract>[0]) => {
    const hash = await customer.writeContract(call);
    expect((await client.waitForTransactionReceipt({ hash })).status).toBe("success");
  };
  const fixed = { account: customer.account, chain: foundry };
  await send({ ...fixed, address: usdt, abi: usdtAbi, functionName: "approve", args: [aiforge, 0n] });
  await send({ ...fixed, address: usdt, abi: usdtAbi, functionName: "approve", args: [aiforge, job.price] });
  await send({ ...fixed, address: aiforge, abi: aiforgeAbi, functionName: "openJob", args: [job, 0] });
  const args = [job] as const;
  const onchainId = await client.readContract({
    address: aiforge,
    abi: aiforgeAbi,
    functionName: "jobIdOf",
    args,
  });
  const given = { chain: CHAIN, chainId: LOCAL_CHAIN_ID, aiforge, node: account.address };
  const made = await assignedWork(work, job, given);
  expect(made.onchainId).toBe(onchainId);
  return made;
}

async function statusOf(work: Work): Promise<number> {
  const { status } = await client.readContract({
    address: deployment.aiforge,
    abi: aiforgeAbi,
    functionName: "jobOf",
    args: [work.onchainId],
  });
  return status;
}

const coordinatorOf = () => new Coordinator({ apiUrl: api.url, token: () => "token", instance: "i" });

/** @param own what the operator says of chains */
function access({
  own = {},
  ...change
}: Partial<ChainAccess> & { own?: Parameters<typeof resolveChains>[0] } = {}) {
  const listed = () => coordinatorOf().chains(AbortSignal.timeout(30_000));
  const places = new Places({ own: resolveChains(own), apiUrl: api.url, dataDir, listed });
  return { account, places, results: new Results(dataDir), ...change };
}

describe("ownResult", () => {
  it("is the hash that the platform made of the same result", () => {
    const work = soundWork(IMAGE);
    work.onchainId = "0xc7c972bcfe650c4fef8a44237382281841252d42d328fe5eb6bcb0b326e47ed8";
    const files = [
      {
        path: "b",
        cid: "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        size: 0,
        sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      },
      {
        path: "a.txt",
        cid: "bafkreibnoelefnzgwbcacyt4vh52ymxvzbjq7mmqhtcnwarfq4lzegsiqe",
        size: 1,
        sha256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
      },
    ];
    const end = { exitCode: 0, outOfMemory: false, timedOut: false, failure: null };
    expect(ownResult(work, { ...end, containerSeconds: 1.801, files })).toBe(
      "0x48a03a93fc321ed86f71edfed4411b17c3b0521f34d14f195fc6a069f5c20f96",
    );
  });
});

describe("submitOnChain", () => {
  it("submits a result once, through the API's address of the chain or the operator's own", async () => {
    const work = await assigned();
    expect(await submitOnChain(work, RESULT, access())).toMatchObject({
      status: "submitted",
      hash: expect.stringMatching(/^0x/),
    });
    expect(await statusOf(work)).toBe(SUBMITTED);
    expect(await submitOnChain(work, RESULT, access())).toEqual({ status: "submitted", hash: null });
    const other = await assigned();
    api.down = true;
    await submitOnChain(other, RESULT, access({ own: { rpcUrl: chain.rpcUrl } }));
    expect(await statusOf(other)).toBe(SUBMITTED);
  });

  it("explains a wallet without gas, a foreign assignment, a chain that is away and a kind it does not know", async () => {
    const work = await assigned();
    const poor = privateKeyToAccount(generatePrivateKey());
    // Without the operator's word the contract refuses before gas is thought of.
    await expect(submitOnChain(work, RESULT, access({ account: poor }))).rejects.toThrow(/NotParty|gas/);
    await client.setBalance({ address: account.address, value: 0n });
    await expect(submitOnChain(work, RESULT, access())).rejects.toMatchObject({
      message: expect.stringContaining("cannot pay the gas"),
      retryable: true,
    });
    await client.setBalance({ address: account.address, value: 10n ** 18n });
    const forged = { ...work, assignment: { ...work.assignment, expiry: work.assignment.expiry + 1 } };
    await expect(submitOnChain(forged, RESULT, access())).rejects.toThrow(/NotOperator/);
    await expect(
      submitOnChain(work, RESULT, access({ own: { rpcUrl: "http://127.0.0.1:9" } })),
    ).rejects.toMatchObject({ retryable: true });
    const tron = { ...work, assignment: { ...work.assignment, chain: "tron:0x2b6653dc" } };
    await expect(submitOnChain(tron, RESULT, access())).rejects.toThrow(/tron/);
    expect(await statusOf(work)).toBe(OPEN);
  });
});

describe("a node that is not the operator's own", () => {
  const GWEI = 10n ** 9n;
  type Answer = { result?: { tx?: object } | string; error?: object };
  /** The chain behind somebody who changes what it says. */
  async function told(twist: (method: string, answer: Answer) => Answer) {
    const server = createServer(async (request, response) => {
      const body = await text(request);
      const { method } = JSON.parse(body) as { method: string };
      const headers = { "content-type": "application/json" };
      const answer = await (await fetch(chain.rpcUrl, { method: "POST", headers, body })).json();
      response.end(JSON.stringify(twist(method, answer as Answer)));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const stop = () => {
      server.closeAllConnections();
      server.close();
    };
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
  }
  /** In the answer of a node that fills a transaction in at once. */
  const filled = (change: object) => (method: string, answer: Answer) =>
    method === "eth_fillTransaction" && typeof answer.result === "object"
      ? { ...answer, result: { ...answer.result, tx: { ...answer.result.tx, ...change } } }
      : answer;
  const hex = (amount: bigint) => `0x${amount.toString(16)}`;
  const place = { chain: CHAIN, chainId: LOCAL_CHAIN_ID, name: "Local" };
  const approval = () => ({
    to: deployment.usdt,
    data: encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [deployment.aiforge, 0n] }),
  });

  it.each<[string, (method: string, answer: Answer) => Answer]>([
    ["price", filled({ maxFeePerGas: hex(5_000n * GWEI), maxPriorityFeePerGas: hex(5_000n * GWEI) })],
    ["amount of gas", filled({ gas: hex(30_000_000n), maxFeePerGas: hex(2n * GWEI) })],
    ["old kind of price", filled({ type: "0x0", gasPrice: hex(5_000n * GWEI), maxFeePerGas: undefined })],
    [
      "tip",
      (method, { result, error, ...answer }) => {
        if (method === "eth_fillTransaction") return { ...answer, error: { code: -32601, message: "No." } };
        if (method === "eth_maxPriorityFeePerGas") return { ...answer, result: hex(5_000n * GWEI) };
        return { ...answer, ...(error ? { error } : { result }) } as Answer;
      },
    ],
  ])("is not believed any %s", async (_, twist) => {
    const wallet = privateKeyToAccount(generatePrivateKey());
    await client.setBalance({ address: wallet.address, value: 100n * 10n ** 18n });
    const { url, stop } = await told(twist);
    try {
      await expect(openChain({ ...place, url, own: false }).send(wallet, approval())).rejects.toMatchObject({
        message: expect.stringMatching(/^Nothing was sent: .* ETH by .* and 0\.03 is the most/),
        hint: expect.stringContaining(`--rpc-url ${CHAIN}=`),
        retryable: true,
      });
      expect(await client.getTransactionCount(wallet)).toBe(0);
    } finally {
      stop();
    }
  });

  it("cannot have a transaction signed for another chain, and the operator's own is believed any price", async () => {
    const wallet = privateKeyToAccount(generatePrivateKey());
    await client.setBalance({ address: wallet.address, value: 10n ** 18n });
    const { url, stop } = await told(filled({ chainId: "0x1" }));
    const dear = await told(filled({ maxFeePerGas: hex(5_000n * GWEI), maxPriorityFeePerGas: "0x1" }));
    try {
      await openChain({ ...place, url: dear.url, own: true }).send(wallet, approval());
      const hash = await openChain({ ...place, url, own: false }).send(wallet, approval());
      expect((await client.getTransaction({ hash })).chainId).toBe(LOCAL_CHAIN_ID);
    } finally {
      stop();
      dear.stop();
    }
  });
});

describe("an attempt with its result in hand", () => {
  const ended: RunEnd = {
    exitCode: 0,
    outOfMemory: false,
    timedOut: false,
    containerSeconds: 1.5,
    failure: null,
  };

  function deps(change: Partial<AttemptDeps> = {}): AttemptDeps & { end: AbortController } {
    const end = new AbortController();
    const chainAccess = access({ own: { rpcUrl: chain.rpcUrl } });
    return {
      coordinator: coordinatorOf(),
      records: new Records(dataDir),
      run: async () => ended,
      refusal: () => null,
      submit: (work, result) => submitOnChain(work, result, chainAccess),
      fallbackMs: 200,
      ending: end.signal,
      log,
      backoffBaseMs: 20,
      verifiedMs: 50,
      end,
      ...change,
    };
  }

  it("submits it by itself when the API stays away, and tells the API when it is back", async () => {
    const work = await assigned(false);
    const kept = api.offer(work);
    kept.state = "accepted";
    const all = deps();
    const finish: Finish = { ...ended, files: [] };
    api.down = true;
    const record = { work, end: ended, finish };
    await all.records.write(record);
    const running = Attempt.leftover(record, all).carryOut();
    await vi.waitFor(async () => expect(await statusOf(work)).toBe(SUBMITTED), { timeout: 60_000 });
    const [submitted] = await client.getContractEvents({
      address: deployment.aiforge,
      abi: aiforgeAbi,
      eventName: "JobSubmitted",
      fromBlock: 0n,
      args: { jobId: work.onchainId },
    });
    expect(submitted?.args).toMatchObject({
      node: account.address,
      payee: payeeOf(account.address),
      result: ownResult(work, finish),
    });
    api.down = false;
    await running;
    expect(kept.finish).toMatchObject({ exitCode: 0, containerSeconds: 1.5 });
  });

  it("submits what was verified when the client reviews, and waits for that", async () => {
    const work = await assigned(true);
    const kept = api.offer(work);
    kept.state = "accepted";
    const all = deps();
    const record = { work, end: ended, finish: { ...ended, files: [] } };
    await all.records.write(record);
    const running = Attempt.leftover(record, all).carryOut();
    await vi.waitFor(() => expect(kept.finish).not.toBeNull(), { timeout: 60_000 });
    expect(await statusOf(work), "nothing before it is verified").toBe(OPEN);
    kept.jobState = "completed";
    kept.result = RESULT;
    await running;
    expect(await statusOf(work)).toBe(SUBMITTED);
  });

  it("submits nothing for a failure, however long the API is away", async () => {
    const work = await assigned(true);
    const kept = api.offer(work);
    kept.state = "accepted";
    const all = deps({ fallbackMs: 0 });
    const failure = { code: "node_failed" as const, message: "No." };
    const record = { work, end: { ...ended, failure }, finish: { ...ended, failure, files: [] } };
    await all.records.write(record);
    api.down = true;
    const running = Attempt.leftover(record, all).carryOut();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    api.down = false;
    await running;
    expect(kept.state).toBe("failed");
    expect(await statusOf(work)).toBe(OPEN);
  });
});
