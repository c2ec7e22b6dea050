import { type Chain, confirmationsAt } from "../../chain/chains.ts";
import { contractPage, transactionPage } from "../../chain/explorer.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { isoOf, membersOf } from "../publishing/onchain.ts";
import { receivedFor, unmatchedFor } from "./cashier/received.ts";
import { awaiting, expired, late, reorged } from "./errors.ts";
import type { QuotedPayment, UnquotedPayment } from "./events.ts";
import { openPurse, type Purse } from "./purse.ts";
import type { PaymentView, Reason, Received } from "./shapes.ts";

import { moneyView } from "./shares.ts";
import { unquotedCall } from "./unquoted.ts";
import { waysOf } from "./ways.ts";

export { type PaymentView, paymentSchema } from "./shapes.ts";

/** Payments as JSON, for a user to see. Allowances, `fresh` or as old as a block, and credit are asked for those that can still be paid. */
export async function viewPayments(
  deps: Deps,
  userId: string,
  rows: QuotedPayment[],
  { fresh = true, now = new Date() } = {},
): Promise<PaymentView[]> {
  const purse = openPurse(deps, fresh);
  const quoted = rows.map(({ payment }) => payment);
  const [received, unmatched] = await Promise.all([
    receivedFor(deps, quoted),
    unmatchedFor(deps, quoted, userId),
  ]);
  return Promise.all(
    rows.map((row) => {
      const { id } = row.payment;
      const came = { received: received.get(id) ?? null, unmatched: unmatched.get(id) ?? [] };
      return viewPayment(deps, row, now, purse, came);
    }),
  );
}

async function viewPayment(
  deps: Deps,
  row: QuotedPayment,
  now: Date,
  purse: Purse,
  { received, unmatched }: Pick<PaymentView, "received" | "unmatched">,
): Promise<PaymentView> {
  const { payment, event } = row;
  const chain = deps.chains.get(payment.chain);
  const state = standingOf(row, chain, now, received);
  const payable = PAYABLE.has(state.status);
  const ways = payable ? await waysOf(chain, payment, purse) : null;
  const members = event && row.split ? membersOf(row.split) : payment.members;
  return {
    id: payment.id,
    quoted: true,
    purpose: payment.purpose,
    chain: payment.chain,
    ...state,
    ...moneyView({
      purpose: payment.purpose,
      amount: (event ?? payment).amount,
      fee: (event ?? payment).fee,
      treasury: payment.treasury,
      payer: payment.wallet,
      members,
    }),
    account: payment.account,
    wallet: payment.wallet,
    modelId: payment.modelId,
    modelName: row.modelName,
    plan: payment.purpose === "plan" ? Number(payment.onchainId) : null,
    months: payment.months,
    dailyCap: payment.dailyCap === null ? null : usdt(payment.dailyCap),
    createdAt: payment.createdAt.toISOString(),
    expiresAt: payment.expiresAt.toISOString(),
    txHash: payment.txHash,
    explorer: explorerOf(chain, payment.txHash),
    required: chain.confirmations,
    allowanceReset: ways?.wallet?.allowanceReset ?? null,
    allowance: ways?.wallet?.allowance ?? null,
    call: payment.call,
    ways,
    received,
    unmatched,
  };
}

/** A quote that reached one of these can still be paid. */
const PAYABLE: ReadonlySet<PaymentView["status"]> = new Set(["quoted", "failed", "reorged", "short"]);

/** Pages of the chain's explorer. */
export function explorerOf(chain: Chain, txHash: string | null): PaymentView["explorer"] {
  return {
    transaction: transactionPage(chain, txHash),
    contract: contractPage(chain),
  };
}

type Standing = Pick<PaymentView, "status" | "confirmations" | "reason">;

const standing = (status: PaymentView["status"], reason: Reason | null, confirmations = 0): Standing => ({
  status,
  confirmations,
  reason,
});

function standingOf(
  { payment, event, headBlock }: QuotedPayment,
  chain: Chain,
  now: Date,
  received: Received | null,
): Standing {
  if (event) {
    const confirmations = confirmationsAt(headBlock ?? 0n, event.blockNumber);
    if (confirmations < chain.confirmations) {
      return standing("seen", awaiting(confirmations, chain.confirmations), confirmations);
    }
    const paidAt = Number(event.blockTimestamp) * 1000;
    const tooLate = paidAt > payment.expiresAt.getTime() && received?.outcome !== "purchase";
    return standing("confirmed", tooLate ? late() : surplusOf(received), confirmations);
  }
  if (received) {
    const { outcome, reason, confirmations } = received;
    if (outcome === "arriving" || outcome === "purchase") return standing("seen", reason, confirmations);
    const code = reason?.code;
    return standing(code === "late" || code === "short" ? code : "failed", reason, confirmations);
  }
  if (payment.failure) {
    const { code, message, hint } = payment.failure;
    return standing("failed", { code, message, hint });
  }
  if (payment.reorgedAt) return standing("reorged", reorged());
  if (payment.expiresAt <= now) return standing("expired", expired());
  return standing("quoted", null);
}

/** Of a payment that was made, a transfer has only one thing to tell: that it was too much. */
const surplusOf = (received: Received | null): Reason | null =>
  received?.reason?.code === "surplus" ? received.reason : null;

/** A payment that nobody asked a quote for: the event tells all of it. */
export function viewUnquoted(deps: Deps, row: UnquotedPayment): PaymentView {
  const { event } = row;
  const chain = deps.chains.get(event.chain);
  const confirmations = confirmationsAt(row.headBlock, event.blockNumber);
  const confirmed = confirmations >= chain.confirmations;
  const at = isoOf(event.blockTimestamp);
  return {
    id: event.id,
    quoted: false,
    purpose: event.purpose,
    chain: event.chain,
    status: confirmed ? "confirmed" : "seen",
    confirmations,
    required: chain.confirmations,
    reason: confirmed ? null : awaiting(confirmations, chain.confirmations),
    ...moneyView({
      ...event,
      treasury: row.treasury ?? "",
      members: row.split ? membersOf(row.split) : [],
    }),
    account: event.account,
    wallet: event.payer,
    modelId: row.modelId,
    modelName: row.modelName,
    plan: event.purpose === "plan" ? Number(event.onchainId) : null,
    months: Number(event.months),
    dailyCap: null,
    createdAt: at,
    expiresAt: at,
    txHash: event.txHash,
    explorer: explorerOf(chain, event.txHash),
    allowanceReset: null,
    allowance: null,
    call: unquotedCall(chain, event),
    ways: null,
    received: null,
    unmatched: [],
  };
}
