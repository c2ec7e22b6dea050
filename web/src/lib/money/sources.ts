const NAMES: Record<string, string> = {
  publish: "Publishing",
  listing: "Listing",
  service: "API subscriptions",
  license: "Weights",
  plan: "Plans",
  usage: "Metered use",
  job: "Jobs",
  pool: "Creators' pool",
};

/** Where revenue comes from, in words. */
export const sourceName = (source: string): string => NAMES[source] ?? source;

const ENTRIES: Record<string, string> = {
  earned: "Earned",
  pool: "From the creators' pool",
  draw: "Taken out of a split",
  withdraw: "Withdrawn",
  deposit: "Paid into credit",
  debit: "Paid from credit",
  refund: "Refunded",
  job: "Paid for a job",
  usage_exit: "Deposit taken back",
  fee_collected: "Fees collected",
};

/** A line of the ledger, in words. */
export const entryName = (kind: string): string => ENTRIES[kind] ?? kind;
