/**
 * The mirror's tables. Every column is derived from events alone, so the same chain always gives the same
 * rows. Amounts and prices are micro-USDT (10^-6 USDT), per-token prices are per million tokens, times are
 * Unix seconds, hex is lower-case, `chain_id` is CAIP-2 ("eip155:1").
 */

export * from "./schema/admin.ts";
export * from "./schema/jobs.ts";
export * from "./schema/ledger.ts";
export * from "./schema/models.ts";
export * from "./schema/plans.ts";
export * from "./schema/usage.ts";
