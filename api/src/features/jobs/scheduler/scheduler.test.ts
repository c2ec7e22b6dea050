import { randomUUID } from "node:crypto";
import { ASSIGNMENT_TYPES, jobDomain, payeeOf } from "@aiforge/contracts";
import { eq, inArray, sql } from "drizzle-orm";
import { verifyTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ableNode, capability, someImage, waitingJobs } from "../../../testing/fleet.ts";
import { createTestApi, eventually, type TestApi } from "../../../testing/harness.ts";
import { registerUser } from "../../../testing/users.ts";
import { renewLeases } from "../../nodes/leases.ts";
import { nodes } from "../../nodes/schema.ts";
import { endAttempt, failAttempt, lockJob } from "../attempts.ts";
import { jobAttempts, jobs } from "../schema.ts";
import { moveJob } from "../transitions.ts";
import { assignWaiting } from "./assign.ts";
import { endOverdue } from "./lapse.ts";

let api: TestApi;
let other: TestApi;
let userId: string;
let image: string;

beforeAll(async () => {
  [api, other] = await Promise.all([createTestApi(), createTestApi()]);
  userId = (await registerUser(api)).id;
});
beforeEach(async () => {
  image = someImage();
  // What an earlier test left waiting is not this one's.
  await api.deps.db.execute(
    sql`UPDATE app.jobs SET try_at = now() + interval '1 day' WHERE state = 'pending'`,
  );
});
afterAll(async () => {
  await Promise.all([api?.close(), other?.close()]);
});

const attemptsOf = (jobIds: string[]) =>
  api.deps.db.select().from(jobAttempts).where(inArray(jobAttempts.jobId, jobIds)).orderBy(jobAttempts.no);
const jobOf = async (id: string) => (await api.deps.db.select().from(jobs).where(eq(jobs.id, id)))[0]!;
const nodeOf = async (id: string) => (await api.deps.db.select().from(nodes).where(eq(nodes.id, id)))[0]!;
const change = (id: string, set: Partial<typeof jobAttempts.$inferInsert> | Record<string, unknown>) =>
  api.deps.db.update(jobAttempts).set(set).where(eq(jobAttempts.id, id));
const accept = (id: string) =>
  change(id, {
    state: "accepted",
    acceptedAt: sql`now()`,
    leaseExpiresAt: sql`now() + interval '90 seconds'`,
  });
const lapse = (id: string) => change(id, { leaseExpiresAt: sql`now() - interval '1 second'` });

/** Has the jobs of this test tried again at once. Those that are locked are skipped: two that wait for each other's rows deadlock. */
const retryNow = ({ db }: TestApi["deps"]) =>
  db.execute(sql`UPDATE app.jobs SET try_at = now() WHERE id IN (
    SELECT id FROM app.jobs WHERE state = 'pending' AND try_at > now() AND spec->>'image' = ${image}
       FOR UPDATE SKIP LOCKED)`);

/** Takes an accepted attempt to its good end, as the node's reports and the verifier do. */
async function complete(attemptId: string, jobId: string): Promise<void> {
  await api.deps.db.transaction(async (tx) => {
    const job = await lockJob(tx, jobId);
    await endAttempt(tx, attemptId, { state: "finished" });
    for (const [from, to, by, reason] of [
      ["assigned", "running", "node", "node_started"],
      ["running", "verifying", "node", "container_exited"],
      ["verifying", "completed", "verifier", "verified"],
    ] as const) {
      expect(await moveJob(tx, { id: job!.id, from, to, by, reason })).toBe(true);
    }
  });
}

