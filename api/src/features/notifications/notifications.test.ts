import { randomUUID } from "node:crypto";
import { eq } from "drizzle-orm";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startOperator } from "../../chain/operator/worker.ts";
import { fund, jobRow } from "../../testing/escrows.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import {
  bodyOf,
  codeOf,
  mailableUser,
  registerUser,
  type TestUser,
  type TestWalletUser,
  walletUser,
} from "../../testing/users.ts";
import { jobs } from "../jobs/schema.ts";
import { settlementCall } from "../jobs/settlement-calls.ts";
import { sweepSettlements } from "../jobs/settlement-sweep.ts";
import type { JobState } from "../jobs/states.ts";
import { type Move, moveJob } from "../jobs/transitions.ts";
import { notifySettled } from "./jobs.ts";
import { notificationDeliveries, notifications } from "./schema.ts";
import type { NotificationView, PreferencesView, WebhookView } from "./shapes.ts";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const withWallet = (user: TestUser): TestWalletUser => ({
  ...user,
  wallet: privateKeyToAccount(generatePrivateKey()),
});

async function move(id: string, change: Omit<Move, "id">): Promise<boolean> {
  return api.deps.db.transaction((tx) => moveJob(tx, { id, ...change }));
}
const START = { from: "assigned", to: "running", by: "node", reason: "node_started" } as const;
const DONE = { from: "verifying", to: "completed", by: "verifier", reason: "verified" } as const;

const listOf = async (user: TestUser, query = "") => {
  const response = await user.call("GET", `/api/notifications${query}`);
  return bodyOf<{ notifications: NotificationView[]; next: string | null }>(response);
};
const titlesOf = async (user: TestUser) => (await listOf(user)).notifications.map(({ title }) => title);
const unreadOf = async (user: TestUser) =>
  (await bodyOf<{ unread: number }>(await user.call("GET", "/api/notifications/unread"))).unread;
/** What waits to be sent to a user, by channel. */
const waitingFor = async (user: TestUser) =>
  (
    await api.deps.db
      .select({ channel: notificationDeliveries.channel })
      .from(notificationDeliveries)
      .innerJoin(notifications, eq(notifications.id, notificationDeliveries.notificationId))
      .where(eq(notifications.userId, user.id))
  ).map(({ channel }) => channel);

describe("who ordered a job", () => {
  it.each<[string, Omit<Move, "id">, string, string, string[]]>([
    ["starts", START, "job.started", "“A job” started", []],
    ["is done", DONE, "job.completed", "“A job” is done", ["email"]],
    [
      "fails",
      { from: "running", to: "failed", by: "node", reason: "out_of_memory" },
      "job.failed",
      "“A job” failed",
      ["email"],
    ],
    [
      "runs out of time",
      { from: "pending", to: "timed_out", by: "timer", reason: "no_node_in_time" },
      "job.failed",
      "“A job” ran out of time",
      ["email"],
    ],
    [
      "is cancelled",
      { from: "running", to: "cancelled", by: "admin", reason: "cancelled_by_admin" },
      "job.cancelled",
      "“A job” was cancelled",
      [],
    ],
  ])("is told when it %s", async (_what, change, kind, title, channels) => {
    const user = withWallet(await mailableUser(api));
    const job = await jobRow(api, user, { state: change.from });
    expect(await move(job.id, change)).toBe(true);
    const { notifications: told } = await listOf(user);
    expect(told).toMatchObject([{ kind, title, link: `/jobs/${job.id}`, readAt: null }]);
    expect(await unreadOf(user)).toBe(1);
    expect(await waitingFor(user)).toEqual(channels);
  });

  it("is told of the money once the chain shows it, and of each only once", async () => {
    const user = withWallet(await registerUser(api));
    const job = await jobRow(api, user, { state: "failed" });
    const settle = (paid: bigint, fee: bigint, refunded: bigint) =>
      api.deps.db.transaction((tx) =>
        notifySettled(tx, job, { status: refunded > 0n ? "refunded" : "paid", paid, fee, refunded }),
      );
    await settle(0n, 0n, 10_000_000n);
    await settle(0n, 0n, 10_000_000n);
    await settle(9_500_000n, 500_000n, 0n);
    expect(await titlesOf(user)).toEqual(["The node of “A job” was paid", "10.00 USDT of “A job” came back"]);
  });

  it("hears from the chain itself that the money came back", async () => {
    const user = await walletUser(api, await fundedWallet(api.rpcUrl));
    const job = await jobRow(api, user, { state: "running" });
    await fund(api, user, job);
    await move(job.id, { from: "running", to: "failed", by: "node", reason: "exit_code" });
    const operator = startOperator(api.deps, {
      encode: settlementCall,
      before: sweepSettlements,
      everyMs: 100,
    });
    try {
      await eventually("the refund is told", async () => (await titlesOf(user)).length === 2);
    } finally {
      await operator.stop();
    }
    expect(await titlesOf(user)).toEqual(["10.00 USDT of “A job” came back", "“A job” failed"]);
  });

  it("is told of the first start only, and not of what was never funded or goes on", async () => {
    const user = withWallet(await registerUser(api));
    const job = await jobRow(api, user, { state: "assigned" });
    await move(job.id, START);
    await move(job.id, { from: "running", to: "pending", by: "timer", reason: "node_lost" });
    await move(job.id, { from: "pending", to: "assigned", by: "scheduler", reason: "node_chosen" });
    await move(job.id, START);
    const quoted = await jobRow(api, user, { state: "quoted" });
    await move(quoted.id, { from: "quoted", to: "cancelled", by: "timer", reason: "quote_expired" });
    expect(await titlesOf(user)).toEqual(["“A job” started"]);
  });

  it("is told nothing of a transition that is undone", async () => {
    const user = withWallet(await registerUser(api));
    const job = await jobRow(api, user, { state: "verifying" });
    const failing = api.deps.db.transaction(async (tx) => {
      await moveJob(tx, { id: job.id, ...DONE });
      throw new Error("killed here");
    });
    await expect(failing).rejects.toThrow("killed here");
    expect(await titlesOf(user)).toEqual([]);
    expect(await waitingFor(user)).toEqual([]);
  });

  it("gets no e-mail without an address", async () => {
    const user = await walletUser(api);
    const job = await jobRow(api, user, { state: "verifying" });
    await move(job.id, DONE);
    expect(await titlesOf(user)).toHaveLength(1);
    expect(await waitingFor(user)).toEqual([]);
  });
});

