import { AppError } from "../../core/errors.ts";
import { usdt } from "../../core/money.ts";
import type { Reason } from "./shapes.ts";

/* Why a payment is not done, in words; codes are stable. */

export const reason = (code: string, message: string, hint: string): Reason => ({ code, message, hint });

export const awaiting = (have: number, need: number) =>
  reason(
    "awaiting_confirmations",
    `${have} of ${need} confirmations.`,
    "Nothing to do: it counts as soon as the chain has built on it.",
  );

export const late = () =>
  reason("late", "It was paid after the quote had expired, and counts all the same.", "Nothing to do.");

export const reorged = () =>
  reason(
    "reorged",
    "It was on the chain, and the chain took it back.",
    "It usually comes back by itself within minutes. If it does not, pay again: nothing was taken.",
  );

export const expired = () =>
  reason(
    "expired",
    "The quote expired before a payment arrived.",
    "Ask for a new one. What was sent already still counts when it arrives.",
  );

/** @param least micro-USDT */
export const tooLittle = (chainName: string, least: bigint) =>
  reason(
    "too_little",
    `On ${chainName} a plain transfer is for ${usdt(least)} USDT or more: the platform pays the network's fee of the purchase.`,
    "Pay from the wallet, or for more at once.",
  );

export const unknownTransaction = (chainName: string) =>
  reason(
    "unknown_transaction",
    `${chainName} does not know this transaction.`,
    "Check the hash, and that it was sent on this chain; a new one can take a moment to arrive.",
  );

export const otherNetwork = (found: string, wanted: string) =>
  reason(
    "other_network",
    `This transaction is on ${found}; the payment is to be made on ${wanted}.`,
    `What was paid on ${found} counts there, for what it bought. Pay this on ${wanted}.`,
  );

/** What Tron says of a transaction whose fee limit, or whose sender's TRX, did not last. */
const OUT_OF_ENERGY = "OUT_OF_ENERGY";

export const transferReverted = (error: string | null) =>
  error === OUT_OF_ENERGY
    ? reason(
        "reverted",
        "This transfer ran out of energy, so nothing was sent.",
        "Give the sending wallet more TRX, or a higher fee limit, then send it again.",
      )
    : reason(
        "reverted",
        "USDT refused this transfer, so nothing was sent.",
        "Check the sender's USDT balance, then send it again.",
      );

/** @param chain whose USDT it should have been */
export const wrongToken = (name: string, chain: { name: string; usdt: string }) =>
  reason(
    "wrong_token",
    `This transaction sent ${name}, not the USDT of ${chain.name}.`,
    `Only USDT (${chain.usdt}) is a payment. Write to us with the hash to have it sent back.`,
  );

export const lookAlike = (token: string, chain: { name: string; usdt: string }) =>
  reason(
    "wrong_token",
    `This transaction sent a token that calls itself USDT and is not: ${token}.`,
    `The USDT of ${chain.name} is ${chain.usdt}. Whoever gave you the other one may have deceived you.`,
  );

export const sentCoin = (chain: string) =>
  reason(
    "wrong_token",
    `This transaction sent the coin of ${chain}, not USDT.`,
    "Only USDT is a payment. Write to us with the hash to have it sent back.",
  );

export const sentNothing = () =>
  reason(
    "wrong_amount",
    "This transaction moved no USDT at all.",
    "Anyone can make such a transaction look as if it came from you. Copy an address only from the payment itself.",
  );

export const sentToContract = () =>
  reason(
    "wrong_recipient",
    "This transaction sent USDT straight to the contract, which cannot tell whose it is.",
    "Nobody can take it out again. Pay with the call of the payment, or to the address it names for transfers.",
  );

/** @param wanted the address for plain transfers, where this payment has one */
export const wrongRecipient = (sent: string, wanted: string | null) =>
  reason(
    "wrong_recipient",
    `This transaction sent USDT to ${sent}, which is not ours.`,
    wanted ? `Transfers for this payment go to ${wanted}.` : "Pay with the call of the payment.",
  );

