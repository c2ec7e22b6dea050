import type { Context, Event, EventNames } from "ponder:registry";
import type { Hex } from "viem";
import {
  type CreditEntryKind,
  creditEntries,
  credits,
  draws,
  type EarningKind,
  type FeeKind,
  feeEntries,
  members,
  settings,
  splitEarnings,
  splits,
} from "../ponder.schema.ts";

/** The part of an event and its context that a handler's rows are made from. */
export type AnyEvent = Pick<Event<Extract<EventNames, `AIForge:${string}`>>, "block" | "transaction" | "log">;

/** CAIP-2 id of the chain a handler runs for, which is the name that Ponder and the Tron scanner know it by. */
export const chainOf = (context: Pick<Context, "chain">): string => context.chain.name;

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

/**
 * Records the platform's part of a payment and what the treasury can collect after it. A payment of nothing, such as a
 * wallet's first publication, is none; a payment too small for a fee is one.
 */
export async function recordFee(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  entry: { kind: FeeKind; item: string; payer: Hex | null; gross: bigint; fee: bigint; fees: bigint },
): Promise<void> {
  if (entry.gross === 0n) return;
  await context.db.insert(feeEntries).values({ ...eventRowOf(event, context), ...entry });
  if (entry.fee === 0n) return;
  await context.db.update(settings, { chainId: chainOf(context) }).set({ uncollectedFees: entry.fees });
}

/** Records what a split earned. The contract lets only declared splits earn, so its row is there. */
export async function recordEarning(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  entry: {
    splitId: Hex;
    kind: EarningKind;
    modelId?: Hex;
    jobId?: Hex;
    amount: bigint;
    earned: bigint;
    claimed?: bigint;
  },
): Promise<void> {
  const { claimed, ...earning } = entry;
  await context.db.insert(splitEarnings).values({ ...eventRowOf(event, context), ...earning });
  await context.db
    .update(splits, { chainId: chainOf(context), splitId: entry.splitId })
    .set({ earned: entry.earned, ...(claimed !== undefined && { claimed }) });
}

/** Records a share that was drawn straight to an address, without becoming credit. */
export async function recordDrawTo(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  draw: { splitId: Hex; member: Hex; to: Hex; amount: bigint; drawn: bigint },
): Promise<void> {
  const { splitId, member, to, amount, drawn } = draw;
  await context.db
    .insert(draws)
    .values({ ...eventRowOf(event, context), splitId, member, to, amount, drawn });
  await context.db.update(members, { chainId: chainOf(context), splitId, member }).set({ drawn });
}
