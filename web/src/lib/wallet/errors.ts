import { aiforgeAbi, formatUsdt } from "@aiforge/contracts";
import { BaseError, decodeErrorResult, type Hex, isHex } from "viem";

/** Why a wallet action did not happen, for a person: what, and what to do about it. */
export interface Problem {
  code: string;
  message: string;
  hint: string | null;
}

/** What was shown is not what would be quoted now. */
export const QUOTED_ANEW: Problem = {
  code: "quoted_anew",
  message: "The price, or who gets it, changed since this was opened.",
  hint: "Nothing was paid. Look at it again and decide.",
};

/** Problems with a quote that another quote solves. */
export const OUTDATED: ReadonlySet<string> = new Set([
  QUOTED_ANEW.code,
  "FeeAboveMax",
  "PriceAboveMax",
  "SplitChanged",
]);

type Explain = (args: readonly unknown[]) => { message: string; hint?: string };

const usdt = (value: unknown) => `${formatUsdt(value as bigint)} USDT`;

/** The contract's errors that a user can meet, in plain words. Anything else is named as it is. */
const REVERTS: Record<string, Explain> = {
  AlreadyPublished: () => ({
    message: "This model is already published.",
    hint: "Reload the page to see it.",
  }),
  AmountTooLarge: () => ({ message: "That amount is too large for the contract." }),
  CapLowered: ([current]) => ({
    message: `The daily limit is ${usdt(current)} and can only be raised.`,
    hint: "To spend less, take the deposit out.",
  }),
  EnforcedPause: () => ({
    message: "New payments are paused at the moment.",
    hint: "Withdrawals still work. Try paying again later.",
  }),
  FeeAboveMax: ([fee]) => ({
    message: `The publishing fee is ${usdt(fee)} now, more than you were shown.`,
    hint: "Nothing was paid. Get the current fee and decide again.",
  }),
  InsufficientCredit: ([, credit, amount]) => ({
    message: `There are ${usdt(credit)} to withdraw, not ${usdt(amount)}.`,
    hint: "Reload to see the current amount.",
  }),
  InexactTransfer: () => ({
    message: "The token did not move the exact amount.",
    hint: "Nothing was taken.",
  }),
  InvalidProof: () => ({
    message: "Another distribution pays now than this page knows.",
    hint: "Reload to see the current amount.",
  }),
  JobNotIn: () => ({
    message: "The job is in another state by now.",
    hint: "Reload to see where it stands.",
  }),
  InvalidJob: () => ({
    message: "The job's deadline has passed, or it has no price.",
    hint: "Order it again.",
  }),
  NotParty: ([, expected]) => ({
    message: "Only the wallet that ordered the job can do this.",
    hint: `Connect ${expected}.`,
  }),
  MonthsOutOfRange: () => ({ message: "That many months cannot be bought at once." }),
  NotAMember: () => ({
    message: "This wallet has no share in this split.",
    hint: "Connect the wallet that has one.",
  }),
  NotListed: () => ({ message: "This model is no longer listed, so it cannot be bought." }),
  NotModelOwner: ([, owner]) => ({
    message: "Only the wallet that published this model can change it.",
    hint: `Connect ${owner}.`,
  }),
  NotOffered: () => ({ message: "This model does not offer that." }),
  NotLeaving: () => ({
    message: "The deposit is not free yet.",
    hint: "It is free three days after you asked for it.",
  }),
  NothingToClaim: () => ({
    message: "Everything that the pool owes this split was claimed.",
    hint: "Reload to see the current amount.",
  }),
  NothingToDraw: () => ({
    message: "There is nothing left to withdraw for this wallet.",
    hint: "Reload to see the current amount.",
  }),
  PriceAboveMax: ([price]) => ({
    message: `The price is ${usdt(price)} now, more than you were shown.`,
    hint: "Nothing was paid. Get the current price and decide again.",
  }),
  SharesDoNotSum: () => ({ message: "The shares do not add up to 100 %." }),
  SplitChanged: () => ({
    message: "The creators changed their split since this page was loaded.",
    hint: "Nothing was paid. Look who is paid now and decide again.",
  }),
  AccessControlUnauthorizedAccount: () => ({
    message: "This wallet does not have the role that this needs.",
    hint: "Connect an admin wallet.",
  }),
  UnknownPlan: () => ({ message: "This plan is not offered at the moment." }),
  WrongTime: () => ({
    message: "It is too early or too late for this.",
    hint: "Reload to see what is open now.",
  }),
  ZeroAmount: () => ({ message: "There is nothing to move.", hint: "Reload to see the current amount." }),
  UnknownModel: () => ({ message: "The chain does not know this model." }),
};

