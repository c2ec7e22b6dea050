import { randomBytes } from "node:crypto";
import { asc, eq } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { registerUser, type TestUser } from "../../testing/users.ts";
import { jobEvents, jobs } from "./schema.ts";
import { JOB_ACTORS, JOB_REASONS, JOB_STATES, type JobState } from "./states.ts";
import { isTransition, moveJob, TERMINAL, TRANSITIONS } from "./transitions.ts";

let api: TestApi;
let user: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  user = await registerUser(api);
});
afterAll(() => api.close());

async function jobIn(state: JobState, review = false): Promise<string> {
  const hex = () => `0x${randomBytes(32).toString("hex")}`;
  const [row] = await api.deps.db
    .insert(jobs)
    .values({
      userId: user.id,
      account: hex(),
      name: "A job",
      spec: {
        version: 1,
        image: `sha256:${"a".repeat(64)}`,
        command: ["true"],
        env: {},
        inputs: [],
        outputLimitMb: 1,
        cpuMillis: 100,
        memoryMb: 64,
        gpus: 0,
        diskMb: 16,
        timeLimitSeconds: 1,
        network: false,
        retries: 0,
        engineModelId: null,
        review,
      },
      specHash: hex(),
      state,
      price: 1_000_000n,
      chain: "eip155:1",
      wallet: `0x${randomBytes(20).toString("hex")}`,
      onchainId: hex(),
      deadline: new Date(Date.now() + 3_600_000),
      salt: hex(),
      attemptsLeft: 1,
    })
    .returning({ id: jobs.id });
  return row!.id;
}

const stateOf = async (id: string) =>
  (await api.deps.db.select({ state: jobs.state }).from(jobs).where(eq(jobs.id, id)))[0]!.state;
const owedFor = async (id: string) =>
  (await api.deps.db.select({ key: operatorTransactions.key }).from(operatorTransactions))
    .map(({ key }) => key)
    .filter((key) => key.endsWith(id));

describe("the table of transitions", () => {
  it("is walked as it stands: each move happens, is written down, and ends settle the money", async () => {
    for (const { from, to, causes } of TRANSITIONS) {
      for (const { by, reasons } of causes) {
        const id = await jobIn(from);
        const reason = reasons[0]!;
        const moved = await api.deps.db.transaction((tx) =>
          moveJob(tx, { id, from, to, by, reason, detail: "why" }),
        );
        expect(moved, `${from} to ${to} by ${by}`).toBe(true);
        expect(await stateOf(id)).toBe(to);
        const events = await api.deps.db.select().from(jobEvents).where(eq(jobEvents.jobId, id));
        expect(events).toMatchObject([{ from, to, by, reason, detail: "why", attempt: null }]);
        const owed = to === "completed" ? [`job-pay:${id}`] : [`job-refund:${id}`];
        expect(await owedFor(id)).toEqual(
          TERMINAL.has(to) && from !== "quoted" && reason !== "escrow_over" ? owed : [],
        );
      }
    }
  });

  it("has no way out of an end, and every other state has one that needs no node", () => {
    for (const state of JOB_STATES) {
      const out = TRANSITIONS.filter(({ from }) => from === state);
      if (TERMINAL.has(state)) expect(out).toEqual([]);
      else
        expect(
          out.some(({ causes }) => causes.some(({ by }) => by === "timer")),
          state,
        ).toBe(true);
    }
  });

  it("uses every reason and every actor, or they would not be in the lists", () => {
    const used = TRANSITIONS.flatMap(({ causes }) => causes);
    const reasons = new Set(used.flatMap((cause) => cause.reasons));
    expect(JOB_REASONS.filter((reason) => reason !== "quoted" && !reasons.has(reason))).toEqual([]);
    const actors = new Set(used.map(({ by }) => by));
    expect(JOB_ACTORS.filter((actor) => !actors.has(actor))).toEqual([]);
  });
});

describe("moveJob", () => {
  it("refuses what is not in the table and changes nothing", async () => {
    const id = await jobIn("running");
    const move = { id, from: "running", to: "completed", by: "node", reason: "verified" } as const;
    expect(isTransition(move.from, move.to, move.by, move.reason)).toBe(false);
    await expect(api.deps.db.transaction((tx) => moveJob(tx, move))).rejects.toThrow("No job goes from");
    expect(await stateOf(id)).toBe("running");
  });

  it("lets one of many win the same transition, and two that differ never both", async () => {
    const id = await jobIn("pending");
    const moves = [
      ...Array.from(
        { length: 4 },
        () => ({ to: "assigned", by: "scheduler", reason: "node_chosen" }) as const,
      ),
      ...Array.from(
        { length: 4 },
        () => ({ to: "cancelled", by: "client", reason: "cancelled_by_owner" }) as const,
      ),
    ];
    const won = await Promise.all(
      moves.map((move) => api.deps.db.transaction((tx) => moveJob(tx, { id, from: "pending", ...move }))),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    const events = await api.deps.db
      .select({ to: jobEvents.to })
      .from(jobEvents)
      .where(eq(jobEvents.jobId, id))
      .orderBy(asc(jobEvents.id));
    expect(events).toEqual([{ to: await stateOf(id) }]);
  });

  it("undoes everything with its transaction", async () => {
    const id = await jobIn("verifying");
    const failing = api.deps.db.transaction(async (tx) => {
      await moveJob(tx, { id, from: "verifying", to: "completed", by: "verifier", reason: "verified" });
      throw new Error("killed here");
    });
    await expect(failing).rejects.toThrow("killed here");
    expect(await stateOf(id)).toBe("verifying");
    expect(await owedFor(id)).toEqual([]);
  });

  it("leaves the payment of a reviewed job to its node", async () => {
    const id = await jobIn("verifying", true);
    await api.deps.db.transaction((tx) =>
      moveJob(tx, { id, from: "verifying", to: "completed", by: "verifier", reason: "verified" }),
    );
    expect(await owedFor(id)).toEqual([]);
  });
});
