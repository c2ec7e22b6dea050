import { randomUUID } from "node:crypto";
import { and, desc, eq, sql } from "drizzle-orm";
import type { Finish, Report, Work } from "../features/jobs/protocol.ts";
import { assignWaiting } from "../features/jobs/scheduler/assign.ts";
import { jobAttempts, jobs } from "../features/jobs/schema.ts";
import type { JobRow } from "../features/jobs/transitions.ts";
import { storeCapability } from "../features/nodes/queries-fleet.ts";
import { nodes } from "../features/nodes/schema.ts";
import { capability } from "./fleet.ts";
import { eventually, type TestApi } from "./harness.ts";
import { registerNode } from "./node-peer.ts";
import { unixfsCid } from "./unixfs.ts";
import { bodyOf, send } from "./users.ts";

/** A registered node that passed its probe, and speaks of jobs by HTTP as the miner does. */
export class WorkingNode {
  readonly api: TestApi;
  readonly id: string;
  readonly token: string;
  readonly instance = randomUUID();
  #seq = 0;

  constructor(api: TestApi, { id, token }: { id: string; token: string }) {
    this.api = api;
    this.id = id;
    this.token = token;
  }

  /** Sends JSON with the node's token, to this instance of the api or another. */
  call(method: string, path: string, body?: unknown, api = this.api): Promise<Response> {
    return send(api, method, `/api/nodes${path}`, body, { authorization: `Bearer ${this.token}` });
  }

  accept(attemptId: string, instance: string = this.instance): Promise<Response> {
    return this.call("POST", `/attempts/${attemptId}/accept`, { instance });
  }

  /** Reports with the next numbers. */
  report(attemptId: string, ...reports: ReportWithoutSeq[]): Promise<Response> {
    const numbered = reports.map((report) => ({ seq: ++this.#seq, ...report }) as Report);
    return this.call("POST", `/attempts/${attemptId}/reports`, { reports: numbered });
  }

  async put(
    attemptId: string,
    path: string,
    body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | string,
    cid = typeof body === "string" ? unixfsCid([Buffer.from(body)]) : "",
  ): Promise<Response> {
    const claimed = cid || (body instanceof Uint8Array ? unixfsCid([body]) : "");
    const query = new URLSearchParams({ path, cid: claimed });
    return this.api.app.request(`/api/nodes/attempts/${attemptId}/outputs?${query}`, {
      method: "PUT",
      body,
      headers: { authorization: `Bearer ${this.token}` },
      duplex: "half",
    } as RequestInit);
  }

  finish(attemptId: string, change: Partial<Finish> = {}): Promise<Response> {
    return this.call("POST", `/attempts/${attemptId}/finish`, {
      exitCode: 0,
      outOfMemory: false,
      timedOut: false,
      containerSeconds: 1,
      files: [],
      failure: null,
      ...change,
    });
  }

  /** Takes the offered work, and says that its container runs. */
  async begin(attemptId: string): Promise<Work> {
    const response = await this.accept(attemptId);
    if (response.status !== 200) throw new Error(`Accepting answered ${await response.text()}`);
    await this.report(attemptId, { type: "state", state: "running" });
    return (await bodyOf<{ work: Work }>(response)).work;
  }
}

type WithoutSeq<T> = T extends unknown ? Omit<T, "seq"> : never;
type ReportWithoutSeq = WithoutSeq<Report>;

/** A node for jobs of one image, which no other test's nodes have. */
export async function workingNode(
  api: TestApi,
  image: string,
  change: Parameters<typeof capability>[0] = {},
): Promise<WorkingNode> {
  const node = new WorkingNode(api, await registerNode(api, "worker"));
  await storeCapability(api.deps.db, node.id, capability({ digest: image, ...change }));
  await api.deps.db
    .update(nodes)
    .set({
      lastHeartbeatAt: sql`now()`,
      probePassedAt: sql`now()`,
      probeDueAt: sql`now() + interval '1 hour'`,
    })
    .where(eq(nodes.id, node.id));
  return node;
}

/** Has waiting jobs assigned until this one is. @returns its newest attempt */
export async function assigned(api: TestApi, jobId: string): Promise<string> {
  return eventually("the job is assigned", async () => {
    await api.deps.db.update(jobs).set({ tryAt: sql`now()` }).where(eq(jobs.id, jobId));
    await assignWaiting(api.deps);
    const [row] = await api.deps.db
      .select({ id: jobAttempts.id })
      .from(jobAttempts)
      .where(and(eq(jobAttempts.jobId, jobId), eq(jobAttempts.state, "offered")))
      .orderBy(desc(jobAttempts.no))
      .limit(1);
    return row?.id;
  });
}

export async function jobOf(api: TestApi, id: string): Promise<JobRow> {
  const [row] = await api.deps.db.select().from(jobs).where(eq(jobs.id, id));
  if (!row) throw new Error(`There is no job ${id}`);
  return row;
}

/** Waits for the state of a job. */
export function jobBecomes(api: TestApi, id: string, state: JobRow["state"]): Promise<JobRow> {
  return eventually(`the job is ${state}`, async () => {
    const job = await jobOf(api, id);
    return job.state === state ? job : null;
  });
}

/** What a node has in use, as the database counts it. */
export async function usedBy(api: TestApi, nodeId: string) {
  const [row] = await api.deps.db
    .select({
      cpuMillis: nodes.usedCpuMillis,
      memoryMb: nodes.usedMemoryMb,
      diskMb: nodes.usedDiskMb,
      jobs: nodes.runningJobs,
      completed: nodes.completed,
      failed: nodes.failed,
    })
    .from(nodes)
    .where(eq(nodes.id, nodeId));
  return row!;
}
