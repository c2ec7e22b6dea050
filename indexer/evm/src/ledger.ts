import { settings, transfers } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import { chainOf, eventRowOf, recordCredit } from "./rows.ts";

on("AIForge:Deposited", async ({ event, context }) => {
  const { payer, payee, amount, credit } = event.args;
  await recordCredit(event, context, { payee, kind: "deposit", delta: amount, credit, counterparty: payer });
});

on("AIForge:Debited", async ({ event, context }) => {
  const { payee, amount, credit } = event.args;
  await recordCredit(event, context, { payee, kind: "debit", delta: -amount, credit, counterparty: null });
});

on("AIForge:Withdrawn", async ({ event, context }) => {
  const { payee, to, amount, credit } = event.args;
  await recordCredit(event, context, { payee, kind: "withdraw", delta: -amount, credit, counterparty: to });
});

on("AIForge:FeesCollected", async ({ event, context }) => {
  const { treasury, amount, credit } = event.args;
  await context.db.update(settings, { chainId: chainOf(context) }).set({ uncollectedFees: 0n });
  await recordCredit(event, context, {
    payee: treasury,
    kind: "fee_collected",
    delta: amount,
    credit,
    counterparty: null,
  });
});

// Only those to the cashier come here: the configuration asks for no others.
on("Usdt:Transfer", async ({ event, context }) => {
  const { from, to, value } = event.args;
  // Anybody can have USDT transfer nothing in anybody's name.
  if (value === 0n) return;
  await context.db.insert(transfers).values({ ...eventRowOf(event, context), from, to, amount: value });
});