describe("an assignment", () => {
  test("is one transaction of job, attempt and node, signed by the operator and good until the work is late", async () => {
    const node = await ableNode(api, capability({ digest: image }));
    const [jobId] = await waitingJobs(api, userId, 1, {
      image,
      cpuMillis: 1_500,
      memoryMb: 512,
      diskMb: 100,
    });
    const { assigned } = await assignWaiting(api.deps);
    expect(assigned.map((each) => each.jobId)).toEqual([jobId]);
    const [job, row, [attempt]] = [await jobOf(jobId!), await nodeOf(node), await attemptsOf([jobId!])];
    expect(job).toMatchObject({ state: "assigned", nodeId: node, attemptNo: 1, attemptsLeft: 0 });
    expect(row).toMatchObject({ usedCpuMillis: 1_500, usedMemoryMb: 512, usedDiskMb: 100, runningJobs: 1 });
    const chain = api.deps.chains.get(job.chain);
    const { assignment, assignmentSignature } = attempt!;
    const address = row.address as `0x${string}`;
    expect(assignment).toMatchObject({ node: address, payee: payeeOf(address), jobId: job.onchainId });
    expect(
      await verifyTypedData({
        address: privateKeyToAccount(chain.operatorKey!).address,
        domain: jobDomain(chain.chainId, chain.aiforge),
        types: ASSIGNMENT_TYPES,
        primaryType: "Assignment",
        message: {
          ...assignment!,
          jobId: job.onchainId as `0x${string}`,
          node: address,
          payee: payeeOf(address),
        },
        signature: assignmentSignature as `0x${string}`,
      }),
    ).toBe(true);
    const expected = Date.now() / 1000 + 900 + job.spec.timeLimitSeconds + 900;
    expect(Math.abs(assignment!.expiry - expected)).toBeLessThan(30);
  });

  test("is never good for longer than the job's deadline", async () => {
    await ableNode(api, capability({ digest: image }));
    const [jobId] = await waitingJobs(api, userId, 1, { image }, { deadlineSeconds: 600 });
    await assignWaiting(api.deps);
    const [attempt] = await attemptsOf([jobId!]);
    expect(attempt!.assignment!.expiry * 1000).toBe((await jobOf(jobId!)).deadline.getTime());
  });

  const hour = { cpuMillis: 1_000, memoryMb: 1_024, timeLimitSeconds: 3_600 };
  test.each<[string, Parameters<typeof capability>[0], Record<string, unknown>, object, bigint?]>([
    ["has another image", { digest: someImage() }, {}, {}],
    ["has too few processors", { cpuMillis: 99 }, {}, {}],
    ["has too little memory", { memoryMb: 63 }, {}, {}],
    ["has no GPU", {}, {}, { gpus: 1 }],
    ["has too little disk", { diskMb: 15 }, {}, {}],
    ["gives no network", {}, {}, { network: true }],
    ["serves another model", {}, { offered: [randomUUID()] }, { engineModelId: randomUUID() }],
    ["takes no jobs", { enabled: false }, {}, {}],
    ["is at its concurrency", { concurrency: 1 }, { runningJobs: 1 }, {}],
    ["is draining", { draining: true }, {}, {}],
    ["was deactivated", {}, { deactivatedAt: new Date(), deactivatedReason: "x" }, {}],
    ["was not heard for two minutes", {}, { lastHeartbeatAt: new Date(Date.now() - 120_000) }, {}],
    ["never passed a probe", {}, { probePassedAt: null }, {}],
    ["passed its last probe long ago", {}, { probePassedAt: new Date(Date.now() - 31 * 60_000) }, {}],
    ["failed its last probe", {}, { probeFailedAt: sql`now() + interval '1 second'` }, {}],
    [
      "works for more",
      { rates: { cpuHour: "0.5", memoryGbHour: "0.450001", gpuHour: "0" } },
      {},
      hour,
      1_000_000n,
    ],
  ])("goes to no node that %s", async (_, offered, row, spec, price) => {
    await ableNode(api, capability({ digest: image, ...offered }), row);
    const [jobId] = await waitingJobs(api, userId, 1, { image, ...spec }, price ? { price } : {});
    expect((await assignWaiting(api.deps)).assigned).toEqual([]);
    expect((await jobOf(jobId!)).state).toBe("pending");
  });

  test("takes a node whose rates are just paid for, that fetches any image, serves the model and gives network", async () => {
    const engineModelId = randomUUID();
    const named = `example.org/x@${image}`;
    const rates = { cpuHour: "0.5", memoryGbHour: "0.45", gpuHour: "9" };
    const node = await ableNode(api, capability({ anyImage: true, network: true, rates }), {
      offered: [engineModelId],
    });
    const spec = { image: named, network: true, engineModelId, ...hour };
    const [jobId] = await waitingJobs(api, userId, 1, spec);
    const [assigned] = (await assignWaiting(api.deps)).assigned;
    expect(assigned).toMatchObject({ jobId, nodeId: node });
  });

  test("prefers nodes that are connected, then those of better repute, then those with less to do", async () => {
    const offered = () => capability({ digest: image, concurrency: 4 });
    const bad = await ableNode(api, offered(), { completed: 10, failed: 30 });
    const busy = await ableNode(api, offered(), { completed: 50, runningJobs: 3 });
    const good = await ableNode(api, offered(), { completed: 50 });
    const connected = await ableNode(api, capability({ digest: image, concurrency: 1 }), {
      connected: true,
      failed: 5,
    });
    const order: string[] = [];
    for (let at = 0; at < 3; at++) {
      await waitingJobs(api, userId, 1, { image });
      order.push(...(await assignWaiting(api.deps)).assigned.map(({ nodeId }) => nodeId));
    }
    expect(order).toEqual([connected, good, good]);
    expect(order).not.toContain(bad);
    expect(order).not.toContain(busy);
  });

  test("waits when no node can, and comes at once when one can", async () => {
    const [jobId] = await waitingJobs(api, userId, 1, { image });
    // Left running it would take the other tests' jobs.
    const scheduling = await createTestApi();
    try {
      scheduling.deps.scheduler.start(scheduling.deps);
      await eventually("it was looked at", async () => (await jobOf(jobId!)).tryAt.getTime() > Date.now());
      await ableNode(api, capability({ digest: image }));
      await scheduling.deps.bus.tell("pending", {});
      await eventually("it is assigned", async () => (await jobOf(jobId!)).state === "assigned");
    } finally {
      await scheduling.close();
    }
  });
});

