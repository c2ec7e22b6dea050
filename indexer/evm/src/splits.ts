import { draws, members, modelSplits, models, splits } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import { chainOf, eventRowOf, provenanceOf, recordCredit, recordDrawTo } from "./rows.ts";

on("AIForge:SplitDeclared", async ({ event, context }) => {
  const { splitId, members: addresses, bps } = event.args;
  const chainId = chainOf(context);
  // A split is declared again each time a model takes it; what it earned and paid out stays.
  const declared = await context.db
    .insert(splits)
    .values({
      chainId,
      splitId,
      members: addresses.map((member) => member.toLowerCase()),
      bps: [...bps],
      earned: 0n,
      claimed: 0n,
    })
    .onConflictDoNothing();
  if (declared === null) return;
  await context.db
    .insert(members)
    .values(addresses.map((member, at) => ({ chainId, splitId, member, bps: bps[at] ?? 0, drawn: 0n })));
});

on("AIForge:ModelSplitSet", async ({ event, context }) => {
  const { modelId, splitId } = event.args;
  await context.db.insert(modelSplits).values({ ...eventRowOf(event, context), modelId, splitId });
  await context.db
    .update(models, { chainId: chainOf(context), modelId })
    .set({ splitId, ...provenanceOf(event) });
});

on("AIForge:Drawn", async ({ event, context }) => {
  const { splitId, member, amount, drawn, credit } = event.args;
  await context.db
    .insert(draws)
    .values({ ...eventRowOf(event, context), splitId, member, to: null, amount, drawn });
  await context.db.update(members, { chainId: chainOf(context), splitId, member }).set({ drawn });
  await recordCredit(event, context, {
    payee: member,
    kind: "draw",
    delta: amount,
    credit,
    counterparty: splitId,
  });
});

on("AIForge:DrawnTo", ({ event, context }) => recordDrawTo(event, context, event.args));
