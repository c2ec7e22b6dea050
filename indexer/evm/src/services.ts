import { ponder } from "ponder:registry";
import { servicePurchases, splits } from "ponder:schema";
import { chainOf, eventRowOf, recordFee } from "./rows.ts";

ponder.on("AIForge:ServicePurchased", async ({ event, context }) => {
  const { modelId, account, payer, months, price, fee, splitId, splitEarned, treasury, treasuryCredit } =
    event.args;
  await context.db.insert(servicePurchases).values({
    ...eventRowOf(event, context),
    modelId,
    account,
    payer,
    months,
    price,
    fee,
    splitId,
    splitEarned,
  });
  await context.db.update(splits, { chainId: chainOf(context), splitId }).set({ earned: splitEarned });
  await recordFee(event, context, { fee, payer, treasury, treasuryCredit });
});
