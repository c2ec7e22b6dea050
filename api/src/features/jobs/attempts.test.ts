import { randomBytes } from "node:crypto";
import { asc, eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { someImage, waitingJobs } from "../../testing/fleet.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { assigned, jobBecomes, jobOf, usedBy, type WorkingNode, workingNode } from "../../testing/jobs.ts";
import { listen } from "../../testing/node-peer.ts";
import { unixfsCid } from "../../testing/unixfs.ts";
import { bodyOf, codeOf, registerUser, send, type TestUser } from "../../testing/users.ts";
import { files } from "../files/schema.ts";
import type { Reported } from "./reports.ts";
import { endOverdue } from "./scheduler/lapse.ts";
import { jobAttempts, jobEvents, jobLogs, jobSamples, jobs } from "./schema.ts";
import { forgetOutputs, verifyWaiting } from "./worker.ts";

const MIB = 1024 ** 2;

let api: TestApi;
let user: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  user = await registerUser(api);
});
afterAll(() => api.close());

/** A job of an image that one node has, assigned to it. */
async function work(change: Parameters<typeof waitingJobs>[3] = {}) {
  const image = someImage();
  const node = await workingNode(api, image);
  const [jobId = ""] = await waitingJobs(api, user.id, 1, { image, retries: 1, diskMb: 64, ...change });
  const attemptId = await assigned(api, jobId);
  return { node, jobId, attemptId };
}

const attemptOf = async (id: string) =>
  (await api.deps.db.select().from(jobAttempts).where(eq(jobAttempts.id, id)))[0]!;
const reasonsOf = async (jobId: string) =>
  (
    await api.deps.db
      .select({ reason: jobEvents.reason })
      .from(jobEvents)
      .where(eq(jobEvents.jobId, jobId))
      .orderBy(asc(jobEvents.id))
  ).map(({ reason }) => reason);
const owedFor = async (id: string) =>
  (await api.deps.db.select({ key: operatorTransactions.key }).from(operatorTransactions))
    .map(({ key }) => key)
    .filter((key) => key.endsWith(id));
const lapse = async (attemptId: string) => {
  await api.deps.db
    .update(jobAttempts)
    .set({ leaseExpiresAt: sql`now() - interval '1 second'` })
    .where(eq(jobAttempts.id, attemptId));
  await endOverdue(api.deps.db);
};

async function goodFile(node: WorkingNode, attemptId: string, path = "result.json", text = "done") {
  const response = await node.put(attemptId, path, text);
  expect(response.status).toBe(200);
  const { cid, size } = await bodyOf<{ cid: string; size: number }>(response);
  return { path, cid, size };
}

describe("accepting work", () => {
  it("is for the node it was offered to and the process that took it", async () => {
    const { node, attemptId } = await work();
    const stranger = await workingNode(api, someImage());
    expect(await codeOf(await stranger.accept(attemptId))).toBe("not_found");
    expect((await node.accept(attemptId)).status).toBe(200);
    expect((await node.accept(attemptId)).status).toBe(200);
    const second = await node.accept(attemptId, "0b9e1e10-0000-4000-8000-000000000000");
    expect(await codeOf(second)).toBe("attempt_not_yours");
    expect(await codeOf(await node.accept("nonsense"))).toBe("not_found");
    expect(await codeOf(await node.call("POST", `/attempts/${attemptId}/accept`, {}))).toBe(
      "invalid_request",
    );
    const anonymous = await send(api, "POST", `/api/nodes/attempts/${attemptId}/accept`, {
      instance: node.instance,
    });
    expect(await codeOf(anonymous)).toBe("node_token_refused");
  });

  it("gives all that is needed to be paid without the api", async () => {
    const { node, jobId, attemptId } = await work();
    const taken = await node.begin(attemptId);
    const job = await jobOf(api, jobId);
    expect(taken).toMatchObject({
      jobId,
      onchainId: job.onchainId,
      spec: job.spec,
      assignment: { jobId: job.onchainId },
      job: { specification: job.specHash, price: job.price.toString() },
    });
    expect(taken.assignmentSignature).toMatch(/^0x[0-9a-f]{130}$/);
  });
});

