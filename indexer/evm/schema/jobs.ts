import { index, onchainTable, primaryKey } from "ponder";
import { eventRow, provenance } from "./columns.ts";

/** Where a job stands; the escrow is held in the first three. */
export type JobStatus = "open" | "submitted" | "disputed" | "paid" | "refunded" | "resolved";

/**
 * Each job as it stands, `updated_at` being since when. `payee` is an address (20 bytes) or a split's id (32 bytes);
 * `paid` and `fee` are what the payee and the platform got of `price`, `refunded` what went back to the client.
 * `node` is null for a job that was paid on an operator's word alone.
 */
export const jobs = onchainTable(
  "jobs",
  (t) => ({
    chainId: t.text().notNull(),
    jobId: t.hex().notNull(),
    client: t.hex().notNull(),
    account: t.hex().notNull(),
    payer: t.hex().notNull(),
    specification: t.hex().notNull(),
    price: t.bigint().notNull(),
    deadline: t.bigint().notNull(),
    salt: t.hex().notNull(),
    status: t.text().$type<JobStatus>().notNull(),
    node: t.hex(),
    payee: t.hex(),
    result: t.hex(),
    paid: t.bigint().notNull(),
    fee: t.bigint().notNull(),
    refunded: t.bigint().notNull(),
    nodeBps: t.integer(),
    openedAt: t.bigint().notNull(),
    updatedAt: t.bigint().notNull(),
    ...provenance(t),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.jobId] }),
    account: index().on(table.account),
    client: index().on(table.client),
    payer: index().on(table.payer),
    node: index().on(table.node),
  }),
);

export type JobEventKind = "opened" | "submitted" | "disputed" | "paid" | "refunded" | "resolved";

/**
 * Everything that happened to jobs. `by` is who paid in, submitted, disputed or decided; `payee` who was or will be paid,
 * or the client that was refunded; `amount` what was paid in, paid out or refunded.
 */
export const jobEvents = onchainTable(
  "job_events",
  (t) => ({
    ...eventRow(t),
    jobId: t.hex().notNull(),
    kind: t.text().$type<JobEventKind>().notNull(),
    by: t.hex(),
    payee: t.hex(),
    result: t.hex(),
    amount: t.bigint(),
    fee: t.bigint(),
    nodeBps: t.integer(),
  }),
  (table) => ({ job: index().on(table.jobId), tx: index().on(table.txHash) }),
);
