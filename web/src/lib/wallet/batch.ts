import type { Hex } from "viem";
import { causesOf, type Problem } from "./errors.ts";
import { TransactError } from "./transact.ts";

/** The wallet offered to do several calls as one and then would not. Nothing was sent. */
export class BatchRefusedError extends Error {
  override name = "BatchRefusedError";
}

/** What a wallet says of a batch that it took (`wallet_getCallsStatus`, EIP-5792). */
export interface BatchStatus {
  statusCode: number;
  receipts?: readonly { transactionHash: Hex }[] | undefined;
}

/**
 * Method not known (-32601, 4200), a capability it lacks (5700), another chain (5710), too many calls (5740), a person
 * who did not want the account upgraded (5750), not as one (5760).
 */
const REFUSALS = new Set([-32601, 4200, 5700, 5710, 5740, 5750, 5760]);

/** Whether a wallet's error means that the same calls can still be sent one after the other. */
export function refusesBatch(error: unknown): boolean {
  return [...causesOf(error)].some((link) => REFUSALS.has((link as { code?: unknown }).code as number));
}

const NOTHING_HAPPENED: Problem = {
  code: "batch_reverted",
  message: "The chain refused this, and nothing of it happened.",
  hint: "Only the network fee was spent. Check that the wallet holds enough USDT, then try again.",
};
const NOT_SENT: Problem = {
  code: "batch_not_sent",
  message: "The wallet could not send it.",
  hint: "Nothing was paid. Try again.",
};
const IN_PART: Problem = {
  code: "batch_partial",
  message: "Only a part of it happened.",
  hint: "Look at your payments under Billing before you try again.",
};
const UNKNOWN: Problem = {
  code: "batch_unknown",
  message: "The wallet took it, but does not say what became of it.",
  hint: "Look at your payments under Billing before you try again.",
};

/**
 * The transaction that a batch ended up in.
 * @param status null where the wallet no longer answers
 * @throws {TransactError} when not all of it happened, or nobody can tell
 */
export function outcomeOf(status: BatchStatus | null): Hex {
  const hash = status?.receipts?.at(-1)?.transactionHash ?? null;
  const code = status?.statusCode ?? 0;
  if (code >= 200 && code < 300 && hash) return hash;
  if (code >= 400 && code < 500) throw new TransactError(NOT_SENT, hash);
  if (code >= 500 && code < 600) throw new TransactError(NOTHING_HAPPENED, hash);
  throw new TransactError(code >= 600 && code < 700 ? IN_PART : UNKNOWN, hash);
}
