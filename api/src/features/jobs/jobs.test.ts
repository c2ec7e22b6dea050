import { canonicalJson, contentCid, resultHash, specificationHash } from "@aiforge/contracts";
import { eq, sql } from "drizzle-orm";
import type { TypedDataDefinition } from "viem";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { revertTo, testClient } from "../../../../scripts/testing/chain.ts";
import type { Call } from "../../chain/calls.ts";
import { operatorTransactions } from "../../chain/operator/schema.ts";
import { someImage, waitingJobs } from "../../testing/fleet.ts";
import { createTestApi, type TestApi } from "../../testing/harness.ts";
import { assigned, jobBecomes, jobOf, workingNode } from "../../testing/jobs.ts";
import { fundedUser, pay, sign } from "../../testing/market.ts";
import { fundingBrings, jobDetail, order, ordered, smallOrder, uploaded } from "../../testing/orders.ts";
import { bodyOf, codeOf, type TestWalletUser } from "../../testing/users.ts";
import { payments } from "../payments/schema.ts";
import { followFunding } from "./funding.ts";
import { jobs } from "./schema.ts";
import type { JobDetail } from "./shapes.ts";
import { verifyWaiting } from "./worker.ts";

let api: TestApi;
let ada: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi();
  ada = await fundedUser(api);
});
afterAll(() => api.close());

describe("a job", () => {
  it("goes from an order to a paid result", async () => {
    const digest = someImage();
    const ref = `localhost/${digest.slice(7, 27)}:1`;
    const node = await workingNode(api, digest, {
      images: [{ ref, digest, arch: "amd64" }],
      rates: { cpuHour: "1.90", memoryGbHour: "0", gpuHour: "0" },
    });
    const input = await uploaded(api, ada.token, '{"prompt":"hello"}\n');
    const spec = smallOrder({
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
    await fundingBrings(api, quoted.id, "pending");
    const funded = await jobDetail(ada, quoted.id);
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
    const running = await jobDetail(ada, quoted.id);
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

    const done = await jobDetail(ada, quoted.id);
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
    expect((await order(ada, smallOrder({ inputs: [{ cid: file.cid, path: "x" }] }))).status).toBe(201);
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
    await fundingBrings(api, quoted.id, "pending");
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
    await fundingBrings(api, quoted.id, "pending");
    await revertTo(client, snapshot);
    await fundingBrings(api, quoted.id, "quoted");
    expect(await jobOf(api, quoted.id)).toMatchObject({ fundedAt: null });
    await sign(api, ada.wallet, quoted.payment!.call);
    await fundingBrings(api, quoted.id, "pending");
    const { events } = await jobDetail(ada, quoted.id);
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
    await fundingBrings(api, quoted.id, "cancelled");
    expect(await jobDetail(ada, quoted.id)).toMatchObject({
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
