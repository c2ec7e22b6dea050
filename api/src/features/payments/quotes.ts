import { and, desc, eq, gt, isNull, sql } from "drizzle-orm";
import type { Call } from "../../chain/calls.ts";
import type { Chain } from "../../chain/chains.ts";
import { readChain } from "../../chain/read.ts";
import type { Executor } from "../../db/client.ts";
import type { Deps } from "../../deps.ts";
import type { SplitMember } from "../group-revenue/schema.ts";
import { settingsOf } from "../publishing/queries.ts";
import { reserveAmount } from "./cashier/reservations.ts";
import { cashierOf, isWorth, takesNow, takesTransfers } from "./cashier/wallet.ts";
import { paused } from "./errors.ts";
import { limitQuotes } from "./limits.ts";
import { type Purpose, payments } from "./schema.ts";

export interface QuoteParameters {
  purpose: Purpose;
  chain: Chain;
  /** Lower-case. */
  wallet: string;
  /** UUID; null for plans and deposits. */
  modelId: string | null;
  /** The model's id on chain, the plan's number, or empty for a deposit. */
  onchainId: string;
  account: string;
  /** 0 for what is not bought by the month. */
  months: number;
  /** Micro-USDT. */
  amount: bigint;
  /** The platform's part of it, micro-USDT. */
  fee: bigint;
  /** The split that shares the rest, and who is in it; left out where none earns at once. */
  splitId?: string;
  members?: SplitMember[];
  /** Deposits only: the most that may be charged in a day, micro-USDT. */
  dailyCap?: bigint;
  call: Call;
  /** Looks, in the quote's own transaction, whether what is quoted still holds; throws when it does not. */
  stillHolds?: (tx: Executor) => Promise<void>;
  /** Writes, in the quote's own transaction, what is not there without it. */
  opened?: (tx: Executor, payment: { id: string; expiresAt: Date }) => Promise<void>;
}

/**
 * Opens a quote, or finds the one that is open for the same purpose: a second click on a button that pays must not
 * make a second payment. One is the same while its call is, so a changed price or split makes a new one.
 * @returns the payment's id
 * @throws AppError `payments_paused` (409), `too_many_attempts` (429), `chain_unavailable` (503)
 */
export async function openQuote(deps: Deps, userId: string, quote: QuoteParameters): Promise<string> {
  const { chain, stillHolds, opened, ...values } = quote;
  await limitQuotes(deps, userId);
  const settings = await settingsOf(deps.db, chain.chain);
  if (settings?.paused) throw paused();
  const quotedBlock = await readChain(chain, () => chain.head(0));
  const cashier =
    takesTransfers(quote) && isWorth(chain, quote.amount) && (await takesNow(chain))
      ? cashierOf(chain)
      : null;
  return deps.db.transaction(async (tx) => {
    const key = [userId, chain.chain, quote.wallet, quote.account, quote.call.data].join("|");
    await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${key}, 7242011))`);
    await stillHolds?.(tx);
    const now = new Date();
    const [open] = await tx
      .select({ id: payments.id })
      .from(payments)
      .where(
        and(
          eq(payments.userId, userId),
          eq(payments.chain, chain.chain),
          eq(payments.purpose, quote.purpose),
          eq(payments.onchainId, quote.onchainId),
          eq(payments.account, quote.account),
          eq(payments.wallet, quote.wallet),
          isNull(payments.logIndex),
          isNull(payments.failure),
          gt(payments.expiresAt, now),
          sql`${payments.call} ->> 'data' = ${quote.call.data}`,
        ),
      )
      .orderBy(desc(payments.createdAt))
      .limit(1);
    if (open) return open.id;
    const expiresAt = new Date(now.getTime() + deps.config.QUOTE_SECONDS * 1000);
    const [created] = await tx
      .insert(payments)
      .values({
        members: [],
        ...values,
        userId,
        chain: chain.chain,
        treasury: settings?.treasury ?? "",
        quotedBlock,
        createdAt: now,
        expiresAt,
      })
      .returning({ id: payments.id });
    const id = created!.id;
    await opened?.(tx, { id, expiresAt });
    if (cashier) {
      const recipient = cashier.address.toLowerCase();
      const reserved = { chain: chain.chain, recipient, paymentId: id, price: quote.amount, expiresAt };
      await reserveAmount(tx, userId, reserved);
    }
    return id;
  });
}
