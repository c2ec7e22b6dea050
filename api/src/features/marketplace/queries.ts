import { accountRef, FEES } from "@aiforge/contracts";
import { and, asc, count, countDistinct, desc, eq, ilike, inArray, or, type SQL, sql } from "drizzle-orm";
import { chainHeads, chainModels, chainPublications, chainServicePurchases } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { groupMembers, groups } from "../groups/schema.ts";
import { models } from "../models/schema.ts";
import { purchaseOfModel } from "../publishing/queries.ts";
import { onchainModels } from "../publishing/schema.ts";
import { serviceTerms } from "./schema.ts";
import type { Terms } from "./terms.ts";

export async function termsOf(db: Executor, modelId: string): Promise<Terms | undefined> {
  const { month, sale, input, output } = serviceTerms;
  const [row] = await db
    .select({ month, sale, input, output })
    .from(serviceTerms)
    .where(eq(serviceTerms.modelId, modelId));
  return row;
}

export async function saveTerms(db: Executor, modelId: string, terms: Terms) {
  await db
    .insert(serviceTerms)
    .values({ modelId, ...terms })
    .onConflictDoUpdate({ target: serviceTerms.modelId, set: { ...terms, updatedAt: new Date() } });
}

export const SORTS = ["newest", "popular", "price", "price-desc", "name"] as const;

export interface Search {
  q: string;
  sort: (typeof SORTS)[number];
  /** From 1. */
  page: number;
  pageSize: number;
}

/** Models that can be bought now, by id with their monthly price (micro-USDT), and how many match. */
export async function searchListed(db: Executor, search: Search) {
  const listed = listedModels(db);
  const where = and(...search.q.split(/\s+/).filter(Boolean).map(matches));
  const newest = [desc(listed.publishedAt), asc(models.id)];
  const order = {
    newest,
    popular: [desc(subscribersOf(db)), ...newest],
    price: [asc(listed.priceMonth), ...newest],
    "price-desc": [desc(listed.priceMonth), ...newest],
    name: [asc(sql`lower(${models.name})`), ...newest],
  }[search.sort];
  // In one statement, so that items and total are of the same moment.
  const rows = await db
    .select({ id: models.id, priceMonth: listed.priceMonth, total: sql<string>`count(*) OVER ()` })
    .from(models)
    .innerJoin(listed, eq(listed.modelId, models.id))
    .innerJoin(groups, eq(groups.id, models.groupId))
    .where(where)
    .orderBy(...order)
    .limit(search.pageSize)
    .offset((search.page - 1) * search.pageSize);
  if (rows.length > 0 || search.page === 1) return { rows, total: Number(rows[0]?.total ?? 0) };
  const [all] = await db
    .select({ models: count() })
    .from(models)
    .innerJoin(listed, eq(listed.modelId, models.id))
    .innerJoin(groups, eq(groups.id, models.groupId))
    .where(where);
  return { rows, total: all!.models };
}

/** The first publication of each model, as long as it is listed. */
export function listedModels(db: Executor) {
  const first = db
    .selectDistinctOn([onchainModels.modelId], {
      modelId: onchainModels.modelId,
      priceMonth: chainModels.priceMonth,
      paidUntil: chainModels.paidUntil,
      headTime: sql<bigint>`${chainHeads.blockTimestamp}`.as("head_time"),
      publishedAt: sql<bigint>`${chainPublications.blockTimestamp}`.as("published_at"),
    })
    .from(onchainModels)
    .innerJoin(
      chainModels,
      and(eq(chainModels.chainId, onchainModels.chain), eq(chainModels.modelId, onchainModels.onchainId)),
    )
    .innerJoin(
      chainPublications,
      and(
        eq(chainPublications.chainId, onchainModels.chain),
        eq(chainPublications.modelId, onchainModels.onchainId),
        eq(chainPublications.kind, "publish"),
      ),
    )
    .innerJoin(chainHeads, eq(chainHeads.chainId, onchainModels.chain))
    .orderBy(
      onchainModels.modelId,
      asc(chainPublications.blockTimestamp),
      asc(chainPublications.blockNumber),
      asc(chainPublications.logIndex),
    )
    .as("first");
  // As `isListed`: by our clock, or by the chain's where that is ahead.
  const now = sql`GREATEST(${first.headTime}, ${BigInt(Math.floor(Date.now() / 1000))})`;
  return db
    .select({ modelId: first.modelId, priceMonth: first.priceMonth, publishedAt: first.publishedAt })
    .from(first)
    .where(sql`${first.paidUntil} + ${FEES.grace} >= ${now}`)
    .as("listed");
}

