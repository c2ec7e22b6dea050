import type { JobSpecification } from "@aiforge/contracts";
import { sql } from "drizzle-orm";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { type JobRates, priceFloor } from "../nodes/capability.ts";
import { INACTIVE_SECONDS } from "../nodes/protocol.ts";
import { specify } from "./order.ts";
import { groupsOf, mayRead } from "./scheduler/weights.ts";
import type { JobSpecificationInput } from "./specification.ts";

const CENT = 10_000n;

/**
 * Which image it is, how many nodes are made for such a job, and what they ask. Nothing is reserved.
 * @throws AppError those of `specify`
 */
export async function estimate(deps: Deps, userId: string, input: JobSpecificationInput) {
  const { spec, image, weights } = await specify(deps, userId, input);
  const able = await ableNodes(deps, spec, groupsOf(weights));
  const floors = able.map((rates) => priceFloor(rates, spec)).sort((a, b) => (a < b ? -1 : 1));
  const warnings: { code: string; message: string }[] = [];
  if (able.length === 0) {
    warnings.push({ code: "no_nodes", message: "No node that is here now could run this job." });
  } else if (able.every(({ busy }) => busy)) {
    warnings.push({ code: "nodes_busy", message: "All nodes that could run it are at work: it may wait." });
  }
  if (able.length === 1 && spec.retries > 0) {
    warnings.push({
      code: "one_node",
      message: "Only one node could run it: a further attempt would be there too.",
    });
  }
  const middle = floors[Math.floor(floors.length / 2)];
  const lowest = floors[0];
  return {
    image,
    nodes: able.length,
    price:
      lowest === undefined || middle === undefined
        ? null
        : { suggested: usdt(upToCent(middle)), lowest: usdt(lowest === 0n ? 1n : lowest) },
    warnings,
  };
}

const upToCent = (amount: bigint) => (amount <= 0n ? CENT : ((amount + CENT - 1n) / CENT) * CENT);

/** Nodes that are alive, passed their last probe and are large enough, be they busy or not. */
async function ableNodes(
  { db }: Deps,
  spec: JobSpecification,
  groups: readonly string[],
): Promise<(JobRates & { busy: boolean })[]> {
  const { rows } = await db.execute<{ cpu: string; memory: string; gpu: string; busy: boolean }>(sql`
    SELECT rate_cpu AS cpu, rate_memory AS memory, rate_gpu AS gpu,
           running_jobs >= concurrency OR cpu_millis - used_cpu_millis < ${spec.cpuMillis}
             OR memory_mb - used_memory_mb < ${spec.memoryMb} OR gpus - used_gpus < ${spec.gpus}
             OR disk_mb - used_disk_mb < ${spec.diskMb} AS busy
      FROM app.nodes
     WHERE jobs_enabled AND deactivated_at IS NULL AND NOT draining AND concurrency > 0
       AND last_heartbeat_at > now() - make_interval(secs => ${INACTIVE_SECONDS})
       AND probe_passed_at IS NOT NULL AND (probe_failed_at IS NULL OR probe_failed_at < probe_passed_at)
       AND cpu_millis >= ${spec.cpuMillis} AND memory_mb >= ${spec.memoryMb} AND gpus >= ${spec.gpus}
       AND disk_mb >= ${spec.diskMb} AND (job_network OR NOT ${spec.network})
       AND (${spec.image} = ANY(images) OR (any_image AND ${spec.image.includes("@")}))
       AND (${spec.engineModelId}::text IS NULL OR offered ? ${spec.engineModelId}::text)
       AND ${mayRead(groups)}
     LIMIT 10000`);
  return rows.map(({ cpu, memory, gpu, busy }) => ({
    cpuHour: BigInt(cpu),
    memoryGbHour: BigInt(memory),
    gpuHour: BigInt(gpu),
    busy,
  }));
}