describe("reports", () => {
  it("count once, in order, with the database's clock, and renew the lease", async () => {
    const { node, jobId, attemptId } = await work();
    await node.accept(attemptId);
    await api.deps.db
      .update(jobAttempts)
      .set({ leaseExpiresAt: sql`now() + interval '1 second'` })
      .where(eq(jobAttempts.id, attemptId));
    const reports = [
      { seq: 3, type: "log", stream: "stdout", text: "two", at: "1999-01-01T00:00:00Z" },
      { seq: 1, type: "state", state: "running" },
      { seq: 2, type: "log", stream: "stderr", text: "o\0ne\ud800" },
      { seq: 4, type: "progress", value: 0.42 },
      { seq: 5, type: "sample", cpu: 0.5, memoryBytes: 1000 },
    ];
    const path = `/attempts/${attemptId}/reports`;
    const answers = await Promise.all(Array.from({ length: 4 }, () => node.call("POST", path, { reports })));
    for (const answer of answers) {
      expect(await bodyOf<Reported>(answer)).toEqual({
        ok: true,
        lastSeq: 5,
        cancel: false,
        leaseSeconds: 90,
      });
    }
    expect(await jobOf(api, jobId)).toMatchObject({ state: "running", progress: 0.42 });
    expect(await reasonsOf(jobId)).toEqual(["node_chosen", "node_started"]);
    const logs = await api.deps.db.select().from(jobLogs).where(eq(jobLogs.attemptId, attemptId));
    expect(logs.map(({ text }) => text).sort()).toEqual(["one\ufffd", "two"]);
    for (const { at } of logs) expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
    expect((await attemptOf(attemptId)).leaseExpiresAt.getTime()).toBeGreaterThan(Date.now() + 60_000);
    // A sample a moment later is one too many.
    await node.call("POST", path, { reports: [{ seq: 6, type: "sample", cpu: 1, memoryBytes: 1 }] });
    const samples = await api.deps.db.select().from(jobSamples).where(eq(jobSamples.attemptId, attemptId));
    expect(samples).toMatchObject([{ cpu: 0.5, memoryBytes: 1000, gpu: null }]);
  });

  it("keep 1 MiB of log and say what they leave out", async () => {
    const { node, attemptId } = await work();
    await node.begin(attemptId);
    const text = "x".repeat(60_000);
    for (let sent = 0; sent < 3; sent++) {
      const batch = Array.from({ length: 10 }, () => ({ type: "log", stream: "stdout", text }) as const);
      expect((await node.report(attemptId, ...batch)).status).toBe(200);
    }
    const logs = await api.deps.db
      .select()
      .from(jobLogs)
      .where(eq(jobLogs.attemptId, attemptId))
      .orderBy(asc(jobLogs.seq));
    expect(logs).toHaveLength(18);
    expect(logs.at(-1)).toMatchObject({ stream: "system", text: expect.stringContaining("not kept") });
  });

  it("are refused when they make no sense", async () => {
    const { node, attemptId } = await work();
    await node.begin(attemptId);
    for (const report of [
      { seq: 0, type: "progress", value: 0.5 },
      { seq: 9, type: "progress", value: 7 },
      { seq: 9, type: "state", state: "completed" },
      { seq: 9, type: "log", stream: "stdout", text: "x".repeat(65_537) },
      { seq: 9, type: "sample", cpu: -1, memoryBytes: 0 },
      { seq: 2 ** 31, type: "progress", value: 0.5 },
    ]) {
      const answer = await node.call("POST", `/attempts/${attemptId}/reports`, { reports: [report] });
      expect(await codeOf(answer), JSON.stringify(report).slice(0, 80)).toBe("invalid_request");
    }
    expect((await attemptOf(attemptId)).lastSeq).toBe(1);
  });
});

