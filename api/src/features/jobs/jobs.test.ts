import { canonicalJson, contentCid, resultHash, specificationHash } from "@aiforge/contracts";
import { eq, sql } from "drizzle-orm";
import type { TypedDataDefinition } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { revertTo, testClient } from "../../../../scripts/testing/chain.ts";
import type { Call } from "../../chain/calls.ts";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { someImage, waitingJobs } from "../../testing/fleet.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { assigned, jobBecomes, jobOf, workingNode } from "../../testing/jobs.ts";
import { CHAIN, fundedUser, pay, sign } from "../../testing/market.ts";
import { bodyOf, codeOf, registerUser, type TestUser, type TestWalletUser } from "../../testing/users.ts";
import type { FileView } from "../files/shapes.ts";
import { payments } from "../payments/schema.ts";
import { followFunding } from "./funding.ts";
import { jobs } from "./schema.ts";
import type { JobDetail } from "./shapes.ts";
import { verifyWaiting } from "./worker.ts";

let api: TestApi;
let ada: TestWalletUser;
let eve: TestUser;
beforeAll(async () => {
  api = await createTestApi();
  ada = await fundedUser(api);
  eve = await registerUser(api, "Eve");
});
afterAll(() => api.close());

async function uploaded(user: TestUser, text: string): Promise<FileView> {
  const response = await api.app.request("/api/files?name=data.jsonl", {
    method: "POST",
    body: text,
    headers: { authorization: `Bearer ${user.token}` },
  });
  expect(response.status).toBe(201);
  return bodyOf<FileView>(response);
}

const small = (change: Record<string, unknown> = {}) => ({
  image: someImage(),
  command: ["node", "/in/main.mjs"],
  outputLimitMb: 1,
  cpuMillis: 500,
  memoryMb: 128,
  diskMb: 32,
  timeLimitSeconds: 60,
  ...change,
});

function order(user: TestWalletUser, spec: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return user.call("POST", "/api/jobs", {
    name: "A job",
    spec,
    price: "1.00",
    chain: CHAIN,
    wallet: user.wallet.address,
    ...more,
  });
}

async function ordered(user: TestWalletUser, spec: Record<string, unknown> = small(), more = {}) {
  const response = await order(user, spec, more);
  expect(response.status, await response.clone().text()).toBe(201);
  return bodyOf<JobDetail>(response);
}

const detail = async (user: TestUser, id: string) =>
  bodyOf<JobDetail>(await user.call("GET", `/api/jobs/${id}`));

/** Waits until the mirror has what a job needs. */
function follow(id: string, state: JobDetail["state"]) {
  return eventually(`the job is ${state}`, async () => {
    await followFunding(api.deps);
    const job = await jobOf(api, id);
    return job.state === state ? job : null;
  });
}

