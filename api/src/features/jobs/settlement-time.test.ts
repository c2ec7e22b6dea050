import { aiforgeAbi } from "@aiforge/contracts";
import { eq } from "drizzle-orm";
import type { Hex } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { startOperator } from "../../chain/operator/worker.ts";
import { type EscrowOptions, escrowBecomes, escrowOf, fund, jobRow } from "../../testing/escrows.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { sign } from "../../testing/market.ts";
import { type Stack, startStack } from "../../testing/stack.ts";
import { bodyOf, codeOf, type TestWalletUser, walletUser } from "../../testing/users.ts";
import { nodeJobs } from "../nodes/views.ts";
import { disputesOf } from "./disputes.ts";
import { followFunding } from "./funding.ts";
import { signAssignment } from "./scheduler/sign.ts";
import { jobAttempts, jobs } from "./schema.ts";
import { settlementCall } from "./settlement-calls.ts";
import { sweepSettlements } from "./settlement-sweep.ts";
import type { JobDetail } from "./shapes.ts";
import { contractJob } from "./terms.ts";
import { type JobRow, moveJob } from "./transitions.ts";
import { startJobs } from "./worker.ts";

const DAY = 86_400;

let stack: Stack;
let api: TestApi;
let client: TestWalletUser;
let node: PrivateKeyAccount;
let worker: { stop: () => Promise<void> };
beforeAll(async () => {
  // A chain of its own: its clock is turned.
  stack = await startStack(process.env.API_TEST_DATABASE_URL!);
  api = await createTestApi({ DATABASE_URL: stack.databaseUrl, RPC_URL_31337: stack.rpcUrl });
  client = await walletUser(api, await fundedWallet(stack.rpcUrl, 1_000_000_000n));
  node = await fundedWallet(stack.rpcUrl, 0n);
  worker = startOperator(api.deps, { encode: settlementCall, before: sweepSettlements, everyMs: 200 });
});
afterAll(async () => {
  await worker.stop();
  await api.close();
  await stack.stop();
});

const chain = () => api.deps.chains.all[0]!;
const now = async () => Number((await chain().client.getBlock()).timestamp);
const turn = async (seconds: number) => {
  const test = testClient(stack.rpcUrl);
  await test.increaseTime({ seconds });
  await test.mine({ blocks: 3 });
};
const creditOf = (address: string) =>
  chain().client.readContract({
    address: chain().aiforge,
    abi: aiforgeAbi,
    functionName: "creditOf",
    args: [address as Hex],
  });

async function funded(options: Omit<EscrowOptions, "deadline">): Promise<JobRow> {
  const job = await jobRow(api, client, { ...options, deadline: (await now()) + 20 * DAY });
  await fund(api, client, job);
  return job;
}

/** What a node does when it submits by itself. */
async function submit(job: JobRow, by: PrivateKeyAccount, result: Hex): Promise<void> {
  const expiry = Math.floor(job.deadline.getTime() / 1000);
  const jobId = job.onchainId as Hex;
  const { assignment, signature } = await signAssignment(chain(), { jobId, node: by.address, expiry });
  const { payee } = assignment;
  const args = [
    contractJob(job),
    { jobId, node: by.address, payee: payee as Hex, expiry },
    signature,
    result,
  ] as const;
  await sign(api, by, aiforgeCall(chain(), "submitJob", args));
  await escrowBecomes(api, job, "submitted");
}

const complete = (job: JobRow) =>
  api.deps.db.transaction((tx) =>
    moveJob(tx, { id: job.id, from: "verifying", to: "completed", by: "verifier", reason: "verified" }),
  );

it("pays a result that its client wanted to look at when nobody disputed it in time", async () => {
  const job = await funded({ state: "verifying", review: true, node });
  await complete(job);
  await submit(job, node, job.resultHash as Hex);
  const before = await creditOf(node.address);
  await turn(DAY - 600);
  expect((await escrowOf(api, job))?.status).toBe("submitted");
  await turn(1_200);
  await escrowBecomes(api, job, "paid");
  expect((await creditOf(node.address)) - before).toBe(9_500_000n);
});

it("pays the node that was checked, though another one submitted", async () => {
  const stranger = await fundedWallet(stack.rpcUrl, 0n);
  const job = await funded({ state: "verifying", review: true, node });
  await submit(job, stranger, `0x${"1".repeat(64)}`);
  await complete(job);
  await escrowBecomes(api, job, "paid");
  expect(await creditOf(stranger.address)).toBe(0n);
});

