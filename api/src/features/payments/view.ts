import { FEES } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";
import { aiforgeCall, callSchema, FROM_WALLET } from "../../chain/calls.ts";
import { type Chain, confirmationsAt } from "../../chain/chains.ts";
import { usdt, usdtSchema } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import type { SplitMember } from "../group-revenue/schema.ts";
import { isoOf, membersOf } from "../publishing/onchain.ts";
import { type AllowanceOf, approvals, readAllowances } from "./allowance.ts";
import { awaiting, expired, late } from "./errors.ts";
import type { QuotedPayment, UnquotedPayment } from "./events.ts";

export const reasonSchema = z
  .object({ code: z.string(), message: z.string(), hint: z.string() })
  .openapi("PaymentReason");

export type Reason = z.infer<typeof reasonSchema>;

export const paymentSchema = z
  .object({
    id: z.string().describe("UUID; of a payment that was made without a quote, the id of its event"),
    quoted: z.boolean(),
    purpose: z.enum(["publish", "service", "listing"]),
    chain: z.string(),
    status: z.enum(["quoted", "seen", "confirmed", "expired", "failed"]),
    amount: usdtSchema,
    fee: usdtSchema.describe("The platform's part"),
    creators: usdtSchema.describe("The rest, for the members of the split"),
    recipients: z.array(
      z.object({
        label: z.string(),
        address: z.string(),
        bps: z.number().int().describe("The platform's of the amount, a creator's of the creators' part"),
        amount: usdtSchema.describe("Rounded down"),
      }),
    ),
    dust: usdtSchema.describe("What rounding leaves in the split, to be shared with later revenue"),
    account: z.string().describe("The account reference that the payment is for"),
    wallet: z.string(),
    modelId: z.uuid(),
    modelName: z.string(),
    months: z.number().int(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    txHash: z.string().nullable(),
    confirmations: z.number().int(),
    required: z.number().int(),
    allowanceReset: callSchema
      .nullable()
      .describe("Sign first: USDT lets an allowance change only from zero"),
    allowance: callSchema.nullable().describe("Sign before the call: the wallet's allowance is short"),
    call: callSchema,
    reason: reasonSchema.nullable(),
  })
  .openapi("Payment");

export type PaymentView = z.infer<typeof paymentSchema>;

/** Who gets what of one payment, each share rounded down, and what that leaves. All in micro-USDT. */
export function shareOut(
  { amount, fee }: { amount: bigint; fee: bigint },
  treasury: string,
  members: readonly SplitMember[],
) {
  const creators = amount - fee;
  const shares = members.map(({ address, bps }) => ({
    label: "Creator",
    address: address as string,
    bps,
    amount: (creators * BigInt(bps)) / FEES.bps,
  }));
  const platform = {
    label: "Platform",
    address: treasury,
    bps: members.length === 0 ? Number(FEES.bps) : Number(FEES.serviceBps),
    amount: fee,
  };
  const dust = shares.reduce((rest, share) => rest - share.amount, creators);
  return { creators, recipients: [platform, ...shares], dust };
}

/** Payments as JSON. Allowances are asked of the chain for those that can still be paid. */
export function viewPayments(deps: Deps, rows: QuotedPayment[], now = new Date()): Promise<PaymentView[]> {
  const allowanceOf = readAllowances();
  return Promise.all(rows.map((row) => viewPayment(deps, row, now, allowanceOf)));
}

async function viewPayment(
  deps: Deps,
  row: QuotedPayment,
  now: Date,
  allowanceOf: AllowanceOf,
): Promise<PaymentView> {
  const { payment, event } = row;
  const chain = deps.chains.get(payment.chain);
  const money = event ?? payment;
  const members = event && row.split ? membersOf(row.split) : payment.members;
  const standing = standingOf(row, chain, now);
  const payable = standing.status === "quoted" || standing.status === "failed";
  const { allowanceReset, allowance } = payable
    ? await approvals(chain, payment.wallet, payment.amount, allowanceOf)
    : { allowanceReset: null, allowance: null };
  return {
    id: payment.id,
    quoted: true,
    purpose: payment.purpose,
    chain: payment.chain,
    ...standing,
    ...moneyView(money, payment.treasury, members),
    account: payment.account,
    wallet: payment.wallet,
    modelId: payment.modelId,
    modelName: row.modelName,
    months: payment.months,
    createdAt: payment.createdAt.toISOString(),
    expiresAt: payment.expiresAt.toISOString(),
    txHash: payment.txHash,
    required: chain.confirmations,
    allowanceReset,
    allowance,
    call: payment.call,
  };
}

function standingOf(
  { payment, event, headBlock }: QuotedPayment,
  chain: Chain,
  now: Date,
): Pick<PaymentView, "status" | "confirmations" | "reason"> {
  if (event) {
    const confirmations = confirmationsAt(headBlock ?? 0n, event.blockNumber);
    if (confirmations < chain.confirmations) {
      return { status: "seen", confirmations, reason: awaiting(confirmations, chain.confirmations) };
    }
    const paidAt = Number(event.blockTimestamp) * 1000;
    return {
      status: "confirmed",
      confirmations,
      reason: paidAt > payment.expiresAt.getTime() ? late() : null,
    };
  }
  if (payment.failure) {
    const { code, message, hint } = payment.failure;
    return { status: "failed", confirmations: 0, reason: { code, message, hint } };
  }
  if (payment.expiresAt <= now) return { status: "expired", confirmations: 0, reason: expired() };
  return { status: "quoted", confirmations: 0, reason: null };
}

/** A payment that nobody asked a quote for: the event tells all of it. */
export function viewUnquoted(deps: Deps, row: UnquotedPayment): PaymentView {
  const { event } = row;
  const chain = deps.chains.get(event.chain);
  const confirmations = confirmationsAt(row.headBlock, event.blockNumber);
  const confirmed = confirmations >= chain.confirmations;
  const at = isoOf(event.blockTimestamp);
  const onchainId = event.onchainId as `0x${string}`;
  const account = event.account as `0x${string}`;
  const months = event.months;
  const call =
    event.purpose === "service"
      ? aiforgeCall(chain, "subscribe", [
          onchainId,
          months,
          event.amount,
          event.splitId as `0x${string}`,
          account,
          FROM_WALLET,
        ])
      : aiforgeCall(chain, "extendListing", [onchainId, months, account, FROM_WALLET]);
  return {
    id: event.id,
    quoted: false,
    purpose: event.purpose,
    chain: event.chain,
    status: confirmed ? "confirmed" : "seen",
    confirmations,
    required: chain.confirmations,
    reason: confirmed ? null : awaiting(confirmations, chain.confirmations),
    ...moneyView(event, row.treasury ?? "", row.split ? membersOf(row.split) : []),
    account,
    wallet: event.payer,
    modelId: row.modelId,
    modelName: row.modelName,
    months: Number(months),
    createdAt: at,
    expiresAt: at,
    txHash: event.txHash,
    allowanceReset: null,
    allowance: null,
    call,
  };
}

function moneyView(money: { amount: bigint; fee: bigint }, treasury: string, members: SplitMember[]) {
  const { creators, recipients, dust } = shareOut(money, treasury, members);
  return {
    amount: usdt(money.amount),
    fee: usdt(money.fee),
    creators: usdt(creators),
    recipients: recipients.map((each) => ({ ...each, amount: usdt(each.amount) })),
    dust: usdt(dust),
  };
}
