import { FEES } from "@aiforge/contracts";
import { aiforgeCall, FROM_WALLET } from "../../../chain/calls.ts";
import { notFound } from "../../../core/errors.ts";
import type { Deps } from "../../../deps.ts";
import { notListed } from "../../publishing/errors.ts";
import { isListed, membersOf, publishedByModel } from "../../publishing/onchain.ts";
import { requireWallet } from "../../wallets/service.ts";
import { notForSale, wrongChain } from "../errors.ts";
import { openQuote } from "../quotes.ts";
import { accountFor } from "./account.ts";

export interface QuoteLicense {
  /** UUID. */
  modelId: string;
  wallet: string;
  /** CAIP-2. */
  chain: string;
  groupId?: string | null;
}

/**
 * Quotes a licence to a model's weights.
 * @returns the payment's id
 * @throws AppError `not_found`, `wallet_not_linked`, `wrong_chain`, `not_listed`, `not_for_sale`, `payments_paused`
 */
export async function quoteLicense(deps: Deps, userId: string, input: QuoteLicense): Promise<string> {
  const chain = deps.chains.get(input.chain);
  const published = (await publishedByModel(deps, [input.modelId])).get(input.modelId);
  if (!published) throw notFound("The model");
  const account = await accountFor(deps, userId, input.groupId);
  if (published.chain !== chain.chain) throw wrongChain(published.chain);
  const { address: wallet } = await requireWallet(deps, userId, input.wallet, input.chain);
  if (!isListed(published)) throw notListed(input.modelId);
  const amount = published.sale;
  if (amount === 0n) throw notForSale();
  return openQuote(deps, userId, {
    purpose: "license",
    chain,
    wallet,
    modelId: input.modelId,
    onchainId: published.onchainId,
    account,
    months: 0,
    amount,
    fee: (amount * FEES.saleBps) / FEES.bps,
    splitId: published.splitId,
    members: membersOf(published),
    call: aiforgeCall(chain, "buyLicense", [
      published.onchainId as `0x${string}`,
      amount,
      published.splitId as `0x${string}`,
      account,
      FROM_WALLET,
    ]),
  });
}
