import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { sql } from "drizzle-orm";
import { mirrorStarted } from "../../chain/mirror.ts";
import type { Deps } from "../../deps.ts";
import { headOf, mirroredBlocks } from "../chains/service.ts";
import { cashierHealth } from "../payments/cashier/health.ts";

const TIMEOUT_MS = 3_000;
/** Further behind than this and purchases take noticeably longer to show. */
const MIRROR_LAG_BLOCKS = 20;
const LOW_DISK_BYTES = 1024 ** 3;

const { version } = JSON.parse(
  readFileSync(new URL("../../../../package.json", import.meta.url), "utf8"),
) as { version: string };

export interface Dependency {
  state: "ok" | "degraded" | "down";
  /** For people; says nothing of addresses or credentials. */
  detail: string;
  /** How long the check took. */
  latencyMs?: number;
}

export interface Health {
  status: "ok" | "degraded";
  version: string;
  dependencies: Record<"database" | "chain" | "mirror" | "storage" | "cashier" | "nodes", Dependency>;
}

/** Asks every dependency at once, each for at most 3 seconds. */
export async function readHealth(deps: Deps): Promise<Health> {
  const [database, chain, mirror, storage, cashier] = await Promise.all([
    check(() => askDatabase(deps), "The database does not answer."),
    check(() => askChains(deps), "The chain does not answer."),
    check(() => askMirror(deps), "The mirror cannot be read."),
    check(() => askStorage(deps), "The store of model files cannot be used."),
    check(() => cashierHealth(deps), "The chain does not tell what the cashier has."),
  ]);
  const dependencies = { database, chain, mirror, storage, cashier, nodes: countNodes(deps) };
  // A platform without nodes is not broken: everything but inference works.
  const { nodes: _nodes, ...needed } = dependencies;
  const ok = Object.values(needed).every(({ state }) => state === "ok");
  return { status: ok ? "ok" : "degraded", version, dependencies };
}

async function check(ask: () => Promise<Omit<Dependency, "latencyMs">>, down: string): Promise<Dependency> {
  const start = performance.now();
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error("no answer in time")), TIMEOUT_MS).unref();
  });
  try {
    const answer = await Promise.race([ask(), late]);
    return { ...answer, latencyMs: Math.round(performance.now() - start) };
  } catch {
    return { state: "down", detail: down };
  }
}

async function askDatabase(deps: Deps): Promise<Dependency> {
  await deps.db.execute(sql`SELECT 1`);
  return { state: "ok", detail: "Postgres answers." };
}

async function askChains(deps: Deps): Promise<Dependency> {
  const asked = deps.chains.all.map(async (chain) => ({ name: chain.name, head: await headOf(chain) }));
  const heads = await Promise.all(asked);
  // One that answers is enough to pay there.
  if (heads.every(({ head }) => head === null)) throw new Error("no chain answers");
  const detail = heads.map(({ name, head }) => `${name}: ${head === null ? "no answer" : `block ${head}`}`);
  const all = heads.every(({ head }) => head !== null);
  return { state: all ? "ok" : "degraded", detail: detail.join(", ") };
}

async function askMirror(deps: Deps): Promise<Dependency> {
  if (!(await mirrorStarted(deps))) return { state: "degraded", detail: "The mirror is starting." };
  const mirrored = await mirroredBlocks(deps);
  const lags = await Promise.all(
    deps.chains.all.map(async (chain) => {
      const { name } = chain;
      const at = mirrored.get(chain.chain);
      if (at === undefined) return { name, lag: Number.POSITIVE_INFINITY };
      // An unreachable chain is not the mirror's fault.
      const newest = (await headOf(chain)) ?? at;
      return { name, lag: Math.max(0, newest - at) };
    }),
  );
  const behind = lags.filter(({ lag }) => lag > MIRROR_LAG_BLOCKS);
  const say = ({ name, lag }: { name: string; lag: number }) =>
    Number.isFinite(lag) ? `${name}: ${lag} blocks behind` : `${name}: not mirrored yet`;
  return { state: behind.length > 0 ? "degraded" : "ok", detail: lags.map(say).join(", ") };
}

async function askStorage(deps: Deps): Promise<Dependency> {
  await deps.storage.weights.check();
  const { bavail, bsize } = await statfs(deps.config.DATA_DIR);
  const free = bavail * bsize;
  const detail = `${deps.storage.weights.kind === "s3" ? "S3" : "Disk"}, ${Math.floor(free / 1024 ** 3)} GiB free here`;
  return { state: free < LOW_DISK_BYTES ? "degraded" : "ok", detail };
}

function countNodes(deps: Deps): Dependency {
  const size = deps.nodes.connected;
  return size > 0
    ? { state: "ok", detail: `${size} connected to this instance` }
    : { state: "degraded", detail: "No node is connected to this instance, so no model answers here." };
}
