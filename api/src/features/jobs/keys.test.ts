import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { assigned, workingNode } from "../../testing/jobs.ts";
import { fundedUser, pay, readyModel } from "../../testing/market.ts";
import { listen } from "../../testing/node-peer.ts";
import { fundingBrings, orderBody, ordered, smallOrder, uploaded } from "../../testing/orders.ts";
import {
  bodyOf,
  codeOf,
  registerUser,
  send,
  type TestUser,
  type TestWalletUser,
} from "../../testing/users.ts";
import type { KeyView } from "../keys/shapes.ts";
import type { JobDetail } from "./shapes.ts";

let api: TestApi;
let ada: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi({ GATEWAY_REQUESTS_PER_MINUTE: "40" });
  ada = await fundedUser(api);
});
afterAll(() => api.close());

async function keyOf(owner: TestUser, more: Record<string, unknown> = { scopes: ["jobs"] }) {
  const response = await owner.call("POST", "/api/keys", { name: "test", ...more });
  expect(response.status, await response.clone().text()).toBe(201);
  return bodyOf<{ key: KeyView; secret: string }>(response);
}

const by = (secret: string) => (method: string, path: string, body?: unknown) =>
  send(api, method, path, body, { authorization: `Bearer ${secret}` });

it("a key for jobs orders one, follows it and gets what comes out, with the wallet paying", async () => {
  const { key, secret } = await keyOf(ada);
  expect(key).toMatchObject({ scopes: ["jobs"] });
  const call = by(secret);
  const input = await uploaded(api, secret, "a line\n");
  expect(await bodyOf(await call("GET", "/api/files"))).toMatchObject({ files: [{ cid: input.cid }] });

  const spec = smallOrder({ inputs: [{ cid: input.cid, path: "data.jsonl" }] });
  const node = await workingNode(api, spec.image);
  expect(await bodyOf(await call("POST", "/api/jobs/estimate", { spec }))).toMatchObject({ nodes: 1 });
  const answer = await call("POST", "/api/jobs", orderBody(ada, spec));
  expect(answer.status, await answer.clone().text()).toBe(201);
  const job = await bodyOf<JobDetail>(answer);
  await pay(api, ada.wallet, job.payment!);
  await fundingBrings(api, job.id, "pending");

  const attemptId = await assigned(api, job.id);
  await node.begin(attemptId);
  await node.report(attemptId, { type: "log", stream: "stdout", text: "at work\n" });
  expect(await bodyOf(await call("GET", `/api/jobs/${job.id}/logs`))).toMatchObject({
    logs: [{ text: "at work\n" }],
  });
  const events = await call("GET", `/api/jobs/${job.id}/events`);
  expect(events.headers.get("content-type")).toBe("text/event-stream");
  const first = await events.body!.getReader().read();
  expect(Buffer.from(first.value as Uint8Array).toString()).toContain("event: ");
  expect((await call("POST", `/api/jobs/${job.id}/cancel`)).status).toBe(200);
  expect(await bodyOf(await call("GET", `/api/jobs/${job.id}`))).toMatchObject({ state: "cancelled" });
  expect(await bodyOf(await call("GET", "/api/jobs"))).toMatchObject({ jobs: [{ id: job.id }] });
  expect((await call("DELETE", `/api/files/${input.cid}`)).status).toBe(204);

  await api.deps.keys.flush();
  const { keys } = await bodyOf<{ keys: KeyView[] }>(await ada.call("GET", "/api/keys"));
  expect(keys.find(({ id }) => id === key.id)?.lastUsedAt).not.toBeNull();
});

it("what is somebody else's is as unknown to a key as what is not there", async () => {
  const job = await ordered(ada);
  const eve = await registerUser(api, "Eve");
  const call = by((await keyOf(eve)).secret);
  const nobodys = "6a1f1c6e-0000-4000-8000-000000000000";
  for (const path of ["", "/logs", "/events", "/outputs/x"]) {
    const theirs = await call("GET", `/api/jobs/${job.id}${path}`);
    expect(theirs.status).toBe(404);
    expect(await theirs.text()).toBe(await (await call("GET", `/api/jobs/${nobodys}${path}`)).text());
  }
  expect((await call("POST", `/api/jobs/${job.id}/cancel`)).status).toBe(404);
  expect(
    (await call("GET", "/api/files/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e")).status,
  ).toBe(404);
});