test("two instances, many schedulers and polls give each of 300 jobs to one node, once", async () => {
  const nodeIds = await Promise.all(
    Array.from({ length: 20 }, () => ableNode(api, capability({ digest: image, cpuMillis: 10_000 }))),
  );
  const jobIds = await waitingJobs(api, userId, 300, { image });
  const done = new Set<string>();
  const told = new Map<string, Set<string>>();
  let most = 0;
  // When one fails, the others must not go on into the next test.
  let failed = false;
  const untilDone = async (turn: () => Promise<void>) => {
    try {
      while (!failed && done.size < jobIds.length) await turn();
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const schedule = ({ deps }: TestApi) =>
    untilDone(async () => {
      await assignWaiting(deps);
      await retryNow(deps);
    });
  const work = ({ deps }: TestApi, ids: string[]) =>
    untilDone(async () => {
      for (const nodeId of ids) {
        const answer = await deps.scheduler.poll(deps, nodeId);
        most = Math.max(most, answer.work.length);
        for (const { attemptId, jobId } of answer.work) {
          told.set(jobId, (told.get(jobId) ?? new Set()).add(nodeId));
          await accept(attemptId);
          await complete(attemptId, jobId);
          done.add(jobId);
        }
      }
    });
  const all = await Promise.allSettled([
    ...[api, api, other, other].map(schedule),
    ...[0, 5, 10, 15].map((at) => work(at < 10 ? api : other, nodeIds.slice(at, at + 5))),
  ]);
  expect(all.filter(({ status }) => status === "rejected")).toEqual([]);
  const attempts = await attemptsOf(jobIds);
  expect(attempts).toHaveLength(300);
  expect(new Set(attempts.map(({ jobId }) => jobId)).size).toBe(300);
  expect([...told.values()].every((ids) => ids.size === 1)).toBe(true);
  expect(most).toBeLessThanOrEqual(2);
  const rows = await api.deps.db.select().from(nodes).where(inArray(nodes.id, nodeIds));
  expect(rows.every(({ runningJobs, usedCpuMillis }) => runningJobs === 0 && usedCpuMillis === 0)).toBe(true);
});

describe("what is overdue", () => {
  const assignedTo = async (retries: number, deadlineSeconds = 86_400) => {
    const first = await ableNode(api, capability({ digest: image }));
    const [jobId] = await waitingJobs(api, userId, 1, { image, retries }, { deadlineSeconds });
    await assignWaiting(api.deps);
    const [attempt] = await attemptsOf([jobId!]);
    return { first, jobId: jobId!, attemptId: attempt!.id };
  };

  test("a node that is lost loses its job to another, and nothing that it says later counts", async () => {
    const { first, jobId, attemptId } = await assignedTo(1);
    await accept(attemptId);
    const second = await ableNode(api, capability({ digest: image }));
    expect(await endOverdue(api.deps.db)).not.toContain(first);
    await lapse(attemptId);
    expect((await Promise.all([endOverdue(api.deps.db), endOverdue(other.deps.db)])).flat()).toContain(first);
    expect((await nodeOf(first)).failed).toBe(1);
    await assignWaiting(api.deps);
    const attempts = await attemptsOf([jobId]);
    expect(attempts.map(({ no, nodeId, state }) => [no, nodeId, state])).toEqual([
      [1, first, "lost"],
      [2, second, "offered"],
    ]);
    const late = { nodeId: first, attempts: [attemptId] };
    expect(await renewLeases(api.deps.db, [late])).toEqual([[attemptId]]);
    expect(
      await api.deps.db.transaction((tx) => endAttempt(tx, attemptId, { state: "finished" })),
    ).toBeUndefined();
    expect((await jobOf(jobId)).state).toBe("assigned");
  });

  test("the last attempt that is lost fails the job, and its refund is due", async () => {
    const { jobId, attemptId } = await assignedTo(0);
    await accept(attemptId);
    await lapse(attemptId);
    await endOverdue(api.deps.db);
    expect(await jobOf(jobId)).toMatchObject({ state: "failed", failureCode: "node_lost" });
    const { rows } = await api.deps.db.execute(
      sql`SELECT function FROM app.operator_transactions WHERE key = ${`job-refund:${jobId}`}`,
    );
    expect(rows).toEqual([{ function: "refundJob" }]);
  });

  test("nothing is ended while its lease is renewed, however old the node's heartbeat is", async () => {
    const { first, jobId, attemptId } = await assignedTo(0);
    await accept(attemptId);
    await lapse(attemptId);
    await renewLeases(api.deps.db, [{ nodeId: first, attempts: [attemptId] }]);
    await api.deps.db
      .update(nodes)
      .set({ lastHeartbeatAt: sql`now() - interval '1 hour'` })
      .where(eq(nodes.id, first));
    await endOverdue(api.deps.db);
    expect((await jobOf(jobId)).state).toBe("assigned");
    // Another node cannot renew it.
    const stranger = await ableNode(api, capability());
    await lapse(attemptId);
    expect(await renewLeases(api.deps.db, [{ nodeId: stranger, attempts: [attemptId] }])).toEqual([
      [attemptId],
    ]);
    await endOverdue(api.deps.db);
    expect((await jobOf(jobId)).state).toBe("failed");
  });

  test("an offer that is not taken costs the job no attempt and the node its good standing until it is probed", async () => {
    const { first, jobId, attemptId } = await assignedTo(0);
    await lapse(attemptId);
    await endOverdue(api.deps.db);
    expect(await jobOf(jobId)).toMatchObject({ state: "pending", attemptsLeft: 1 });
    expect((await assignWaiting(api.deps)).assigned).toEqual([]);
    const row = await nodeOf(first);
    expect([row.runningJobs, row.probeDueAt! <= new Date()]).toEqual([0, true]);
  });

  test.each([
    [
      "a set-up over its time",
      { state: "accepted", acceptedAt: sql`now() - interval '16 minutes'` },
      "setup_time_limit",
    ],
    [
      "a container over its time",
      { state: "running", acceptedAt: sql`now()`, startedAt: sql`now() - interval '2 minutes 1 second'` },
      "node_failed",
    ],
    [
      "outputs that do not come",
      { state: "uploading", uploadingAt: sql`now() - interval '61 minutes'` },
      "node_failed",
    ],
  ])("%s ends the attempt, with its lease renewed all the time", async (_, set, code) => {
    const { jobId, attemptId } = await assignedTo(1);
    await change(attemptId, { ...set, leaseExpiresAt: sql`now() + interval '90 seconds'` });
    await endOverdue(api.deps.db);
    const [attempt] = await attemptsOf([jobId]);
    expect(attempt).toMatchObject({ failureCode: code, endedAt: expect.any(Date) });
    expect((await jobOf(jobId)).state).toBe("pending");
  });

  test("a job that finds no node in time, and one that is late at a node, time out", async () => {
    const [waits] = await waitingJobs(api, userId, 1, { image: someImage() }, { deadlineSeconds: 300 });
    const { first, jobId, attemptId } = await assignedTo(5);
    await accept(attemptId);
    await api.deps.db.execute(
      sql`UPDATE app.jobs SET deadline = now() + interval '30 seconds' WHERE id = ${jobId}`,
    );
    expect(await endOverdue(api.deps.db)).toContain(first);
    expect(await jobOf(waits!)).toMatchObject({ state: "timed_out", failureCode: "no_node_in_time" });
    expect(await jobOf(jobId)).toMatchObject({ state: "timed_out", failureCode: "deadline" });
    expect((await attemptsOf([jobId]))[0]!.state).toBe("cancelled");
    expect((await nodeOf(first)).runningJobs).toBe(0);
  });

  test.each([-10, 10])("an instance whose clock is %i minutes off decides nothing else", async (minutes) => {
    const { jobId, attemptId } = await assignedTo(1);
    await accept(attemptId);
    const [waits] = await waitingJobs(api, userId, 1, { image });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + minutes * 60_000 });
    try {
      await endOverdue(other.deps.db);
      expect((await jobOf(jobId)).state).toBe("assigned");
      await assignWaiting(other.deps);
    } finally {
      vi.useRealTimers();
    }
    const [attempt] = await attemptsOf([waits!]);
    expect(Math.abs(attempt!.leaseExpiresAt.getTime() - Date.now() - 20_000)).toBeLessThan(5_000);
    expect(Math.abs(attempt!.assignment!.expiry - Date.now() / 1000 - 1_860)).toBeLessThan(30);
  });
});

