import type { Context } from "ponder:registry";
import type { Hex } from "viem";
import { type AdminEventKind, adminEvents, roleAdmins, roles, settings } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import { type AnyEvent, chainOf, eventRowOf } from "./rows.ts";

async function recordAdmin(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  entry: { kind: AdminEventKind; role?: Hex; account?: Hex; by?: Hex; value?: string; effectiveAt?: bigint },
): Promise<void> {
  await context.db.insert(adminEvents).values({ ...eventRowOf(event, context), ...entry });
}

const NO_PENDING_ADMIN = { pendingAdmin: null, pendingAdminFrom: null };
const NO_PENDING_DELAY = { pendingDelay: null, pendingDelayFrom: null };

on("AIForge:RoleGranted", async ({ event, context }) => {
  const { role, account, sender } = event.args;
  const chainId = chainOf(context);
  await context.db.insert(roles).values({ chainId, role, account }).onConflictDoNothing();
  // The default admin changes only when the one who was named accepts; nothing else says that this was it.
  if (BigInt(role) === 0n && (await context.db.find(settings, { chainId }))) {
    await context.db.update(settings, { chainId }).set(NO_PENDING_ADMIN);
  }
  await recordAdmin(event, context, { kind: "role_granted", role, account, by: sender });
});

on("AIForge:RoleRevoked", async ({ event, context }) => {
  const { role, account, sender } = event.args;
  const chainId = chainOf(context);
  await context.db.delete(roles, { chainId, role, account });
  // So does giving it up, which is scheduled as a transfer to nobody.
  if (BigInt(role) === 0n) await context.db.update(settings, { chainId }).set(NO_PENDING_ADMIN);
  await recordAdmin(event, context, { kind: "role_revoked", role, account, by: sender });
});

on("AIForge:RoleAdminChanged", async ({ event, context }) => {
  const { role, newAdminRole } = event.args;
  await context.db
    .insert(roleAdmins)
    .values({ chainId: chainOf(context), role, adminRole: newAdminRole })
    .onConflictDoUpdate({ adminRole: newAdminRole });
  await recordAdmin(event, context, { kind: "role_admin_changed", role, value: newAdminRole });
});

on("AIForge:DefaultAdminTransferScheduled", async ({ event, context }) => {
  const { newAdmin } = event.args;
  const effectiveAt = BigInt(event.args.acceptSchedule);
  await context.db
    .update(settings, { chainId: chainOf(context) })
    .set({ pendingAdmin: newAdmin, pendingAdminFrom: effectiveAt });
  await recordAdmin(event, context, { kind: "admin_transfer_scheduled", account: newAdmin, effectiveAt });
});

on("AIForge:DefaultAdminTransferCanceled", async ({ event, context }) => {
  await context.db.update(settings, { chainId: chainOf(context) }).set(NO_PENDING_ADMIN);
  await recordAdmin(event, context, { kind: "admin_transfer_canceled" });
});

on("AIForge:DefaultAdminDelayChangeScheduled", async ({ event, context }) => {
  const { newDelay } = event.args;
  const effectiveAt = BigInt(event.args.effectSchedule);
  await context.db
    .update(settings, { chainId: chainOf(context) })
    .set({ pendingDelay: BigInt(newDelay), pendingDelayFrom: effectiveAt });
  await recordAdmin(event, context, { kind: "admin_delay_scheduled", value: String(newDelay), effectiveAt });
});

on("AIForge:DefaultAdminDelayChangeCanceled", async ({ event, context }) => {
  await context.db.update(settings, { chainId: chainOf(context) }).set(NO_PENDING_DELAY);
  await recordAdmin(event, context, { kind: "admin_delay_canceled" });
});

on("AIForge:TreasurySet", async ({ event, context }) => {
  const { treasury } = event.args;
  await context.db
    .insert(settings)
    .values({
      chainId: chainOf(context),
      treasury,
      paused: false,
      uncollectedFees: 0n,
      ...NO_PENDING_ADMIN,
      ...NO_PENDING_DELAY,
    })
    .onConflictDoUpdate({ treasury });
  await recordAdmin(event, context, { kind: "treasury_set", account: treasury });
});

// The constructor names a treasury, so the row is there before anything can be paused.
on("AIForge:Paused", async ({ event, context }) => {
  await context.db.update(settings, { chainId: chainOf(context) }).set({ paused: true });
  await recordAdmin(event, context, { kind: "paused", account: event.args.account });
});

on("AIForge:Unpaused", async ({ event, context }) => {
  await context.db.update(settings, { chainId: chainOf(context) }).set({ paused: false });
  await recordAdmin(event, context, { kind: "unpaused", account: event.args.account });
});
