import { usdt } from "../../../core/money.ts";
import { awaiting, reason, refusalHint } from "../errors.ts";
import type { Reason } from "../shapes.ts";
import type { OrderState, Outcome } from "./schema.ts";

/* What became of a plain transfer, in words; codes are stable. */

/** Why a transfer was decided as it was. */
export type Code =
  | "exact"
  | "near"
  | "late"
  | "short"
  | "already_used"
  | "unmatched"
  | "assigned"
  | "dust"
  | "refused"
  | "not_payable";

export interface Decided {
  outcome: Outcome;
  code: string;
  /** Micro-USDT that arrived. */
  amount: bigint;
  /** As people see it. */
  payee: string | null;
  /** What the quote asked for, micro-USDT, where there is one. */
  price: bigint | null;
  orders: {
    kind: string;
    state: OrderState;
    amount: bigint;
    refusal: string | null;
    txHash: string | null;
  }[];
}

export const arriving = (have: number, need: number): Reason =>
  have < need
    ? awaiting(have, need)
    : reason("matching", "Your transfer arrived and is being matched to its quote.", "Nothing to do.");

export const purchasing = () =>
  reason(
    "purchasing",
    "Your transfer arrived; the platform is buying for you with it.",
    "Nothing to do: it counts as soon as the purchase is confirmed.",
  );

const WAITS =
  "too little for a transaction of their own: they wait, and with what comes next they become credit of";
const COMING = "on their way to be credit of";

/** @param extra micro-USDT over the price */
function surplus(extra: bigint, payee: string, state: OrderState) {
  const are = state === "done" ? "credit of" : state === "waiting" ? WAITS : COMING;
  return reason(
    "surplus",
    `You sent ${usdt(extra)} USDT more than the price; they are ${are} ${payee}.`,
    "Pay with the credit, or withdraw it.",
  );
}

function creditWords(state: OrderState | undefined, amount: bigint, payee: string | null) {
  const these = `The ${usdt(amount)} USDT are`;
  if (state === "done") return `${these} credit of ${payee} now.`;
  return `${these} ${state === "waiting" ? WAITS : COMING} ${payee}.`;
}

const CREDIT_HINT = "Pay with that credit, or withdraw it.";

/** Under a cent over the price is the tail that told the transfer from others, not a mistake. */
const TAIL_MAX = 10_000n;

/** What to say of a decided transfer; null when the purchase it made says it all. */
export function explainDecided(decided: Decided): Reason | null {
  const { outcome, code, amount, payee, price, orders } = decided;
  const order = (kind: string) => orders.find((each) => each.kind === kind);
  if (outcome === "held") return held(code);
  if (outcome === "purchase") {
    if (order("purchase")?.state !== "done") return purchasing();
    const over = order("surplus");
    return over && over.amount >= TAIL_MAX && payee ? surplus(over.amount, payee, over.state) : null;
  }
  const became = creditWords(order("credit")?.state, amount, payee);
  switch (code) {
    case "late":
      return reason("late", `Your transfer came after the quote had expired. ${became}`, CREDIT_HINT);
    case "short": {
      const asked = price === null ? "what was asked for" : `${usdt(price)} USDT`;
      return reason("short", `Your transfer was less than ${asked}. ${became}`, CREDIT_HINT);
    }
    case "already_used":
      return reason(
        "already_paid",
        `What this transfer was for had been paid already. ${became}`,
        CREDIT_HINT,
      );
    case "refused": {
      const name = order("purchase")?.refusal ?? null;
      const why = refusalHint(name) ?? "It cannot be bought any more.";
      return reason("refused", `The contract refused the purchase (${name}). ${why} ${became}`, CREDIT_HINT);
    }
    case "assigned":
      return reason("assigned", `We found out whose this transfer is. ${became}`, CREDIT_HINT);
    default:
      return reason(
        "unmatched",
        `Your transfer was not the exact amount of a quote, so it bought nothing. ${became}`,
        "Pay with that credit, once it is as much as the price, or withdraw it.",
      );
  }
}

/** The same, for whoever may have sent it for a quote. @param asked what was to be sent, micro-USDT */
export const besideQuote = (why: Reason, asked: bigint): Reason => ({
  ...why,
  hint: `The amount to send for this payment is exactly ${usdt(asked)} USDT. ${why.hint}`,
});

function held(code: string): Reason {
  if (code === "dust") {
    return reason(
      "held",
      "This transfer is less than a cent and fits no quote, so it waits.",
      "It is kept. Send the amount of a quote exactly.",
    );
  }
  return reason(
    "held",
    "This transfer fits no quote, and nobody has linked the wallet that sent it. It is kept for its owner.",
    "Link the wallet that sent it: it becomes that wallet's credit. If an exchange sent it, write to us with its hash.",
  );
}
