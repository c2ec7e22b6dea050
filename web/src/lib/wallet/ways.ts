import {
  aiforgeAbi,
  type Job,
  jobIdOf,
  PERMIT2,
  PURCHASE_KINDS,
  parseUsdt,
  splitId,
} from "@aiforge/contracts";
import { type Address, decodeFunctionData, zeroHash } from "viem";
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
  job: "openJob",
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

const same = (a: string | undefined, b: string | null) => a?.toLowerCase() === b?.toLowerCase();

/** What a purchase says, as the contract counts: amounts in micro-USDT. Left out: the purchase does not say it. */
interface Bought {
  account: string;
  price?: bigint;
  months?: bigint;
  plan?: bigint;
  splitId?: string;
  dailyCap?: bigint;
  /** Who is refunded when a job does not get done. */
  client?: string;
  /** Hash of a job's terms. */
  job?: string;
  /** 0: the wallet; 1: its credit. */
  source?: number;
}

/** The split that the page shows: the creators among the shares. Null where it shows none. */
function shownSplit({ shares }: Payment): string | null {
  const members = shares.filter(({ kind, address }) => kind === "member" && address !== null);
  if (members.length === 0) return null;
  return splitId({
    members: members.map(({ address }) => address as Address),
    bps: members.map(({ bps }) => bps),
  });
}

/** The job that a payment is the escrow of. */
function shownJob({ purpose, call }: Payment): string | null {
  return (purpose === "job" && readPurchase(call.data)?.job) || null;
}

/** Whether what is to be signed is what the page shows of the payment. */
function isShown(bought: Bought, payment: Payment): boolean {
  const { price, months, plan, dailyCap, client, job } = bought;
  const split = payment.purpose === "publish" ? null : shownSplit(payment);
  return (
    same(bought.account, payment.account) &&
    (price === undefined || price === parseUsdt(payment.amount)) &&
    (months === undefined || months === BigInt(payment.months)) &&
    (plan === undefined || plan === BigInt(payment.plan ?? -1)) &&
    (client === undefined || same(client, payment.wallet)) &&
    (job === undefined || same(job, shownJob(payment))) &&
    (dailyCap === undefined || dailyCap === parseUsdt(payment.dailyCap ?? "0")) &&
    (bought.splitId === undefined || same(bought.splitId, split ?? zeroHash))
  );
}

/** Reads a purchase from the data of its call. */
function readPurchase(data: Call["data"]): Bought | null {
  const call = decodeFunctionData({ abi: aiforgeAbi, data });
  switch (call.functionName) {
    case "publish": {
      const [, , , , account, price, source] = call.args;
      return { account, price, source };
    }
    case "subscribe": {
      const [, months, price, split, account, source] = call.args;
      return { account, price, months, splitId: split, source };
    }
    case "extendListing": {
      const [, months, account, source] = call.args;
      return { account, months, source };
    }
    case "buyPlan": {
      const [plan, months, price, account, source] = call.args;
      return { account, price, months, plan: BigInt(plan), source };
    }
    case "buyLicense": {
      const [, price, split, account, source] = call.args;
      return { account, price, splitId: split, source };
    }
    case "depositUsage": {
      const [account, price, dailyCap, source] = call.args;
      return { account, price, dailyCap, source };
    }
    case "openJob": {
      const [job, source] = call.args;
      const { account, price, client } = job;
      return { account, price, client, job: jobIdOf(job), source };
    }
    default:
      return null;
  }
}

/** What a signature over a Permit2 purchase says. */
function readWitness(
  purpose: Payment["purpose"],
  witness: { item?: string; account?: string; months?: string; maxPrice?: string; splitId?: string },
): Bought {
  const months = BigInt(witness.months ?? -1);
  return {
    account: witness.account ?? "",
    price: BigInt(witness.maxPrice ?? -1),
    ...(purpose === "usage" ? { dailyCap: months } : { months }),
    ...(purpose === "plan" && { plan: BigInt(witness.item ?? -1) }),
    ...(purpose === "job" && { job: witness.item ?? "" }),
    splitId: witness.splitId ?? "",
  };
}

/**
 * Holds the purchase that the API prepared to what the page shows of it: what for and for whom, how much at most, from
 * where, and who shares it.
 * @throws {UnexpectedCallError}
 */
export function assertPayment(call: Call, payment: Payment, chain: Chain, from: "wallet" | "credit"): void {
  assertCall(call, FUNCTIONS[payment.purpose], chain);
  const bought = readPurchase(call.data);
  if (!bought || bought.source !== (from === "credit" ? 1 : 0) || !isShown(bought, payment)) {
    throw new UnexpectedCallError();
  }
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
        witness?: { kind?: string } & Parameters<typeof readWitness>[1];
      }
    | undefined;
  if (
    data?.primaryType !== "PermitWitnessTransferFrom" ||
    data.domain.name !== "Permit2" ||
    data.domain.chainId !== chain.chainId ||
    !same(data.domain.verifyingContract, PERMIT2) ||
    !same(message?.spender, chain.aiforge) ||
    !same(message?.permitted?.token, chain.usdt) ||
    message?.permitted?.amount !== parseUsdt(payment.amount).toString() ||
    message?.witness?.kind !== PURCHASE_KINDS[payment.purpose] ||
    !isShown(readWitness(payment.purpose, message.witness), payment)
  ) {
    throw new UnexpectedCallError();
  }
}

/**
 * Holds the call that brings a signed purchase in to the payment and its payer.
 * @throws {UnexpectedCallError}
 */
export function assertPurchase(call: Call, payment: Payment, payer: Address, chain: Chain): void {
  if (payment.purpose === "job") {
    assertJobByPermit(call, payment, payer, chain);
    return;
  }
  assertCall(call, "purchase", chain);
  const { args } = decodeFunctionData({ abi: aiforgeAbi, data: call.data });
  const [bought, permit] = args as readonly [{ kind: string; maxPrice: bigint }, { payer: Address }];
  if (
    bought.kind !== PURCHASE_KINDS[payment.purpose] ||
    bought.maxPrice !== parseUsdt(payment.amount) ||
    permit.payer.toLowerCase() !== payer.toLowerCase()
  ) {
    throw new UnexpectedCallError();
  }
}

function assertJobByPermit(call: Call, payment: Payment, payer: Address, chain: Chain): void {
  assertCall(call, "openJobWithPermit", chain);
  const { args } = decodeFunctionData({ abi: aiforgeAbi, data: call.data });
  const [job, permit] = args as readonly [Job, { payer: Address }];
  if (jobIdOf(job) !== shownJob(payment) || !same(permit.payer, payer)) throw new UnexpectedCallError();
}