describe("a result", () => {
  it("completes the job when each file is what the node says, and its node is paid and free again", async () => {
    const { node, jobId, attemptId } = await work({ outputLimitMb: 3 });
    await node.begin(attemptId);
    const large = randomBytes(MIB + 5_000);
    expect((await node.put(attemptId, "weights/model.bin", large)).status).toBe(200);
    const listed = [
      { path: "weights/model.bin", cid: unixfsCid([large]), size: large.length },
      await goodFile(node, attemptId, "metrics.json", '{"loss":1}'),
    ];
    // Files that it brought and does not name are no part of the result.
    await goodFile(node, attemptId, "scratch.tmp", "scratch");
    expect((await usedBy(api, node.id)).jobs).toBe(1);
    const answer = await node.finish(attemptId, { files: listed, containerSeconds: 99_999 });
    expect(await bodyOf(answer)).toMatchObject({ state: "finished" });
    await verifyWaiting(api.deps);
    const job = await jobBecomes(api, jobId, "completed");
    expect(job.outputs?.map(({ path }) => path)).toEqual(["metrics.json", "weights/model.bin"]);
    // The container's time is what passed here, whatever the node says.
    expect(job.containerSeconds).toBeLessThan(60);
    expect(await owedFor(jobId)).toEqual([`job-pay:${jobId}`]);
    expect(await usedBy(api, node.id)).toMatchObject({ cpuMillis: 0, jobs: 0, completed: 1, failed: 0 });
    const standing = await bodyOf(await node.call("GET", `/attempts/${attemptId}`));
    expect(standing).toEqual({ state: "finished", jobState: "completed", result: job.resultHash });
  });

  it("told twice, or many times at once, is one", async () => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    const listed = [await goodFile(node, attemptId)];
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => node.finish(attemptId, { files: listed })),
    );
    for (const answer of answers) expect(await bodyOf(answer)).toMatchObject({ state: "finished" });
    await Promise.all([verifyWaiting(api.deps), verifyWaiting(api.deps)]);
    await jobBecomes(api, jobId, "completed");
    expect(await bodyOf(await node.finish(attemptId, { exitCode: 1 }))).toMatchObject({ state: "finished" });
    expect(await reasonsOf(jobId)).toEqual(["node_chosen", "node_started", "container_exited", "verified"]);
    expect(await usedBy(api, node.id)).toMatchObject({ jobs: 0, completed: 1, failed: 0 });
  });

  it("that comes after the lease is refused and changes nothing", async () => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    const listed = [await goodFile(node, attemptId)];
    await lapse(attemptId);
    expect((await jobOf(api, jobId)).state).toBe("pending");
    expect(await usedBy(api, node.id)).toMatchObject({ jobs: 0, failed: 1 });
    for (const late of [
      await node.finish(attemptId, { files: listed }),
      await node.report(attemptId, { type: "progress", value: 1 }),
      await node.put(attemptId, "late.txt", "late"),
      await node.call("GET", `/attempts/${attemptId}/inputs/x`),
    ]) {
      expect(await codeOf(late)).toBe("attempt_over");
    }
    expect(await codeOf(await node.accept(attemptId))).toBe("attempt_not_yours");
    expect(await jobOf(api, jobId)).toMatchObject({ state: "pending", progress: null, outputs: null });
    expect(await usedBy(api, node.id)).toMatchObject({ jobs: 0, failed: 1 });
  });

  it("that waits to be checked when the deadline passes is checked all the same", async () => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    const listed = [await goodFile(node, attemptId)];
    // Somebody else is at the check, and dies.
    const other = await api.deps.db.$client.connect();
    await other.query("SELECT pg_advisory_lock(hashtextextended($1, 7242021))", [jobId]);
    await node.finish(attemptId, { files: listed });
    await verifyWaiting(api.deps);
    const deadline = (interval: string) =>
      api.deps.db
        .update(jobs)
        .set({ deadline: sql.raw(`now() - interval '${interval}'`) })
        .where(eq(jobs.id, jobId));
    await deadline("1 minute");
    await endOverdue(api.deps.db);
    expect((await jobOf(api, jobId)).state).toBe("verifying");
    other.release(true);
    await eventually("the other's lock is gone", async () => {
      await verifyWaiting(api.deps);
      return (await jobOf(api, jobId)).state === "completed";
    });
    expect(await owedFor(jobId)).toEqual([`job-pay:${jobId}`]);
  });

  it("and a lease that lapses at the same time have one outcome", async () => {
    for (let round = 0; round < 4; round++) {
      const { node, jobId, attemptId } = await work();
      await node.begin(attemptId);
      const listed = [await goodFile(node, attemptId)];
      const [finish] = await Promise.all([node.finish(attemptId, { files: listed }), lapse(attemptId)]);
      await jobBecomes(api, jobId, finish.status === 200 ? "completed" : "pending");
      expect((await usedBy(api, node.id)).jobs).toBe(0);
    }
  });

  it.each<[string, (good: { path: string; cid: string; size: number }) => object[]]>([
    ["of a file that did not come", (good) => [good, { ...good, path: "other" }]],
    ["of another CID", (good) => [{ ...good, cid: unixfsCid([Buffer.from("other")]) }]],
    ["of another size", (good) => [{ ...good, size: good.size + 1 }]],
    ["with a path up", (good) => [{ ...good, path: "../result.json" }]],
    ["with a NUL in a path", (good) => [{ ...good, path: "result\u0001.json" }]],
    ["with a file twice", (good) => [good, good]],
  ])("%s is not believed: another node tries", async (_name, claim) => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    const listed = claim(await goodFile(node, attemptId)) as never;
    expect((await node.finish(attemptId, { files: listed })).status).toBe(200);
    await verifyWaiting(api.deps);
    const job = await jobBecomes(api, jobId, "pending");
    expect(job.attemptsLeft).toBe(1);
    expect(await attemptOf(attemptId)).toMatchObject({ state: "failed", failureCode: "output_invalid" });
    expect(await usedBy(api, node.id)).toMatchObject({ jobs: 0, completed: 0, failed: 1 });
    expect(await owedFor(jobId)).toEqual([]);
  });

  it("whose bytes are others in the store is not believed", async () => {
    const { node, jobId, attemptId } = await work({ retries: 0 });
    await node.begin(attemptId);
    const listed = [await goodFile(node, attemptId)];
    const [file] = await api.deps.db.select().from(files).where(eq(files.attemptId, attemptId));
    const other = await api.deps.storage.weights.writer(file!.id, null);
    await other.write(Buffer.from("fake"));
    await other.close();
    await node.finish(attemptId, { files: listed });
    await verifyWaiting(api.deps);
    const job = await jobBecomes(api, jobId, "failed");
    expect(job.failureCode).toBe("output_invalid");
    expect(await owedFor(jobId)).toEqual([`job-refund:${jobId}`]);
  });
});

