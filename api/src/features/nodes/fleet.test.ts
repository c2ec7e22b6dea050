import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { DEMO_ACCOUNTS } from "@aiforge/contracts";
import { eq, sql } from "drizzle-orm";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ableNode, capability, someImage, waitingJobs } from "../../testing/fleet.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { readyModel } from "../../testing/market.ts";
import { listen, NodePeer, registerNode, servingNodes, servingPeer } from "../../testing/node-peer.ts";
import { bodyOf, codeOf, registerUser, send, walletUser } from "../../testing/users.ts";
import { assignWaiting } from "../jobs/scheduler/assign.ts";
import { jobAttempts, jobs } from "../jobs/schema.ts";
import type { JobCapability } from "./capability.ts";
import { dueProbes, forgetProbes, PROBES_KEPT, recordProbe } from "./probes.ts";
import { forgetSamples } from "./queries-fleet.ts";
import { nodeProbes, nodeSamples, nodes } from "./schema.ts";
import type { MyNodeView, NodeDetailView, NodeSampleView, NodeView } from "./shapes.ts";

let api: TestApi;
let other: TestApi;
let server: Awaited<ReturnType<typeof listen>>;
let userId: string;
let image: string;

beforeAll(async () => {
  [api, other] = await Promise.all([createTestApi({}, {}, { sweep: 300 }), createTestApi()]);
  server = await listen(api);
  api.deps.scheduler.start(api.deps);
  userId = (await registerUser(api)).id;
});
beforeEach(() => {
  image = someImage();
});
afterAll(async () => {
  await server?.close();
  await Promise.all([api?.close(), other?.close()]);
});

/** Holds the contract's ADMIN. */
const root = privateKeyToAccount(DEMO_ACCOUNTS[0]!.privateKey);
const figures = {
  cpu: { cores: 2, load: 0.5 },
  memory: { total: 8_000_000_000, free: 4_000_000_000 },
  disk: { total: 100_000_000_000, free: 50_000_000_000 },
  gpus: [],
  active: 0,
};
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const nodeRow = async (id: string) => (await api.deps.db.select().from(nodes).where(eq(nodes.id, id)))[0]!;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const beat = (token: string, extra: object = {}, to = api) =>
  send(to, "POST", "/api/nodes/heartbeat", { ...figures, models: [], ...extra }, bearer(token));
interface Work {
  work: { attemptId: string; spec: { image: string } }[];
  cancel: string[];
  probe: { id: string; image: string; nonce: string } | null;
}
const poll = async (token: string, to = api) =>
  bodyOf<Work>(await send(to, "GET", "/api/nodes/work", undefined, bearer(token)));

/** Registers as the miner does, with what a test adds to the body. */
async function register(wallet: PrivateKeyAccount, name: string, extra: object = {}, to = api) {
  const asked = await send(to, "POST", "/api/nodes/auth-message", { address: wallet.address });
  const { message } = await bodyOf<{ message: string }>(asked);
  const signature = await wallet.signMessage({ message });
  const body = { message, signature, name, capabilities: {}, ...extra };
  return send(to, "POST", "/api/nodes/register", body);
}

/** A connected node that says what it offers to jobs, and answers container probes as told. */
async function jobPeer(token: string, jobs: JobCapability, answer = sha256): Promise<NodePeer> {
  const peer = new NodePeer(server.url, token);
  peer.socket.on("message", (data) => {
    const frame = JSON.parse(data.toString());
    if (frame.type !== "job_probe") return;
    const output = answer(frame.nonce);
    peer.send({ type: "job_probe_result", id: frame.id, ok: true, output: `${output}\n`, ms: 5 });
  });
  await once(peer.socket, "open");
  peer.send({ type: "hello", version: "1", capacity: 1, models: [], jobs });
  return peer;
}

