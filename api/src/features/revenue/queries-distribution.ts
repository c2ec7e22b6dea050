import type { PlanPurchase } from "@aiforge/contracts";
import { and, asc, desc, eq, gte, inArray, lt, lte, sql } from "drizzle-orm";
import type { Hex } from "viem";
import { chainHeads, chainModelSplits, chainPlanPurchases, chainPoolRoots } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { usage } from "../keys/schema.ts";
import { onchainModels } from "../publishing/schema.ts";
import { type DistributionState, distributionModels, distributions } from "./schema.ts";

export type DistributionRow = typeof distributions.$inferSelect;

/** Which pool: the chain, CAIP-2, and its contract, lower-case. */
export interface Pool {
  chain: string;
  aiforge: string;
}

const ofPool = (pool: Pool) =>
  and(eq(distributions.chain, pool.chain), eq(distributions.aiforge, pool.aiforge));

const ofRow = (row: Pick<DistributionRow, "chain" | "aiforge" | "month" | "attempt">) =>
  and(ofPool(row), eq(distributions.month, row.month), eq(distributions.attempt, row.attempt));

/** The last attempt of a month, or of the last month that was begun. */
export async function lastDistribution(
  db: Executor,
  pool: Pool,
  month?: number,
): Promise<DistributionRow | undefined> {
  const [row] = await db
    .select()
    .from(distributions)
    .where(and(ofPool(pool), month === undefined ? undefined : eq(distributions.month, month)))
    .orderBy(desc(distributions.month), desc(distributions.attempt))
    .limit(1);
  return row;
}

export async function attemptOf(db: Executor, pool: Pool, month: number, attempt: number) {
  const [row] = await db
    .select()
    .from(distributions)
    .where(ofRow({ ...pool, month, attempt }));
  return row;
}

/** The attempts at a month before this one. */
export function earlierAttempts(db: Executor, row: DistributionRow) {
  return db
    .select({ attempt: distributions.attempt, txHash: distributions.txHash })
    .from(distributions)
    .where(and(ofPool(row), eq(distributions.month, row.month), lt(distributions.attempt, row.attempt)));
}

/** The row whose root is this one. */
export async function distributionByRoot(db: Executor, pool: Pool, root: string) {
  const [row] = await db
    .select()
    .from(distributions)
    .where(and(ofPool(pool), eq(distributions.root, root)))
    .orderBy(desc(distributions.attempt))
    .limit(1);
  return row;
}

/** Keeps a month's computed distribution, with what each model brought; one that is there already stays. */
export async function keepDistribution(
  db: Executor,
  row: typeof distributions.$inferInsert,
  models: (typeof distributionModels.$inferInsert)[],
): Promise<void> {
  const kept = await db
    .insert(distributions)
    .values(row)
    .onConflictDoNothing()
    .returning({ month: distributions.month });
  if (kept.length === 0) return;
  for (let at = 0; at < models.length; at += 1000)
    await db.insert(distributionModels).values(models.slice(at, at + 1000));
}

/**
 * Moves a distribution on. @returns false when it is not in state `from` any more
 */
export async function moveDistribution(
  db: Executor,
  row: DistributionRow,
  from: DistributionState,
  set: Partial<typeof distributions.$inferInsert>,
): Promise<boolean> {
  const moved = await db
    .update(distributions)
    .set({ ...set, updatedAt: new Date() })
    .where(and(ofRow(row), eq(distributions.state, from)))
    .returning({ month: distributions.month });
  return moved.length > 0;
}

/** What each model's use brought in an attempt. */
export function modelsOf(
  db: Executor,
  row: Pick<DistributionRow, "chain" | "aiforge" | "month" | "attempt">,
) {
  return db
    .select()
    .from(distributionModels)
    .where(
      and(
        eq(distributionModels.chain, row.chain),
        eq(distributionModels.aiforge, row.aiforge),
        eq(distributionModels.month, row.month),
        eq(distributionModels.attempt, row.attempt),
      ),
    )
    .orderBy(desc(distributionModels.tokens), asc(distributionModels.onchainId));
}

/** How far a chain is mirrored. */
export async function headOf(db: Executor, chain: string) {
  const [head] = await db.select().from(chainHeads).where(eq(chainHeads.chainId, chain));
  return head;
}

/** The time of the first purchase of a plan, in unix seconds; null when nobody bought one. */
export async function firstPurchase(db: Executor, chain: string): Promise<bigint | null> {
  const [row] = await db
    .select({ at: chainPlanPurchases.blockTimestamp })
    .from(chainPlanPurchases)
    .where(eq(chainPlanPurchases.chainId, chain))
    .orderBy(asc(chainPlanPurchases.blockNumber))
    .limit(1);
  return row?.at ?? null;
}

