import { modelSplits, models, publications, termsChanges } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import { chainOf, eventRowOf, pricesOf, provenanceOf, recordFee } from "./rows.ts";

on("AIForge:ModelPublished", async ({ event, context }) => {
  const { modelId, owner, account, splitId, weights, terms, fee, paidUntil, fees } = event.args;
  const row = eventRowOf(event, context);
  await context.db.insert(models).values({
    chainId: row.chainId,
    modelId,
    owner,
    account,
    splitId,
    weights,
    paidUntil,
    ...pricesOf(terms),
    ...provenanceOf(event),
  });
  await context.db.insert(modelSplits).values({ ...row, modelId, splitId });
  await context.db.insert(termsChanges).values({ ...row, modelId, ...pricesOf(terms) });
  await context.db
    .insert(publications)
    .values({ ...row, kind: "publish", modelId, account, payer: owner, months: 1n, fee, paidUntil });
  await recordFee(event, context, { kind: "publish", item: modelId, payer: owner, gross: fee, fee, fees });
});

on("AIForge:ListingExtended", async ({ event, context }) => {
  const { modelId, payer, account, months, fee, paidUntil, fees } = event.args;
  await context.db.insert(publications).values({
    ...eventRowOf(event, context),
    kind: "extend",
    modelId,
    account,
    payer,
    months,
    fee,
    paidUntil,
  });
  await context.db
    .update(models, { chainId: chainOf(context), modelId })
    .set({ paidUntil, ...provenanceOf(event) });
  await recordFee(event, context, { kind: "listing", item: modelId, payer, gross: fee, fee, fees });
});

on("AIForge:TermsSet", async ({ event, context }) => {
  const { modelId, terms } = event.args;
  await context.db
    .insert(termsChanges)
    .values({ ...eventRowOf(event, context), modelId, ...pricesOf(terms) });
  await context.db
    .update(models, { chainId: chainOf(context), modelId })
    .set({ ...pricesOf(terms), ...provenanceOf(event) });
});
