import { boolean, integer, jsonb, text } from "drizzle-orm/pg-core";
import { amount, chain, eventColumns, provenance } from "./columns.ts";

export * from "./schema-jobs.ts";
export * from "./schema-plans.ts";
export * from "./schema-usage.ts";

export const chainModels = chain
  .view("models", {
    chainId: text("chain_id").notNull(),
    modelId: text("model_id").notNull(),
    owner: text("owner").notNull(),
    account: text("account").notNull(),
    splitId: text("split_id").notNull(),
    weights: text("weights").notNull(),
    paidUntil: amount("paid_until").notNull(),
    priceMonth: amount("price_month").notNull(),
    priceSale: amount("price_sale").notNull(),
    priceInput: amount("price_input").notNull(),
    priceOutput: amount("price_output").notNull(),
    ...provenance,
  })
  .existing();

/** Every split that was declared; `earned` is its lifetime revenue, of which `claimed` came from the creators' pool. */
export const chainSplits = chain
  .view("splits", {
    chainId: text("chain_id").notNull(),
    splitId: text("split_id").notNull(),
    members: jsonb("members").$type<string[]>().notNull(),
    bps: jsonb("bps").$type<number[]>().notNull(),
    earned: amount("earned").notNull(),
    claimed: amount("claimed").notNull(),
  })
  .existing();

/** What a split earned, by what; `earned` is its lifetime revenue after this. */
export const chainSplitEarnings = chain
  .view("split_earnings", {
    ...eventColumns,
    splitId: text("split_id").notNull(),
    kind: text("kind").$type<"service" | "license" | "usage" | "job" | "pool">().notNull(),
    modelId: text("model_id"),
    jobId: text("job_id"),
    amount: amount("amount").notNull(),
    earned: amount("earned").notNull(),
  })
  .existing();

export const chainModelSplits = chain
  .view("model_splits", {
    ...eventColumns,
    modelId: text("model_id").notNull(),
    splitId: text("split_id").notNull(),
  })
  .existing();

/** Which prices a model had, from when. */
export const chainTermsChanges = chain
  .view("terms_changes", {
    ...eventColumns,
    modelId: text("model_id").notNull(),
    priceMonth: amount("price_month").notNull(),
    priceSale: amount("price_sale").notNull(),
    priceInput: amount("price_input").notNull(),
    priceOutput: amount("price_output").notNull(),
  })
  .existing();

export const chainPublications = chain
  .view("publications", {
    ...eventColumns,
    kind: text("kind").$type<"publish" | "extend">().notNull(),
    modelId: text("model_id").notNull(),
    account: text("account").notNull(),
    payer: text("payer").notNull(),
    months: amount("months").notNull(),
    fee: amount("fee").notNull(),
    paidUntil: amount("paid_until").notNull(),
  })
  .existing();

export const chainServicePurchases = chain
  .view("service_purchases", {
    ...eventColumns,
    modelId: text("model_id").notNull(),
    account: text("account").notNull(),
    payer: text("payer").notNull(),
    months: amount("months").notNull(),
    price: amount("price").notNull(),
    fee: amount("fee").notNull(),
    splitId: text("split_id").notNull(),
    splitEarned: amount("split_earned").notNull(),
  })
  .existing();

export const chainLicensePurchases = chain
  .view("license_purchases", {
    ...eventColumns,
    modelId: text("model_id").notNull(),
    account: text("account").notNull(),
    payer: text("payer").notNull(),
    price: amount("price").notNull(),
    fee: amount("fee").notNull(),
    splitId: text("split_id").notNull(),
    splitEarned: amount("split_earned").notNull(),
  })
  .existing();

/** `to` is where a share was sent, null when it became the member's credit. */
export const chainDraws = chain
  .view("draws", {
    ...eventColumns,
    splitId: text("split_id").notNull(),
    member: text("member").notNull(),
    to: text("to"),
    amount: amount("amount").notNull(),
    drawn: amount("drawn").notNull(),
  })
  .existing();

