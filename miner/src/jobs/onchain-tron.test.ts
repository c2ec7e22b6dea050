import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aiforgeAbi, demoAccount, LOCAL_TRON_ID, usdtAbi } from "@aiforge/contracts";
import { deployLocalTron, type LocalTron } from "@aiforge/contracts/localTron";
import { encodeFunctionData } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startTronDevnet, type TronDevnet } from "../../../scripts/tron-devnet/src/index.ts";
import { type ChainNode, openChain } from "../chain-node.ts";
import { planClaims, send } from "../claims.ts";
import { NodeApi } from "../node-api.ts";
import { Coordinator } from "./coordinator.ts";
import { submitOnChain } from "./onchain.ts";
import { removeFolder } from "./outputs.ts";
import type { Work } from "./protocol.ts";
import { JobsApi } from "./testing/jobs-api.ts";
import { assignedWork, soundWork } from "./testing/world.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const CHAIN = "tron:0x74646576";
const RESULT = `0x${"ab".repeat(32)}` as const;
const TRX = 1_000_000n;

let devnet: TronDevnet;
let local: LocalTron;
let node: ChainNode;
let api: JobsApi;
let dataDir: string;
const wallet = privateKeyToAccount(generatePrivateKey());
const customer = privateKeyToAccount(demoAccount("customer").privateKey);

beforeAll(async () => {
  devnet = await startTronDevnet({ blockTime: 300, slotMs: 100 });
  dataDir = await mkdtemp(join(tmpdir(), "onchain-tron-"));
  local = await deployLocalTron({ url: devnet.url, file: join(dataDir, "deployment.json") });
  const place = { chain: CHAIN, chainId: LOCAL_TRON_ID, name: "Local Tron" };
  node = openChain({ ...place, url: devnet.url });
  api = await JobsApi.start();
  api.chains = [{ ...place, rpcUrl: devnet.url, aiforge: local.aiforge }];
});
afterAll(async () => {
  await api?.stop();
  await devnet?.close();
  await removeFolder(dataDir);
});

const access = (account = wallet) => ({
  account,
  rpcUrl: null,
  coordinator: new Coordinator({ apiUrl: api.url, token: () => "token", instance: "i" }),
});

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

  const config = { apiUrl: api.url, dataDir, jobs: { rpcUrl: null } } as never;
  const { chains } = await planClaims(config, new NodeApi(config, null), wallet.address);
  expect(chains).toMatchObject([{ credit: 1_900_000n, amount: 1_900_000n, chain: { coin: "TRX" } }]);
  const [plan] = chains;
  expect(plan!.cost).toBeGreaterThan(0n);
  expect(plan!.cost).toBeLessThan(plan!.balance);
  const done = await send(plan!.chain, wallet, plan!.steps[0]!);
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
