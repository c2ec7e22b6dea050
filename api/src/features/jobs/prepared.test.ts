import { demoAccount } from "@aiforge/contracts";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aiforgeCall, type Call } from "../../chain/calls.ts";
import { someImage, waitingJobs } from "../../testing/fleet.ts";
import { createTestApi, eventually, fundedWallet, type TestApi } from "../../testing/harness.ts";
import { assigned, jobOf, workingNode } from "../../testing/jobs.ts";
import { CHAIN, fundedUser, pay, sign } from "../../testing/market.ts";
import { bodyOf, codeOf, type TestWalletUser, walletUser } from "../../testing/users.ts";
import type { AdminCallView } from "../admin/shapes.ts";
import type { AdminJobDetail, DisputedJob } from "./admin-shapes.ts";
import { followFunding } from "./funding.ts";
import { signAssignment } from "./scheduler/sign.ts";
import type { JobDetail } from "./shapes.ts";
import { contractJob, unixSeconds } from "./terms.ts";

let api: TestApi;
let ada: TestWalletUser;
let admin: TestWalletUser;
beforeAll(async () => {
  api = await createTestApi();
  ada = await fundedUser(api);
  admin = await walletUser(api, privateKeyToAccount(demoAccount("deployer").privateKey));
});
afterAll(() => api.close());

const chain = () => api.deps.chains.get(CHAIN);
const detail = async (id: string) => bodyOf<JobDetail>(await ada.call("GET", `/api/jobs/${id}`));

async function callOf(user: TestWalletUser, path: string, body?: unknown): Promise<Call> {
  const response = await user.call("POST", path, body);
  expect(response.status, await response.clone().text()).toBe(200);
  return (await bodyOf<{ call: Call }>(response)).call;
}

const escrowIs = (id: string, status: string) =>
  eventually(`the escrow is ${status}`, async () => {
    const job = await detail(id);
    return job.onchain?.status === status ? job : null;
  });

/** A funded job whose result its node submitted on chain, by its own wallet and without the api. */
async function submitted(): Promise<JobDetail> {
  const response = await ada.call("POST", "/api/jobs", {
    name: "To review",
    spec: {
      image: someImage(),
      command: ["true"],
      outputLimitMb: 1,
      cpuMillis: 100,
      memoryMb: 64,
      diskMb: 16,
      timeLimitSeconds: 60,
      review: true,
    },
    price: "2",
    chain: CHAIN,
    wallet: ada.wallet.address,
  });
  const { id, payment } = await bodyOf<JobDetail>(response);
  await pay(api, ada.wallet, payment!);
  await escrowIs(id, "open");
  expect(await codeOf(await ada.call("POST", `/api/jobs/${id}/dispute`))).toBe("escrow_not_there");
  expect(await codeOf(await ada.call("POST", `/api/jobs/${id}/approve`))).toBe("escrow_not_there");
  expect(await codeOf(await ada.call("POST", `/api/jobs/${id}/refund`))).toBe("too_early");
  await followFunding(api.deps);
  const job = await jobOf(api, id);
  const node = await fundedWallet(api.rpcUrl, 0n);
  const { assignment, signature } = await signAssignment(chain(), {
    jobId: job.onchainId as `0x${string}`,
    node: node.address,
    expiry: unixSeconds(job.deadline),
  });
  const result = `0x${"5".repeat(64)}` as const;
  const taken = { ...assignment, jobId: job.onchainId, node: node.address, payee: assignment.payee } as never;
  await sign(api, node, aiforgeCall(chain(), "submitJob", [contractJob(job), taken, signature, result]));
  return escrowIs(id, "submitted");
}

