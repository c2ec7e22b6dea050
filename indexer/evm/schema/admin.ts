import { index, onchainTable, primaryKey } from "ponder";
import { eventRow } from "./columns.ts";

/** Who holds which role now. */
export const roles = onchainTable(
  "roles",
  (t) => ({ chainId: t.text().notNull(), role: t.hex().notNull(), account: t.hex().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.role, table.account] }) }),
);

/** Which role grants and revokes a role, where it is not the default admin's. */
export const roleAdmins = onchainTable(
  "role_admins",
  (t) => ({ chainId: t.text().notNull(), role: t.hex().notNull(), adminRole: t.hex().notNull() }),
  (table) => ({ pk: primaryKey({ columns: [table.chainId, table.role] }) }),
);

/**
 * The contract's own settings, one row a chain. `uncollected_fees` is what the treasury has not been credited with yet.
 * The `pending_*` columns are null unless a change of the default admin, or of the delay of such changes, is under way;
 * nothing on the chain tells when a pending delay came into force, so it stays until another is scheduled.
 */
export const settings = onchainTable("settings", (t) => ({
  chainId: t.text().primaryKey(),
  treasury: t.hex().notNull(),
  paused: t.boolean().notNull(),
  uncollectedFees: t.bigint().notNull(),
  pendingAdmin: t.hex(),
  pendingAdminFrom: t.bigint(),
  pendingDelay: t.bigint(),
  pendingDelayFrom: t.bigint(),
}));

/** What was done to the contract's roles and settings. */
export type AdminEventKind =
  | "role_granted"
  | "role_revoked"
  | "role_admin_changed"
  | "admin_transfer_scheduled"
  | "admin_transfer_canceled"
  | "admin_delay_scheduled"
  | "admin_delay_canceled"
  | "treasury_set"
  | "paused"
  | "unpaused";

/**
 * Everything that was ever done to roles and settings. `account` is whom it is about (the holder of the role, the next
 * admin, the treasury) or who paused; `by` is who granted or revoked; `value` is the role that now administers, or the
 * new delay in seconds; `effective_at` is when it comes into force.
 */
export const adminEvents = onchainTable(
  "admin_events",
  (t) => ({
    ...eventRow(t),
    kind: t.text().$type<AdminEventKind>().notNull(),
    role: t.hex(),
    account: t.hex(),
    by: t.hex(),
    value: t.text(),
    effectiveAt: t.bigint(),
  }),
  (table) => ({ account: index().on(table.account) }),
);
