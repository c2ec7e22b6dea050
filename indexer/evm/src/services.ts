import { licensePurchases, servicePurchases } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import { eventRowOf, recordEarning, recordFee } from "./rows.ts";

on("AIForge:ServicePurchased", async ({ event, context }) => {
  const { fees, ...purchase } = event.args;
  const { modelId, payer, price, fee, splitId, splitEarned } = purchase;
  await context.db.insert(servicePurchases).values({ ...eventRowOf(event, context), ...purchase });
  await recordEarning(event, context, {
    splitId,
    kind: "service",
    modelId,
    amount: price - fee,
    earned: splitEarned,
  });
  await recordFee(event, context, { kind: "service", item: modelId, payer, gross: price, fee, fees });
});

on("AIForge:LicensePurchased", async ({ event, context }) => {
  const { fees, ...purchase } = event.args;
  const { modelId, payer, price, fee, splitId, splitEarned } = purchase;
  await context.db.insert(licensePurchases).values({ ...eventRowOf(event, context), ...purchase });
  await recordEarning(event, context, {
    splitId,
    kind: "license",
    modelId,
    amount: price - fee,
    earned: splitEarned,
  });
  await recordFee(event, context, { kind: "license", item: modelId, payer, gross: price, fee, fees });
});
