import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { aiforgeAbi, deployments, LOCAL_CHAIN_ID, payeeOf, usdtAbi } from "@aiforge/contracts";
import type { Address, Hex } from "viem";
import { expect } from "vitest";
import { type Customer, type Order, PRICE } from "./customer.ts";
import type { House } from "./house.ts";
import { until } from "./until.ts";

const run = promisify(execFile);
const { aiforge, usdt } = deployments[LOCAL_CHAIN_ID]!;
/** `JobStatus` of the contract. */
const NONE = 0;
const LIVE = "('offered', 'accepted', 'running', 'uploading')";

export type End = "paid" | "refunded";

const jobOf = ({ chain }: House, id: Hex) =>
  chain.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "jobOf", args: [id] });

/** Lets containers go on that wait to be let go, also those of later attempts. */
async function letGo({ place: { dataDir } }: House): Promise<void> {
  for (const folder of await readdir(dataDir)) {
    const jobs = join(dataDir, folder, "jobs");
    for (const attempt of await readdir(jobs).catch(() => []))
      await writeFile(join(jobs, attempt, "in", "go"), "").catch(() => {});
  }
}

/**
 * Waits until a job is over and its money is where it belongs, and checks that it went there exactly once.
 * @returns the wallet of the node that did it; null for a job that nobody did
 */
export async function expectEnd(
  house: House,
  customer: Customer,
  order: Order,
  end: End,
): Promise<Address | null> {
  let seen = "";
  await until(
    `Job ${order.id} is over`,
    async () => {
      await letGo(house);
      const { status, escrow } = await jobOf(house, order.onchainId);
      if (status === NONE) await customer.sendAgain();
      const [row] = await house.rows<{ state: string; settled: boolean; live: number; due: string[] }>(
        `SELECT state, settled_at IS NOT NULL AS settled,
                (SELECT count(*)::int FROM app.job_attempts WHERE job_id = job.id AND state IN ${LIVE}) AS live,
                ARRAY(SELECT concat(key, ' ', state, ' ', error) FROM app.operator_transactions
                       WHERE key LIKE '%:' || job.id AND state IN ('pending', 'sent')) AS due
           FROM app.jobs job WHERE id = $1`,
        [order.id],
      );
      seen = JSON.stringify({ ...row, status, escrow: String(escrow) });
      return row?.settled === true && row.live === 0 && row.due.length === 0 && escrow === 0n;
    },
    { everyMs: 250, left: () => `${seen} ${house.ends.slice(-4).join("; ")}` },
  );
  const [row] = await house.rows<{ state: string; mirrored: string[]; doers: Address[] }>(
    `SELECT state,
            ARRAY(SELECT kind FROM chain.job_events event
                   WHERE event.job_id = job.onchain_id AND kind <> 'opened') AS mirrored,
            ARRAY(SELECT node.address FROM app.job_attempts attempt JOIN app.nodes node ON node.id = attempt.node_id
                   WHERE attempt.job_id = job.id AND attempt.state = 'finished') AS doers
       FROM app.jobs job WHERE id = $1`,
    [order.id],
  );
  const moved = await movesOf(house, order.onchainId);
  if (end === "refunded") {
    expect(row).toEqual({ state: "failed", mirrored: [end], doers: [] });
    expect(moved).toEqual([{ to: customer.account.address.toLowerCase(), amount: PRICE, fee: 0n }]);
    return null;
  }
  expect(row).toEqual({ state: "completed", mirrored: [end], doers: [expect.any(String)] });
  const doer = row?.doers[0] as Address;
  expect(moved).toEqual([
    { to: payeeOf(doer).toLowerCase(), amount: (PRICE * 95n) / 100n, fee: (PRICE * 5n) / 100n },
  ]);
  return doer;
}

/** Each time that a job's money left the contract's escrow, as the chain itself tells. */
async function movesOf({ chain }: House, jobId: Hex) {
  const events = { address: aiforge, abi: aiforgeAbi, args: { jobId }, fromBlock: 0n } as const;
  const [paid, refunded, resolved] = await Promise.all([
    chain.getContractEvents({ ...events, eventName: "JobPaid", strict: true }),
    chain.getContractEvents({ ...events, eventName: "JobRefunded", strict: true }),
    chain.getContractEvents({ ...events, eventName: "JobResolved", strict: true }),
  ]);
  return [
    ...paid.map(({ args }) => ({ to: args.payee.toLowerCase(), amount: args.amount, fee: args.fee })),
    ...refunded.map(({ args }) => ({ to: args.client.toLowerCase(), amount: args.amount, fee: 0n })),
    ...resolved.map(() => ({ to: "resolved", amount: 0n, fee: 0n })),
  ];
}

/** Containers of jobs, running or not. */
async function containers({ docker }: House): Promise<{ id: string; jobId: string }[]> {
  const label = "network.aiforge.job";
  const format = `{{.ID}} {{.Label "${label}"}}`;
  const ps = ["ps", "-a", "--no-trunc", "--filter", `label=${label}`, "--format", format];
  const { stdout } = await run("docker", ["-H", docker.host, ...ps]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" "))
    .map(([id = "", jobId = ""]) => ({ id, jobId }));
}

/** Ids of the containers of a job, running or not. */
export async function containersOf(house: House, jobId: string): Promise<string[]> {
  return (await containers(house)).filter((each) => each.jobId === jobId).map(({ id }) => id);
}

/** kill -9 of a container. */
export async function killContainers(house: House, jobId: string): Promise<void> {
  for (const id of await containersOf(house, jobId))
    await run("docker", ["-H", house.docker.host, "kill", "--signal", "KILL", id]);
}

/**
 * Waits until nothing is held of any job: no part of a node, no container, no transaction to be sent, and in the
 * contract exactly what it owes.
 */
export async function expectNothingHeld(house: House, orders: readonly Order[], owed: readonly Address[]) {
  let held: unknown;
  await until(
    "Nothing is held any more",
    async () => {
      const nodes = await house.rows(
        `SELECT name, used_cpu_millis, used_memory_mb, used_gpus, used_disk_mb, running_jobs FROM app.nodes
          WHERE used_cpu_millis <> 0 OR used_memory_mb <> 0 OR used_gpus <> 0 OR used_disk_mb <> 0 OR running_jobs <> 0`,
      );
      const attempts = await house.rows(`SELECT id, state FROM app.job_attempts WHERE state IN ${LIVE}`);
      const due = await house.rows(
        "SELECT key, state, error FROM app.operator_transactions WHERE state IN ('pending', 'sent')",
      );
      const left = (await containers(house)).filter(({ jobId }) => orders.some(({ id }) => id === jobId));
      held = { nodes, attempts, due, left };
      return [nodes, attempts, due, left].every(({ length }) => length === 0);
    },
    { everyMs: 500, left: () => JSON.stringify(held) },
  );
  const { chain } = house;
  const credits = owed.map((address) =>
    chain.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "creditOf", args: [address] }),
  );
  const escrows = orders.map(async ({ onchainId }) => (await jobOf(house, onchainId)).escrow);
  const fees = chain.readContract({ address: aiforge, abi: aiforgeAbi, functionName: "uncollectedFees" });
  const sum = (await Promise.all([...credits, ...escrows, fees])).reduce((total, each) => total + each, 0n);
  const balance = await chain.readContract({
    address: usdt,
    abi: usdtAbi,
    functionName: "balanceOf",
    args: [aiforge],
  });
  expect(sum).toBe(balance);
}