it("tells every member of the group that a job was ordered for, and nobody else", async () => {
  const [owner, member, stranger] = await Promise.all([1, 2, 3].map(() => registerUser(api)));
  const group = await bodyOf<{ id: string }>(await owner!.call("POST", "/api/groups", { name: "Lab" }));
  const added = await owner!.call("POST", `/api/groups/${group.id}/members`, {
    email: member!.email,
    role: "member",
  });
  expect(added.ok).toBe(true);
  const job = await jobRow(api, withWallet(owner!), { state: "verifying" });
  await api.deps.db.update(jobs).set({ groupId: group.id }).where(eq(jobs.id, job.id));
  await move(job.id, DONE);
  expect(await titlesOf(owner!)).toEqual(["“A job” is done"]);
  expect(await titlesOf(member!)).toEqual(["“A job” is done"]);
  expect(await titlesOf(stranger!)).toEqual([]);
});

describe("the list", () => {
  async function told(user: TestUser, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const job = await jobRow(api, withWallet(user), { state: "assigned" satisfies JobState });
      await move(job.id, START);
    }
  }

  it("comes in pages, the newest first", async () => {
    const user = await registerUser(api);
    await told(user, 5);
    const first = await listOf(user, "?limit=2");
    const second = await listOf(user, `?limit=2&cursor=${first.next}`);
    const third = await listOf(user, `?limit=2&cursor=${second.next}`);
    const all = [first, second, third].flatMap((page) => page.notifications.map(({ id }) => id));
    expect(all).toEqual((await listOf(user)).notifications.map(({ id }) => id));
    expect(third.next).toBeNull();
    for (const cursor of ["x", "-1", "1.5", "99999999999999999999"]) {
      expect((await user.call("GET", `/api/notifications?cursor=${cursor}`)).status).toBe(400);
    }
  });

  it("is read one by one, or up to what was seen", async () => {
    const user = await registerUser(api);
    await told(user, 4);
    const [, third, , first] = (await listOf(user)).notifications;
    expect((await user.call("POST", `/api/notifications/${first!.id}/read`)).status).toBe(204);
    expect(await unreadOf(user)).toBe(3);
    expect((await user.call("POST", "/api/notifications/read", { upTo: third!.id })).status).toBe(204);
    expect(await unreadOf(user)).toBe(1);
  });

  it("is nobody else's: the same 404 as for one that does not exist", async () => {
    const [user, other] = await Promise.all([registerUser(api), registerUser(api)]);
    await told(user, 1);
    const { id } = (await listOf(user)).notifications[0]!;
    for (const each of [id, randomUUID()]) {
      const one = await other.call("POST", `/api/notifications/${each}/read`);
      expect([one.status, await codeOf(one)]).toEqual([404, "not_found"]);
      const all = await other.call("POST", "/api/notifications/read", { upTo: each });
      expect([all.status, await codeOf(all)]).toEqual([404, "not_found"]);
    }
    expect(await unreadOf(user)).toBe(1);
    expect((await listOf(other)).notifications).toEqual([]);
    const anonymous = await api.app.request("/api/notifications/unread");
    expect(anonymous.status).toBe(401);
  });
});

