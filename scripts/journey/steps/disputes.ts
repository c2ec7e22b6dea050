import { randomBytes } from "node:crypto";
import type { CreateJob, JobDetail } from "@aiforge/api/client";
import {
  ASSIGNMENT_TYPES,
  aiforgeAbi,
  demoAccount,
  type Job,
  jobDomain,
  LOCAL_CHAIN_ID,
  payeeOf,
} from "@aiforge/contracts";
import { type Address, createWalletClient, encodeFunctionData, type Hex, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { expect, it } from "vitest";
import { aiforge, customerWallet, type World } from "../world.ts";

const node = demoAccount("node");
const RESULT = `0x${"5".repeat(64)}` as const;
/** The shortest that the API takes for a minute's work: with it the deadline is over when the month is. */
const DEADLINE_SECONDS = 3_660;
const MIRRORED_MS = 60_000;

export function disputeSteps(world: World): void {
  it("11: the customer disputes a result, an admin divides the price, and both see who did what", async () => {
    const { customer, admin } = world;
    world.unservedJob = (await fundedJob(world, "Nobody takes this")).id;
    const job = await fundedJob(world, "Look at it first");
    await submit(world, job);
    world.disputedJob = job.id;

    await customer.visit(`/jobs/${job.id}`);
    await customer.byTestId("dispute").click();
    await customer.byTestId("action-button").click();
    await customer.sign("transaction");
    await customer.byTestId("action-confirmed").waitFor();
    await customer.button("Done").click();
    const told = customer.byTestId("job-dispute");
    await told.waitFor({ timeout: MIRRORED_MS });
    expect(await told.textContent()).toMatch(/Disputed by you.*To be decided until/s);

    await admin.visit("/admin/jobs");
    const row = admin.byTestId("dispute").and(admin.page.locator(`[data-job="${job.id}"]`));
    expect(await row.textContent()).toMatch(/the client.*6 days left.*4\.75USDT to the node/s);
    await row.getByTestId("dispute-open").click();
    await admin.page.waitForURL(`**/admin/jobs/${job.id}`);
    await admin.byTestId("share-unit").selectOption("usdt");
    await admin.byTestId("node-share").fill("2.5");
    expect(await admin.byTestId("part-node").textContent()).toBe("2.375");
    expect(await admin.byTestId("part-fee").textContent()).toBe("0.125");
    expect(await admin.byTestId("part-client").textContent()).toBe("7.50");
    const before = await world.creditOf(customerWallet.address);
    await admin.byTestId("decide-button").click();
    await admin.byTestId("action-button").click();
    expect(await admin.sign("transaction")).toContain("Decide a disputed job");
    await admin.byTestId("action-confirmed").waitFor();
    await admin.button("Done").click();
    await admin.byTestId("decision").waitFor({ timeout: MIRRORED_MS });
    expect(await admin.byTestId("admin-paid").textContent()).toBe("2.375");
    expect((await world.creditOf(customerWallet.address)) - before).toBe(7_500_000n);
    expect(await world.creditOf(node.address)).toBeGreaterThanOrEqual(2_375_000n);

    await expect
      .poll(() => told.textContent(), { timeout: MIRRORED_MS })
      .toMatch(/Decided.*25 % to the node/s);
    expect([...admin.complaints, ...customer.complaints]).toEqual([]);
  }, 180_000);
}

export function refundSteps(world: World): void {
  it("11: a job that nobody took by its deadline: the customer's own wallet takes the money back", async () => {
    const { customer } = world;
    const before = await world.creditOf(customerWallet.address);
    await customer.visit(`/jobs/${world.unservedJob}`);
    await customer.byTestId("refund").click();
    await customer.byTestId("action-button").click();
    expect(await customer.sign("transaction")).toContain("Refund a job: 10.00 USDT");
    await customer.byTestId("action-confirmed").waitFor();
    await customer.button("Done").click();
    await customer.byTestId("job-refunded").waitFor({ timeout: MIRRORED_MS });
    expect(await customer.byTestId("money-status").textContent()).toBe("All of it came back.");
    expect((await world.creditOf(customerWallet.address)) - before).toBe(10_000_000n);
    expect(customer.complaints).toEqual([]);
  }, 120_000);
}

const send = async (world: World, key: Hex, to: Address, data: Hex): Promise<void> => {
  const account = privateKeyToAccount(key);
  const signer = createWalletClient({ account, chain: foundry, transport: http(world.place.rpcUrl) });
  const hash = await signer.sendTransaction({ to, data });
  const { status } = await world.chain.waitForTransactionReceipt({ hash });
  if (status !== "success") throw new Error(`Reverted: ${hash}`);
};

const detail = (world: World, id: string): Promise<JobDetail> =>
  world.customer.page.evaluate(
    async (path) => (await (await fetch(path)).json()) as JobDetail,
    `/api/jobs/${id}`,
  );

/** A job of the customer's for an image that no node has, paid by their wallet without a page. */
async function fundedJob(world: World, name: string): Promise<JobDetail> {
  const order: CreateJob = {
    name,
    price: "10",
    chain: `eip155:${LOCAL_CHAIN_ID}`,
    wallet: customerWallet.address,
    deadlineSeconds: DEADLINE_SECONDS,
    spec: {
      image: `sha256:${randomBytes(32).toString("hex")}`,
      command: ["true"],
      inputs: [],
      outputLimitMb: 1,
      cpuMillis: 100,
      memoryMb: 64,
      diskMb: 16,
      timeLimitSeconds: 60,
      review: true,
    },
  };
  const answer = await world.customer.page.evaluate(async (body) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch("/api/jobs", { method: "POST", headers, body });
    return { status: response.status, text: await response.text() };
  }, JSON.stringify(order));
  expect(answer.status, answer.text).toBe(201);
  const job = JSON.parse(answer.text) as JobDetail;
  for (const call of [job.payment?.allowanceReset, job.payment?.allowance, job.payment?.call]) {
    if (call) await send(world, customerWallet.privateKey, call.to as Address, call.data as Hex);
  }
  await expect
    .poll(async () => (await detail(world, job.id)).onchain?.status, { timeout: MIRRORED_MS })
    .toBe("open");
  return job;
}

/** What an assigned node does that submits its result on chain by itself. */
async function submit(world: World, { id, onchainId, terms }: JobDetail): Promise<void> {
  const jobId = onchainId as Hex;
  const job = { ...terms, price: BigInt(terms.price) } as Job;
  const message = { jobId, node: node.address, payee: payeeOf(node.address), expiry: terms.deadline };
  const signature = await privateKeyToAccount(demoAccount("operator").privateKey).signTypedData({
    domain: jobDomain(LOCAL_CHAIN_ID, aiforge),
    types: ASSIGNMENT_TYPES,
    primaryType: "Assignment",
    message,
  });
  const args = [job, message, signature, RESULT] as const;
  const data = encodeFunctionData({ abi: aiforgeAbi, functionName: "submitJob", args });
  await send(world, node.privateKey, aiforge, data);
  await expect
    .poll(async () => (await detail(world, id)).onchain?.status, { timeout: MIRRORED_MS })
    .toBe("submitted");
}
