import { usageBatches, usageDeposits, usageEntries } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import { chainOf, eventRowOf, recordCredit, recordEarning, recordFee } from "./rows.ts";

const SECONDS_A_DAY = 86_400n;

/** A payer's deposit before anything happened to it. */
const NOTHING = { account: null, amount: 0n, dailyCap: 0n, spent: 0n, day: 0, leaveAt: null };

on("AIForge:UsageDeposited", async ({ event, context }) => {
  const { payer, account, amount, deposit, dailyCap } = event.args;
  await context.db.insert(usageEntries).values({
    ...eventRowOf(event, context),
    payer,
    kind: "deposit",
    modelId: null,
    account,
    amount,
    deposit,
  });
  // Who was leaving stays.
  const after = { account, amount: deposit, dailyCap, leaveAt: null };
  await context.db
    .insert(usageDeposits)
    .values({ chainId: chainOf(context), payer, ...NOTHING, ...after })
    .onConflictDoUpdate(after);
});

on("AIForge:UsageCapSet", async ({ event, context }) => {
  const { payer, dailyCap } = event.args;
  await context.db
    .insert(usageDeposits)
    .values({ chainId: chainOf(context), payer, ...NOTHING, dailyCap })
    .onConflictDoUpdate({ dailyCap });
});

on("AIForge:UsageLeaving", async ({ event, context }) => {
  const { payer, leaveAt } = event.args;
  await context.db.update(usageDeposits, { chainId: chainOf(context), payer }).set({ leaveAt });
});

on("AIForge:UsageWithdrawn", async ({ event, context }) => {
  const { payer, amount, credit } = event.args;
  const { account, ...nothing } = NOTHING;
  const after = await context.db.update(usageDeposits, { chainId: chainOf(context), payer }).set(nothing);
  await context.db.insert(usageEntries).values({
    ...eventRowOf(event, context),
    payer,
    kind: "exit",
    modelId: null,
    account: after.account,
    amount: -amount,
    deposit: 0n,
  });
  await recordCredit(event, context, {
    payee: payer,
    kind: "usage_exit",
    delta: amount,
    credit,
    counterparty: null,
  });
});

on("AIForge:UsageCharged", async ({ event, context }) => {
  const { payer, modelId, amount, deposit } = event.args;
  const today = Number(event.block.timestamp / SECONDS_A_DAY);
  // A charge of nothing can name a payer who never deposited.
  const after = await context.db
    .insert(usageDeposits)
    .values({ chainId: chainOf(context), payer, ...NOTHING, amount: deposit, spent: amount, day: today })
    .onConflictDoUpdate((before) => ({
      amount: deposit,
      spent: (before.day === today ? before.spent : 0n) + amount,
      day: today,
    }));
  await context.db.insert(usageEntries).values({
    ...eventRowOf(event, context),
    payer,
    kind: "charge",
    modelId,
    account: after.account,
    amount: -amount,
    deposit,
  });
});

on("AIForge:UsageEarned", async ({ event, context }) => {
  const { modelId, splitId, amount, fee, splitEarned, fees } = event.args;
  await recordEarning(event, context, {
    splitId,
    kind: "usage",
    modelId,
    amount: amount - fee,
    earned: splitEarned,
  });
  await recordFee(event, context, { kind: "usage", item: modelId, payer: null, gross: amount, fee, fees });
});

on("AIForge:UsageSettled", async ({ event, context }) => {
  const { batch, root } = event.args;
  await context.db.insert(usageBatches).values({ ...eventRowOf(event, context), batch, root });
});