describe("preferences", () => {
  it("decide which kind goes by which channel", async () => {
    const user = withWallet(await mailableUser(api));
    const before = await bodyOf<PreferencesView>(await user.call("GET", "/api/notifications/preferences"));
    expect(before.email).toEqual({ available: false, address: user.email, confirmed: true });
    expect(before.kinds.find(({ kind }) => kind === "job.started")).toMatchObject({
      inApp: true,
      email: false,
    });
    const kinds = [
      { kind: "job.started", inApp: false, email: true, webhook: true },
      { kind: "job.completed", inApp: false, email: false, webhook: false },
    ];
    expect((await user.call("PUT", "/api/notifications/preferences", { kinds })).status).toBe(200);
    const job = await jobRow(api, user, { state: "assigned" });
    await move(job.id, START);
    const done = await jobRow(api, user, { state: "verifying" });
    await move(done.id, DONE);
    expect(await titlesOf(user)).toEqual([]);
    expect(await unreadOf(user)).toBe(0);
    expect(await waitingFor(user)).toEqual(["email"]);
    const twice = await user.call("PUT", "/api/notifications/preferences", { kinds: [kinds[0], kinds[0]] });
    expect(twice.status).toBe(400);
    const unknown = [{ ...kinds[0], kind: "job.nothing" }];
    expect((await user.call("PUT", "/api/notifications/preferences", { kinds: unknown })).status).toBe(400);
  });
});

describe("webhooks", () => {
  const create = (user: TestUser, url: string) => user.call("POST", "/api/notifications/webhooks", { url });

  it("are made, changed and removed by their owner alone", async () => {
    const [user, other] = await Promise.all([registerUser(api), registerUser(api)]);
    const made = await create(user, "https://example.com/hook#part");
    expect(made.status).toBe(201);
    const { webhook, secret } = await bodyOf<{ webhook: WebhookView; secret: string }>(made);
    expect(webhook).toMatchObject({ url: "https://example.com/hook", enabled: true, lastAttemptAt: null });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const again = await create(user, "https://example.com/hook");
    expect([again.status, await codeOf(again)]).toEqual([409, "webhook_exists"]);

    const path = `/api/notifications/webhooks/${webhook.id}`;
    const foreign = [
      other.call("PATCH", path, { enabled: false }),
      other.call("DELETE", path),
      other.call("POST", `${path}/rotate`),
      other.call("POST", `${path}/test`),
    ];
    for (const response of await Promise.all(foreign)) expect(response.status).toBe(404);

    expect((await user.call("PATCH", path, {})).status).toBe(400);
    expect((await user.call("PATCH", path, { url: "https://10.0.0.1/" })).status).toBe(400);
    const off = await user.call("PATCH", path, { enabled: false });
    expect(await bodyOf<WebhookView>(off)).toMatchObject({ enabled: false });
    const job = await jobRow(api, withWallet(user), { state: "assigned" });
    await move(job.id, START);
    expect(await waitingFor(user)).toEqual([]);

    expect((await user.call("DELETE", path)).status).toBe(204);
    const list = await user.call("GET", "/api/notifications/webhooks");
    expect(await bodyOf(list)).toEqual({ webhooks: [] });
  });

  it("are ten at most, however many are made at once", async () => {
    const user = await registerUser(api);
    const made = await Promise.all(
      Array.from({ length: 14 }, (_, i) => create(user, `https://example.com/${i}`)),
    );
    const statuses = made.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(10).fill(201), ...Array(4).fill(409)]);
  });

  it("are refused where they would call the inside", async () => {
    const user = await registerUser(api);
    for (const url of [
      "https://169.254.169.254/",
      "http://example.com/",
      "https://localhost.localdomain:22/",
    ]) {
      const response = await create(user, url);
      expect([response.status, await codeOf(response)]).toEqual([400, "invalid_request"]);
    }
  });

  it("are limited in how often they change and are tested", async () => {
    const user = await registerUser(api);
    const { webhook } = await bodyOf<{ webhook: WebhookView }>(await create(user, "http://127.0.0.1:1/"));
    const path = `/api/notifications/webhooks/${webhook.id}`;
    const tests: number[] = [];
    for (let i = 0; i < 21; i++) tests.push((await user.call("POST", `${path}/test`)).status);
    expect(tests).toEqual([...Array(20).fill(200), 429]);
    const changes: number[] = [];
    for (let i = 0; i < 60; i++) changes.push((await user.call("POST", `${path}/rotate`)).status);
    expect(changes).toEqual([...Array(59).fill(200), 429]);
  });
});
