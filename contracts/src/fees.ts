/** The fee constants in the contract's bytecode. Amounts in micro-USDT, parts in basis points, times in seconds. */
export const FEES = {
  /** The whole, in basis points. */
  bps: 10_000n,
  /** Publishing a model; a wallet's first one is free. */
  publish: 5_000_000n,
  /** Listing, for each month. */
  listing: 2_000_000n,
  /** The platform's part of an API subscription; rounded down, the rest is the split's. */
  serviceBps: 1_000n,
  /** The platform's part of a plan; the rest is the creators' pool's. */
  planBps: 3_000n,
  /** The platform's part of a sale of weights. */
  saleBps: 500n,
  /** The platform's part of what a job's node is paid. */
  jobBps: 500n,
  /** The platform's part of metered use. */
  usageBps: 1_000n,
  /** What is called a month. */
  month: 2_592_000n,
  /** How long a model stays listed after its paid time. */
  grace: 604_800n,
  /** The most that one call buys, in months. */
  maxMonths: 120n,
} as const;