/** Reads whatever a wallet, a node or viem threw. */
export function explain(error: unknown): Problem {
  const data = revertData(error);
  if (data) return explainRevert(data);
  const codes = [...causesOf(error)].map((link) => (link as { code?: unknown }).code);
  // Tron's wallets throw plain texts, too.
  const text =
    typeof error === "string"
      ? error
      : [...causesOf(error)].map((link) => (link as Error).message ?? "").join("\n");
  if (
    codes.includes(4001) ||
    /user (rejected|denied)|rejected the request|(declined|cancell?ed) by (the )?user/i.test(text)
  ) {
    return { code: "rejected", message: "You declined it in the wallet.", hint: "Nothing was sent." };
  }
  if (codes.includes(4902) || /chain.*(mismatch|not (configured|match))/i.test(text)) {
    return {
      code: "wrong_chain",
      message: "The wallet is on another network.",
      hint: "Switch the network in the wallet and try again.",
    };
  }
  if (/insufficient funds|exceeds the balance of the account/i.test(text)) {
    return {
      code: "no_gas",
      message: "The wallet has too little ETH for the network fee.",
      hint: "Add some ETH and try again.",
    };
  }
  if (/execution reverted|reverted/i.test(text)) {
    // USDT on Ethereum reverts without a reason; too small a balance or allowance is what that nearly always is.
    return {
      code: "reverted",
      message: "The chain refused this.",
      hint: "Check that the wallet holds enough USDT, then try again.",
    };
  }
  if (/fetch failed|failed to fetch|http request failed|timed out/i.test(text)) {
    return { code: "offline", message: "The chain's node is not answering.", hint: "Try again in a moment." };
  }
  const short =
    error instanceof BaseError ? error.shortMessage : error instanceof Error ? error.message : String(error);
  return { code: "unexpected", message: short, hint: null };
}

/** The data of a revert as words. */
export function explainRevert(data: Hex): Problem {
  try {
    const { errorName, args }: { errorName: string; args?: readonly unknown[] } = decodeErrorResult({
      abi: aiforgeAbi,
      data,
    });
    const known = REVERTS[errorName]?.(args ?? []);
    if (known) return { code: errorName, message: known.message, hint: known.hint ?? null };
    // A contract's own words, such as a token's.
    if (errorName === "Error") {
      return { code: "reverted", message: `The chain refused this: “${args?.[0]}”.`, hint: null };
    }
    return { code: errorName, message: `The contract refused this: ${errorName}.`, hint: null };
  } catch {
    return {
      code: "reverted",
      message: "The chain refused this.",
      hint: "Check that the wallet holds enough USDT, then try again.",
    };
  }
}

function revertData(error: unknown): Hex | null {
  for (const link of causesOf(error)) {
    const data = (link as { data?: unknown }).data;
    const inner = typeof data === "object" && data !== null ? (data as { data?: unknown }).data : data;
    if (isHex(inner) && inner.length >= 10) return inner;
  }
  return null;
}

/** An error and its causes, at most ten deep. */
export function* causesOf(error: unknown): Generator<object> {
  let link = error;
  for (let depth = 0; depth < 10 && typeof link === "object" && link !== null; depth++) {
    yield link;
    // Tron's wallets call it error.
    const { cause, error } = link as { cause?: unknown; error?: unknown };
    link = cause ?? error;
  }
}
