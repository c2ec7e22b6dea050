import { and, eq, isNull } from "drizzle-orm";
import type { Hex } from "viem";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import { showAddress } from "../../chain/show.ts";
import type { Deps } from "../../deps.ts";
import { cashierOf } from "./cashier/wallet.ts";
import * as reasons from "./errors.ts";
import { matchPayments } from "./matching.ts";
import { paymentAt, paymentRow } from "./queries.ts";
import { payments } from "./schema.ts";
import type { Reason } from "./shapes.ts";
import {
  type Bought,
  type Finding,
  findTransaction,
  knowsTransaction,
  transferRecipient,
} from "./transaction.ts";
import { explainTransfer } from "./verify-transfer.ts";

type Payment = typeof payments.$inferSelect;

/**
 * Holds a transaction against a payment. A payment needs no verifying, the mirror finds what paid it; this says where a
 * transaction stands, and what is wrong with one that does not fit.
 * @returns why the transaction is not (yet) the payment; null when the payment itself tells
 */
export async function explainTransaction(deps: Deps, payment: Payment, hash: Hex): Promise<Reason | null> {
  const chain = deps.chains.get(payment.chain);
  const finding = await findTransaction(chain, hash);
  switch (finding.state) {
    case "unknown":
      return explainUnknown(deps, payment, hash, chain);
    case "pending":
      if (finding.to === chain.aiforge.toLowerCase()) await claim(deps, payment, hash);
      else if (!isForCashier(chain, finding)) return reasons.otherContract();
      return reasons.awaiting(0, chain.confirmations);
    case "reverted": {
      if (isForCashier(chain, finding)) return reasons.transferReverted(finding.error);
      if (finding.to !== chain.aiforge.toLowerCase()) return reasons.otherContract();
      const reason = reasons.reverted(finding.error);
      if (finding.input === payment.call.data) await fail(deps, payment, { txHash: hash, ...reason });
      return reason;
    }
    case "mined":
      return explainMined(deps, payment, { ...finding, hash, chain });
  }
}

const isForCashier = (chain: Chain, sent: Parameters<typeof transferRecipient>[1]): boolean => {
  const recipient = transferRecipient(chain, sent);
  return recipient !== null && recipient === cashierOf(chain)?.address.toLowerCase();
};

/** A transaction that the chain does not know was there before, is on another chain, or is nowhere. */
async function explainUnknown(deps: Deps, payment: Payment, hash: Hex, chain: Chain): Promise<Reason> {
  if (payment.seenHash === hash || (payment.reorgedAt && payment.txHash === hash)) return reasons.reorged();
  const others = deps.chains.all.filter((other) => other !== chain);
  const known = await Promise.all(others.map((other) => knowsTransaction(other, hash)));
  const other = others.find((_, at) => known[at]);
  return other ? reasons.otherNetwork(other.name, chain.name) : reasons.unknownTransaction(chain.name);
}

export type Mined = Extract<Finding, { state: "mined" }> & { hash: Hex; chain: Chain };

async function explainMined(deps: Deps, payment: Payment, found: Mined): Promise<Reason | null> {
  const { hash, chain, bought, blockNumber } = found;
  if (bought.length === 0) return explainTransfer(deps, payment, found);
  const fitting = bought.find((each) => misfit(payment, each) === null);
  if (!fitting) {
    const misfits = bought.map((each) => misfit(payment, each)!);
    return misfits.find(({ code }) => code === "short") ?? misfits[0]!;
  }
  await noteSeen(deps, payment, hash);
  await matchPayments(deps, [payment.account]);
  const holder = await paymentAt(deps.db, payment.chain, hash, fitting.logIndex);
  if (holder) return holder.id === payment.id ? null : reasons.alreadyUsed();
  const current = await paymentRow(deps.db, payment.id);
  if (current?.logIndex != null) return reasons.alreadyPaid();
  // A purchase from before the quote counted for the account when it was made.
  if (blockNumber <= payment.quotedBlock) return reasons.alreadyUsed();
  await claim(deps, payment, hash);
  await matchPayments(deps, [payment.account]);
  if (await paymentAt(deps.db, payment.chain, hash, fitting.logIndex)) return null;
  const head = await readChain(chain, () => chain.head(0));
  const seen = head < blockNumber ? 0 : Number(head - blockNumber) + 1;
  return reasons.awaiting(Math.min(seen, chain.confirmations), chain.confirmations);
}

/** What keeps a purchase from being this payment. */
function misfit(payment: Payment, bought: Bought): Reason | null {
  if (bought.purpose !== payment.purpose || bought.onchainId !== payment.onchainId)
    return reasons.wrongModel();
  if (bought.account !== payment.account) return reasons.wrongAccount();
  if (bought.months !== payment.months) return reasons.short(bought.months, payment.months);
  if (payment.purpose !== "usage") return null;
  if (bought.amount !== payment.amount) return reasons.otherDeposit(bought.amount, payment.amount);
  return bought.payer === payment.wallet
    ? null
    : reasons.wrongWallet(showAddress(payment.chain, payment.wallet));
}

/** Notes which transaction the payer names, so that it goes to this payment before others that fit as well. */
async function claim(deps: Deps, payment: Payment, txHash: Hex): Promise<void> {
  await deps.db
    .update(payments)
    .set({ txHash, failure: null })
    .where(and(eq(payments.id, payment.id), isNull(payments.logIndex)));
}

/** Notes that a transaction was on the chain: should the chain take it back, one can say so. */
export async function noteSeen(deps: Deps, payment: Payment, seenHash: Hex): Promise<void> {
  await deps.db.update(payments).set({ seenHash }).where(eq(payments.id, payment.id));
}

async function fail(deps: Deps, payment: Payment, failure: NonNullable<Payment["failure"]>): Promise<void> {
  await deps.db
    .update(payments)
    .set({ failure })
    .where(and(eq(payments.id, payment.id), isNull(payments.logIndex)));
}
