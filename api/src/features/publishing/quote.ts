import { accountRef, aiforgeAbi, FEES, modelSalt, modelId as onchainModelId } from "@aiforge/contracts";
import { aiforgeCall, FROM_WALLET } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import type { Deps } from "../../deps.ts";
import { splitToPublish } from "../group-revenue/service.ts";
import { toSplit } from "../group-revenue/split.ts";
import { saveTerms, termsOf } from "../marketplace/queries.ts";
import { type PriceInput, readTerms } from "../marketplace/terms.ts";
import { openWeightsNotForSale } from "../models/errors.ts";
import { lockModel } from "../models/queries.ts";
import { getModelForMember } from "../models/service.ts";
import { wrongChain } from "../payments/errors.ts";
import { openQuote } from "../payments/quotes.ts";
import { requireWallet } from "../wallets/service.ts";
import { requireModelOwner } from "./access.ts";
import { alreadyPublished, notPublished, notReady } from "./errors.ts";
import { publishedByModel } from "./onchain.ts";
import { expectOnchainModel } from "./queries.ts";

/** What a wallet pays to publish its next model, in micro-USDT; the first is free. */
export function publishFeeOf(chain: Chain, wallet: `0x${string}`): Promise<bigint> {
  return readChain(chain, () =>
    chain.client.readContract({
      address: chain.aiforge,
      abi: aiforgeAbi,
      functionName: "publishFeeOf",
      args: [wallet],
    }),
  );
}

/**
 * Quotes publishing a model from one of the caller's wallets, with the split and the prices that were set for it.
 * @returns the payment's id
 * @throws AppError `not_found`, `not_an_owner`, `wallet_not_linked`, `already_published`, `not_ready`,
 *   `invalid_amount`, `weights_open`, `unknown_chain`
 */
export async function quotePublication(
  deps: Deps,
  userId: string,
  input: { modelId: string; wallet: string; chain: string; terms?: PriceInput },
): Promise<string> {
  const model = await requireModelOwner(deps, userId, input.modelId);
  const chain = deps.chains.get(input.chain);
  const { address: wallet } = await requireWallet(deps, userId, input.wallet, input.chain);
  if ((await publishedByModel(deps, [model.id])).has(model.id)) throw alreadyPublished();

  const terms = input.terms ? readTerms(input.terms) : await termsOf(deps.db, model.id);
  const weights = model.served?.sha256;
  if (!weights) throw notReady(terms ? ["file"] : ["file", "terms"]);
  if (!terms) throw notReady(["terms"]);
  if (terms.sale > 0n && model.weights === "open") throw openWeightsNotForSale();
  if (input.terms) await saveTerms(deps.db, model.id, terms);

  const split = await splitToPublish(deps, model.id, wallet);
  const salt = modelSalt(model.id);
  const account = accountRef("group", model.groupId);
  const onchainId = onchainModelId(wallet, salt);
  const fee = await publishFeeOf(chain, wallet);
  await expectOnchainModel(deps.db, { chain: chain.chain, onchainId, modelId: model.id, owner: wallet });
  return openQuote(deps, userId, {
    purpose: "publish",
    chain,
    wallet,
    modelId: model.id,
    onchainId,
    account,
    months: 1,
    amount: fee,
    fee,
    call: aiforgeCall(chain, "publish", [
      salt,
      `0x${weights}`,
      toSplit(split.members),
      terms,
      account,
      fee,
      FROM_WALLET,
    ]),
    // Either an upload to the draft that begins now finds this quote, or this quote finds that it has begun.
    stillHolds: async (tx) => {
      if ((await lockModel(tx, model.id))?.served?.sha256 !== weights) throw notReady(["file"]);
    },
  });
}

/**
 * Quotes more listing time for a published model of one of the caller's groups.
 * @returns the payment's id
 * @throws AppError `not_found`, `wallet_not_linked`, `not_published`, `wrong_chain`
 */
export async function quoteListing(
  deps: Deps,
  userId: string,
  input: { modelId: string; wallet: string; chain: string; months: number },
): Promise<string> {
  const model = await getModelForMember(deps, userId, input.modelId);
  const chain = deps.chains.get(input.chain);
  const published = (await publishedByModel(deps, [model.id])).get(model.id);
  if (!published) throw notPublished();
  if (published.chain !== chain.chain) throw wrongChain(published.chain);
  const { address: wallet } = await requireWallet(deps, userId, input.wallet, input.chain);
  const account = accountRef("group", model.groupId);
  const amount = BigInt(input.months) * FEES.listing;
  return openQuote(deps, userId, {
    purpose: "listing",
    chain,
    wallet,
    modelId: model.id,
    onchainId: published.onchainId,
    account,
    months: input.months,
    amount,
    fee: amount,
    call: aiforgeCall(chain, "extendListing", [
      published.onchainId as `0x${string}`,
      BigInt(input.months),
      account,
      FROM_WALLET,
    ]),
  });
}