test("whatever happens, a node's counters are the sum of its live attempts", async () => {
  const nodeIds = await Promise.all(
    Array.from({ length: 5 }, () => ableNode(api, capability({ digest: image, concurrency: 3 }))),
  );
  const jobIds = await waitingJobs(api, userId, 40, {
    image,
    cpuMillis: 300,
    memoryMb: 100,
    diskMb: 20,
    retries: 5,
  });
  const pick = <T>(list: T[]): T | undefined => list[Math.floor(Math.random() * list.length)];
  const live = async () =>
    (await attemptsOf(jobIds)).filter(({ state }) => ["offered", "accepted"].includes(state));
  for (let step = 0; step < 120; step++) {
    const attempt = pick(await live());
    const kind = Math.floor(Math.random() * 6);
    if (kind <= 1 || !attempt) await Promise.all([assignWaiting(api.deps), assignWaiting(other.deps)]);
    else if (kind === 2) await accept(attempt.id);
    else if (kind === 3) {
      await lapse(attempt.id);
      await Promise.all([endOverdue(api.deps.db), endOverdue(other.deps.db)]);
    } else if (kind === 4) {
      const failure = { state: "failed", by: "node", reason: "exit_code", message: "x" } as const;
      await Promise.all(
        [api, other].map(({ deps }) => deps.db.transaction((tx) => failAttempt(tx, attempt.id, failure))),
      );
    } else await complete(attempt.id, attempt.jobId).catch(() => undefined);
    // Those that failed a probe by letting an offer lapse are put right, or the walk would end.
    await api.deps.db.update(nodes).set({ probeFailedAt: null }).where(inArray(nodes.id, nodeIds));
    await retryNow(api.deps);
  }
  const { rows } = await api.deps.db.execute(sql`
    SELECT node.id FROM app.nodes node LEFT JOIN app.job_attempts attempt
        ON attempt.node_id = node.id AND attempt.state IN ('offered', 'accepted', 'running', 'uploading')
     WHERE node.id = ANY(${sql.param(nodeIds)}::uuid[]) GROUP BY node.id
    HAVING node.running_jobs <> count(attempt.id) OR node.used_cpu_millis <> coalesce(sum(attempt.cpu_millis), 0)
        OR node.used_memory_mb <> coalesce(sum(attempt.memory_mb), 0)
        OR node.used_disk_mb <> coalesce(sum(attempt.disk_mb), 0) OR node.used_gpus <> 0`);
  expect(rows).toEqual([]);
  expect((await attemptsOf(jobIds)).length).toBeGreaterThan(20);
});
