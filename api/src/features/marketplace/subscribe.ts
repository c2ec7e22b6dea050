import { accountRef, FEES } from "@aiforge/contracts";
import { aiforgeCall, FROM_WALLET } from "../../chain/calls.ts";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { requireMember } from "../groups/service.ts";
import { notOffered, wrongChain } from "../payments/errors.ts";
import { openQuote } from "../payments/quotes.ts";
import { notListed } from "../publishing/errors.ts";
import { isListed, membersOf, publishedByModel } from "../publishing/onchain.ts";
import { requireWallet } from "../wallets/service.ts";

export interface Subscribe {
  /** UUID. */
  modelId: string;
  wallet: string;
  /** CAIP-2. */
  chain: string;
  /** 1 to 120. */
  months: number;
  /** Buy for this group of the caller's instead of for the caller. */
  groupId?: string;
}

/**
 * Quotes months of API subscription to a model.
 * @returns the payment's id
 * @throws AppError `not_found`, `wallet_not_linked`, `wrong_chain`, `not_listed`, `not_offered`, `payments_paused`
 */
export async function quoteSubscription(deps: Deps, userId: string, input: Subscribe): Promise<string> {
  const chain = deps.chains.get(input.chain);
  const published = (await publishedByModel(deps, [input.modelId])).get(input.modelId);
  if (!published) throw notFound("The model");
  if (input.groupId) await requireMember(deps, userId, input.groupId);
  if (published.chain !== chain.chain) throw wrongChain(published.chain);
  const { address: wallet } = await requireWallet(deps, userId, input.wallet, input.chain);
  if (!isListed(published)) throw notListed(input.modelId);
  if (published.month === 0n) throw notOffered();

  const amount = published.month * BigInt(input.months);
  const account = input.groupId ? accountRef("group", input.groupId) : accountRef("user", userId);
  return openQuote(deps, userId, {
    purpose: "service",
    chain,
    wallet,
    modelId: input.modelId,
    onchainId: published.onchainId,
    account,
    months: input.months,
    amount,
    fee: (amount * FEES.serviceBps) / FEES.bps,
    splitId: published.splitId,
    members: membersOf(published),
    call: aiforgeCall(chain, "subscribe", [
      published.onchainId as `0x${string}`,
      BigInt(input.months),
      amount,
      published.splitId as `0x${string}`,
      account,
      FROM_WALLET,
    ]),
  });
}
