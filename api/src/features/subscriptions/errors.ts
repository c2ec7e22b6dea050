import { AppError } from "../../core/errors.ts";

export const nothingToCancel = () =>
  new AppError("no_subscription", 409, "There is no paid plan to cancel.", {
    hint: "The free plan needs no cancelling. A group's plan is cancelled with its groupId, by an owner of it.",
  });

/** What a refusal for want of quota says: the limit, when it resets and what to do. */
export interface Exhausted {
  planName: string;
  limit: number;
  /** Seconds until there is quota again. */
  seconds: number;
  resetsAt: Date;
  /** Where to take a bigger plan; null when there is none. */
  upgradeUrl: string | null;
  /** `x-ratelimit-*`. */
  headers: Record<string, string>;
}

const upgrade = ({ upgradeUrl }: Exhausted) =>
  upgradeUrl ? `, or take a bigger plan at ${upgradeUrl}.` : ".";
const count = (tokens: number) => `${tokens.toLocaleString("en-US")} ${tokens === 1 ? "token" : "tokens"}`;

const options = (exhausted: Exhausted, extra: Record<string, unknown>) => ({
  retryAfter: exhausted.seconds,
  details: {
    plan: exhausted.planName,
    limit: exhausted.limit,
    resetsAt: exhausted.resetsAt.toISOString(),
    upgradeUrl: exhausted.upgradeUrl,
    ...extra,
  },
});

export const requestsExhausted = (exhausted: Exhausted) =>
  new AppError(
    "plan_requests_exhausted",
    429,
    `The ${exhausted.planName} plan's ${exhausted.limit.toLocaleString("en-US")} requests of today are used.`,
    {
      ...options(exhausted, { remaining: 0 }),
      hint: `Try again after ${exhausted.resetsAt.toISOString()}${upgrade(exhausted)}`,
      // OpenAI's clients would try again at once otherwise.
      headers: { ...exhausted.headers, "x-should-retry": "false" },
    },
  );

/**
 * @param remaining tokens that are left this month
 * @param needed what the call must have at least: its messages and one token of an answer
 */
export const tokensExhausted = (exhausted: Exhausted, remaining: number, needed: number) =>
  new AppError(
    "plan_tokens_exhausted",
    429,
    remaining <= 0
      ? `The ${exhausted.planName} plan's ${count(exhausted.limit)} of this month are used.`
      : `Of the ${exhausted.planName} plan's ${count(exhausted.limit)} of this month ${count(remaining)} are left; this call may need ${count(needed)}.`,
    {
      ...options(exhausted, { remaining, needed }),
      hint: `${remaining > 0 ? "Send shorter messages, try" : "Try"} again after ${exhausted.resetsAt.toISOString()}${upgrade(exhausted)}`,
      headers: { ...exhausted.headers, "x-should-retry": "false" },
    },
  );

/** What is left is held by calls that are running; most of them will give some back. */
export const tokensReserved = (exhausted: Exhausted) =>
  new AppError(
    "plan_tokens_exhausted",
    429,
    `Calls that are running hold the rest of the ${exhausted.planName} plan's ${count(exhausted.limit)} of this month.`,
    {
      ...options(exhausted, {}),
      hint: `Try again in a few seconds, ask for fewer tokens with max_tokens${upgrade(exhausted)}`,
      headers: exhausted.headers,
    },
  );
