import type { Context, Event, EventNames } from "ponder:registry";
import { type CreditEntryKind, creditEntries, credits } from "ponder:schema";
import type { Hex } from "viem";

/** The part of an event and its context that a handler's rows are made from. */
type AnyEvent = Pick<Event<Extract<EventNames, `AIForge:${string}`>>, "block" | "transaction" | "log">;

/** CAIP-2 id of the chain a handler runs for. */
export const chainOf = (context: Pick<Context, "chain">): string => `eip155:${context.chain.id}`;

/** Where an event is on its chain. */
export function provenanceOf(event: AnyEvent) {
  return {
    txHash: event.transaction.hash,
    logIndex: event.log.logIndex,
    blockNumber: event.block.number,
    blockTimestamp: event.block.timestamp,
  };
}

/** The columns every event row starts with. */
export function eventRowOf(event: AnyEvent, context: Pick<Context, "chain">) {
  const chainId = chainOf(context);
  const provenance = provenanceOf(event);
  return { id: `${chainId}-${provenance.txHash}-${provenance.logIndex}`, chainId, ...provenance };
}

/** Prices of the contract's `Terms` as columns. */
export function pricesOf(terms: { month: bigint; sale: bigint; input: bigint; output: bigint }) {
  return {
    priceMonth: terms.month,
    priceSale: terms.sale,
    priceInput: terms.input,
    priceOutput: terms.output,
  };
}

/**
 * Records one change of a payee's credit. The new total is the event's own, never a sum of ours, so a missed
 * event cannot make the mirror drift.
 */
export async function recordCredit(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  entry: { payee: Hex; kind: CreditEntryKind; delta: bigint; credit: bigint; counterparty: Hex | null },
): Promise<void> {
  await context.db.insert(creditEntries).values({ ...eventRowOf(event, context), ...entry });
  await context.db
    .insert(credits)
    .values({ chainId: chainOf(context), payee: entry.payee, amount: entry.credit })
    .onConflictDoUpdate({ amount: entry.credit });
}

/** Records the platform's fee of a payment as a credit of the treasury; a free first model has none. */
export async function recordFee(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  payment: { fee: bigint; payer: Hex; treasury: Hex; treasuryCredit: bigint },
): Promise<void> {
  if (payment.fee === 0n) return;
  await recordCredit(event, context, {
    payee: payment.treasury,
    kind: "fee",
    delta: payment.fee,
    credit: payment.treasuryCredit,
    counterparty: payment.payer,
  });
}
