import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aiforgeAbi, demoAccount, LOCAL_TRON_ID, showTronAddress, usdtAbi } from "@aiforge/contracts";
import { deployLocalTron, type LocalTron } from "@aiforge/contracts/localTron";
import { encodeFunctionData } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startTronDevnet, type TronDevnet } from "../../../scripts/tron-devnet/src/index.ts";
import { type ChainNode, openChain } from "../chain-node.ts";
import { planClaims, send } from "../claims.ts";
import { NodeApi } from "../node-api.ts";
import { resolveChains } from "../own-chains.ts";
import { Places } from "../places.ts";
import { Coordinator } from "./coordinator.ts";
import { submitOnChain } from "./onchain.ts";
import { removeFolder } from "./outputs.ts";
import type { Work } from "./protocol.ts";
import { Results } from "./results.ts";
import { JobsApi } from "./testing/jobs-api.ts";
import { assignedWork, soundWork } from "./testing/world.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const CHAIN = "tron:0x74646576";
const RESULT = `0x${"ab".repeat(32)}` as const;
const TRX = 1_000_000n;
const SLOT_MS = 100;
/** And a little more. */
const SLOTS_A_DAY = 87_000_000 / SLOT_MS;

let devnet: TronDevnet;
let local: LocalTron;
let node: ChainNode;
let api: JobsApi;
let dataDir: string;
const wallet = privateKeyToAccount(generatePrivateKey());
const customer = privateKeyToAccount(demoAccount("customer").privateKey);

beforeAll(async () => {
  devnet = await startTronDevnet({ blockTime: 300, slotMs: SLOT_MS });
  dataDir = await mkdtemp(join(tmpdir(), "onchain-tron-"));
  local = await deployLocalTron({ url: devnet.url, file: join(dataDir, "deployment.json") });
  const place = { chain: CHAIN, chainId: LOCAL_TRON_ID, name: "Local Tron" };
  node = openChain({ ...place, url: devnet.url, own: true });
  api = await JobsApi.start();
  api.chains = [{ ...place, rpcUrl: devnet.url, aiforge: local.aiforge }];
});
afterAll(async () => {
  await api?.stop();
  await devnet?.close();
  await removeFolder(dataDir);
});

/** As the settings of a node; `folder` is what it remembers by. */
function access(account = wallet, own: Parameters<typeof resolveChains>[0] = {}, folder = dataDir) {
  const coordinator = new Coordinator({ apiUrl: api.url, token: () => "token", instance: "i" });
  const listed = () => coordinator.chains(AbortSignal.timeout(30_000));
  const places = new Places({ own: resolveChains(own), apiUrl: api.url, dataDir: folder, listed });
  return { account, places, results: new Results(folder) };
}
const plan = (own: Parameters<typeof resolveChains>[0], folder = dataDir, address = wallet.address) => {
  const config = { apiUrl: api.url, dataDir: folder, jobs: resolveChains(own) } as never;
  return planClaims(config, new NodeApi(config, address), address, { forget: true });
};

/** A call of the contract's by the customer, who pays for jobs. */
async function called(functionName: string, args: unknown[], to = local.aiforge) {
  const abi = to === local.usdt ? usdtAbi : aiforgeAbi;
  const data = encodeFunctionData({ abi, functionName, args } as never);
  expect((await node.included(await node.send(customer, { to, data }))).status).toBe("success");
}

/** A job for 2 USDT that the customer paid for, and the operator assigned to a wallet. */
async function assigned(to = wallet): Promise<Work> {
  const work = soundWork(`sha256:${"12".repeat(32)}`, { review: true });
  const { timestamp } = await node.reader.getBlock();
  const job = {
    ...work.job,
    client: customer.address,
    price: 2_000_000n,
    deadline: Number(timestamp) + 3_600,
  };
  await called("approve", [local.aiforge, job.price], local.usdt);
  await called("openJob", [job, 0]);
  return assignedWork(work, job, {
    ...{ chain: CHAIN, chainId: LOCAL_TRON_ID },
    ...{ aiforge: local.aiforge, node: to.address },
  });
}

