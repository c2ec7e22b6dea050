import { and, eq, inArray, or } from "drizzle-orm";
import { z } from "zod";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { quoteSubscription } from "../marketplace/subscribe.ts";
import { quoteListing, quotePublication } from "../publishing/quote.ts";
import { walletsOf } from "../wallets/service.ts";
import { accountRefsOf } from "./accounts.ts";
import { type QuotedPayment, quotedPayments, unquotedPayments } from "./events.ts";
import { matchPayments } from "./matching.ts";
import { type Purpose, payments } from "./schema.ts";
import { explainTransaction } from "./verify.ts";
import { type PaymentView, viewPayments, viewUnquoted } from "./view.ts";

export interface CreatePayment {
  purpose: Purpose;
  /** UUID. */
  modelId: string;
  /** 1 to 120; publishing always pays for one. */
  months?: number;
  wallet: string;
  /** CAIP-2. */
  chain: string;
  /** Buy for a group of the caller's instead of for the caller. Services only. */
  groupId?: string;
}

/**
 * Quotes a payment; asked again for the same while the quote is open, gives the same one.
 * @throws AppError those of the purpose: `not_found`, `wallet_not_linked`, `not_listed`, `not_offered`, …
 */
export async function createPayment(
  deps: Deps,
  userId: string,
  { purpose, months = 1, ...rest }: CreatePayment,
): Promise<PaymentView> {
  const quote = {
    service: () => quoteSubscription(deps, userId, { ...rest, months }),
    listing: () => quoteListing(deps, userId, { ...rest, months }),
    publish: () => quotePublication(deps, userId, rest),
  }[purpose];
  return getPayment(deps, userId, await quote());
}

/**
 * A payment as it stands now.
 * @param id UUID of a quote, or the event's id of a payment that was made without one
 * @throws AppError `not_found` (404), the same for no such payment and for somebody else's
 */
export async function getPayment(deps: Deps, userId: string, id: string): Promise<PaymentView> {
  if (!z.uuid().safeParse(id).success) return getUnquoted(deps, userId, id);
  const [view] = await viewPayments(deps, [await requirePayment(deps, userId, id)]);
  return view!;
}

/**
 * Says where a transaction stands that the payer names for a payment, and what is wrong with it if it is not the one.
 * @throws AppError `not_found` (404), `chain_unavailable` (503)
 */
export async function verifyPayment(
  deps: Deps,
  userId: string,
  { paymentId, txHash }: { paymentId: string; txHash: `0x${string}` },
): Promise<PaymentView> {
  const { payment } = await requirePayment(deps, userId, paymentId);
  const reason = await explainTransaction(deps, payment, txHash);
  const view = await getPayment(deps, userId, paymentId);
  return reason ? { ...view, reason } : view;
}

/** Every payment of the caller and their groups, quoted or not, the newest first. */
export async function paymentHistory(deps: Deps, userId: string): Promise<PaymentView[]> {
  const { accounts, wallets } = await payerOf(deps, userId);
  await matchPayments(deps, accounts);
  const [quoted, unquoted] = await Promise.all([
    quotedPayments(deps.db, or(eq(payments.userId, userId), inArray(payments.account, accounts))),
    unquotedPayments(deps.db, (events) =>
      or(inArray(events.account, accounts), inArray(events.payer, wallets)),
    ),
  ]);
  const views = [...(await viewPayments(deps, quoted)), ...unquoted.map((row) => viewUnquoted(deps, row))];
  return views.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

async function requirePayment(deps: Deps, userId: string, id: string): Promise<QuotedPayment> {
  const accounts = await accountRefsOf(deps, userId);
  const mine = and(eq(payments.id, id), or(eq(payments.userId, userId), inArray(payments.account, accounts)));
  const [row] = await quotedPayments(deps.db, mine);
  if (!row) throw notFound("The payment");
  if (row.event) return row;
  await matchPayments(deps, [row.payment.account]);
  const [matched] = await quotedPayments(deps.db, mine);
  return matched ?? row;
}

async function getUnquoted(deps: Deps, userId: string, eventId: string): Promise<PaymentView> {
  const { accounts, wallets } = await payerOf(deps, userId);
  const [row] = await unquotedPayments(deps.db, (events) =>
    and(eq(events.id, eventId), or(inArray(events.account, accounts), inArray(events.payer, wallets))),
  );
  if (!row) throw notFound("The payment");
  return viewUnquoted(deps, row);
}

async function payerOf(deps: Deps, userId: string) {
  const [accounts, wallets] = await Promise.all([accountRefsOf(deps, userId), walletsOf(deps, userId)]);
  return { accounts, wallets: wallets.map(({ address }) => address as string) };
}
