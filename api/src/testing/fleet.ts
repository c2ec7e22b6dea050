import { randomBytes, randomUUID } from "node:crypto";
import { type JobSpecification, jobIdOf, specificationHash } from "@aiforge/contracts";
import { sql } from "drizzle-orm";
import { jobs } from "../features/jobs/schema.ts";
import { contractJob } from "../features/jobs/terms.ts";
import type { JobCapability } from "../features/nodes/capability.ts";
import { storeCapability } from "../features/nodes/queries-fleet.ts";
import { nodes } from "../features/nodes/schema.ts";
import { smallSpecification } from "./escrows.ts";
import type { TestApi } from "./harness.ts";
import { CHAIN } from "./market.ts";

const hex = (bytes: number) => `0x${randomBytes(bytes).toString("hex")}` as const;

/** An image that no other test's nodes have. */
export const someImage = () => `sha256:${randomBytes(32).toString("hex")}`;

/** What a node of the tests offers: two processors, room for two jobs, for nothing. */
export function capability(change: Partial<JobCapability> & { digest?: string } = {}): JobCapability {
  const { digest = someImage(), ...rest } = change;
  return {
    enabled: true,
    engine: "docker",
    cpuMillis: 2_000,
    memoryMb: 4_096,
    gpus: 0,
    diskMb: 10_000,
    concurrency: 2,
    network: false,
    images: [{ ref: "localhost/node:1", digest, arch: "amd64" }],
    anyImage: false,
    rates: { cpuHour: "0", memoryGbHour: "0", gpuHour: "0" },
    instance: randomUUID(),
    ...rest,
  };
}

/** A node that could take jobs now, as it is in the database: heard a moment ago, its probe passed. */
export async function ableNode(
  api: TestApi,
  offered: JobCapability,
  change: Record<string, unknown> = {},
): Promise<string> {
  const [row] = await api.deps.db
    .insert(nodes)
    .values({ address: hex(20), name: "able", tokenHash: hex(32), capabilities: {} })
    .returning({ id: nodes.id });
  await storeCapability(api.deps.db, row!.id, offered);
  await api.deps.db
    .update(nodes)
    .set({
      lastHeartbeatAt: sql`now()`,
      probePassedAt: sql`now()`,
      probeDueAt: sql`now() + interval '1 hour'`,
      ...change,
    })
    .where(sql`${nodes.id} = ${row!.id}`);
  return row!.id;
}

/** Jobs that are funded and wait for a node. */
export async function waitingJobs(
  api: TestApi,
  userId: string,
  count: number,
  change: Partial<JobSpecification> = {},
  { price = 1_000_000n, deadlineSeconds = 86_400 }: { price?: bigint; deadlineSeconds?: number } = {},
): Promise<string[]> {
  const spec = smallSpecification(change);
  const rows = Array.from({ length: count }, () => {
    const row = {
      userId,
      account: hex(32),
      name: "waiting",
      spec,
      specHash: specificationHash(spec),
      state: "pending" as const,
      price,
      chain: CHAIN,
      wallet: hex(20),
      deadline: new Date((Math.floor(Date.now() / 1000) + deadlineSeconds) * 1000),
      salt: hex(32),
      attemptsLeft: spec.retries + 1,
      fundedAt: new Date(),
    };
    return { ...row, onchainId: jobIdOf(contractJob(row)) };
  });
  const stored = await api.deps.db.insert(jobs).values(rows).returning({ id: jobs.id });
  return stored.map(({ id }) => id);
}
