import { aiforgeAbi } from "@aiforge/contracts";
import { decodeFunctionData, maxUint256 } from "viem";
import { aiforgeCall, type Call, FROM_CREDIT, jsonSafe } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { showAddress } from "../../chain/show.ts";
import { AppError } from "../../core/errors.ts";
import { usdt } from "../../core/money.ts";
import { cashierOf, isWorth, takesNow, takesTransfers } from "./cashier/wallet.ts";
import { tooLittle } from "./errors.ts";
import { permit2Of, permitTypedData, takesPermit } from "./permit.ts";
import { approvals, type Purse } from "./purse.ts";
import type { payments } from "./schema.ts";
import type { Reason, Ways } from "./shapes.ts";

type Payment = typeof payments.$inferSelect;

/** The ways in which an open quote can be paid now. */
export async function waysOf(chain: Chain, payment: Payment, purse: Purse): Promise<Ways> {
  const [wallet, credit, permit2, transfer] = await Promise.all([
    unlessUnavailable(byWallet(chain, payment, purse)),
    byCredit(chain, payment, purse),
    unlessUnavailable(byPermit(chain, payment, purse)),
    byTransfer(chain, payment),
  ]);
  return { wallet, credit, permit2, transfer, noTransfer: noTransfer(chain, payment) };
}

/** Null for what only the chain can tell while it does not answer: that hides no other way, and no other chain's payments. */
async function unlessUnavailable<T>(way: Promise<T>): Promise<T | null> {
  try {
    return await way;
  } catch (error) {
    if (error instanceof AppError && error.code === "chain_unavailable") return null;
    throw error;
  }
}

async function byWallet(chain: Chain, payment: Payment, purse: Purse): Promise<Ways["wallet"]> {
  const approval = await approvals(purse, chain, payment.wallet, chain.aiforge, payment);
  return { ...approval, call: payment.call };
}

async function byCredit(chain: Chain, payment: Payment, purse: Purse): Promise<Ways["credit"]> {
  if (payment.amount === 0n) return null;
  const available = await purse.credit(chain, payment.wallet);
  if (available < payment.amount) return null;
  return { available: usdt(available), call: fromCredit(chain, payment.call) };
}

/** The same call, paid from the caller's credit: where the money comes from is the last argument of each. */
export function fromCredit(chain: Chain, call: Call): Call {
  const decoded = decodeFunctionData({ abi: aiforgeAbi, data: call.data as `0x${string}` });
  const args = [...(decoded.args as readonly unknown[]).slice(0, -1), FROM_CREDIT];
  return aiforgeCall(chain, decoded.functionName as "subscribe", args as never);
}

async function byPermit(chain: Chain, payment: Payment, purse: Purse): Promise<Ways["permit2"]> {
  if (!takesPermit(payment)) return null;
  const permit2 = await permit2Of(chain);
  if (!permit2) return null;
  // Permit2 is made to be allowed once and for all: each payment then needs a signature of its own.
  const { amount } = payment;
  const approval = await approvals(purse, chain, payment.wallet, permit2, { amount, allow: maxUint256 });
  const typedData = jsonSafe(permitTypedData(chain, permit2, payment)) as NonNullable<
    Ways["permit2"]
  >["typedData"];
  return { ...approval, typedData };
}

async function byTransfer(chain: Chain, payment: Payment): Promise<Ways["transfer"]> {
  const amount = payment.transferAmount;
  if (amount === null || !takesTransfers(payment) || !isWorth(chain, payment.amount)) return null;
  // What comes after the end buys nothing.
  if (payment.expiresAt <= new Date()) return null;
  const to = cashierOf(chain)?.address;
  if (!to || !(await takesNow(chain))) return null;
  return {
    to,
    amount: usdt(amount),
    uri: transferUri(chain, to, amount),
    network: chain.name,
    token: chain.usdt,
    expiresAt: payment.expiresAt.toISOString(),
  };
}

/** Said where plain transfers are taken, only not for so little. */
function noTransfer(chain: Chain, payment: Payment): Reason | null {
  if (!cashierOf(chain) || !takesTransfers(payment) || isWorth(chain, payment.amount)) return null;
  return tooLittle(chain.name, chain.leastTransfer);
}

/** What a wallet's camera reads. Wallets on Tron know no more than an address and an amount: the token is chosen there. */
function transferUri(chain: Chain, to: `0x${string}`, amount: bigint): string {
  if (chain.namespace === "tron") return `tron:${showAddress(chain.chain, to)}?amount=${usdt(amount)}`;
  return `ethereum:${chain.usdt}@${chain.chainId}/transfer?address=${to}&uint256=${amount}`;
}
