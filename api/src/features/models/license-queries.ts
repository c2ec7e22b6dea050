import { and, asc, eq, gt, inArray, sql } from "drizzle-orm";
import { chainHeads, chainLicensePurchases, chainTermsChanges } from "../../chain/schema.ts";
import type { Executor } from "../../db/client.ts";
import { accountsOfUser } from "../marketplace/queries.ts";
import { serviceTerms } from "../marketplace/schema.ts";
import { licenseOfModel } from "../publishing/queries.ts";
import { onchainModels } from "../publishing/schema.ts";
import type { WeightsAccess } from "./schema.ts";

/**
 * Licences bought for a user or for one of their groups, the oldest first.
 * @param modelId only of this model; of all when left out
 */
export function licensesFor(db: Executor, userId: string, modelId?: string) {
  return db
    .select({
      modelId: onchainModels.modelId,
      chain: chainLicensePurchases.chainId,
      account: chainLicensePurchases.account,
      price: chainLicensePurchases.price,
      fee: chainLicensePurchases.fee,
      txHash: chainLicensePurchases.txHash,
      blockNumber: chainLicensePurchases.blockNumber,
      blockTimestamp: chainLicensePurchases.blockTimestamp,
      headBlock: chainHeads.blockNumber,
    })
    .from(chainLicensePurchases)
    .innerJoin(onchainModels, licenseOfModel)
    .innerJoin(chainHeads, eq(chainHeads.chainId, chainLicensePurchases.chainId))
    .where(
      and(
        modelId === undefined ? undefined : eq(onchainModels.modelId, modelId),
        sql`${chainLicensePurchases.account} = ANY (${accountsOfUser(db, userId)})`,
      ),
    )
    .orderBy(
      asc(chainLicensePurchases.blockTimestamp),
      asc(chainLicensePurchases.blockNumber),
      asc(chainLicensePurchases.logIndex),
    );
}

export type LicensePurchase = Awaited<ReturnType<typeof licensesFor>>[number];

/** Of these models, those whose weights are for sale, are meant to be, or ever were: somebody may have paid. */
async function onSale(db: Executor, modelIds: string[]): Promise<Set<string>> {
  if (modelIds.length === 0) return new Set();
  const [offered, meant] = await Promise.all([
    db
      .select({ modelId: onchainModels.modelId })
      .from(onchainModels)
      .innerJoin(
        chainTermsChanges,
        and(
          eq(chainTermsChanges.chainId, onchainModels.chain),
          eq(chainTermsChanges.modelId, onchainModels.onchainId),
        ),
      )
      .where(and(inArray(onchainModels.modelId, modelIds), gt(chainTermsChanges.priceSale, 0n)))
      .groupBy(onchainModels.modelId),
    db
      .select({ modelId: serviceTerms.modelId })
      .from(serviceTerms)
      .where(and(inArray(serviceTerms.modelId, modelIds), gt(serviceTerms.sale, 0n))),
  ]);
  return new Set([...offered, ...meant].map(({ modelId }) => modelId));
}

/** Of these models, those whose file is not for everybody: protected ones, and open ones that were ever for sale. */
export async function restrictedOf(
  db: Executor,
  rows: readonly { id: string; weights: WeightsAccess }[],
): Promise<Set<string>> {
  const open = rows.filter(({ weights }) => weights === "open").map(({ id }) => id);
  const restricted = await onSale(db, open);
  for (const { id, weights } of rows) if (weights === "protected") restricted.add(id);
  return restricted;
}