/** Every purchase of a plan before a time, in unix seconds. */
export async function planPurchasesBefore(db: Executor, chain: string, end: bigint): Promise<PlanPurchase[]> {
  const rows = await db
    .select()
    .from(chainPlanPurchases)
    .where(and(eq(chainPlanPurchases.chainId, chain), lt(chainPlanPurchases.blockTimestamp, end)));
  return rows.map((row) => ({ ...row, txHash: row.txHash as Hex, months: Number(row.months) }));
}

/**
 * Tokens served under paid plans from `from` to before `to`, by model on this chain. What members of a model's own group
 * use of it is none of them, whatever plan they pay: the gateway serves them as owners, which each row of use keeps as
 * it was then. So nobody earns of the pool by asking their own model.
 */
export function planUsage(db: Executor, chain: string, from: Date, to: Date) {
  const tokens = sql`sum(coalesce(${usage.promptTokens}, 0)::numeric + coalesce(${usage.completionTokens}, 0))`;
  return db
    .select({ modelId: usage.modelId, tokens: sql<bigint>`${tokens}`.mapWith(BigInt) })
    .from(usage)
    .where(
      and(
        eq(usage.entitlement, "plan"),
        gte(usage.plan, 1),
        inArray(usage.outcome, ["served", "partial"]),
        gte(usage.createdAt, from),
        lt(usage.createdAt, to),
        sql`EXISTS (SELECT FROM ${onchainModels} o WHERE o.model_id = ${usage.modelId} AND o.chain = ${chain})`,
      ),
    )
    .groupBy(usage.modelId)
    .having(sql`${tokens} > 0`);
}

/** The split that each model had at a time: of the id under which it was published first. */
export async function splitsAt(db: Executor, chain: string, modelIds: string[], end: bigint) {
  if (modelIds.length === 0) return new Map<string, { onchainId: Hex; splitId: Hex }>();
  const rows = await db
    .select({
      modelId: onchainModels.modelId,
      onchainId: chainModelSplits.modelId,
      splitId: chainModelSplits.splitId,
      block: chainModelSplits.blockNumber,
      log: chainModelSplits.logIndex,
    })
    .from(chainModelSplits)
    .innerJoin(
      onchainModels,
      and(
        eq(onchainModels.chain, chainModelSplits.chainId),
        eq(onchainModels.onchainId, chainModelSplits.modelId),
      ),
    )
    .where(
      and(
        eq(chainModelSplits.chainId, chain),
        inArray(onchainModels.modelId, modelIds),
        lt(chainModelSplits.blockTimestamp, end),
      ),
    )
    .orderBy(asc(chainModelSplits.blockNumber), asc(chainModelSplits.logIndex));
  const found = new Map<string, { onchainId: Hex; splitId: Hex }>();
  for (const { modelId, onchainId, splitId } of rows) {
    const first = found.get(modelId);
    if (!first || first.onchainId === onchainId)
      found.set(modelId, { onchainId: onchainId as Hex, splitId: splitId as Hex });
  }
  return found;
}

/** The roots of a month that the mirror has, the newest first. */
export function mirroredRoots(db: Executor, chain: string, month: number) {
  return db
    .select()
    .from(chainPoolRoots)
    .where(and(eq(chainPoolRoots.chainId, chain), eq(chainPoolRoots.month, month)))
    .orderBy(desc(chainPoolRoots.blockNumber), desc(chainPoolRoots.logIndex));
}

/** The newest root that was not vetoed and whose time came, and the one that waits for its time. */
export async function rootsNow(db: Executor, chain: string) {
  const [head] = await db.select().from(chainHeads).where(eq(chainHeads.chainId, chain));
  if (!head) return { paying: undefined, waiting: undefined };
  const newest = (time: "past" | "future") =>
    db
      .select()
      .from(chainPoolRoots)
      .where(
        and(
          eq(chainPoolRoots.chainId, chain),
          eq(chainPoolRoots.vetoed, false),
          time === "past"
            ? lte(chainPoolRoots.activeAt, head.blockTimestamp)
            : sql`${chainPoolRoots.activeAt} > ${head.blockTimestamp}`,
        ),
      )
      .orderBy(desc(chainPoolRoots.month), desc(chainPoolRoots.blockNumber))
      .limit(1);
  const [[paying], [waiting]] = await Promise.all([newest("past"), newest("future")]);
  return { paying, waiting };
}