it("a node's own wallet submits a result on Tron, once, and takes out what it earned there", async () => {
  await devnet.fund(wallet.address, 1_000n * TRX);
  const work = await assigned();
  expect(await submitOnChain(work, RESULT, access())).toMatchObject({ status: "submitted" });
  expect(await submitOnChain(work, RESULT, access())).toEqual({ status: "submitted", hash: null });
  const job = { ...work.job, price: BigInt(work.job.price) };
  const { assignment } = work;
  const submission = { node: wallet.address, payee: assignment.payee, result: RESULT };
  await called("approveJob", [job, submission]);

  const { chains } = await plan({});
  expect(chains).toMatchObject([{ credit: 1_900_000n, amount: 1_900_000n, chain: { coin: "TRX" } }]);
  const [found] = chains;
  expect(found!.cost).toBeGreaterThan(0n);
  expect(found!.cost).toBeLessThan(found!.balance);
  const done = await send(found!.chain, wallet, found!.steps[0]!);
  expect(done.withdrawn).toBe(1_900_000n);
  const held = { address: local.usdt, abi: usdtAbi, functionName: "balanceOf" } as const;
  expect(await node.reader.readContract({ ...held, args: [wallet.address] })).toBe(1_900_000n);
});

it("a wallet without TRX, or whose key is elsewhere, is told so, and nothing is sent", async () => {
  const poor = privateKeyToAccount(generatePrivateKey());
  const work = await assigned(poor);
  await expect(submitOnChain(work, RESULT, access(poor))).rejects.toThrow(/cannot pay the energy: .* TRX/);
  const { sign: _, ...external } = wallet;
  const other = await assigned();
  await expect(submitOnChain(other, RESULT, { ...access(), account: external as never })).rejects.toThrow(
    "An external signer cannot sign for Tron.",
  );
  const state = { address: local.aiforge, abi: aiforgeAbi, functionName: "jobOf" } as const;
  for (const { onchainId } of [work, other]) {
    expect((await node.reader.readContract({ ...state, args: [onchainId] })).status).toBe(1);
  }
});

it("without the platform, a node with a Tron node of its own submits, releases and takes out what it earned", async () => {
  const folder = await mkdtemp(join(dataDir, "alone-"));
  const own = { rpcUrl: `tron:0x74646576=${devnet.url}` };
  const worker = privateKeyToAccount(generatePrivateKey());
  await devnet.fund(worker.address, 1_000n * TRX);
  const work = await assigned(worker);
  const [listed] = api.chains;
  api.chains = [{ ...listed!, rpcUrl: `/tron/${LOCAL_TRON_ID}` }];
  await access(worker, {}, folder).places.remember();
  api.down = true;
  try {
    // It remembers the contract, but what it reaches it by went away with the platform.
    await expect(plan({}, folder, worker.address)).rejects.toMatchObject({
      message: expect.stringContaining("needs no API"),
      hint: expect.stringContaining("--rpc-url"),
    });
    expect(await submitOnChain(work, RESULT, access(worker, own, folder))).toMatchObject({
      status: "submitted",
    });
    await new Results(folder).keep(work, `0x${"cd".repeat(32)}`, local.aiforge);
    const early = await plan(own, folder, worker.address);
    expect(early.chains).toMatchObject([{ steps: [], waiting: [{ onchainId: work.onchainId }] }]);
    expect(early.problems).toEqual([expect.stringContaining("only as far as this node submitted them")]);
    await devnet.missSlots(SLOTS_A_DAY);
    const { chains } = await plan(own, folder, worker.address);
    expect(chains).toMatchObject([
      { amount: 1_900_000n, steps: [{ kind: "release" }, { kind: "withdraw" }] },
    ]);
    for (const step of chains[0]!.steps) await send(chains[0]!.chain, worker, step);
    const held = { address: local.usdt, abi: usdtAbi, functionName: "balanceOf" } as const;
    expect(await node.reader.readContract({ ...held, args: [worker.address] })).toBe(1_900_000n);
    // Done with, on chain, and on the disk once the block is solid.
    await vi.waitFor(
      async () => {
        expect((await plan(own, folder, worker.address)).chains).toMatchObject([{ steps: [], waiting: [] }]);
        expect(await new Results(folder).all()).toEqual([]);
      },
      { timeout: 120_000, interval: 500 },
    );
    // Nobody ever told this one where the contract is: it is said.
    const fresh = await mkdtemp(join(dataDir, "fresh-"));
    const contracts = `tron:0x74646576=${showTronAddress(local.aiforge)}`;
    await expect(plan(own, fresh)).rejects.toMatchObject({ hint: expect.stringContaining("--contracts") });
    expect((await plan({ ...own, contracts }, fresh)).chains).toMatchObject([{ credit: 0n }]);
  } finally {
    api.down = false;
    api.chains = [listed!];
  }
});

