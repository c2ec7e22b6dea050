import { aiforgeAbi, FEES } from "@aiforge/contracts";
import { aiforgeCall, FROM_WALLET } from "../../../chain/calls.ts";
import { readChain } from "../../../chain/read.ts";
import type { Deps } from "../../../deps.ts";
import { requireWallet } from "../../wallets/service.ts";
import { planNotOffered } from "../errors.ts";
import { openQuote } from "../quotes.ts";
import { accountFor } from "./account.ts";

export interface QuotePlan {
  /** 1 Basic, 2 Pro, 3 Enterprise. */
  plan: number;
  /** 1 to 120. */
  months: number;
  wallet: string;
  /** CAIP-2. */
  chain: string;
  groupId?: string | null;
}

/**
 * Quotes months of a plan at its price on the chain now.
 * @returns the payment's id
 * @throws AppError `not_found`, `wallet_not_linked`, `plan_not_offered`, `payments_paused`, `chain_unavailable`
 */
export async function quotePlan(deps: Deps, userId: string, input: QuotePlan): Promise<string> {
  const chain = deps.chains.get(input.chain);
  const account = await accountFor(deps, userId, input.groupId);
  const { address: wallet } = await requireWallet(deps, userId, input.wallet, input.chain);
  const { plan, months } = input;
  const price = await readChain(chain, () =>
    chain.client.readContract({
      address: chain.aiforge,
      abi: aiforgeAbi,
      functionName: "planPriceOf",
      args: [plan],
    }),
  );
  if (price === 0n) throw planNotOffered();
  const amount = price * BigInt(months);
  return openQuote(deps, userId, {
    purpose: "plan",
    chain,
    wallet,
    modelId: null,
    onchainId: String(plan),
    account,
    months,
    amount,
    fee: (amount * FEES.planBps) / FEES.bps,
    call: aiforgeCall(chain, "buyPlan", [plan, BigInt(months), amount, account, FROM_WALLET]),
  });
}