it("disputes what was submitted for a job that failed, and halves it when no admin decides", async () => {
  const late = await fundedWallet(stack.rpcUrl, 0n);
  const job = await funded({ state: "running", node: late });
  await submit(job, late, `0x${"2".repeat(64)}`);
  await api.deps.db.transaction((tx) =>
    moveJob(tx, { id: job.id, from: "running", to: "failed", by: "node", reason: "exit_code" }),
  );
  await escrowBecomes(api, job, "disputed");
  const before = await creditOf(client.wallet.address);
  await turn(7 * DAY + 600);
  await escrowBecomes(api, job, "resolved");
  expect((await creditOf(client.wallet.address)) - before).toBe(5_000_000n);
  expect(await creditOf(late.address)).toBe(4_750_000n);
  const dispute = { side: "operator", over: true, decision: { byTime: true, nodeBps: 5_000 } };
  expect((await disputesOf(api.deps.db, [job]))(job)).toMatchObject(dispute);
  const [attempt] = await api.deps.db.select().from(jobAttempts).where(eq(jobAttempts.jobId, job.id));
  // Its node's owner sees the same.
  expect(await nodeJobs(api.deps, attempt!.nodeId)).toMatchObject([{ jobId: job.id, dispute }]);
});

it("pays again what a reorg took away", async () => {
  const other = await fundedWallet(stack.rpcUrl, 0n);
  const job = await funded({ state: "verifying", node: other });
  // The payment in goes deep, so that only the payment out is taken away.
  await testClient(stack.rpcUrl).mine({ blocks: 5 });
  await complete(job);
  const paid = await escrowBecomes(api, job, "paid");
  const depth = Number((await chain().head(0)) - paid.blockNumber) + 1;
  await testClient(stack.rpcUrl).request({ method: "anvil_reorg" as never, params: [depth, []] as never });
  expect(await creditOf(other.address)).toBe(0n);
  await eventually("it is paid again", async () => (await creditOf(other.address)) === 9_500_000n, 60_000);
  await eventually("the job is settled", async () => {
    const [row] = await api.deps.db.select({ at: jobs.settledAt }).from(jobs).where(eq(jobs.id, job.id));
    return row?.at;
  });
});

it("stops a job whose money the chain has given back already, so that no node works for nothing", async () => {
  const [waits, runs] = [await funded({ state: "pending" }), await funded({ state: "running", node })];
  await turn(20 * DAY + 600);
  for (const job of [waits, runs]) {
    await sign(api, client.wallet, aiforgeCall(chain(), "refundJob", [contractJob(job)]));
    await escrowBecomes(api, job, "refunded");
  }
  await testClient(stack.rpcUrl).mine({ blocks: 3 });
  for (const job of [waits, runs]) {
    const stopped = async () => {
      await followFunding(api.deps);
      const [row] = await api.deps.db.select().from(jobs).where(eq(jobs.id, job.id));
      return row?.state === "cancelled" && row.settledAt !== null ? row : null;
    };
    const row = await eventually("it is stopped", stopped);
    expect(row.failureCode).toBe("escrow_over");
    const due = await api.deps.db
      .select()
      .from(operatorTransactions)
      .where(eq(operatorTransactions.key, `job-refund:${job.id}`));
    expect(due).toEqual([]);
  }
});

it("where the operator's key is elsewhere: tells of a refund that the client takes after the deadline", async () => {
  await worker.stop();
  Object.assign(chain(), { operatorKey: null });
  const job = await funded({ state: "running" });
  const path = `/api/jobs/${job.id}`;
  const overdue = async () => (await bodyOf<JobDetail>(await client.call("GET", path))).onchain?.overdue;
  expect(await overdue()).toBe(false);
  expect(await codeOf(await client.call("POST", `${path}/refund`))).toBe("too_early");
  await api.deps.db.transaction((tx) =>
    moveJob(tx, { id: job.id, from: "running", to: "timed_out", by: "timer", reason: "deadline" }),
  );
  await turn(20 * DAY + 600);
  await eventually("it is overdue", overdue);
  const { call } = await bodyOf<{ call: Call }>(await client.call("POST", `${path}/refund`));
  // Anyone may send it; the money goes to the client.
  const before = await creditOf(client.wallet.address);
  await sign(api, await fundedWallet(stack.rpcUrl, 0n), call);
  expect((await creditOf(client.wallet.address)) - before).toBe(job.price);
  worker = startJobs(api.deps, { everyMs: 200 });
  const told = await eventually("the client is told", async () => {
    const response = await client.call("GET", "/api/notifications");
    const { notifications } = await bodyOf<{ notifications: { kind: string; link: string | null }[] }>(
      response,
    );
    return notifications
      .filter(({ link }) => link === `/jobs/${job.id}`)
      .find(({ kind }) => kind === "job.refunded");
  });
  expect(told).toMatchObject({ title: expect.stringContaining("10.00 USDT") });
});
