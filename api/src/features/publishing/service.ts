import { FEES } from "@aiforge/contracts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { splitToPublish } from "../group-revenue/service.ts";
import { termsOf } from "../marketplace/queries.ts";
import { viewTerms } from "../marketplace/terms.ts";
import { getModelForMember } from "../models/service.ts";
import { requireWallet, walletsOf } from "../wallets/service.ts";
import type { Missing } from "./errors.ts";
import { listingOf, publishedByModel, viewOnchain } from "./onchain.ts";
import { publishFeeOf } from "./quote.ts";

export { type OnchainView, onchainOf } from "./onchain.ts";

const NOT_LISTED = {
  paidUntil: null,
  listedUntil: null,
  listed: false,
  daysLeft: null,
  inGrace: false,
  graceEndsAt: null,
};

/**
 * Where a model stands on its way to the chain, and what it costs from here.
 * @param address the wallet to publish from; by default the caller's first
 * @throws AppError `not_found` (404), `wallet_not_linked` (403)
 */
export async function publishingOf(deps: Deps, userId: string, modelId: string, address?: string) {
  const model = await getModelForMember(deps, userId, modelId);
  const wallet = address
    ? await requireWallet(deps, userId, address)
    : ((await walletsOf(deps, userId))[0] ?? null);
  const published = (await publishedByModel(deps, [model.id])).get(model.id) ?? null;
  const onchain = published && viewOnchain(deps, published);
  const terms = await termsOf(deps.db, model.id);
  const missing: Missing[] = [];
  if (model.served === null) missing.push("file");
  if (!terms) missing.push("terms");
  if (!wallet) missing.push("wallet");
  const split = wallet ? await splitToPublish(deps, model.id, wallet.address) : null;
  const fee = wallet && !onchain ? await publishFeeOf(deps.chains.get(wallet.chain), wallet.address) : null;
  const state = onchain ? "published" : missing.length === 0 ? "ready" : "draft";
  return {
    state: state as "published" | "ready" | "draft",
    missing: onchain ? [] : missing,
    wallet: wallet?.address ?? null,
    fee: fee === null ? null : usdt(fee),
    firstFree: fee === 0n,
    listing: {
      fee: usdt(FEES.listing),
      days: Number(FEES.month / 86_400n),
      graceDays: Number(FEES.grace / 86_400n),
      ...(published ? listingOf(published) : NOT_LISTED),
    },
    terms: terms ? viewTerms(terms) : null,
    split,
    onchain,
  };
}