describe("a submitted result", () => {
  it("is paid at once when its client approves", async () => {
    const job = await submitted();
    expect(job.onchain?.submission?.result).toBe(`0x${"5".repeat(64)}`);
    expect(await codeOf(await ada.call("POST", `/api/jobs/${job.id}/refund`))).toBe("escrow_not_there");
    await sign(api, ada.wallet, await callOf(ada, `/api/jobs/${job.id}/approve`));
    expect((await escrowIs(job.id, "paid")).onchain).toMatchObject({ paid: "1.90", fee: "0.10" });
  });

  it("that its client disputes is shared by an admin", async () => {
    const job = await submitted();
    await sign(api, ada.wallet, await callOf(ada, `/api/jobs/${job.id}/dispute`));
    await escrowIs(job.id, "disputed");
    expect((await ada.call("GET", "/api/admin/jobs/disputed")).status).toBe(404);
    expect((await ada.call("POST", `/api/admin/jobs/${job.id}/resolve`, { nodeBps: 1 })).status).toBe(404);
    const listed = async () => {
      const response = await admin.call("GET", "/api/admin/jobs/disputed");
      expect(response.status, await response.clone().text()).toBe(200);
      const { jobs, decided } = await bodyOf<{ jobs: DisputedJob[]; decided: DisputedJob[] }>(response);
      const find = (among: DisputedJob[]) => among.find((each) => each.job.id === job.id);
      return { waiting: find(jobs), decided: find(decided) };
    };
    const client = { id: ada.id, name: expect.any(String) };
    const { dispute } = (await detail(job.id)).onchain!;
    const { node } = job.onchain!.submission!;
    const by = ada.wallet.address.toLowerCase();
    expect(dispute).toMatchObject({ by, side: "client", node, decision: null, over: false });
    expect(Date.parse(dispute!.until) - Date.parse(dispute!.at)).toBe(7 * 86_400_000);
    const { waiting, decided } = await listed();
    const { submission } = job.onchain!;
    expect([waiting, decided]).toMatchObject([
      { client, submission, dispute, status: "disputed" },
      undefined,
    ]);
    const judged = await bodyOf<AdminJobDetail>(await admin.call("GET", `/api/admin/jobs/${job.id}`));
    // Nothing was checked here: the node submitted without having been given the job.
    expect(judged).toMatchObject({ client, verified: null, files: [], job: { id: job.id, payment: null } });
    const path = `/api/admin/jobs/${job.id}/resolve`;
    expect(await codeOf(await admin.call("POST", path, { nodeBps: 10_001 }))).toBe("invalid_request");
    const prepared = await bodyOf<AdminCallView>(await admin.call("POST", path, { nodeBps: 2_500 }));
    expect(prepared.signers).toContain(admin.wallet.address.toLowerCase());
    await sign(api, admin.wallet, prepared.call);
    expect((await escrowIs(job.id, "resolved")).onchain).toMatchObject({
      paid: "0.475",
      fee: "0.025",
      refunded: "1.50",
    });
    expect(await codeOf(await admin.call("POST", path, { nodeBps: 1 }))).toBe("escrow_not_there");
    const decision = { by: admin.wallet.address.toLowerCase(), byTime: false, nodeBps: 2_500 };
    expect((await detail(job.id)).onchain?.dispute).toMatchObject({ side: "client", decision });
    expect(await listed()).toMatchObject({
      waiting: undefined,
      decided: { status: "resolved", dispute: { decision }, paid: "0.475", fee: "0.025", refunded: "1.50" },
    });
  });

  it("that its client disputed and then approved is told of as paid", async () => {
    const job = await submitted();
    await sign(api, ada.wallet, await callOf(ada, `/api/jobs/${job.id}/dispute`));
    await escrowIs(job.id, "disputed");
    await sign(api, ada.wallet, await callOf(ada, `/api/jobs/${job.id}/approve`));
    await escrowIs(job.id, "paid");
    const { decided } = await bodyOf<{ decided: DisputedJob[] }>(
      await admin.call("GET", "/api/admin/jobs/disputed"),
    );
    const found = decided.find((each) => each.job.id === job.id);
    expect(found).toMatchObject({ status: "paid", paid: "1.90", dispute: { decision: null, over: true } });
  });
});

it("an admin finds anybody's job, reads its log and takes what it put out", async () => {
  const image = someImage();
  const node = await workingNode(api, image);
  const [id = ""] = await waitingJobs(api, ada.id, 1, { image });
  const attempt = await assigned(api, id);
  const path = `/api/admin/jobs/${id}`;
  const found = async (q: string) => {
    const response = await admin.call("GET", `/api/admin/jobs?${new URLSearchParams(q ? { q } : {})}`);
    const { jobs } = await bodyOf<{ jobs: { job: { id: string }; client: object }[] }>(response);
    return jobs.find(({ job }) => job.id === id);
  };
  expect(await found("")).toMatchObject({ client: { id: ada.id } });
  await node.begin(attempt);
  await node.report(attempt, { type: "log", stream: "stdout", text: "It mines coins.\n" });
  expect((await node.put(attempt, "a b/part.txt", "half of it")).status).toBe(200);
  await node.finish(attempt, { exitCode: 3 });
  await eventually("it failed", async () => (await detail(id)).state === "failed");
  expect(await found("")).toBeUndefined();
  const { onchainId, wallet } = await jobOf(api, id);
  for (const q of [id, onchainId.toUpperCase().replace("0X", "0x"), wallet])
    expect(await found(q), q).toBeDefined();
  expect(await found("%nothing_of_the_kind%")).toBeUndefined();

  const judged = await bodyOf<AdminJobDetail>(await admin.call("GET", path));
  expect(judged).toMatchObject({ verified: null, files: [{ attempt: 1, path: "a b/part.txt", size: 10 }] });
  const { logs } = await bodyOf<{ logs: { text: string }[] }>(await admin.call("GET", `${path}/logs`));
  expect(logs.map(({ text }) => text).join("")).toContain("It mines coins.");
  const output = `${path}/attempts/1/outputs/a%20b/part.txt`;
  expect(await (await admin.call("GET", output)).text()).toBe("half of it");
  expect((await admin.call("GET", output.replace("part", "other"))).status).toBe(404);
  expect((await admin.call("GET", output.replace("/1/", "/2/"))).status).toBe(404);
  for (const secret of [path, `${path}/logs`, output, "/api/admin/jobs"]) {
    expect([secret, (await ada.call("GET", secret)).status]).toEqual([secret, 404]);
  }
  expect((await admin.call("GET", `/api/admin/jobs/${crypto.randomUUID()}`)).status).toBe(404);
  expect((await admin.call("GET", "/api/admin/jobs/nonsense")).status).toBe(400);
});

it("an admin can stop anybody's job, with a reason that its owner reads", async () => {
  const image = someImage();
  const node = await workingNode(api, image);
  const [id = ""] = await waitingJobs(api, ada.id, 1, { image });
  await node.begin(await assigned(api, id));
  const path = `/api/admin/jobs/${id}/cancel`;
  expect((await ada.call("POST", path, { reason: "x" })).status).toBe(404);
  expect(await codeOf(await admin.call("POST", path, { reason: "" }))).toBe("invalid_request");
  expect((await admin.call("POST", path, { reason: "It mines coins." })).status).toBe(200);
  expect(await detail(id)).toMatchObject({
    state: "cancelled",
    failure: { code: "cancelled_by_admin", message: "It mines coins." },
  });
});
