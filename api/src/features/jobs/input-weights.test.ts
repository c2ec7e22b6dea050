import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { someImage } from "../../testing/fleet.ts";
import { buildGguf } from "../../testing/gguf.ts";
import { createTestApi, eventually, type TestApi } from "../../testing/harness.ts";
import { assigned, jobOf, type WorkingNode, workingNode } from "../../testing/jobs.ts";
import { CHAIN, fundedUser, pay, quotePublish } from "../../testing/market.ts";
import { unixfsCid } from "../../testing/unixfs.ts";
import { createModel, uploadFile, uploadVersion } from "../../testing/uploads.ts";
import { bodyOf, codeOf, type TestWalletUser } from "../../testing/users.ts";
import type { ModelView } from "../models/shapes.ts";
import { setNodeVerified } from "../nodes/service.ts";
import { jobs } from "./schema.ts";
import type { JobDetail } from "./shapes.ts";

const bytes = buildGguf({ data: new Uint8Array(randomBytes(200_000)) });

let api: TestApi;
let ada: TestWalletUser;
let eve: TestWalletUser;
let image: string;
let node: WorkingNode;
beforeAll(async () => {
  api = await createTestApi();
  ada = await fundedUser(api);
  eve = await fundedUser(api);
  image = someImage();
  node = await workingNode(api, image, { concurrency: 8, cpuMillis: 8_000, memoryMb: 8_192, diskMb: 8_192 });
});
afterAll(() => api.close());

const order = (user: TestWalletUser, cid: string) =>
  user.call("POST", "/api/jobs", {
    name: "Fine-tune",
    spec: {
      image,
      command: ["node", "/in/main.mjs"],
      inputs: [{ cid, path: "model.gguf" }],
      outputLimitMb: 1,
      cpuMillis: 500,
      memoryMb: 128,
      diskMb: 32,
      timeLimitSeconds: 60,
    },
    price: "1.00",
    chain: CHAIN,
    wallet: user.wallet.address,
  });

async function ordered(user: TestWalletUser, cid: string): Promise<JobDetail> {
  const response = await order(user, cid);
  expect(response.status, await response.clone().text()).toBe(201);
  const job = await bodyOf<JobDetail>(response);
  // As if its escrow was there.
  await api.deps.db.update(jobs).set({ state: "pending", fundedAt: new Date() }).where(eq(jobs.id, job.id));
  return job;
}

const inputOf = (attemptId: string, cid: string) => node.call("GET", `/attempts/${attemptId}/inputs/${cid}`);

it("reads protected weights as they were uploaded, by the CID of the encrypted ones, on a node that may have them", async () => {
  const model = await createModel(ada);
  const file = await uploadFile(api, ada, model.id, bytes);
  const plain = unixfsCid([bytes]);
  expect(file.cid).not.toBe(plain);

  const job = await ordered(ada, file.cid!);
  expect(job).toMatchObject({ tunes: model.id, spec: { inputs: [{ cid: plain, size: bytes.length }] } });
  const attemptId = await assigned(api, job.id);
  const work = await node.begin(attemptId);
  expect(work.inputs[0]).toMatchObject({ cid: plain, path: "model.gguf", size: bytes.length });
  const got = await inputOf(attemptId, plain);
  expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
  expect((await inputOf(attemptId, file.cid!)).status).toBe(404);
  // Taken back, it ends at once.
  await setNodeVerified(api.deps, node.id, false);
  expect((await inputOf(attemptId, plain)).status).toBe(404);

  const refused = await order(ada, file.cid!);
  expect([refused.status, await codeOf(refused)]).toEqual([409, "no_node_may_read"]);
  await setNodeVerified(api.deps, node.id, true);
  // The same order again, by what the job says that it reads.
  const again = await ordered(ada, plain);
  await setNodeVerified(api.deps, node.id, false);
  const other = await ordered(ada, await openVersion());
  await assigned(api, other.id);
  expect((await jobOf(api, again.id)).state, "no node that may have it").toBe("pending");
  // A node of the group's own.
  await api.deps.db.$client.query("UPDATE app.nodes SET address = $1 WHERE id = $2", [
    ada.wallet.address.toLowerCase(),
    node.id,
  ]);
  const mine = await assigned(api, again.id);
  await node.begin(mine);
  expect((await inputOf(mine, plain)).status).toBe(200);
  await setNodeVerified(api.deps, node.id, true);
});

async function openVersion(): Promise<string> {
  const { id } = await createModel(ada, "Open", "open");
  return (await uploadFile(api, ada, id, buildGguf({ data: new Uint8Array(randomBytes(100_000)) }))).cid!;
}

it("of others reads what is open and was served, and nothing else: the answer of a file that is not there", async () => {
  const unknown = unixfsCid([randomBytes(10)]);
  const none = await order(eve, unknown);
  expect([none.status, await codeOf(none.clone())]).toEqual([404, "input_unknown"]);
  const said = (await none.text()).replaceAll(unknown, "CID");
  const refusedTo = async (user: TestWalletUser, cid: string) => {
    const refused = await order(user, cid);
    expect([refused.status, (await refused.text()).replaceAll(cid, "CID")]).toEqual([404, said]);
  };
  await refusedTo(eve, await openVersion());

  for (const weights of ["open", "protected"] as const) {
    const own = buildGguf({ data: new Uint8Array(randomBytes(100_000)) });
    const { id } = await createModel(ada, "Published", weights);
    const { cid } = await uploadFile(api, ada, id, own);
    await pay(api, ada.wallet, await quotePublish(ada, id, { month: "10" }));
    await eventually("the publication", async () => {
      return (await bodyOf<ModelView>(await eve.call("GET", `/api/models/${id}`))).onchain;
    });
    if (weights === "protected") {
      await refusedTo(eve, cid!);
      await refusedTo(eve, unixfsCid([own]));
      continue;
    }
    expect((await order(eve, cid!)).status).toBe(201);
    const next = buildGguf({ data: new Uint8Array(randomBytes(100_000)) });
    const made = await uploadVersion(api, ada, id, next);
    await refusedTo(eve, made.cid!);
    expect((await ada.call("POST", `/api/models/${id}/versions/2/serve`)).status).toBe(200);
    expect((await order(eve, made.cid!)).status).toBe(201);
  }
});
