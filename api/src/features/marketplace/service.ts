import { aiforgeCall } from "../../chain/calls.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { openWeightsNotForSale } from "../models/errors.ts";
import { modelRows } from "../models/queries.ts";
import { modelViews } from "../models/service.ts";
import { requireModelOwner } from "../publishing/access.ts";
import { publishedByModel } from "../publishing/onchain.ts";
import { type Search, saveTerms, searchListed } from "./queries.ts";
import { type PriceInput, readTerms, sameTerms, viewTerms } from "./terms.ts";

export { activeEntitlement, type Entitlement, subscriptionsOf } from "./subscriptions.ts";

/**
 * Says what a model is offered for. Of a published one it changes nothing by itself: the answer holds the `setTerms`
 * call that the model's owner signs.
 * @throws AppError `not_found`, `not_an_owner`, `invalid_amount`, `weights_open`
 */
export async function createService(
  deps: Deps,
  userId: string,
  { modelId, ...prices }: PriceInput & { modelId: string },
) {
  const model = await requireModelOwner(deps, userId, modelId);
  const terms = readTerms(prices);
  if (terms.sale > 0n && model.weights === "open") throw openWeightsNotForSale();
  await saveTerms(deps.db, modelId, terms);
  const published = (await publishedByModel(deps, [modelId])).get(modelId);
  const changes = published && !sameTerms(published, terms);
  return {
    service: { modelId, ...viewTerms(terms) },
    onchain: changes
      ? aiforgeCall(deps.chains.get(published.chain), "setTerms", [
          published.onchainId as `0x${string}`,
          terms,
        ])
      : null,
  };
}

/**
 * The models that can be bought now. A published model is here as soon as it is mirrored.
 * @param viewer user id; null for who is not signed in
 */
export async function searchMarketplace(deps: Deps, search: Search, viewer: string | null) {
  const { rows, total } = await searchListed(deps.db, search);
  const found = await modelRows(
    deps.db,
    rows.map(({ id }) => id),
  );
  const views = new Map((await modelViews(deps, found, viewer)).map((view) => [view.id, view]));
  const items = rows.flatMap(({ id, priceMonth }) => {
    const view = views.get(id);
    return view ? [{ ...view, priceMonth: usdt(priceMonth) }] : [];
  });
  return { items, total };
}
