import { randomBytes } from "node:crypto";
import { type JobSpecification, jobIdOf, payeeOf, specificationHash } from "@aiforge/contracts";
import { and, eq } from "drizzle-orm";
import type { Hex, PrivateKeyAccount } from "viem";
import { aiforgeCall, FROM_WALLET, usdtCall } from "../chain/calls.ts";
import { chainJobs } from "../chain/schema.ts";
import { jobAttempts, jobs } from "../features/jobs/schema.ts";
import type { JobState } from "../features/jobs/states.ts";
import { contractJob } from "../features/jobs/terms.ts";
import type { JobRow } from "../features/jobs/transitions.ts";
import { nodes } from "../features/nodes/schema.ts";
import { eventually, type TestApi } from "./harness.ts";
import { CHAIN, sign } from "./market.ts";
import type { TestWalletUser } from "./users.ts";

const hex32 = (): Hex => `0x${randomBytes(32).toString("hex")}`;

/** A specification that is valid and asks for little. */
export function smallSpecification(change: Partial<JobSpecification> = {}): JobSpecification {
  return {
    version: 1,
    image: `sha256:${"a".repeat(64)}`,
    command: ["true"],
    env: {},
    inputs: [],
    outputLimitMb: 1,
    cpuMillis: 100,
    memoryMb: 64,
    gpus: 0,
    diskMb: 16,
    timeLimitSeconds: 60,
    network: false,
    retries: 0,
    engineModelId: null,
    review: false,
    ...change,
  };
}

export interface EscrowOptions {
  state: JobState;
  /** Micro-USDT. */
  price?: bigint;
  review?: boolean;
  /** Unix seconds of the chain. */
  deadline?: number;
  /** Whose wallet does the job; none: nobody was assigned. */
  node?: PrivateKeyAccount;
  /** CAIP-2; the local EVM chain when left out. */
  chain?: string;
}

/** A job of a state's row, with the attempt of its node, not funded. */
export async function jobRow(
  api: TestApi,
  client: TestWalletUser,
  {
    state,
    price = 10_000_000n,
    review = false,
    deadline = Math.floor(Date.now() / 1000) + 86_400,
    node,
    chain = CHAIN,
  }: EscrowOptions,
): Promise<JobRow> {
  const spec = smallSpecification({ review });
  const terms = {
    wallet: client.wallet.address.toLowerCase(),
    account: hex32(),
    specHash: specificationHash(spec),
    price,
    deadline: new Date(deadline * 1000),
    salt: hex32(),
  };
  const onchainId = jobIdOf(contractJob(terms));
  const at = { chain, onchainId };
  const base = { userId: client.id, name: "A job", spec, state, attemptsLeft: 0, attemptNo: node ? 1 : 0 };
  const result = { resultHash: node ? hex32() : null };
  const [row] = await api.deps.db
    .insert(jobs)
    .values({ ...base, ...terms, ...at, ...result })
    .returning();
  if (node) await attempt(api, row!, node);
  return row!;
}

async function attempt(api: TestApi, job: JobRow, node: PrivateKeyAccount): Promise<void> {
  const address = node.address.toLowerCase();
  const [stored] = await api.deps.db
    .insert(nodes)
    .values({ address, name: hex32(), tokenHash: hex32(), capabilities: {} })
    .returning({ id: nodes.id });
  await api.deps.db.insert(jobAttempts).values({
    jobId: job.id,
    no: 1,
    nodeId: stored!.id,
    state: job.state === "completed" ? "finished" : "running",
    leaseExpiresAt: new Date(Date.now() + 3_600_000),
    assignment: {
      chain: job.chain,
      jobId: job.onchainId,
      node: address,
      payee: payeeOf(node.address),
      expiry: Math.floor(job.deadline.getTime() / 1000),
    },
    cpuMillis: 100,
    memoryMb: 64,
    gpus: 0,
    diskMb: 16,
  });
}

/** Funds a job's escrow from its client's wallet and waits until the mirror has it. */
export async function fund(api: TestApi, client: TestWalletUser, job: JobRow): Promise<void> {
  const chain = api.deps.chains.get(CHAIN);
  await sign(api, client.wallet, usdtCall(chain, "approve", [chain.aiforge, 0n]));
  await sign(api, client.wallet, usdtCall(chain, "approve", [chain.aiforge, job.price]));
  await sign(api, client.wallet, aiforgeCall(chain, "openJob", [contractJob(job), FROM_WALLET]));
  await eventually("the job is mirrored", () => escrowOf(api, job));
}

/** A job's escrow as the mirror has it. */
export async function escrowOf(api: TestApi, job: JobRow) {
  const [row] = await api.deps.db
    .select()
    .from(chainJobs)
    .where(and(eq(chainJobs.chainId, job.chain), eq(chainJobs.jobId, job.onchainId)));
  return row;
}

/** Waits for the status of a job's escrow. */
export function escrowBecomes(api: TestApi, job: JobRow, status: string, ms = 90_000) {
  return eventually(
    `the escrow is ${status}`,
    async () => {
      const row = await escrowOf(api, job);
      return row?.status === status ? row : null;
    },
    ms,
  );
}
