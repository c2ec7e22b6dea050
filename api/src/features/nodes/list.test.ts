import { randomBytes, randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ableNode, capability } from "../../testing/fleet.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { fundedUser, publishedModel, readyModel } from "../../testing/market.ts";
import { bodyOf, codeOf, registerUser, send } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import { nodes } from "./schema.ts";
import type { NodeView } from "./shapes.ts";

interface Page {
  nodes: NodeView[];
  next: string | null;
  counts: Record<string, number> | null;
}

/** In the name of every node of this file, and of no other. */
const tag = randomBytes(6).toString("hex");
let api: TestApi;
let published: ModelView;
let hidden: ModelView;

async function add(name: string, rates: [string, string, string], change: Record<string, unknown> = {}) {
  const [cpuHour, memoryGbHour, gpuHour] = rates;
  const offered = capability({
    rates: { cpuHour, memoryGbHour, gpuHour },
    gpus: Number(gpuHour) > 0 ? 1 : 0,
  });
  const id = await ableNode(api, offered, { connected: true });
  await api.deps.db
    .update(nodes)
    .set({ name: `${tag} ${name}`, ...change })
    .where(eq(nodes.id, id));
}

beforeAll(async () => {
  api = await createTestApi();
  published = await publishedModel(api, await fundedUser(api));
  hidden = await readyModel(api, await registerUser(api));
  const ready = ({ id: modelId }: ModelView) => [{ modelId, state: "ready" as const }];
  await add("dear", ["0.9", "0.1", "0"], { completed: 90 });
  await add("cheap", ["0.1", "0.1", "0"], { failed: 3 });
  await add("gpu", ["0.1", "0.2", "1"], { models: ready(published), offered: [published.id] });
  await add("warm", ["0", "0", "0"], { jobsEnabled: false, models: ready(published), probeScore: 0.99 });
  await add("secret", ["2", "0", "0"], { models: ready(hidden), offered: [hidden.id], draining: true });
  await add("gone", ["0", "0", "0"], {
    lastHeartbeatAt: sql`now() - interval '6 minutes'`,
    completed: 1_000,
    models: ready(published),
  });
  await add("off 100%_", ["0", "0", "0"], { deactivatedAt: sql`now()`, deactivatedReason: "moved" });
});
afterAll(() => api.close());

const ask = (query: Record<string, string> | string) =>
  send(api, "GET", `/api/nodes?${new URLSearchParams(query)}`);
const page = async (query: Record<string, string> | string) => bodyOf<Page>(await ask(query));
const names = (found: Page) => found.nodes.map(({ name }) => name.replace(`${tag} `, ""));

describe("the list of nodes", () => {
  it("has those first that can be asked for something, the better record before the others", async () => {
    const all = await page({ q: tag });
    expect(names(all)).toEqual(["dear", "gpu", "warm", "cheap", "secret", "gone", "off 100%_"]);
    expect(all.counts).toEqual({ all: 7, active: 5, serving: 2, jobs: 3, gpu: 1 });
    expect(all.next).toBeNull();
    const scores = (await page({ q: tag, sort: "reputation" })).nodes.map(
      ({ reputation }) => reputation.score,
    );
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  });

  it("can be had by price, of what is asked for", async () => {
    expect(names(await page({ q: tag, sort: "price" })).slice(0, 3)).toEqual(["cheap", "gpu", "dear"]);
    expect(names(await page({ q: tag, sort: "price", only: "gpu" }))).toEqual(["gpu"]);
  });

  it("can be narrowed to what holds all at once, with the counts as they were", async () => {
    expect(names(await page({ q: tag, only: "serving" }))).toEqual(["gpu", "secret"]);
    const both = await page(`q=${tag}&only=serving&only=jobs`);
    expect(names(both)).toEqual(["gpu"]);
    expect(both.counts).toMatchObject({ all: 7, serving: 2 });
    expect(names(await page({ q: tag, only: "active" }))).not.toContain("off 100%_");
  });

  it("is searched by name, wallet, id and the names of published models, with no pattern of the caller's", async () => {
    expect(names(await page({ q: `${tag} CHE` }))).toEqual(["cheap"]);
    expect(names(await page({ q: "100%_" }))).toEqual(["off 100%_"]);
    expect(names(await page({ q: `${tag}_cheap` }))).toEqual([]);
    const [node] = (await page({ q: `${tag} gpu` })).nodes;
    expect(names(await page({ q: node!.id.toUpperCase() }))).toEqual(["gpu"]);
    expect(names(await page({ q: node!.address.slice(4, 30) }))).toEqual(["gpu"]);
    expect(names(await page({ q: published.slug }))).toEqual(["gpu", "warm", "gone"]);
    // That a model is called so is its group's own knowledge until it is published.
    expect(names(await page({ q: hidden.slug }))).toEqual([]);
  });

  it("tells who has a model, those that answer for it first", async () => {
    const having = await page({ modelId: published.id });
    expect(names(having)).toEqual(["gpu", "warm", "gone"]);
    expect(having.counts).toMatchObject({ all: 3, serving: 1 });
    expect(await page({ modelId: randomUUID() })).toMatchObject({ nodes: [], counts: { all: 0 } });
  });

  it.each(["standing", "price", "reputation"])(
    "comes a page at a time by %s, each node once",
    async (sort) => {
      const whole = names(await page({ q: tag, sort }));
      const seen: string[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const found: Page = await page({ q: tag, sort, limit: "2", ...(cursor ? { cursor } : {}) });
        expect(found.counts === null).toBe(cursor !== "");
        seen.push(...names(found));
        cursor = found.next;
      }
      expect(seen).toEqual(whole);
      expect(whole).toHaveLength(7);
    },
  );

  it("refuses what is no cursor of that search, and odd filters", async () => {
    const { next } = await page({ q: tag, limit: "1" });
    const odd = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const queries: Record<string, string>[] = [
      { cursor: "nonsense" },
      { cursor: next!, sort: "price" },
      { cursor: next!, modelId: published.id },
      { cursor: odd(["standing", 0, 0, 0, "a\0", randomUUID()]) },
      { cursor: odd(["standing", "x", 0, 0, "a", randomUUID()]) },
      { cursor: odd(["standing", 0, 0, 0, "a", "b"]) },
      { only: "everything" },
      { sort: "luck" },
      { limit: "201" },
      { limit: "0" },
      { modelId: "x" },
    ];
    for (const query of queries) {
      expect(await codeOf(await ask(query)), JSON.stringify(query)).toBe("invalid_request");
    }
  });
});
