import { and, eq, inArray, or } from "drizzle-orm";
import { hashTypedData } from "viem";
import { z } from "zod";
import type { Call } from "../../chain/calls.ts";
import { hasSigned } from "../../chain/signature.ts";
import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { quoteSubscription } from "../marketplace/subscribe.ts";
import { quoteListing, quotePublication } from "../publishing/quote.ts";
import { accountRefsOf } from "./accounts.ts";
import { noPermit, paidAlready, quoteExpired, wrongSignature } from "./errors.ts";
import { type QuotedPayment, quotedPayments, unquotedPayments } from "./events.ts";
import { payerOf } from "./history.ts";
import { limitVerifications } from "./limits.ts";
import { matchPayments } from "./matching.ts";
import { permit2Of, permitCall, permitTypedData, takesPermit } from "./permit.ts";
import { quoteLicense } from "./quote/license.ts";
import { quotePlan } from "./quote/plan.ts";
import { quoteUsage } from "./quote/usage.ts";
import { payments } from "./schema.ts";
import type { PaymentView } from "./shapes.ts";
import { explainTransaction } from "./verify.ts";
import { viewPayments, viewUnquoted } from "./view.ts";

interface Payer {
  /** A wallet of the caller's. */
  wallet: string;
  /** CAIP-2. */
  chain: string;
}

interface ForAccount extends Payer {
  /** Buy for a group of the caller's instead of for the caller. */
  groupId?: string | null;
}

/** What is to be paid for. Ids of models are UUIDs; 1 to 120 months; amounts in USDT. */
export type CreatePayment =
  | (Payer & { purpose: "publish"; modelId: string })
  | (Payer & { purpose: "listing"; modelId: string; months?: number })
  | (ForAccount & { purpose: "service"; modelId: string; months?: number })
  | (ForAccount & { purpose: "license"; modelId: string })
  | (ForAccount & { purpose: "plan"; plan: number; months?: number })
  | (ForAccount & { purpose: "usage"; amount: string; dailyCap?: string });

/**
 * Quotes a payment; asked again for the same while the quote is open, gives the same one.
 * @throws AppError those of the purpose: `not_found`, `wallet_not_linked`, `not_listed`, `not_offered`, …
 */
export async function createPayment(deps: Deps, userId: string, input: CreatePayment): Promise<PaymentView> {
  return getPayment(deps, userId, await quotePayment(deps, userId, input));
}

/** The same, giving the payment's id. */
function quotePayment(deps: Deps, userId: string, input: CreatePayment): Promise<string> {
  switch (input.purpose) {
    case "publish":
      return quotePublication(deps, userId, input);
    case "listing":
      return quoteListing(deps, userId, { ...input, months: input.months ?? 1 });
    case "service":
      return quoteSubscription(deps, userId, {
        ...input,
        months: input.months ?? 1,
        groupId: input.groupId ?? undefined,
      });
    case "license":
      return quoteLicense(deps, userId, input);
    case "plan":
      return quotePlan(deps, userId, { ...input, months: input.months ?? 1 });
    case "usage":
      return quoteUsage(deps, userId, input);
  }
}

/**
 * A payment as it stands now.
 * @param id UUID of a quote, or the event's id of a payment that was made without one
 * @param fresh false where it is looked at again and again: what the wallet allows may then be as old as a block
 * @throws AppError `not_found` (404), the same for no such payment and for somebody else's
 */
export async function getPayment(
  deps: Deps,
  userId: string,
  id: string,
  { fresh = true } = {},
): Promise<PaymentView> {
  if (!z.uuid().safeParse(id).success) return getUnquoted(deps, userId, id);
  const [view] = await viewPayments(deps, userId, [await requirePayment(deps, userId, id)], { fresh });
  return view!;
}

/**
 * Says where a transaction stands that the payer names for a payment, and what is wrong with it if it is not the one.
 * @throws AppError `not_found` (404), `too_many_attempts` (429), `chain_unavailable` (503)
 */
export async function verifyPayment(
  deps: Deps,
  userId: string,
  { paymentId, txHash }: { paymentId: string; txHash: `0x${string}` },
): Promise<PaymentView> {
  await limitVerifications(deps, userId);
  const { payment } = await requirePayment(deps, userId, paymentId);
  const reason = await explainTransaction(deps, payment, txHash);
  const view = await getPayment(deps, userId, paymentId);
  return reason ? { ...view, reason } : view;
}

/**
 * Turns the payer's Permit2 signature over a quote into the call that pays it, which anyone may send.
 * @throws AppError `not_found` (404), `permit_unavailable`, `quote_expired`, `already_paid` (409),
 *   `signature_mismatch` (400), `chain_unavailable` (503)
 */
export async function permitPayment(
  deps: Deps,
  userId: string,
  { id, signature }: { id: string; signature: `0x${string}` },
): Promise<Call> {
  const { payment, event } = await requirePayment(deps, userId, id);
  if (event) throw paidAlready();
  const chain = deps.chains.get(payment.chain);
  const permit2 = takesPermit(payment) ? await permit2Of(chain) : null;
  if (!permit2) throw noPermit();
  if (payment.expiresAt <= new Date()) throw quoteExpired();
  const typedData = permitTypedData(chain, permit2, payment);
  const address = payment.wallet as `0x${string}`;
  if (!(await hasSigned(chain, { address, hash: hashTypedData(typedData), signature })))
    throw wrongSignature(payment.wallet);
  return permitCall(chain, payment, signature);
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
