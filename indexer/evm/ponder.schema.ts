import { index, onchainTable, type PgColumnsBuilders, primaryKey } from "ponder";

/**
 * The mirror's tables. Every column is derived from events alone, so the same chain always gives the same
 * rows. Amounts and prices are micro-USDT (10^-6 USDT), per-token prices are per million tokens, times are
 * Unix seconds, hex is lower-case, `chain_id` is CAIP-2 ("eip155:1").
 */

/** Where a row was last changed on the chain. */
const provenance = (t: PgColumnsBuilders) => ({
  txHash: t.hex().notNull(),
  logIndex: t.integer().notNull(),
  blockNumber: t.bigint().notNull(),
  blockTimestamp: t.bigint().notNull(),
});

/** A row that is one event; `id` is "<chain>-<transaction>-<log index>". */
const eventRow = (t: PgColumnsBuilders) => ({
  id: t.text().primaryKey(),
  chainId: t.text().notNull(),
  ...provenance(t),
});

/** The four prices of a model; 0 means not offered. */
const prices = (t: PgColumnsBuilders) => ({
  priceMonth: t.bigint().notNull(),
  priceSale: t.bigint().notNull(),
  priceInput: t.bigint().notNull(),
  priceOutput: t.bigint().notNull(),
});

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

/** Each split that was ever set on a model; `earned` is its lifetime revenue. */
export const splits = onchainTable(
  "splits",
  (t) => ({
    chainId: t.text().notNull(),
    splitId: t.hex().notNull(),
    members: t.jsonb().$type<string[]>().notNull(),
    bps: t.jsonb().$type<number[]>().notNull(),
    earned: t.bigint().notNull(),
  }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.splitId] }) }),
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
  (t) => ({
    ...eventRow(t),
    modelId: t.hex().notNull(),
    account: t.hex().notNull(),
    payer: t.hex().notNull(),
    months: t.bigint().notNull(),
    price: t.bigint().notNull(),
    fee: t.bigint().notNull(),
    splitId: t.hex().notNull(),
    splitEarned: t.bigint().notNull(),
  }),
  (table) => ({
    model: index().on(table.modelId),
    account: index().on(table.account),
    payer: index().on(table.payer),
    tx: index().on(table.txHash),
  }),
);

/** Shares taken out of splits; `drawn` is the member's total from that split after this one. */
export const draws = onchainTable(
  "draws",
  (t) => ({
    ...eventRow(t),
    splitId: t.hex().notNull(),
    member: t.hex().notNull(),
    amount: t.bigint().notNull(),
    drawn: t.bigint().notNull(),
  }),
  (table) => ({ split: index().on(table.splitId), member: index().on(table.member) }),
);

/** What each payee can withdraw. */
export const credits = onchainTable(
  "credits",
  (t) => ({ chainId: t.text().notNull(), payee: t.hex().notNull(), amount: t.bigint().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.payee] }) }),
);

/** Why a credit changed. */
export type CreditEntryKind = "deposit" | "debit" | "withdraw" | "draw" | "fee";

/**
 * Every change of a credit: `delta` is signed, `credit` is the contract's total after the event.
 * `counterparty` is who paid in, where it went, the split it was drawn from, or who paid the fee.
 */
export const creditEntries = onchainTable(
  "credit_entries",
  (t) => ({
    ...eventRow(t),
    payee: t.hex().notNull(),
    kind: t.text().$type<CreditEntryKind>().notNull(),
    delta: t.bigint().notNull(),
    credit: t.bigint().notNull(),
    counterparty: t.hex(),
  }),
  (table) => ({ payee: index().on(table.payee) }),
);

/** Who holds which role now. */
export const roles = onchainTable(
  "roles",
  (t) => ({ chainId: t.text().notNull(), role: t.hex().notNull(), account: t.hex().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.role, table.account] }) }),
);

/** The contract's own settings, one row a chain. */
export const settings = onchainTable("settings", (t) => ({
  chainId: t.text().primaryKey(),
  treasury: t.hex().notNull(),
  paused: t.boolean().notNull(),
}));