export const otherDeposit = (paid: bigint, quoted: bigint) =>
  reason(
    "wrong_amount",
    `This transaction deposited ${usdt(paid)} USDT, the quote is for ${usdt(quoted)}.`,
    "What was deposited counts as it is.",
  );

export const wrongWallet = (wanted: string) =>
  reason(
    "wrong_wallet",
    `This transaction made the deposit of another wallet than ${wanted}.`,
    "A deposit belongs to the wallet that makes it.",
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
const REFUSALS: Record<string, string> = {
  PriceAboveMax: "The price has changed. Ask for a new quote.",
  SplitChanged: "The creators changed who shares the revenue. Ask for a new quote.",
  NotListed: "The model is not listed any more.",
  NotOffered: "The model is not offered by the month any more.",
  UnknownModel: "The model is not published on this chain.",
  UnknownPlan: "The plan is not offered any more.",
  FeeAboveMax: "This wallet has published before, so publishing has a fee now. Ask for a new quote.",
  AlreadyPublished: "The model is published already.",
  EnforcedPause: "New payments are paused. Try again later.",
  InsufficientCredit: "The credit of this wallet is not enough.",
  CapLowered: "The daily limit of this wallet's deposit is higher already. Ask for a new quote.",
  InexactTransfer: "The token took a fee on the way. Nothing was taken.",
  InvalidNonce: "This signature was used already.",
  SignatureExpired: "The signature has expired. Ask for a new quote and sign again.",
  InvalidSigner: "The signature is not of the wallet that was quoted. Sign again.",
  ZeroAmount: "There is nothing to move.",
  MonthsOutOfRange: "One payment buys 1 to 120 months.",
};

/** What a refusal of the contract, by its name, means; null for one that is not for people. */
export const refusalHint = (name: string | null): string | null => (name && REFUSALS[name]) ?? null;

export const reverted = (name: string | null) =>
  name === OUT_OF_ENERGY
    ? reason(
        "reverted",
        "This transaction ran out of energy, so nothing was paid.",
        "Give the wallet more TRX, or a higher fee limit, then pay again.",
      )
    : reason(
        "reverted",
        name ? `The contract refused this transaction: ${name}.` : "The contract refused this transaction.",
        refusalHint(name) ?? "Check the wallet's USDT balance and allowance, then pay again.",
      );

export const paused = () =>
  new AppError("payments_paused", 409, "New payments are paused at the moment.", {
    hint: "Try again later. Withdrawing works all the time.",
    retryable: true,
  });

export const notOffered = () => new AppError("not_offered", 409, "This model is not offered by the month.");

export const notForSale = () =>
  new AppError("not_for_sale", 409, "The weights of this model are not for sale.");

export const planNotOffered = () =>
  new AppError("plan_not_offered", 409, "This plan is not offered at the moment.", {
    hint: "Choose another plan.",
  });

export const capLowered = (current: bigint) =>
  new AppError(
    "cap_lowered",
    409,
    `This wallet allows ${usdt(current)} USDT a day, which cannot become less.`,
    {
      hint: "Allow as much or more. To allow less, take the deposit out first.",
      details: { field: "dailyCap", current: usdt(current) },
    },
  );

export const wrongChain = (chain: string) =>
  new AppError("wrong_chain", 400, `This model is on ${chain}.`, {
    hint: `Pay on ${chain}.`,
    details: { field: "chain" },
  });

export const quoteExpired = () =>
  new AppError("quote_expired", 409, "The quote has expired.", { hint: "Ask for a new one." });

export const paidAlready = () =>
  new AppError("already_paid", 409, "This payment was made already.", { hint: "Nothing to do." });

export const noPermit = () =>
  new AppError("permit_unavailable", 409, "This payment cannot be made by a signature.", {
    hint: "Pay from the wallet.",
  });

export const wrongSignature = (wallet: string) =>
  new AppError("signature_mismatch", 400, `The signature is not one of ${wallet} over this payment.`, {
    hint: "Sign `ways.permit2.typedData` of this payment with that wallet.",
    details: { field: "signature" },
  });
