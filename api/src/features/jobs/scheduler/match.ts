import { type SQL, sql } from "drizzle-orm";
import type { Executor } from "../../../db/client.ts";
import type { JobRow } from "../transitions.ts";
import { groupsOf, mayRead } from "./weights.ts";

/** Seconds after a node's last heartbeat at which it gets no more jobs: three heartbeats. */
const FRESH_SECONDS = 90;
/** Minutes for which a passed container probe counts. */
const PROBE_MINUTES = 30;

/** What a job needs of a node; jobs with equal needs are matched together. */
export interface Needs {
  image: string;
  cpuMillis: number;
  memoryMb: number;
  gpus: number;
  diskMb: number;
  timeLimitSeconds: number;
  network: boolean;
  engineModelId: string | null;
  /** Groups whose protected weights it reads, sorted. */
  groups: readonly string[];
  /** Micro-USDT. */
  price: bigint;
  /** Nodes that lost or failed the job: taken only when no other can. */
  avoid: readonly string[];
}

export function needsOf(
  { spec, price, weights }: Pick<JobRow, "spec" | "price" | "weights">,
  avoid: readonly string[],
): Needs {
  const { image, cpuMillis, memoryMb, gpus, diskMb, timeLimitSeconds, network, engineModelId } = spec;
  return {
    image,
    cpuMillis,
    memoryMb,
    gpus,
    diskMb,
    timeLimitSeconds,
    network,
    engineModelId,
    groups: groupsOf(weights),
    price,
    avoid: avoid.toSorted(),
  };
}

export const keyOf = (needs: Needs): string => JSON.stringify({ ...needs, price: String(needs.price) });

/** A node that can take a job of some needs, with what it has left. */
export interface Candidate {
  id: string;
  address: string;
  cpuMillis: number;
  memoryMb: number;
  gpus: number;
  diskMb: number;
  /** Jobs that it can take on top of those it is at. */
  slots: number;
  concurrency: number;
  /** Has an open WebSocket, so that it learns of work at once. */
  connected: boolean;
  /** 0 to 1. */
  reputation: number;
}

/**
 * Locks the nodes that can take a job now, the best first. Nodes that another transaction is changing are left out
 * instead of waited for, so that no two schedulers ever choose the same one, and none waits for another.
 */
export async function lockCandidates(tx: Executor, needs: Needs, limit: number): Promise<Candidate[]> {
  const { rows } = await tx.execute<Candidate & Record<string, unknown>>(sql`
    SELECT id, address, connected, concurrency,
           cpu_millis - used_cpu_millis AS "cpuMillis", memory_mb - used_memory_mb AS "memoryMb",
           gpus - used_gpus AS gpus, disk_mb - used_disk_mb AS "diskMb",
           concurrency - running_jobs AS slots, ${REPUTATION} AS reputation
      FROM app.nodes
     WHERE ${able(needs)}
     ORDER BY id = ANY(${sql.param([...needs.avoid])}::uuid[]), connected DESC,
              ${REPUTATION} * (1 - 0.5 * running_jobs / concurrency) DESC, random()
     LIMIT ${limit}
       FOR NO KEY UPDATE SKIP LOCKED`);
  return rows;
}

/** Whether a row of `app.nodes` can take a job now. */
function able(needs: Needs): SQL {
  const { image, engineModelId, price } = needs;
  // As in the contract a node gets 95 % of the price; `priceFloor` is the same in TypeScript.
  const floor = sql`(rate_cpu * ${needs.cpuMillis}::int * 1024 + rate_memory * ${needs.memoryMb}::int * 1000
      + rate_gpu * ${needs.gpus}::int * 1024000) * ${needs.timeLimitSeconds}::int * 10000
      <= ${String(price)}::numeric * 9500 * 1024000 * 3600`;
  const offers = engineModelId === null ? sql`true` : sql`offered ? ${engineModelId}`;
  return sql`jobs_enabled AND deactivated_at IS NULL AND NOT draining
     AND last_heartbeat_at > now() - make_interval(secs => ${FRESH_SECONDS})
     AND probe_passed_at > now() - make_interval(mins => ${PROBE_MINUTES})
     AND (probe_failed_at IS NULL OR probe_failed_at < probe_passed_at)
     AND running_jobs < concurrency
     AND cpu_millis - used_cpu_millis >= ${needs.cpuMillis}
     AND memory_mb - used_memory_mb >= ${needs.memoryMb}
     AND gpus - used_gpus >= ${needs.gpus} AND disk_mb - used_disk_mb >= ${needs.diskMb}
     AND ${needs.network ? sql`job_network` : sql`true`}
     AND (${image} = ANY(images) ${NAMED.test(image) ? sql`OR any_image` : sql``})
     AND ${offers} AND ${floor} AND ${mayRead(needs.groups)}`;
}

/** An image without a name is only on nodes that list it: there is no registry to fetch it from. */
const NAMED = /@/;

/** A new node counts as one with four of five jobs done well, so that it gets a first chance. */
const REPUTATION = sql.raw("((completed + 4)::float8 / (completed + failed + 5) * probe_score)");

/**
 * Gives a job to the best of the candidates that still has room, and takes its part of it.
 * @returns undefined when none has room
 */
export function choose(candidates: Candidate[], needs: Needs): Candidate | undefined {
  let best: Candidate | undefined;
  for (const candidate of candidates) {
    if (!hasRoom(candidate, needs)) continue;
    if (best === undefined || order(candidate, best, needs) < 0) best = candidate;
  }
  if (!best) return undefined;
  best.slots -= 1;
  best.cpuMillis -= needs.cpuMillis;
  best.memoryMb -= needs.memoryMb;
  best.gpus -= needs.gpus;
  best.diskMb -= needs.diskMb;
  return best;
}

function hasRoom(candidate: Candidate, needs: Needs): boolean {
  return (
    candidate.slots > 0 &&
    candidate.cpuMillis >= needs.cpuMillis &&
    candidate.memoryMb >= needs.memoryMb &&
    candidate.gpus >= needs.gpus &&
    candidate.diskMb >= needs.diskMb
  );
}

/** Negative when `a` is to be taken before `b`: the order of `lockCandidates`, with what was given meanwhile. */
function order(a: Candidate, b: Candidate, { avoid }: Needs): number {
  const avoided = Number(avoid.includes(a.id)) - Number(avoid.includes(b.id));
  if (avoided !== 0) return avoided;
  if (a.connected !== b.connected) return a.connected ? -1 : 1;
  return worth(b) - worth(a);
}

const worth = ({ reputation, slots, concurrency }: Candidate) =>
  reputation * (1 - (0.5 * (concurrency - slots)) / concurrency);
