import { AppError } from "../../core/errors.ts";
import type { Reason } from "./view.ts";

/* Why a payment is not done, in words; codes are stable. */

const reason = (code: string, message: string, hint: string): Reason => ({ code, message, hint });

export const awaiting = (have: number, need: number) =>
  reason(
    "awaiting_confirmations",
    `${have} of ${need} confirmations.`,
    "Nothing to do: it counts as soon as the chain has built on it.",
  );

export const late = () =>
  reason("late", "It was paid after the quote had expired, and counts all the same.", "Nothing to do.");

export const expired = () =>
  reason(
    "expired",
    "The quote expired before a payment arrived.",
    "Ask for a new one. What was sent already still counts when it arrives.",
  );

export const unknownTransaction = (chainName: string) =>
  reason(
    "unknown_transaction",
    `${chainName} does not know this transaction.`,
    "Check the hash, and that it was sent on this chain; a new one can take a moment to arrive.",
  );

export const otherContract = () =>
  reason(
    "other_contract",
    "This transaction is not a payment to the AIForge contract.",
    "Name the transaction of the payment itself.",
  );

export const onlyApproval = () =>
  reason(
    "other_contract",
    "This transaction only allowed the contract to take USDT; it paid nothing yet.",
    "Sign the second transaction, the payment itself.",
  );

export const alreadyUsed = () =>
  reason(
    "already_used",
    "This transaction paid for something else already.",
    "Each payment needs a transaction of its own.",
  );

export const alreadyPaid = () =>
  reason(
    "already_paid",
    "This payment was paid by another transaction.",
    "Nothing to do: the transaction you named counts as a purchase of its own.",
  );

export const wrongAccount = () =>
  reason(
    "wrong_account",
    "This transaction paid for another account.",
    "It counts for the account that it names.",
  );

export const wrongModel = () =>
  reason("wrong_model", "This transaction paid for something else.", "It counts for what it names.");

const months = (count: number) => (count === 1 ? "1 month" : `${count} months`);

export const short = (paid: number, quoted: number) =>
  reason(
    "short",
    `This transaction bought ${months(paid)}, the quote is for ${months(quoted)}.`,
    "What it bought counts. Ask for a quote for what is missing.",
  );

/** What the contract's refusals mean for who pays. */
const REVERTS: Record<string, string> = {
  PriceAboveMax: "The price has changed. Ask for a new quote.",
  SplitChanged: "The creators changed who shares the revenue. Ask for a new quote.",
  NotListed: "The model is not listed any more.",
  NotOffered: "The model is not offered by the month any more.",
  FeeAboveMax: "This wallet has published before, so publishing has a fee now. Ask for a new quote.",
  AlreadyPublished: "The model is published already.",
  EnforcedPause: "New payments are paused. Try again later.",
  InsufficientCredit: "The credit of this wallet is not enough.",
};

export const reverted = (name: string | null) =>
  reason(
    "reverted",
    name ? `The contract refused this transaction: ${name}.` : "The contract refused this transaction.",
    (name && REVERTS[name]) ?? "Check the wallet's USDT balance and allowance, then pay again.",
  );

export const paused = () =>
  new AppError("payments_paused", 409, "New payments are paused at the moment.", {
    hint: "Try again later. Withdrawing works all the time.",
    retryable: true,
  });

export const notListed = () =>
  new AppError("not_listed", 409, "This model is not listed at the moment, so it cannot be bought.", {
    hint: "Its creators can extend the listing.",
  });

export const notOffered = () => new AppError("not_offered", 409, "This model is not offered by the month.");

export const wrongChain = (chain: string) =>
  new AppError("wrong_chain", 400, `This model is on ${chain}.`, {
    hint: `Pay on ${chain}.`,
    details: { field: "chain" },
  });
