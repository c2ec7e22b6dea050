import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { chainHeads, chainPlanPurchases, chainPlans } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { accountsOfUser } from "../marketplace/queries.ts";
import { planCancellations } from "./schema.ts";

/** Plans bought for a user or for one of their groups, the oldest first. One query. */
export function planPurchasesFor(db: Executor, userId: string) {
  return db
    .select({
      id: chainPlanPurchases.id,
      chain: chainPlanPurchases.chainId,
      plan: chainPlanPurchases.plan,
      account: chainPlanPurchases.account,
      months: chainPlanPurchases.months,
      price: chainPlanPurchases.price,
      txHash: chainPlanPurchases.txHash,
      blockNumber: chainPlanPurchases.blockNumber,
      blockTimestamp: chainPlanPurchases.blockTimestamp,
      headBlock: chainHeads.blockNumber,
      headTime: chainHeads.blockTimestamp,
    })
    .from(chainPlanPurchases)
    .innerJoin(chainHeads, eq(chainHeads.chainId, chainPlanPurchases.chainId))
    .where(sql`${chainPlanPurchases.account} = ANY (${accountsOfUser(db, userId)})`)
    .orderBy(
      asc(chainPlanPurchases.blockTimestamp),
      asc(chainPlanPurchases.blockNumber),
      asc(chainPlanPurchases.logIndex),
    );
}

export type PlanPurchase = Awaited<ReturnType<typeof planPurchasesFor>>[number];

/** What the plans cost on a chain, in micro-USDT, by their number; 0: not offered. */
export async function planPrices(db: Executor, chain: string): Promise<Map<number, bigint>> {
  const rows = await db.select().from(chainPlans).where(eq(chainPlans.chainId, chain));
  return new Map(rows.map(({ plan, price }) => [plan, price]));
}

/** The purchase that each of these accounts cancelled the renewal of. */
export async function cancellationsOf(db: Executor, accounts: string[]): Promise<Map<string, string>> {
  if (accounts.length === 0) return new Map();
  const rows = await db.select().from(planCancellations).where(inArray(planCancellations.account, accounts));
  return new Map(rows.map(({ account, purchaseId }) => [account, purchaseId]));
}

export async function saveCancellation(db: Executor, account: string, purchaseId: string): Promise<void> {
  await db
    .insert(planCancellations)
    .values({ account, purchaseId })
    .onConflictDoUpdate({
      target: planCancellations.account,
      set: { purchaseId, cancelledAt: sql`now()` },
      where: and(sql`${planCancellations.purchaseId} <> excluded.purchase_id`),
    });
}
