import { parseUsdt } from "@aiforge/contracts";
import type { Payment } from "../api/types.ts";

/** Under a cent over the price is the tail by which a transfer is known, and nobody's mistake. */
const TAIL_MAX = 10_000n;

/** Statuses in which a quote can still be paid by a transfer, or by another one. */
const OPEN: ReadonlySet<Payment["status"]> = new Set(["quoted", "short", "failed", "reorged"]);
/** Statuses that nothing changes any more, but that what came may still have to become credit. */
const OVER: ReadonlySet<Payment["status"]> = new Set(["confirmed", "expired", "late"]);

type Received = NonNullable<Payment["received"]>;

/** What is credit, or waits for more of it: nothing becomes of that by itself. */
const atRest = ({ credited, waiting }: Received): bigint => parseUsdt(credited) + parseUsdt(waiting);

/** Whether what came for a payment, or what is over its price, is not all of it credit yet, and is going to be. */
export function owesCredit({ received, unmatched, amount }: Payment): boolean {
  if (unmatched.some((each) => atRest(each) < parseUsdt(each.amount))) return true;
  if (received?.outcome === "credit") return atRest(received) < parseUsdt(received.amount);
  if (received?.outcome !== "purchase") return false;
  return atRest(received) < parseUsdt(received.amount) - parseUsdt(amount);
}

/** Whether something of what came for a payment is too little to become credit by itself. */
export const waitsForMore = ({ received }: Payment): boolean =>
  received !== null && parseUsdt(received.waiting) > 0n;

/** What came over the price, in micro-USDT; null when it is no more than the tail. */
export function overPrice({ received, amount }: Payment): bigint | null {
  const extra = received ? parseUsdt(received.amount) - parseUsdt(amount) : 0n;
  return extra >= TAIL_MAX ? extra : null;
}

/** Whether the contract has refused what was to be bought: it would again, so no more money is asked for. */
const isRefused = ({ received }: Payment): boolean => received?.reason?.code === "refused";

/** Whether money that is sent now would pay: then the page says where to. */
export const takesTransfer = (payment: Payment): boolean =>
  !!payment.ways?.transfer && OPEN.has(payment.status) && !isRefused(payment);

/** Whether nothing can become of a payment any more that is made by transfer. */
export function isSettled(payment: Payment): boolean {
  const { status, received, expiresAt } = payment;
  // What came short is said for ever, and for so long another can come.
  const left = received?.outcome === "credit" && Date.parse(expiresAt) <= Date.now();
  return (OVER.has(status) || isRefused(payment) || left) && !owesCredit(payment);
}

/** The same of one that a wallet's transaction makes: what came before by transfer does not end it. */
export function isPaid(payment: Payment): boolean {
  const { status, received } = payment;
  if (status === "failed") return received === null;
  return status === "expired" || (status === "confirmed" && !owesCredit(payment));
}