export const chainMembers = chain
  .view("members", {
    chainId: text("chain_id").notNull(),
    splitId: text("split_id").notNull(),
    member: text("member").notNull(),
    bps: integer("bps").notNull(),
    drawn: amount("drawn").notNull(),
  })
  .existing();

export const chainCredits = chain
  .view("credits", {
    chainId: text("chain_id").notNull(),
    payee: text("payee").notNull(),
    amount: amount("amount").notNull(),
  })
  .existing();

export const chainCreditEntries = chain
  .view("credit_entries", {
    ...eventColumns,
    payee: text("payee").notNull(),
    kind: text("kind")
      .$type<"deposit" | "debit" | "withdraw" | "draw" | "fee_collected" | "refund" | "job" | "usage_exit">()
      .notNull(),
    delta: amount("delta").notNull(),
    credit: amount("credit").notNull(),
    counterparty: text("counterparty"),
  })
  .existing();

/** The platform's part of every payment: `fee` of `gross`; `fees` were not collected yet after it. */
export const chainFeeEntries = chain
  .view("fee_entries", {
    ...eventColumns,
    kind: text("kind")
      .$type<"publish" | "listing" | "service" | "license" | "plan" | "usage" | "job">()
      .notNull(),
    /** The model's id, the plan's number or the job's id. */
    item: text("item").notNull(),
    /** Null for metered use, which many pay together. */
    payer: text("payer"),
    gross: amount("gross").notNull(),
    fee: amount("fee").notNull(),
    fees: amount("fees").notNull(),
  })
  .existing();

/** Plain USDT transfers into the platform's cashier wallet, whoever sent them. */
export const chainTransfers = chain
  .view("transfers", {
    ...eventColumns,
    from: text("from").notNull(),
    to: text("to").notNull(),
    amount: amount("amount").notNull(),
  })
  .existing();

/** How far each chain is mirrored. In step with the rows: both change in one transaction of the mirror's. */
export const chainHeads = chain
  .view("heads", {
    chainId: text("chain_id").notNull(),
    blockNumber: amount("block_number").notNull(),
    blockTimestamp: amount("block_timestamp").notNull(),
  })
  .existing();

/** `uncollectedFees` is what the treasury was not credited with yet; `pending*` are null when nothing is under way. */
export const chainSettings = chain
  .view("settings", {
    chainId: text("chain_id").notNull(),
    treasury: text("treasury"),
    paused: boolean("paused").notNull(),
    uncollectedFees: amount("uncollected_fees").notNull(),
    pendingAdmin: text("pending_admin"),
    pendingAdminFrom: amount("pending_admin_from"),
    pendingDelay: amount("pending_delay"),
    pendingDelayFrom: amount("pending_delay_from"),
  })
  .existing();

/** Who holds which role now; `role` is keccak256 of "ADMIN" or "OPERATOR", or zero for the default admin. */
export const chainRoles = chain
  .view("roles", {
    chainId: text("chain_id").notNull(),
    role: text("role").notNull(),
    account: text("account").notNull(),
  })
  .existing();

/** Which role grants and revokes a role, where it is not the default admin's. */
export const chainRoleAdmins = chain
  .view("role_admins", {
    chainId: text("chain_id").notNull(),
    role: text("role").notNull(),
    adminRole: text("admin_role").notNull(),
  })
  .existing();

/** Everything that was done to roles and settings; `account` is whom it is about, `by` who did it where that is told. */
export const chainAdminEvents = chain
  .view("admin_events", {
    ...eventColumns,
    kind: text("kind")
      .$type<
        | "role_granted"
        | "role_revoked"
        | "role_admin_changed"
        | "admin_transfer_scheduled"
        | "admin_transfer_canceled"
        | "admin_delay_scheduled"
        | "admin_delay_canceled"
        | "treasury_set"
        | "paused"
        | "unpaused"
      >()
      .notNull(),
    role: text("role"),
    account: text("account"),
    by: text("by"),
    value: text("value"),
    effectiveAt: amount("effective_at"),
  })
  .existing();
