import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { fundedUser } from "../../testing/market.ts";
import { jobDetail, order, ordered, smallOrder } from "../../testing/orders.ts";
import { bodyOf, codeOf, registerUser, type TestUser, type TestWalletUser } from "../../testing/users.ts";
import type { JobDetail } from "./shapes.ts";

let api: TestApi;
let ada: TestWalletUser;
let eve: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  ada = await fundedUser(api);
  eve = await registerUser(api, "Eve");
});
afterAll(() => api.close());

describe("somebody else's job", () => {
  it("is as unknown as one that is not there", async () => {
    const quoted = await ordered(ada);
    const unknown = "6a1f1c6e-0000-4000-8000-000000000000";
    const requests: [string, string][] = [
      ["GET", ""],
      ["GET", "/logs"],
      ["GET", "/events"],
      ["GET", "/outputs/x"],
      ["POST", "/cancel"],
      ["POST", "/dispute"],
      ["POST", "/approve"],
      ["POST", "/refund"],
    ];
    for (const [method, path] of requests) {
      const theirs = await eve.call(method, `/api/jobs/${quoted.id}${path}`);
      const nobodys = await eve.call(method, `/api/jobs/${unknown}${path}`);
      expect(theirs.status, path).toBe(404);
      expect(await theirs.text()).toBe(await nobodys.text());
      expect((await eve.call(method, `/api/jobs/nonsense${path}`)).status).toBe(404);
      expect((await api.app.request(`/api/jobs/${quoted.id}${path}`, { method })).status).toBe(401);
    }
    expect((await jobDetail(ada, quoted.id)).state).toBe("quoted");
    expect(await bodyOf(await eve.call("GET", "/api/jobs"))).toEqual({ jobs: [], next: null });
  });

  it("of a group is its members'", async () => {
    const { id: groupId } = await bodyOf<{ id: string }>(
      await ada.call("POST", "/api/groups", { name: "Lab" }),
    );
    const quoted = await ordered(ada, smallOrder(), { groupId });
    expect((await eve.call("GET", `/api/jobs/${quoted.id}`)).status).toBe(404);
    const invited = await ada.call("POST", `/api/groups/${groupId}/members`, {
      email: eve.email,
      role: "member",
    });
    expect(invited.status, await invited.clone().text()).toBeLessThan(300);
    expect((await jobDetail(eve, quoted.id)).account).toBe(quoted.account);
  });
});

describe("bad orders", () => {
  const cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

  it.each<[string, Record<string, unknown>, Record<string, unknown>, number, string]>([
    ["a negative price", {}, { price: "-1" }, 400, "invalid_amount"],
    ["no price", {}, { price: "0" }, 400, "price_too_low"],
    ["a price over what the contract holds", {}, { price: "18446744073709551616" }, 400, "invalid_amount"],
    ["a million GPUs", { gpus: 1_000_000 }, {}, 400, "invalid_request"],
    ["half a GPU", { gpus: 0.5 }, {}, 400, "invalid_request"],
    ["no processor", { cpuMillis: 0 }, {}, 400, "invalid_request"],
    ["a path up", { inputs: [{ cid, path: "../etc/passwd" }] }, {}, 400, "invalid_request"],
    ["a NUL in a path", { inputs: [{ cid, path: "a\0b" }] }, {}, 400, "invalid_request"],
    ["an absolute path", { inputs: [{ cid, path: "/in/x" }] }, {}, 400, "invalid_request"],
    ["an image by a tag that nobody has", { image: "nobody/has:this" }, {}, 400, "image_unknown"],
    ["an image with a space", { image: "a b" }, {}, 400, "invalid_request"],
    ["a variable with line breaks", { env: { A: "1\n2" } }, {}, 400, "invalid_request"],
    ["a variable of the platform's", { env: { AIFORGE_TOKEN: "x" } }, {}, 400, "invalid_request"],
    ["a NUL in the command", { command: ["a\0"] }, {}, 400, "invalid_request"],
    ["no command", { command: [] }, {}, 400, "invalid_request"],
    ["a command over 64 KiB", { command: ["x".repeat(65_537)] }, {}, 400, "invalid_request"],
    ["a CID that is not there", { inputs: [{ cid, path: "x" }] }, {}, 404, "input_unknown"],
    ["what is not a CID", { inputs: [{ cid: "Qm", path: "x" }] }, {}, 400, "invalid_request"],
    ["a model that is not there", { engineModelId: crypto.randomUUID() }, {}, 404, "model_not_found"],
    ["a field that is not known", { privileged: true }, {}, 400, "invalid_request"],
    ["an unknown chain", {}, { chain: "eip155:5" }, 400, "unknown_chain"],
    ["somebody else's wallet", {}, { wallet: `0x${"1".repeat(40)}` }, 403, "wallet_not_linked"],
    ["somebody else's group", {}, { groupId: crypto.randomUUID() }, 404, "not_found"],
    ["a deadline before the work can be done", {}, { deadlineSeconds: 60 }, 400, "deadline_too_short"],
    ["a deadline past the contract's", {}, { deadlineSeconds: 31 * 86_400 }, 400, "invalid_request"],
    ["a name with nothing to see", {}, { name: "\u200b" }, 400, "invalid_request"],
  ])("with %s are refused and leave nothing", async (_name, spec, more, status, code) => {
    const response = await order(ada, smallOrder(spec), more);
    expect(await codeOf(response.clone()), await response.clone().text()).toBe(code);
    expect(response.status).toBe(status);
  });

  it("that were refused left no job and no payment", async () => {
    const before = await bodyOf<{ jobs: JobDetail[] }>(await ada.call("GET", "/api/jobs?limit=200"));
    expect(before.jobs.every(({ name }) => ["A job"].includes(name))).toBe(true);
    const orphans = await api.deps.db.execute(sql`
      SELECT FROM app.payments WHERE purpose = 'job' AND user_id = ${ada.id}
         AND NOT EXISTS (SELECT FROM app.jobs WHERE jobs.payment_id = payments.id)`);
    expect(orphans.rows).toEqual([]);
  });

  it("of a gigabyte are cut off at the limit of a body", async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        if (sent > 1024 ** 3) controller.close();
        else controller.enqueue(new Uint8Array(65_536).fill(120));
      },
    });
    const response = await api.app.request("/api/jobs", {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${ada.token}`, "content-type": "application/json" },
      duplex: "half",
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(await codeOf(response)).toBe("body_too_large");
    expect(sent).toBeLessThan(16 * 1024 ** 2);
  });
});

describe("the list of jobs", () => {
  it("comes a page at a time, the newest first, each once", async () => {
    const user = await fundedUser(api);
    const ids: string[] = [];
    for (let at = 0; at < 5; at++) ids.unshift((await ordered(user)).id);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query = cursor ? `&cursor=${cursor}` : "";
      const page: { jobs: JobDetail[]; next: string | null } = await bodyOf(
        await user.call("GET", `/api/jobs?limit=2&state=quoted${query}`),
      );
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.next;
    }
    expect(seen).toEqual(ids);
    expect(await bodyOf(await user.call("GET", "/api/jobs?state=running"))).toEqual({ jobs: [], next: null });
    expect(await codeOf(await user.call("GET", "/api/jobs?cursor=nonsense"))).toBe("invalid_request");
  });
});
