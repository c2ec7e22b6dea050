import { integer, text } from "drizzle-orm/pg-core";
import { amount, chain, eventColumns, provenance } from "./columns.ts";

/**
 * Each job as it stands, since `updatedAt`. The escrow is held while it is open, submitted or disputed. `payee` is an
 * address (20 bytes) or a split's id (32 bytes). `node` is null for a job paid on an operator's word alone.
 */
export const chainJobs = chain
  .view("jobs", {
    chainId: text("chain_id").notNull(),
    jobId: text("job_id").notNull(),
    client: text("client").notNull(),
    account: text("account").notNull(),
    payer: text("payer").notNull(),
    specification: text("specification").notNull(),
    price: amount("price").notNull(),
    deadline: amount("deadline").notNull(),
    salt: text("salt").notNull(),
    status: text("status")
      .$type<"open" | "submitted" | "disputed" | "paid" | "refunded" | "resolved">()
      .notNull(),
    node: text("node"),
    payee: text("payee"),
    result: text("result"),
    paid: amount("paid").notNull(),
    fee: amount("fee").notNull(),
    refunded: amount("refunded").notNull(),
    nodeBps: integer("node_bps"),
    openedAt: amount("opened_at").notNull(),
    updatedAt: amount("updated_at").notNull(),
    ...provenance,
  })
  .existing();

/**
 * Everything that happened to jobs. `by` is who paid in, submitted, disputed or decided; `payee` who was or will be paid,
 * or the client that was refunded; `amount` what was paid in, paid out or refunded.
 */
export const chainJobEvents = chain
  .view("job_events", {
    ...eventColumns,
    jobId: text("job_id").notNull(),
    kind: text("kind")
      .$type<"opened" | "submitted" | "disputed" | "paid" | "refunded" | "resolved">()
      .notNull(),
    by: text("by"),
    payee: text("payee"),
    result: text("result"),
    amount: amount("amount"),
    fee: amount("fee"),
    nodeBps: integer("node_bps"),
  })
  .existing();
