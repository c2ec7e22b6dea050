/** What a plan lets its account do, on all models together. Days and months are UTC's. */
export interface Plan {
  /** The contract's number; 0 for the free plan, which the contract does not know. */
  plan: number;
  id: "free" | "basic" | "pro" | "enterprise";
  name: string;
  requestsPerDay: number;
  /** Tokens in and out. */
  tokensPerMonth: number;
  /** Tokens of an answer for which the caller named no limit: they are held until it ends. */
  defaultAnswer: number;
}

const PAID_ANSWER = 8_192;

export const FREE: Plan = {
  plan: 0,
  id: "free",
  name: "Free",
  requestsPerDay: 20,
  tokensPerMonth: 50_000,
  // So that all calls of a day can run at once.
  defaultAnswer: 2_048,
};

/** Every plan, at the index that is its number. The prices are the contract's and come from the mirror. */
export const PLANS: readonly Plan[] = [
  FREE,
  {
    plan: 1,
    id: "basic",
    name: "Basic",
    requestsPerDay: 1_000,
    tokensPerMonth: 5_000_000,
    defaultAnswer: PAID_ANSWER,
  },
  {
    plan: 2,
    id: "pro",
    name: "Pro",
    requestsPerDay: 10_000,
    tokensPerMonth: 50_000_000,
    defaultAnswer: PAID_ANSWER,
  },
  {
    plan: 3,
    id: "enterprise",
    name: "Enterprise",
    requestsPerDay: 100_000,
    tokensPerMonth: 1_000_000_000,
    defaultAnswer: PAID_ANSWER,
  },
];

export const planOf = (number: number): Plan => PLANS[number] ?? FREE;
