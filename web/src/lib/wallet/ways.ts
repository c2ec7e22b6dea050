import { aiforgeAbi, PERMIT2, parseUsdt } from "@aiforge/contracts";
import { type Address, decodeFunctionData } from "viem";
import type { Call, Chain, Payment } from "../api/types.ts";
import { assertCall, UnexpectedCallError } from "./plan.ts";

/** How a payment is made. */
export type Way = "wallet" | "credit" | "permit2" | "transfer";

const FUNCTIONS: Record<Payment["purpose"], string> = {
  publish: "publish",
  service: "subscribe",
  listing: "extendListing",
  plan: "buyPlan",
  license: "buyLicense",
  usage: "depositUsage",
};
const KINDS: Record<Payment["purpose"], string | null> = {
  publish: null,
  service: "subscription",
  listing: "listing",
  plan: "plan",
  license: "license",
  usage: "usage",
};

/** The ways that a quote can be paid, the usual one first. */
export function waysOf(payment: Payment): Way[] {
  const { ways } = payment;
  if (!ways) return [];
  return [
    "wallet",
    ...(ways.credit ? (["credit"] as const) : []),
    ...(ways.permit2 ? (["permit2"] as const) : []),
    ...(ways.transfer ? (["transfer"] as const) : []),
  ];
}

/**
 * Holds the purchase that the API prepared to what the page shows of it.
 * @throws {UnexpectedCallError}
 */
export function assertPayment(call: Call, payment: Payment, chain: Chain): void {
  assertCall(call, FUNCTIONS[payment.purpose], chain);
}

/**
 * Holds Permit2's typed data to the payment that it is for, before any wallet sees it: the contract that verifies it,
 * who may take the money, which token, how much at most, what for and for whom.
 * @throws {UnexpectedCallError}
 */
export function assertPermit(payment: Payment, chain: Chain): void {
  const data = payment.ways?.permit2?.typedData;
  const message = data?.message as
    | {
        permitted?: { token?: string; amount?: string };
        spender?: string;
        witness?: { kind?: string; account?: string; maxPrice?: string };
      }
    | undefined;
  const same = (a: string | undefined, b: string | null) => a?.toLowerCase() === b?.toLowerCase();
  const amount = parseUsdt(payment.amount).toString();
  if (
    data?.primaryType !== "PermitWitnessTransferFrom" ||
    data.domain.name !== "Permit2" ||
    data.domain.chainId !== chain.chainId ||
    !same(data.domain.verifyingContract, PERMIT2) ||
    !same(message?.spender, chain.aiforge) ||
    !same(message?.permitted?.token, chain.usdt) ||
    message?.permitted?.amount !== amount ||
    message?.witness?.maxPrice !== amount ||
    message?.witness?.kind !== KINDS[payment.purpose] ||
    !same(message?.witness?.account, payment.account)
  ) {
    throw new UnexpectedCallError();
  }
}

/**
 * Holds the call that brings a signed purchase in to the payment and its payer.
 * @throws {UnexpectedCallError}
 */
export function assertPurchase(call: Call, payment: Payment, payer: Address, chain: Chain): void {
  assertCall(call, "purchase", chain);
  const { args } = decodeFunctionData({ abi: aiforgeAbi, data: call.data });
  const [bought, permit] = args as readonly [{ kind: string; maxPrice: bigint }, { payer: Address }];
  if (
    bought.kind !== KINDS[payment.purpose] ||
    bought.maxPrice !== parseUsdt(payment.amount) ||
    permit.payer.toLowerCase() !== payer.toLowerCase()
  ) {
    throw new UnexpectedCallError();
  }
}
