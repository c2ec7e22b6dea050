import { ponder } from "ponder:registry";
import { recordCredit } from "./rows.ts";

ponder.on("AIForge:Deposited", async ({ event, context }) => {
  const { payer, payee, amount, credit } = event.args;
  await recordCredit(event, context, { payee, kind: "deposit", delta: amount, credit, counterparty: payer });
});

ponder.on("AIForge:Debited", async ({ event, context }) => {
  const { payee, amount, credit } = event.args;
  await recordCredit(event, context, { payee, kind: "debit", delta: -amount, credit, counterparty: null });
});

ponder.on("AIForge:Withdrawn", async ({ event, context }) => {
  const { payee, to, amount, credit } = event.args;
  await recordCredit(event, context, { payee, kind: "withdraw", delta: -amount, credit, counterparty: to });
});
