import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { aiforgeAbi, demoAccount } from "@aiforge/contracts";
import { eq, sql } from "drizzle-orm";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testClient } from "../../../../scripts/testing/chain.ts";
import { OPERATOR_STEPS } from "../../chain/operator/round.ts";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { startOperator } from "../../chain/operator/worker.ts";
import { chainJobEvents } from "../../chain/schema.ts";
import { type EscrowOptions, escrowBecomes, escrowOf, fund, jobRow } from "../../testing/escrows.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { CHAIN } from "../../testing/market.ts";
import { type TestWalletUser, walletUser } from "../../testing/users.ts";
import { jobs } from "./schema.ts";
import { settlementCall } from "./settlement-calls.ts";
import { sweepSettlements } from "./settlement-sweep.ts";
import { moveJob } from "./transitions.ts";

let api: TestApi;
let client: TestWalletUser;
let node: PrivateKeyAccount;
beforeAll(async () => {
  api = await createTestApi();
  client = await walletUser(api, await fundedWallet(api.rpcUrl, 1_000_000_000n));
});
afterAll(() => api.close());

const chain = () => api.deps.chains.get(CHAIN);
const creditOf = (address: string) =>
  chain().client.readContract({
    address: chain().aiforge,
    abi: aiforgeAbi,
    functionName: "creditOf",
    args: [address as `0x${string}`],
  });

async function funded(options: EscrowOptions) {
  const job = await jobRow(api, client, options);
  await fund(api, client, job);
  return job;
}

/** Runs the operator until `done`. */
async function operating<T>(done: () => Promise<T>): Promise<T> {
  const worker = startOperator(api.deps, {
    encode: settlementCall,
    before: sweepSettlements,
    everyMs: 100,
  });
  try {
    return await done();
  } finally {
    await worker.stop();
  }
}

const isSettled = (id: string) =>
  eventually("the job is settled", async () => {
    const [row] = await api.deps.db.select({ at: jobs.settledAt }).from(jobs).where(eq(jobs.id, id));
    return row?.at;
  });

const callsOf = (id: string) =>
  api.deps.db
    .select()
    .from(operatorTransactions)
    .where(sql`${operatorTransactions.key} LIKE ${`%${id}`}`);

const paymentsOf = (onchainId: string) =>
  api.deps.db.select().from(chainJobEvents).where(eq(chainJobEvents.jobId, onchainId));

describe("a job's end on chain", () => {
  it("pays the node of a verified result 95 % at once, and the platform 5 %", async () => {
    node = await fundedWallet(api.rpcUrl, 0n);
    const job = await funded({ state: "verifying", price: 100_000_000n / 10n, node });
    await api.deps.db.transaction((tx) =>
      moveJob(tx, { id: job.id, from: "verifying", to: "completed", by: "verifier", reason: "verified" }),
    );
    const escrow = await operating(async () => {
      const paid = await escrowBecomes(api, job, "paid");
      await isSettled(job.id);
      return paid;
    });
    expect(escrow.paid).toBe(9_500_000n);
    expect(escrow.fee).toBe(500_000n);
    expect(await creditOf(node.address)).toBe(9_500_000n);
    expect(await callsOf(job.id)).toMatchObject([{ state: "confirmed", function: "payJob" }]);
  });

  it.each(["failed", "cancelled", "timed_out"] as const)(
    "gives the client of a %s job everything back",
    async (to) => {
      const job = await funded({ state: "running" });
      const before = await creditOf(client.wallet.address);
      const cause = {
        failed: { by: "node", reason: "exit_code" },
        cancelled: { by: "client", reason: "cancelled_by_owner" },
        timed_out: { by: "timer", reason: "deadline" },
      } as const;
      await api.deps.db.transaction((tx) => moveJob(tx, { id: job.id, from: "running", to, ...cause[to] }));
      await operating(() => escrowBecomes(api, job, "refunded"));
      expect((await creditOf(client.wallet.address)) - before).toBe(job.price);
    },
  );

  it("refunds what was funded after its quote had ended", async () => {
    const job = await jobRow(api, client, { state: "cancelled" });
    await fund(api, client, job);
    expect(await callsOf(job.id)).toEqual([]);
    await operating(() => escrowBecomes(api, job, "refunded"));
  });

  it("sends again when something else used the operator's nonce", async () => {
    const job = await funded({ state: "verifying", node });
    await api.deps.db.transaction((tx) =>
      moveJob(tx, { id: job.id, from: "verifying", to: "completed", by: "verifier", reason: "verified" }),
    );
    const operator = demoAccount("operator");
    const nonce = await chain().client.getTransactionCount({ address: operator.address });
    // Kept for the next nonce, which another transaction of the operator's then takes.
    await api.deps.db
      .update(operatorTransactions)
      .set({ state: "sent", nonce, rawTx: "0x02", txHash: `0x${"0".repeat(64)}`, signedAt: new Date() })
      .where(eq(operatorTransactions.key, `job-pay:${job.id}`));
    const test = testClient(api.rpcUrl);
    const hash = await test.sendTransaction({
      account: privateKeyToAccount(operator.privateKey),
      to: operator.address,
      nonce,
    });
    await test.waitForTransactionReceipt({ hash });
    await operating(() => escrowBecomes(api, job, "paid"));
  });

  it("does not let one call that cannot go through hold the others", async () => {
    const stuck = await jobRow(api, client, { state: "completed", node });
    await api.deps.db.insert(operatorTransactions).values({
      chain: CHAIN,
      key: `job-release:${stuck.id}`,
      function: "releaseJob",
      args: [],
    });
    const job = await funded({ state: "failed" });
    await operating(() => escrowBecomes(api, job, "refunded"));
    expect(await callsOf(stuck.id)).toMatchObject([{ state: "failed" }]);
  });
});

describe("an operator that is killed", () => {
  it.each(OPERATOR_STEPS)("after %s pays once", async (step) => {
    const worker = await fundedWallet(api.rpcUrl, 0n);
    const job = await funded({ state: "verifying", node: worker });
    await api.deps.db.transaction((tx) =>
      moveJob(tx, { id: job.id, from: "verifying", to: "completed", by: "verifier", reason: "verified" }),
    );
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL("../../testing/operator-child.ts", import.meta.url))],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: {
          ...process.env,
          DATABASE_URL: api.deps.config.DATABASE_URL,
          RPC_URL_31337: api.rpcUrl,
          AUTH_SECRET: api.deps.config.AUTH_SECRET,
          WEIGHTS_SECRET: api.deps.config.WEIGHTS_SECRET,
          DATA_DIR: api.deps.config.DATA_DIR,
          LOG_LEVEL: "silent",
          DIE_AT: step,
        },
      },
    );
    await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
    await operating(() => isSettled(job.id));
    expect((await escrowOf(api, job))?.status).toBe("paid");
    expect((await paymentsOf(job.onchainId)).filter(({ kind }) => kind === "paid")).toHaveLength(1);
    expect(await creditOf(worker.address)).toBe(9_500_000n);
  });
});