describe("an end without a result", () => {
  it.each<[string, Parameters<WorkingNode["finish"]>[1], string]>([
    ["an exit code", { exitCode: 7 }, "exit_code"],
    [
      "a node's own failure",
      { exitCode: null, failure: { code: "disk_on_fire", message: "a\0b" } },
      "node_failed",
    ],
    [
      "an image that is not there",
      { exitCode: null, failure: { code: "image_missing", message: "no" } },
      "image_missing",
    ],
    ["nobody knows how", { exitCode: null }, "node_failed"],
  ])("by %s goes to another node, and after the last attempt is refunded", async (_name, told, reason) => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    expect(await bodyOf(await node.finish(attemptId, told))).toMatchObject({
      state: "failed",
      jobState: "pending",
    });
    expect(await owedFor(jobId)).toEqual([]);
    const again = await assigned(api, jobId);
    await node.begin(again);
    expect(await bodyOf(await node.finish(again, told))).toMatchObject({
      state: "failed",
      jobState: "failed",
    });
    expect(await jobOf(api, jobId)).toMatchObject({ failureCode: reason, attemptsLeft: 0 });
    expect(await reasonsOf(jobId)).toEqual([
      "node_chosen",
      "node_started",
      reason,
      "node_chosen",
      "node_started",
      "retries_used",
    ]);
    expect(await owedFor(jobId)).toEqual([`job-refund:${jobId}`]);
    expect((await usedBy(api, node.id)).jobs).toBe(0);
  });

  it.each<[string, Parameters<WorkingNode["finish"]>[1], string]>([
    ["memory", { exitCode: 137, outOfMemory: true }, "out_of_memory"],
    ["time", { exitCode: 137, timedOut: true }, "time_limit"],
    ["disk", { files: [{ path: "a", cid: "x", size: 2 * MIB }] }, "output_too_large"],
    [
      "files",
      { files: Array.from({ length: 1001 }, (_, at) => ({ path: `${at}`, cid: "x", size: 0 })) },
      "too_many_files",
    ],
  ])("by the job's own limit of %s is not tried again", async (_name, told, reason) => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    expect(await bodyOf(await node.finish(attemptId, told))).toMatchObject({ jobState: "failed" });
    expect(await jobOf(api, jobId)).toMatchObject({ failureCode: reason });
    expect(await owedFor(jobId)).toEqual([`job-refund:${jobId}`]);
    // The node did nothing wrong.
    expect(await usedBy(api, node.id)).toMatchObject({ jobs: 0, failed: 0 });
  });
});