describe("a job", () => {
  it("goes from an order to a paid result", async () => {
    const digest = someImage();
    const ref = `localhost/${digest.slice(7, 27)}:1`;
    const node = await workingNode(api, digest, {
      images: [{ ref, digest, arch: "amd64" }],
      rates: { cpuHour: "1.90", memoryGbHour: "0", gpuHour: "0" },
    });
    const input = await uploaded(ada, '{"prompt":"hello"}\n');
    const spec = small({
      image: ref,
      inputs: [{ cid: input.cid, path: "data/prompts.jsonl" }],
      env: { EPOCHS: "3" },
      timeLimitSeconds: 1800,
    });

    const estimate = await bodyOf(await ada.call("POST", "/api/jobs/estimate", { spec }));
    // Half a processor for half an hour at 1.90 an hour, of which the node gets 95 %.
    expect(estimate).toEqual({
      image: { ref, digest },
      nodes: 1,
      price: { suggested: "0.50", lowest: "0.50" },
      warnings: [{ code: "one_node", message: expect.any(String) }],
    });

    const quoted = await ordered(ada, spec, { price: "2", name: "Prompts" });
    expect(quoted).toMatchObject({
      state: "quoted",
      name: "Prompts",
      price: "2.00",
      spec: { image: digest, inputs: [{ cid: input.cid, path: "data/prompts.jsonl", size: input.size }] },
      attemptsLeft: 2,
      payment: {
        purpose: "job",
        status: "quoted",
        amount: "2.00",
        fee: "0.10",
        shares: [
          { kind: "platform", amount: "0.10", bps: 500 },
          { kind: "node", amount: "1.90", bps: 9500 },
        ],
        call: { functionName: "openJob" },
        ways: { transfer: null },
      },
      events: [{ to: "quoted", by: "client", detail: expect.stringContaining(digest) }],
      onchain: null,
      settlement: null,
    });
    expect(quoted.specHash).toBe(specificationHash(quoted.spec));

    await pay(api, ada.wallet, quoted.payment!);
    await follow(quoted.id, "pending");
    const funded = await detail(ada, quoted.id);
    expect(funded).toMatchObject({ payment: null, onchain: { status: "open", submission: null } });

    const attemptId = await assigned(api, quoted.id);
    const work = await node.begin(attemptId);
    const bytes = await api.app.request(work.inputs[0]!.url, {
      headers: { authorization: `Bearer ${node.token}` },
    });
    expect(await bytes.text()).toBe('{"prompt":"hello"}\n');
    await node.report(
      attemptId,
      { type: "log", stream: "stdout", text: "at work\n" },
      { type: "progress", value: 0.5 },
      { type: "sample", cpu: 0.25, memoryBytes: 1e6, gpu: null },
    );
    const running = await detail(ada, quoted.id);
    expect(running).toMatchObject({
      state: "running",
      progress: 0.5,
      node: { id: node.id, name: "worker" },
      samples: [{ cpu: 0.25, memoryBytes: 1e6, gpu: null }],
      outputs: [],
    });
    const answer = "it is done";
    const put = await node.put(attemptId, "out/wörld.txt", answer);
    const file = await bodyOf<{ path: string; cid: string; size: number }>(put);
    const early = await ada.call("GET", `/api/jobs/${quoted.id}/outputs/out%2Fw%C3%B6rld.txt`);
    expect(early.status).toBe(404);
    await node.finish(attemptId, { files: [file], containerSeconds: 0.01 });
    await verifyWaiting(api.deps);
    await jobBecomes(api, quoted.id, "completed");

    const done = await detail(ada, quoted.id);
    expect(done).toMatchObject({
      state: "completed",
      outputs: [file],
      attempts: [{ no: 1, state: "finished", exitCode: 0, node: { id: node.id } }],
      settlement: { kind: "pay", state: "pending" },
    });
    expect(done.events.map(({ to }) => to)).toEqual([
      "quoted",
      "pending",
      "assigned",
      "running",
      "verifying",
      "completed",
    ]);
    const manifest = canonicalJson({ version: 1, jobId: done.onchainId, attempt: 1, files: done.outputs });
    expect(done.outputCid).toBe(contentCid(Buffer.from(manifest)));
    expect(done.resultHash).toBe(
      resultHash({
        version: 1,
        jobId: done.onchainId as `0x${string}`,
        attempt: 1,
        exitCode: 0,
        containerSeconds: done.containerSeconds!,
        outputCid: done.outputCid!,
      }),
    );
    for (const path of ["out%2Fw%C3%B6rld.txt", "out/w%C3%B6rld.txt"]) {
      const output = await ada.call("GET", `/api/jobs/${quoted.id}/outputs/${path}`);
      expect(output.headers.get("content-disposition")).toContain("w%C3%B6rld.txt");
      expect(await output.text()).toBe(answer);
    }
    expect((await ada.call("GET", `/api/jobs/${quoted.id}/outputs/..%2F..%2Fetc`)).status).toBe(404);
    const logs = await bodyOf<{ logs: object[] }>(await ada.call("GET", `/api/jobs/${quoted.id}/logs`));
    expect(logs).toMatchObject({ logs: [{ stream: "stdout", text: "at work\n", attempt: 1 }], more: false });
    // What came out of one job can go into another.
    expect((await order(ada, small({ inputs: [{ cid: file.cid, path: "x" }] }))).status).toBe(201);
  });

  it("is funded by a signature too, which anyone can bring in", async () => {
    const quoted = await ordered(ada);
    const { permit2 } = quoted.payment!.ways!;
    expect(permit2!.typedData.message).toMatchObject({
      witness: { kind: "job", item: quoted.onchainId, maxPrice: "1000000", months: "0" },
    });
    if (permit2!.allowance) await sign(api, ada.wallet, permit2!.allowance);
    const signature = await ada.wallet.signTypedData(permit2!.typedData as unknown as TypedDataDefinition);
    const path = `/api/payments/${quoted.payment!.id}/permit`;
    const { call } = await bodyOf<{ call: Call }>(await ada.call("POST", path, { signature }));
    expect(call.functionName).toBe("openJobWithPermit");
    const relayer = await fundedUser(api);
    const hash = await sign(api, relayer.wallet, call);
    await follow(quoted.id, "pending");
    const paid = await bodyOf(await ada.call("GET", `/api/payments/${quoted.payment!.id}`));
    expect(paid).toMatchObject({ status: "confirmed", txHash: hash, purpose: "job" });
  });

  it("waits for its payment again when a reorg takes it back before any work", async () => {
    const quoted = await ordered(ada);
    for (const call of [quoted.payment!.allowanceReset, quoted.payment!.allowance]) {
      if (call) await sign(api, ada.wallet, call);
    }
    const client = testClient(api.rpcUrl);
    const snapshot = await client.snapshot();
    await sign(api, ada.wallet, quoted.payment!.call);
    await follow(quoted.id, "pending");
    await revertTo(client, snapshot);
    await follow(quoted.id, "quoted");
    expect(await jobOf(api, quoted.id)).toMatchObject({ fundedAt: null });
    await sign(api, ada.wallet, quoted.payment!.call);
    await follow(quoted.id, "pending");
    const { events } = await detail(ada, quoted.id);
    expect(events.map(({ reason }) => reason)).toEqual(["quoted", "funded", "funding_reorged", "funded"]);
  });

  it("that nobody pays is cancelled after its quote, and not before", async () => {
    const quoted = await ordered(ada);
    await followFunding(api.deps);
    expect((await jobOf(api, quoted.id)).state).toBe("quoted");
    await api.deps.db
      .update(payments)
      .set({ expiresAt: sql`now() - interval '1 hour'` })
      .where(eq(payments.id, quoted.payment!.id));
    await follow(quoted.id, "cancelled");
    expect(await detail(ada, quoted.id)).toMatchObject({
      failure: { code: "quote_expired" },
      settlement: null,
    });
  });
});