it("sends nothing to a contract that is another one, nor by a node of another chain", async () => {
  const [told] = api.chains;
  const work = await assigned();
  api.chains = [{ ...told!, aiforge: local.usdt }];
  try {
    await expect(submitOnChain(work, RESULT, access())).rejects.toMatchObject({
      message: expect.stringContaining("is not the contract that this version knows"),
      hint: expect.stringContaining(`--contracts ${CHAIN}=${showTronAddress(local.usdt)}`),
    });
    // What it submitted before it finds where it submitted it.
    expect(await plan({})).toMatchObject({
      chains: [{ chain: { name: `Local Tron (${showTronAddress(local.aiforge)})`, aiforge: local.aiforge } }],
      problems: [expect.any(String), expect.stringContaining("is not the contract")],
    });
  } finally {
    api.chains = [told!];
  }
  const elsewhere = openChain({
    chain: "tron:0x2b6653dc",
    chainId: 0x2b6653dc,
    name: "Tron",
    url: `${devnet.url}/`,
    own: true,
  });
  // Without the path, in which providers have their customers' keys.
  await expect(elsewhere.send(wallet, { to: local.aiforge, data: "0x" })).rejects.toThrow(
    `The node at ${devnet.url} is of another Tron`,
  );
});

it("pays no fee that only the platform says is due", async () => {
  await devnet.fund(wallet.address, 1_000n * TRX);
  const dear = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = "GET" } = request;
    const body = method === "POST" ? { body: Buffer.concat(chunks).toString() } : {};
    const headers = { "content-type": "application/json" };
    const answer = await (await fetch(`${devnet.url}${request.url}`, { method, headers, ...body })).text();
    const price = /(?<="key":\s*"getEnergyFee",\s*"value":\s*)\d+/;
    response.end(answer.replace(price, (sun) => `${Number(sun) * 200}`));
  });
  await new Promise<void>((done) => dear.listen(0, "127.0.0.1", done));
  try {
    const place = {
      ...{ chain: CHAIN, chainId: LOCAL_TRON_ID, name: "Local Tron" },
      url: `http://127.0.0.1:${(dear.address() as AddressInfo).port}`,
    };
    const data = encodeFunctionData({ abi: usdtAbi, functionName: "approve", args: [local.aiforge, 1n] });
    await expect(
      openChain({ ...place, own: false }).send(wallet, { to: local.usdt, data }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/^Nothing was sent: .* and 300 is the most/),
      hint: expect.stringContaining("--rpc-url"),
    });
    expect(await openChain({ ...place, own: true }).send(wallet, { to: local.usdt, data })).toMatch(/^0x/);
  } finally {
    dear.closeAllConnections();
    dear.close();
  }
});
