import { expect } from "vitest";
import type { FileView } from "../features/files/shapes.ts";
import { followFunding } from "../features/jobs/funding.ts";
import type { JobDetail } from "../features/jobs/shapes.ts";
import { someImage } from "./fleet.ts";
import { eventually, type TestApi } from "./harness.ts";
import { jobOf } from "./jobs.ts";
import { CHAIN } from "./market.ts";
import { bodyOf, type TestUser, type TestWalletUser } from "./users.ts";

/** What a client writes of a small job, whose image no other test's nodes have. */
export const smallOrder = (change: Record<string, unknown> = {}) => ({
  image: someImage(),
  command: ["node", "/in/main.mjs"],
  outputLimitMb: 1,
  cpuMillis: 500,
  memoryMb: 128,
  diskMb: 32,
  timeLimitSeconds: 60,
  ...change,
});

/** The body of `POST /api/jobs`. */
export const orderBody = (
  user: Pick<TestWalletUser, "wallet">,
  spec: Record<string, unknown>,
  more: Record<string, unknown> = {},
) => ({ name: "A job", spec, price: "1.00", chain: CHAIN, wallet: user.wallet.address, ...more });

export function order(user: TestWalletUser, spec: Record<string, unknown>, more = {}): Promise<Response> {
  return user.call("POST", "/api/jobs", orderBody(user, spec, more));
}

export async function ordered(user: TestWalletUser, spec = smallOrder(), more = {}): Promise<JobDetail> {
  const response = await order(user, spec, more);
  expect(response.status, await response.clone().text()).toBe(201);
  return bodyOf<JobDetail>(response);
}

export const jobDetail = async (user: TestUser, id: string) =>
  bodyOf<JobDetail>(await user.call("GET", `/api/jobs/${id}`));

/** Waits until the mirror has what a job needs. */
export function fundingBrings(api: TestApi, id: string, state: JobDetail["state"]) {
  return eventually(`the job is ${state}`, async () => {
    await followFunding(api.deps);
    const job = await jobOf(api, id);
    return job.state === state ? job : null;
  });
}

/** Uploads a file of a job's, with the token of a sign-in or a key. */
export async function uploaded(api: TestApi, token: string, text: string): Promise<FileView> {
  const response = await api.app.request("/api/files?name=data.jsonl", {
    method: "POST",
    body: text,
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status, await response.clone().text()).toBe(201);
  return bodyOf<FileView>(response);
}
