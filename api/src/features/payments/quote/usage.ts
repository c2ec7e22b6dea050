import { aiforgeAbi, MAX_PRICE } from "@aiforge/contracts";
import { aiforgeCall, FROM_WALLET } from "../../../chain/calls.ts";
import { readChain } from "../../../chain/read.ts";
import { invalid } from "../../../core/errors.ts";
import { readUsdt } from "../../../core/money.ts";
import type { Deps } from "../../../deps.ts";
import { requireWallet } from "../../wallets/service.ts";
import { capLowered } from "../errors.ts";
import { openQuote } from "../quotes.ts";
import { accountFor } from "./account.ts";

export interface QuoteUsage {
  /** USDT, a decimal string. */
  amount: string;
  /** The most that may be charged in a day, USDT; left out: the whole deposit, or what is allowed already. */
  dailyCap?: string;
  wallet: string;
  /** CAIP-2. */
  chain: string;
  groupId?: string | null;
}

/**
 * Quotes a deposit for metered use. The deposit is the wallet's, and serves the account named last.
 * @returns the payment's id
 * @throws AppError `not_found`, `wallet_not_linked`, `invalid_amount`, `cap_lowered`, `payments_paused`
 */
export async function quoteUsage(deps: Deps, userId: string, input: QuoteUsage): Promise<string> {
  const chain = deps.chains.get(input.chain);
  const account = await accountFor(deps, userId, input.groupId);
  const { address: wallet } = await requireWallet(deps, userId, input.wallet, input.chain);
  const amount = readUsdt("amount", input.amount, { max: MAX_PRICE / 2n });
  if (amount === 0n) throw invalid("amount", "amount: nothing would be deposited");
  const deposit = await readChain(chain, () =>
    chain.client.readContract({
      address: chain.aiforge,
      abi: aiforgeAbi,
      functionName: "usageDepositOf",
      args: [wallet],
    }),
  );
  const most = deposit.amount + amount;
  const dailyCap = input.dailyCap ? readUsdt("dailyCap", input.dailyCap) : larger(most, deposit.dailyCap);
  if (dailyCap < deposit.dailyCap) throw capLowered(deposit.dailyCap);
  return openQuote(deps, userId, {
    purpose: "usage",
    chain,
    wallet,
    modelId: null,
    onchainId: "",
    account,
    months: 0,
    amount,
    fee: 0n,
    dailyCap,
    call: aiforgeCall(chain, "depositUsage", [account, amount, dailyCap, FROM_WALLET]),
  });
}

function larger(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
