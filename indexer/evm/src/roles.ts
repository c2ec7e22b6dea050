import { ponder } from "ponder:registry";
import { roles, settings } from "ponder:schema";
import { chainOf } from "./rows.ts";

ponder.on("AIForge:RoleGranted", async ({ event, context }) => {
  const { role, account } = event.args;
  await context.db
    .insert(roles)
    .values({ chainId: chainOf(context), role, account })
    .onConflictDoNothing();
});

ponder.on("AIForge:RoleRevoked", async ({ event, context }) => {
  const { role, account } = event.args;
  await context.db.delete(roles, { chainId: chainOf(context), role, account });
});

ponder.on("AIForge:TreasurySet", async ({ event, context }) => {
  const { treasury } = event.args;
  await context.db
    .insert(settings)
    .values({ chainId: chainOf(context), treasury, paused: false })
    .onConflictDoUpdate({ treasury });
});

// The constructor names a treasury, so the row is there before anything can be paused.
ponder.on("AIForge:Paused", async ({ context }) => {
  await context.db.update(settings, { chainId: chainOf(context) }).set({ paused: true });
});

ponder.on("AIForge:Unpaused", async ({ context }) => {
  await context.db.update(settings, { chainId: chainOf(context) }).set({ paused: false });
});