function matches(word: string): SQL | undefined {
  const pattern = `%${word.replace(/[\\%_]/g, "\\$&")}%`;
  return or(
    ilike(models.name, pattern),
    ilike(models.description, pattern),
    ilike(groups.name, pattern),
    sql`array_to_string(${models.tags}, ' ') ILIKE ${pattern}`,
    sql`(SELECT gguf ->> 'architecture' FROM app.model_versions WHERE id = ${models.servedVersionId}) ILIKE ${pattern}`,
  );
}

function subscribersOf(db: Executor) {
  const purchases = db
    .select({ accounts: countDistinct(chainServicePurchases.account) })
    .from(onchainModels)
    .innerJoin(chainServicePurchases, purchaseOfModel)
    .where(eq(onchainModels.modelId, models.id));
  return sql`(${purchases})`;
}

function purchases(db: Executor) {
  return db
    .select({
      modelId: onchainModels.modelId,
      modelName: models.name,
      chain: chainServicePurchases.chainId,
      account: chainServicePurchases.account,
      months: chainServicePurchases.months,
      price: chainServicePurchases.price,
      fee: chainServicePurchases.fee,
      txHash: chainServicePurchases.txHash,
      blockNumber: chainServicePurchases.blockNumber,
      blockTimestamp: chainServicePurchases.blockTimestamp,
      headBlock: chainHeads.blockNumber,
      headTime: chainHeads.blockTimestamp,
    })
    .from(chainServicePurchases)
    .innerJoin(onchainModels, purchaseOfModel)
    .innerJoin(models, eq(models.id, onchainModels.modelId))
    .innerJoin(chainHeads, eq(chainHeads.chainId, chainServicePurchases.chainId))
    .orderBy(
      asc(chainServicePurchases.blockTimestamp),
      asc(chainServicePurchases.blockNumber),
      asc(chainServicePurchases.logIndex),
    )
    .$dynamic();
}

export type Purchase = Awaited<ReturnType<typeof purchases>>[number];

/** API subscriptions bought for any of these accounts, the oldest first. */
export function purchasesFor(db: Executor, accounts: string[]): Promise<Purchase[]> {
  return purchases(db).where(inArray(chainServicePurchases.account, accounts));
}

/**
 * Of these models, those that somebody has paid time left for, confirmed or not. Judged by the latest that all
 * purchases of an account together can last, so never too early.
 */
export async function stillSubscribed(db: Executor, modelIds: string[]): Promise<Set<string>> {
  if (modelIds.length === 0) return new Set();
  const { blockTimestamp, months } = chainServicePurchases;
  const now = BigInt(Math.floor(Date.now() / 1000));
  const rows = await db
    .select({ modelId: onchainModels.modelId })
    .from(onchainModels)
    .innerJoin(chainServicePurchases, purchaseOfModel)
    .innerJoin(chainHeads, eq(chainHeads.chainId, onchainModels.chain))
    .where(inArray(onchainModels.modelId, modelIds))
    .groupBy(onchainModels.modelId, chainServicePurchases.account)
    .having(
      sql`max(${blockTimestamp}) + sum(${months}) * ${FEES.month} > GREATEST(${now}, max(${chainHeads.blockTimestamp}))`,
    );
  return new Set(rows.map(({ modelId }) => modelId));
}

/** API subscriptions to one model bought for a user or for one of their groups, the oldest first. One query. */
export function purchasesOfModelFor(db: Executor, modelId: string, userId: string): Promise<Purchase[]> {
  return purchases(db).where(
    and(
      eq(onchainModels.modelId, modelId),
      sql`${chainServicePurchases.account} = ANY (${accountsOfUser(db, userId)})`,
    ),
  );
}

/**
 * The account references of a user and their groups, as `accountRef` makes them. An array, so that an index on the
 * account is used however many purchases there are.
 */
export function accountsOfUser(db: Executor, userId: string): SQL {
  const groupAccounts = db
    .select({ account: sql`'0x02' || repeat('0', 30) || replace(${groupMembers.groupId}::text, '-', '')` })
    .from(groupMembers)
    .where(eq(groupMembers.userId, userId));
  return sql`ARRAY[${accountRef("user", userId)}::text] || ARRAY(${groupAccounts})`;
}