it("a key is good for what it was made for, and for nothing else", async () => {
  const { key, secret } = await keyOf(ada, {});
  expect(key.scopes).toEqual(["models"]);
  for (const path of ["/api/jobs", "/api/files", "/api/jobs/templates"]) {
    const refused = await by(secret)("GET", path);
    expect(refused.status).toBe(403);
    expect(await bodyOf(refused)).toMatchObject({
      error: { code: "key_scope", hint: expect.stringContaining('"jobs"'), details: { scope: "jobs" } },
    });
  }
  const jobs = (await keyOf(ada)).secret;
  const server = await listen(api);
  try {
    const client = new OpenAI({ apiKey: jobs, baseURL: `${server.url}/api/v1`, maxRetries: 0 });
    await expect(client.models.list()).rejects.toMatchObject({ status: 403, code: "key_scope" });
  } finally {
    await server.close();
  }
  // It is nobody's sign-in: no keys, no payments, no models by it.
  for (const path of [
    "/api/keys",
    "/api/payments/history/all",
    "/api/wallets/my-wallets",
    "/api/notifications",
  ]) {
    const refused = await by(jobs)("GET", path);
    expect(refused.status, path).toBe(401);
    expect(await bodyOf(refused)).toMatchObject({ error: { hint: expect.stringContaining("/api/jobs") } });
  }
  const job = await ordered(ada);
  const publish = { path: "weights.gguf", modelId: crypto.randomUUID() };
  expect(await codeOf(await by(jobs)("POST", `/api/jobs/${job.id}/publish`, publish))).toBe(
    "session_required",
  );
  const both = (await keyOf(ada, { scopes: ["jobs", "models"] })).secret;
  expect((await by(both)("GET", "/api/jobs")).status).toBe(200);
  expect((await by(both)("GET", "/api/v1/models")).status).toBe(200);
});

it("a key that is limited to models orders no job that asks another", async () => {
  const mine = await readyModel(api, ada);
  const other = await readyModel(api, ada);
  const call = by((await keyOf(ada, { scopes: ["jobs"], modelIds: [mine.id] })).secret);
  const spec = (engineModelId: string) => smallOrder({ engineModelId });
  expect(await codeOf(await call("POST", "/api/jobs/estimate", { spec: spec(other.id) }))).toBe(
    "model_not_found",
  );
  expect(await codeOf(await call("POST", "/api/jobs", orderBody(ada, spec(other.id))))).toBe(
    "model_not_found",
  );
  expect((await call("POST", "/api/jobs", orderBody(ada, spec(mine.id)))).status).toBe(201);
});

it("a key that is wrong, over, revoked or too busy is refused as at the gateway", async () => {
  const call = (secret: string) => by(secret)("GET", "/api/jobs");
  expect(await codeOf(await call(`aif_${"x".repeat(43)}`))).toBe("invalid_api_key");
  expect(await codeOf(await call("aif_short"))).toBe("invalid_api_key");
  const { key, secret } = await keyOf(ada);
  expect((await call(secret)).status).toBe(200);
  expect((await ada.call("DELETE", `/api/keys/${key.id}`)).status).toBe(204);
  expect(await codeOf(await call(secret))).toBe("invalid_api_key");
  const busy = (await keyOf(ada)).secret;
  const answers = await Promise.all(Array.from({ length: 45 }, () => call(busy)));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(5);
  expect(Number(refused[0]!.headers.get("retry-after"))).toBeGreaterThan(0);
  for (const scopes of [[], ["all"], ["jobs", "models", "jobs"]]) {
    const made = await ada.call("POST", "/api/keys", { name: "odd", scopes });
    expect(await codeOf(made), JSON.stringify(scopes)).toBe("invalid_request");
  }
});
