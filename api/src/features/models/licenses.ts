import { accountRef, parseAccountRef } from "@aiforge/contracts";
import { confirmationsAt } from "../../chain/chains.ts";
import { notFound } from "../../core/errors.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { groupIdsOf } from "../groups/service.ts";
import { isListed, isoOf, publishedByModel } from "../publishing/onchain.ts";
import { type LicensePurchase, licensesFor, restrictedOf } from "./license-queries.ts";
import { type ModelRow, modelRows } from "./queries.ts";
import type { LicenseView, MyLicenseView } from "./shapes.ts";

/** A licence once bought is kept, so confirmed purchases are all that counts; asks the database once. */
export async function isLicensed(deps: Deps, userId: string, modelId: string): Promise<boolean> {
  return (await licensesFor(deps.db, userId, modelId)).some((purchase) => isConfirmed(deps, purchase));
}

/**
 * Where the caller stands with the licence of a published model.
 * @throws AppError `not_found` (404)
 */
export async function licenseOf(deps: Deps, userId: string, modelId: string): Promise<LicenseView> {
  const published = (await publishedByModel(deps, [modelId])).get(modelId);
  if (!published) throw notFound("The model");
  const forSale = isListed(published) && published.sale > 0n;
  const bought = await licensesFor(deps.db, userId, modelId);
  return viewLicense(deps, userId, bought, forSale ? published.sale : null);
}

/** The licences of the caller and their groups, one entry a model, the newest first. */
export async function myLicenses(deps: Deps, userId: string): Promise<MyLicenseView[]> {
  const byModel = Map.groupBy(await licensesFor(deps.db, userId), ({ modelId }) => modelId);
  const ids = [...byModel.keys()];
  const [rows, published] = await Promise.all([modelRows(deps.db, ids), publishedByModel(deps, ids)]);
  const views = rows.map((row): MyLicenseView => {
    const onchain = published.get(row.id);
    const price = onchain && isListed(onchain) && onchain.sale > 0n ? onchain.sale : null;
    const view = viewLicense(deps, userId, byModel.get(row.id) ?? [], price);
    return {
      ...view,
      modelId: row.id,
      modelName: row.name,
      cid: view.licensed ? (row.served?.cid ?? null) : null,
      size: row.served?.size ?? null,
    };
  });
  return views.sort((a, b) => (b.purchases[0]?.at ?? "").localeCompare(a.purchases[0]?.at ?? ""));
}

/**
 * Of these models, those whose file the viewer may not have: protected or on sale at any time, not of their groups, not
 * licensed.
 */
export async function withheldFrom(
  deps: Deps,
  viewer: string | null,
  rows: readonly ModelRow[],
): Promise<Set<string>> {
  const withheld = await restrictedOf(deps.db, rows);
  if (withheld.size === 0 || viewer === null) return withheld;
  const groups = new Set(await groupIdsOf(deps, viewer));
  for (const { id, groupId } of rows) if (groups.has(groupId)) withheld.delete(id);
  if (withheld.size === 0) return withheld;
  for (const purchase of await licensesFor(deps.db, viewer)) {
    if (isConfirmed(deps, purchase)) withheld.delete(purchase.modelId);
  }
  return withheld;
}

function isConfirmed(deps: Deps, { chain, headBlock, blockNumber }: LicensePurchase): boolean {
  return confirmationsAt(headBlock, blockNumber) >= deps.chains.get(chain).confirmations;
}

function viewLicense(
  deps: Deps,
  userId: string,
  bought: readonly LicensePurchase[],
  price: bigint | null,
): LicenseView {
  const own = accountRef("user", userId);
  const confirmed = bought.filter((purchase) => isConfirmed(deps, purchase));
  const counts = confirmed.find(({ account }) => account === own) ?? confirmed[0];
  return {
    licensed: counts !== undefined,
    ...(counts ? holderOf(counts) : { via: null, groupId: null }),
    pending: confirmed.length < bought.length,
    price: price === null ? null : usdt(price),
    purchases: bought.toReversed().map((purchase) => ({
      txHash: purchase.txHash,
      chain: purchase.chain,
      price: usdt(purchase.price),
      fee: usdt(purchase.fee),
      at: isoOf(purchase.blockTimestamp),
      ...holderOf(purchase),
      confirmations: confirmationsAt(purchase.headBlock, purchase.blockNumber),
      confirmed: isConfirmed(deps, purchase),
    })),
  };
}

function holderOf({ account }: LicensePurchase) {
  const holder = parseAccountRef(account);
  return holder?.kind === "group"
    ? { via: "group" as const, groupId: holder.id }
    : { via: "user" as const, groupId: null };
}
