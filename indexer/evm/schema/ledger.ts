import { index, onchainTable, primaryKey } from "ponder";
import { eventRow } from "./columns.ts";

/** What each payee can withdraw. */
export const credits = onchainTable(
  "credits",
  (t) => ({ chainId: t.text().notNull(), payee: t.hex().notNull(), amount: t.bigint().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.payee] }) }),
);

/** Why a credit changed. */
export type CreditEntryKind =
  | "deposit"
  | "debit"
  | "withdraw"
  | "draw"
  | "fee_collected"
  | "refund"
  | "job"
  | "usage_exit";

/**
 * Every change of a credit: `delta` is signed, `credit` is the contract's total after the event.
 * `counterparty` is who paid in, where it went, the split it was drawn from, or the job that paid or was refunded.
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

/** What a fee was taken of. */
export type FeeKind = "publish" | "listing" | "service" | "license" | "plan" | "usage" | "job";

/**
 * The platform's part of every payment, payments without one included: `fee` of `gross`, with `fees` not collected yet
 * after it. `item` is the model's id, the plan's number or the job's id; `payer` is null for metered use, which many pay
 * together.
 */
export const feeEntries = onchainTable(
  "fee_entries",
  (t) => ({
    ...eventRow(t),
    kind: t.text().$type<FeeKind>().notNull(),
    item: t.text().notNull(),
    payer: t.hex(),
    gross: t.bigint().notNull(),
    fee: t.bigint().notNull(),
    fees: t.bigint().notNull(),
  }),
  (table) => ({ item: index().on(table.item), time: index().on(table.blockTimestamp) }),
);

/** Plain USDT transfers into the platform's cashier wallet, whoever sent them, but for transfers of nothing; none where no such wallet is set. */
export const transfers = onchainTable(
  "transfers",
  (t) => ({
    ...eventRow(t),
    from: t.hex().notNull(),
    to: t.hex().notNull(),
    amount: t.bigint().notNull(),
  }),
  (table) => ({ from: index().on(table.from), block: index().on(table.blockNumber) }),
);