describe("outputs", () => {
  it("of attempts that came to nothing are removed after a day, and no others", async () => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    await goodFile(node, attemptId);
    await node.finish(attemptId, { exitCode: 1 });
    const again = await assigned(api, jobId);
    await node.begin(again);
    const listed = [await goodFile(node, again)];
    await node.finish(again, { files: listed });
    await verifyWaiting(api.deps);
    await jobBecomes(api, jobId, "completed");
    const kept = async () =>
      (await api.deps.db.select().from(files).where(eq(files.jobId, jobId))).map((file) => file.attemptId);
    await forgetOutputs(api.deps);
    expect(await kept()).toHaveLength(3);
    const [old] = await api.deps.db.select().from(files).where(eq(files.attemptId, attemptId));
    await api.deps.db
      .update(jobAttempts)
      .set({ endedAt: sql`now() - interval '25 hours'` })
      .where(eq(jobAttempts.jobId, jobId));
    await forgetOutputs(api.deps);
    expect((await kept()).sort()).toEqual([again, null].sort());
    await expect(api.deps.storage.weights.read(old!.id)).rejects.toThrow();
  });

  it("stay within the limit while they stream, however many come at a time", async () => {
    const { node, attemptId } = await work();
    await node.begin(attemptId);
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
    });
    const claimed = unixfsCid([Buffer.from("x")]);
    expect(await codeOf(await node.put(attemptId, "endless", endless, claimed))).toBe("output_too_large");
    const halves = await Promise.all(
      ["a", "b", "c"].map((path) => node.put(attemptId, path, randomBytes(400_000))),
    );
    const codes = await Promise.all(halves.map((each) => codeOf(each.clone())));
    expect(codes.filter((code) => code === "output_too_large")).toHaveLength(1);
    // The same path again takes the place of the first.
    const kept = ["a", "b", "c"][codes.indexOf(undefined)]!;
    expect((await node.put(attemptId, kept, randomBytes(500_000))).status).toBe(200);
    const stored = await api.deps.db.select().from(files).where(eq(files.attemptId, attemptId));
    expect(stored).toHaveLength(2);
  });

  it("over the limit are refused over a real connection too, so that a node learns why", async () => {
    const { node, attemptId } = await work();
    await node.begin(attemptId);
    const server = await listen(api);
    try {
      const query = new URLSearchParams({ path: "large", cid: unixfsCid([Buffer.from("x")]) });
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += 65_536;
          if (sent > 200 * MIB) controller.close();
          else controller.enqueue(new Uint8Array(65_536));
        },
      });
      const response = await fetch(`${server.url}/api/nodes/attempts/${attemptId}/outputs?${query}`, {
        method: "PUT",
        body,
        headers: { authorization: `Bearer ${node.token}` },
        duplex: "half",
      } as RequestInit);
      expect(response.status).toBe(413);
      expect(await codeOf(response)).toBe("output_too_large");
      expect(sent).toBeLessThan(100 * MIB);
    } finally {
      await server.close();
    }
  });

  it("have paths that stay where they belong, and are what they say", async () => {
    const { node, attemptId } = await work();
    await node.begin(attemptId);
    for (const path of ["../x", "/etc/passwd", "a/../b", "a\0b", "a\\b", "", "a//b", "x".repeat(300)]) {
      expect(await codeOf(await node.put(attemptId, path, "x")), path).toBe("invalid_request");
    }
    expect(await codeOf(await node.put(attemptId, "a", "x", unixfsCid([Buffer.from("y")])))).toBe(
      "cid_mismatch",
    );
    expect(await codeOf(await node.put(attemptId, "a", "x", "QmNotACid"))).toBe("invalid_request");
    const none = await api.deps.db.select().from(files).where(eq(files.attemptId, attemptId));
    expect(none).toEqual([]);
    const stranger = await workingNode(api, someImage());
    expect(await codeOf(await stranger.put(attemptId, "a", "x"))).toBe("not_found");
  });

  it("are a thousand files at most", async () => {
    const { node, jobId, attemptId } = await work();
    await node.begin(attemptId);
    const rows = Array.from({ length: 1000 }, (_, at) => ({
      cid: "x",
      sha256: "x",
      size: 0,
      name: `file-${at}`,
      purpose: "output" as const,
      attemptId,
      jobId,
    }));
    await api.deps.db.insert(files).values(rows);
    expect(await codeOf(await node.put(attemptId, "one more", "x"))).toBe("too_many_files");
  });
});
