import { index, onchainTable, primaryKey } from "ponder";
import { eventRow, modelPurchase, modelPurchaseIndexes, prices, provenance } from "./columns.ts";

/** Each published model as it stands; `weights` is the SHA-256 that was published. */
export const models = onchainTable(
  "models",
  (t) => ({
    chainId: t.text().notNull(),
    modelId: t.hex().notNull(),
    owner: t.hex().notNull(),
    account: t.hex().notNull(),
    splitId: t.hex().notNull(),
    weights: t.hex().notNull(),
    paidUntil: t.bigint().notNull(),
    ...prices(t),
    ...provenance(t),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.modelId] }),
    account: index().on(table.account),
    split: index().on(table.splitId),
  }),
);

/** Each split that was ever declared; `earned` is its lifetime revenue, of which `claimed` came from the pool. */
export const splits = onchainTable(
  "splits",
  (t) => ({
    chainId: t.text().notNull(),
    splitId: t.hex().notNull(),
    members: t.jsonb().$type<string[]>().notNull(),
    bps: t.jsonb().$type<number[]>().notNull(),
    earned: t.bigint().notNull(),
    claimed: t.bigint().notNull(),
  }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.splitId] }) }),
);

/** What a split earns by. */
export type EarningKind = "service" | "license" | "usage" | "job" | "pool";

/** What a split earned, by what; `earned` is its lifetime revenue after this. */
export const splitEarnings = onchainTable(
  "split_earnings",
  (t) => ({
    ...eventRow(t),
    splitId: t.hex().notNull(),
    kind: t.text().$type<EarningKind>().notNull(),
    modelId: t.hex(),
    jobId: t.hex(),
    amount: t.bigint().notNull(),
    earned: t.bigint().notNull(),
  }),
  (table) => ({ split: index().on(table.splitId), model: index().on(table.modelId) }),
);

/** Each member's share of each split; `drawn` is what they took from it so far. */
export const members = onchainTable(
  "members",
  (t) => ({
    chainId: t.text().notNull(),
    splitId: t.hex().notNull(),
    member: t.hex().notNull(),
    bps: t.integer().notNull(),
    drawn: t.bigint().notNull(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.splitId, table.member] }),
    member: index().on(table.member),
  }),
);

/** Which split a model pointed at, from when. */
export const modelSplits = onchainTable(
  "model_splits",
  (t) => ({ ...eventRow(t), modelId: t.hex().notNull(), splitId: t.hex().notNull() }),
  (table) => ({ model: index().on(table.modelId), split: index().on(table.splitId) }),
);

/** Which prices a model had, from when. */
export const termsChanges = onchainTable(
  "terms_changes",
  (t) => ({ ...eventRow(t), modelId: t.hex().notNull(), ...prices(t) }),
  (table) => ({ model: index().on(table.modelId) }),
);

/** Publishing and listing paid for; `kind` is 'publish' or 'extend', `months` are 30 days each. */
export const publications = onchainTable(
  "publications",
  (t) => ({
    ...eventRow(t),
    kind: t.text().$type<"publish" | "extend">().notNull(),
    modelId: t.hex().notNull(),
    account: t.hex().notNull(),
    payer: t.hex().notNull(),
    months: t.bigint().notNull(),
    fee: t.bigint().notNull(),
    paidUntil: t.bigint().notNull(),
  }),
  (table) => ({ model: index().on(table.modelId), account: index().on(table.account) }),
);

/** API subscriptions bought; `split_earned` is the split's lifetime revenue after this one. */
export const servicePurchases = onchainTable(
  "service_purchases",
  (t) => ({ ...modelPurchase(t), months: t.bigint().notNull() }),
  (table) => modelPurchaseIndexes(table),
);

/** Licences to weights bought; `split_earned` is the split's lifetime revenue after this one. */
export const licensePurchases = onchainTable("license_purchases", modelPurchase, (table) =>
  modelPurchaseIndexes(table),
);

/**
 * Shares taken out of splits; `drawn` is the member's total from that split after this one. `to` is where it was sent,
 * null when it became the member's credit.
 */
export const draws = onchainTable(
  "draws",
  (t) => ({
    ...eventRow(t),
    splitId: t.hex().notNull(),
    member: t.hex().notNull(),
    to: t.hex(),
    amount: t.bigint().notNull(),
    drawn: t.bigint().notNull(),
  }),
  (table) => ({ split: index().on(table.splitId), member: index().on(table.member) }),
);