describe("cancelling", () => {
  const owed = async (id: string) =>
    (await api.deps.db.select({ key: operatorTransactions.key }).from(operatorTransactions))
      .map(({ key }) => key)
      .filter((key) => key.endsWith(id));

  it("before the payment owes nothing, and the quote cannot be paid any more", async () => {
    const quoted = await ordered(ada);
    const gone = await bodyOf<JobDetail>(await ada.call("POST", `/api/jobs/${quoted.id}/cancel`));
    expect(gone).toMatchObject({ state: "cancelled", payment: { status: "expired", ways: null } });
    expect(await owed(quoted.id)).toEqual([]);
    expect(await codeOf(await ada.call("POST", `/api/jobs/${quoted.id}/cancel`))).toBe("job_over");
  });

  it("refunds what was paid, frees the node and stops it", async () => {
    const image = someImage();
    const node = await workingNode(api, image);
    const [id = ""] = await waitingJobs(api, ada.id, 1, { image });
    const attemptId = await assigned(api, id);
    await node.begin(attemptId);
    expect((await ada.call("POST", `/api/jobs/${id}/cancel`)).status).toBe(200);
    expect(await owed(id)).toEqual([`job-refund:${id}`]);
    const told = await bodyOf(await node.report(attemptId, { type: "progress", value: 0.9 }));
    expect(told).toMatchObject({ cancel: true });
    expect(await codeOf(await node.finish(attemptId))).toBe("attempt_over");
    expect(await jobOf(api, id)).toMatchObject({ state: "cancelled", progress: null });
  });

  it("is too late once the container ended, and either it or the end wins a race", async () => {
    const image = someImage();
    const node = await workingNode(api, image);
    const [id = ""] = await waitingJobs(api, ada.id, 1, { image });
    const attemptId = await assigned(api, id);
    await node.begin(attemptId);
    await api.deps.db.update(jobs).set({ state: "verifying" }).where(eq(jobs.id, id));
    expect(await codeOf(await ada.call("POST", `/api/jobs/${id}/cancel`))).toBe("job_verifying");
    await api.deps.db.update(jobs).set({ state: "running" }).where(eq(jobs.id, id));

    const [cancel, finish] = await Promise.all([
      ada.call("POST", `/api/jobs/${id}/cancel`),
      node.finish(attemptId),
    ]);
    const { state } = await jobBecomes(api, id, cancel.status === 200 ? "cancelled" : "completed");
    expect(finish.status === 200).toBe(cancel.status !== 200);
    expect(await owed(id)).toEqual([state === "cancelled" ? `job-refund:${id}` : `job-pay:${id}`]);
  });
});

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
    expect((await detail(ada, quoted.id)).state).toBe("quoted");
    expect(await bodyOf(await eve.call("GET", "/api/jobs"))).toEqual({ jobs: [], next: null });
  });

  it("of a group is its members'", async () => {
    const { id: groupId } = await bodyOf<{ id: string }>(
      await ada.call("POST", "/api/groups", { name: "Lab" }),
    );
    const quoted = await ordered(ada, small(), { groupId });
    expect((await eve.call("GET", `/api/jobs/${quoted.id}`)).status).toBe(404);
    const invited = await ada.call("POST", `/api/groups/${groupId}/members`, {
      email: eve.email,
      role: "member",
    });
    expect(invited.status, await invited.clone().text()).toBeLessThan(300);
    expect((await detail(eve, quoted.id)).account).toBe(quoted.account);
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
    const response = await order(ada, small(spec), more);
    expect(await codeOf(response.clone()), await response.clone().text()).toBe(code);
    expect(response.status).toBe(status);
  });

  it("that were refused left no job and no payment", async () => {
    const before = await bodyOf<{ jobs: JobDetail[] }>(await ada.call("GET", "/api/jobs?limit=200"));
    expect(before.jobs.every(({ name }) => ["A job", "Prompts", "waiting"].includes(name))).toBe(true);
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