describe("container probes", () => {
  test("by WebSocket: a node is offered for jobs once its container printed the sha-256 of the nonce", async () => {
    const { id, token } = await registerNode(api);
    const peer = await jobPeer(token, capability({ digest: image }));
    await eventually("it passed", async () => (await nodeRow(id)).probePassedAt);
    const [jobId] = await waitingJobs(api, userId, 1, { image });
    const work = await eventually("it is told to start", async () => peer.of("work")[0]?.work);
    expect(work).toMatchObject({ jobId, attempt: 1, leaseSeconds: 90, setupSeconds: 900, spec: { image } });
    const row = await nodeRow(id);
    const minutes = (row.probeDueAt!.getTime() - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(8.5);
    expect(minutes).toBeLessThan(11.5);
    peer.socket.close();
    await eventually("it is gone", async () => !(await nodeRow(id)).connected);
  });

  test("a wrong output, the node's own failure and no answer are failures; an answer counts once", async () => {
    const { id, token } = await registerNode(api);
    const liar = await jobPeer(token, capability({ digest: image }), () => "anything");
    await eventually("it failed", async () => (await nodeRow(id)).probeFailedAt);
    expect((await nodeRow(id)).probePassedAt).toBeNull();
    liar.socket.close();
    await once(liar.socket, "close");
    const give = async () => {
      await api.deps.db.update(nodes).set({ probeDueAt: sql`now()` }).where(eq(nodes.id, id));
      return (await dueProbes(api.deps.db, [id])).get(id)!;
    };
    const answer = (probeId: string, body: object) =>
      send(api, "POST", `/api/nodes/probes/${probeId}`, { ms: 1, ...body }, bearer(token));
    const ill = await give();
    const output = sha256(ill.nonce);
    expect(await bodyOf(await answer(ill.id, { ok: false, output, detail: "no engine" }))).toEqual({
      passed: false,
    });
    expect(await codeOf(await answer(ill.id, { ok: true, output }))).toBe("probe_over");
    await give();
    const next = await give();
    const good = await answer(next.id, { ok: true, output: sha256(next.nonce) });
    expect(await bodyOf(good)).toEqual({ passed: true });
    const detail = await bodyOf<NodeDetailView>(await send(api, "GET", `/api/nodes/${id}`));
    expect(detail.history.map((probe) => [probe.kind, probe.ok, probe.detail])).toEqual([
      ["container", true, null],
      ["container", false, "no answer"],
      ["container", false, "no engine"],
      ["container", false, "the container printed something else"],
    ]);
    expect(detail.reputation.probeScore).toBeCloseTo(0.9 ** 4 + 0.1, 5);
    expect(detail.probes).toMatchObject({ passed: 1, failed: 3, recent: [false, false, false, true] });
  });

  test("a node that polls gets its probe until it answers, and then its work until it accepts", async () => {
    const { id, token } = await registerNode(api);
    expect((await beat(token, { jobs: capability({ digest: image }) })).status).toBe(200);
    const { probe } = await poll(token);
    expect((await poll(token, other)).probe).toEqual(probe);
    expect(probe!.image).toBe(image);
    await send(
      api,
      "POST",
      `/api/nodes/probes/${probe!.id}`,
      { ok: true, output: sha256(probe!.nonce), ms: 9 },
      bearer(token),
    );
    expect(await poll(token)).toMatchObject({ work: [], probe: null });
    const [jobId] = await waitingJobs(api, userId, 1, { image });
    await eventually("it is assigned", async () => (await poll(token)).work.length === 1);
    const again = await poll(token, other);
    expect(again.work).toHaveLength(1);
    await api.deps.db.update(jobAttempts).set({ state: "accepted" }).where(eq(jobAttempts.jobId, jobId!));
    expect((await poll(token)).work).toEqual([]);
    const { attemptId } = again.work[0]!;
    await api.deps.db
      .update(jobAttempts)
      .set({ state: "cancelled", endedAt: sql`now()` })
      .where(eq(jobAttempts.id, attemptId));
    expect((await poll(token)).cancel).toEqual([attemptId]);
    const told = await bodyOf<{ cancel: string[] }>(
      await beat(token, { attempts: [attemptId, randomUUID()] }),
    );
    expect(told.cancel).toContain(attemptId);
    expect(told.cancel).toHaveLength(2);
    expect((await nodeRow(id)).connected).toBe(false);
  });

  test("the newest 500 of a node are kept, and a week of samples", async () => {
    const id = await ableNode(api, capability());
    await api.deps.db.execute(sql`INSERT INTO app.node_probes (node_id, at, kind, ok, ms)
      SELECT ${id}, now() - make_interval(mins => n), 'container', true, n FROM generate_series(1, 600) AS n`);
    await recordProbe(api.deps.db, id, { kind: "inference", ok: true, ms: 0 });
    await forgetProbes(api.deps.db, id);
    const kept = await api.deps.db.select().from(nodeProbes).where(eq(nodeProbes.nodeId, id));
    expect([kept.length, Math.max(...kept.map(({ ms }) => ms))]).toEqual([PROBES_KEPT, PROBES_KEPT - 1]);
    const at = (days: number) => new Date(Date.now() - days * 86_400_000);
    await api.deps.db
      .insert(nodeSamples)
      .values([8, 6].map((days) => ({ nodeId: id, at: at(days), figures })));
    while ((await forgetSamples(api.deps.db)) > 0);
    const shown = async (range: string) => send(api, "GET", `/api/nodes/${id}/samples?range=${range}`);
    expect(await bodyOf(await shown("day"))).toEqual({ samples: [] });
    const { samples } = await bodyOf<{ samples: NodeSampleView[] }>(await shown("week"));
    expect(samples.map((sample) => sample.figures)).toEqual([figures]);
    expect((await shown("year")).status).toBe(400);
  });
});

describe("the same node started twice", () => {
  test("by WebSocket the newest process stays and the older is told to end, on whichever instance", async () => {
    const { id, token } = await registerNode(api);
    const [first, second] = [capability({ digest: image }), capability({ digest: image })];
    const old = await jobPeer(token, first);
    await eventually("the first speaks", async () => (await nodeRow(id)).instance === first.instance);
    // The second process reaches the other instance, which has no connection of the first.
    expect((await beat(token, { jobs: second }, other)).status).toBe(200);
    await eventually("the first is told", async () => old.closed?.code === 4410);
    expect(await codeOf(await beat(token, { jobs: first }))).toBe("replaced_instance");
    const back = await jobPeer(token, first);
    await eventually("it is told again", async () => back.closed?.code === 4410);
    expect((await nodeRow(id)).instance).toBe(second.instance);
  });

  test("a process whose place was taken cannot register its way back", async () => {
    const wallet = privateKeyToAccount(generatePrivateKey());
    const [first, second] = [capability(), capability()];
    const as = (jobs: JobCapability) => register(wallet, "twice", { capabilities: { jobs } });
    expect((await as(first)).status).toBe(201);
    const { token } = await bodyOf<{ token: string }>(await as(second));
    expect(await codeOf(await as(first))).toBe("replaced_instance");
    expect((await beat(token)).status).toBe(200);
    const bad = { ...second, rates: { ...second.rates, cpuHour: "-1" } };
    const refused = await as(bad);
    expect([refused.status, await codeOf(refused)]).toEqual([400, "invalid_request"]);
  });
});

test("work that one instance assigns reaches a node that is connected to another, at once", async () => {
  const { id, token } = await registerNode(api);
  const peer = await jobPeer(token, capability({ digest: image }));
  await eventually("it passed", async () => (await nodeRow(id)).probePassedAt);
  const [jobId] = await waitingJobs(api, userId, 1, { image });
  // The other instance is not started: it assigns once and tells.
  await assignWaiting(other.deps);
  // Unless the first instance came before it.
  const attempts = () => api.deps.db.select().from(jobAttempts).where(eq(jobAttempts.jobId, jobId!));
  const attempt = await eventually("it is assigned", async () => (await attempts())[0]);
  await other.deps.scheduler.tell(other.deps, [id]);
  const work = await eventually("it arrives", async () => peer.of("work")[0]?.work);
  expect(work.attemptId).toBe(attempt.id);
  peer.socket.close();
});

test("a node that an admin deactivated gets nothing, and work again when it is put back", async () => {
  const admin = await walletUser(api, root);
  const { id, token } = await registerNode(api);
  const peer = await jobPeer(token, capability({ digest: image }));
  await eventually("it passed", async () => (await nodeRow(id)).probePassedAt);
  const off = await admin.call("POST", `/api/admin/nodes/${id}/deactivate`, { reason: "Serves nonsense." });
  expect(await bodyOf<NodeView>(off)).toMatchObject({ deactivated: { reason: "Serves nonsense." } });
  const [jobId] = await waitingJobs(api, userId, 1, { image });
  const state = async () => (await api.deps.db.select().from(jobs).where(eq(jobs.id, jobId!)))[0]!;
  await eventually("it was looked at", async () => (await state()).tryAt.getTime() > Date.now());
  expect((await state()).state).toBe("pending");
  expect(await poll(token)).toMatchObject({ work: [], probe: null });
  expect((await admin.call("POST", `/api/admin/nodes/${id}/activate`)).status).toBe(200);
  await eventually("it works again", async () => peer.of("work").length > 0);
  const listed = await bodyOf<{ jobs: { jobId: string }[] }>(
    await admin.call("GET", `/api/admin/nodes/${id}/jobs`),
  );
  expect(listed.jobs.map((job) => job.jobId)).toEqual([jobId]);
  peer.socket.close();
});

test("its operator sees a node's figures, jobs and earnings; others see what is public", async () => {
  const owner = await walletUser(api);
  const { token } = await bodyOf<{ token: string }>(await register(owner.wallet, "mine"));
  await beat(token, { jobs: capability({ digest: image }) });
  await api.deps.fleet.idle();
  const { nodes: mine } = await bodyOf<{ nodes: MyNodeView[] }>(await owner.call("GET", "/api/nodes/mine"));
  expect(mine).toHaveLength(1);
  expect(mine[0]).toMatchObject({ name: "mine", earned: "0.00", recentJobs: [] });
  expect(mine[0]).not.toHaveProperty("samples");
  expect((await send(api, "GET", "/api/nodes/mine")).status).toBe(401);
  const stranger = await walletUser(api);
  expect(await bodyOf(await stranger.call("GET", "/api/nodes/mine"))).toEqual({ nodes: [] });
  const shown = await bodyOf<NodeView>(await send(api, "GET", `/api/nodes/${mine[0]!.id}`));
  expect(shown.jobs).toMatchObject({ concurrency: 2, rates: { cpuHour: "0" } });
  expect(JSON.stringify(shown)).not.toContain("instance");
  expect((await send(api, "GET", `/api/nodes/${randomUUID()}`)).status).toBe(404);
});

describe("a WebSocket's heartbeat", () => {
  test("renews the leases of what the node is at, and is answered with what is over", async () => {
    const { id, token } = await registerNode(api);
    const peer = await jobPeer(token, capability({ digest: image }));
    const [jobId] = await waitingJobs(api, userId, 1, { image });
    const { attemptId } = await eventually("it is told to start", async () => peer.of("work")[0]?.work);
    await api.deps.db
      .update(jobAttempts)
      .set({ state: "accepted", leaseExpiresAt: sql`now() + interval '20 seconds'` })
      .where(eq(jobAttempts.id, attemptId));
    const foreign = randomUUID();
    peer.send({ type: "heartbeat", ...figures, attempts: [attemptId, foreign] });
    const over = await eventually("it is told to stop", async () => peer.of("job_cancel").at(0)?.attemptId);
    expect(over).toBe(foreign);
    const [attempt] = await api.deps.db.select().from(jobAttempts).where(eq(jobAttempts.jobId, jobId!));
    expect(attempt!.leaseExpiresAt.getTime() - Date.now()).toBeGreaterThan(60_000);
    peer.socket.close();
    // The same node without a word of jobs takes none any more.
    const plain = new NodePeer(server.url, token);
    await once(plain.socket, "open");
    plain.hello([]);
    await eventually("it takes no jobs", async () => !(await nodeRow(id)).jobsEnabled);
    plain.socket.close();
  });
});

test("canary inferences are written down, made again, and withdraw a model that fails one", async () => {
  const quick = await createTestApi({}, { poll: 200, probeRetry: 60_000, probeAgain: 400 });
  const here = await listen(quick);
  const model = await readyModel(quick, await registerUser(quick));
  const { id, token } = await registerNode(quick);
  const peer = await servingPeer(quick, here.url, [model.id], { token });
  const probes = async () =>
    (await bodyOf<NodeDetailView>(await send(quick, "GET", `/api/nodes/${id}`))).history;
  await eventually("it is made again", async () => (await probes()).length >= 3);
  expect(
    (await probes()).every(({ ok, kind, modelId }) => ok && kind === "inference" && modelId === model.id),
  ).toBe(true);
  peer.answer = ({ id: inference }) =>
    peer.send({ type: "error", id: inference, code: "engine_failed", message: "no engine" });
  await eventually("it is withdrawn", async () => (await servingNodes(quick, model.id)) === 0);
  await eventually("it is written down", async () => (await probes())[0]?.ok === false);
  expect((await nodeRow(id)).probeScore).toBeLessThan(1);
  peer.socket.close();
  await here.close();
  await quick.close();
});

test("a token that was replaced stops working on every instance", async () => {
  const wallet = privateKeyToAccount(generatePrivateKey());
  const first = await bodyOf<{ token: string }>(await register(wallet, "moved"));
  // The other instance knows the token, and listens.
  other.deps.bus.start();
  expect((await beat(first.token, {}, other)).status).toBe(200);
  const second = await bodyOf<{ token: string }>(await register(wallet, "moved"));
  expect((await beat(first.token)).status).toBe(401);
  await eventually(
    "the other instance heard",
    async () => (await beat(first.token, {}, other)).status === 401,
  );
  expect((await beat(second.token, {}, other)).status).toBe(200);
});
