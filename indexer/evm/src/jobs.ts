import type { Context } from "ponder:registry";
import { type Hex, isAddress, slice } from "viem";
import { type JobEventKind, jobEvents, jobs } from "../ponder.schema.ts";
import { on } from "./registry.ts";
import {
  type AnyEvent,
  chainOf,
  eventRowOf,
  provenanceOf,
  recordCredit,
  recordEarning,
  recordFee,
} from "./rows.ts";

/** A payee as the contract reads it: an address when the upper 96 bits are zero, else a split's id. */
const payeeOf = (payee: Hex): Hex => (/^0x0{24}/.test(payee) ? slice(payee, 12) : payee);

async function recordJob(
  event: AnyEvent,
  context: Pick<Context, "chain" | "db">,
  entry: {
    jobId: Hex;
    kind: JobEventKind;
    by?: Hex;
    payee?: Hex;
    result?: Hex;
    amount?: bigint;
    fee?: bigint;
    nodeBps?: number;
  },
): Promise<void> {
  await context.db.insert(jobEvents).values({ ...eventRowOf(event, context), ...entry });
}

/** Since when a job is in the state that an event brought it into. */
const now = (event: AnyEvent) => ({ updatedAt: event.block.timestamp, ...provenanceOf(event) });

const keyOf = (context: Pick<Context, "chain">, jobId: Hex) => ({ chainId: chainOf(context), jobId });

on("AIForge:JobOpened", async ({ event, context }) => {
  const { jobId, client, account, payer, job } = event.args;
  await context.db.insert(jobs).values({
    ...keyOf(context, jobId),
    client,
    account,
    payer,
    specification: job.specification,
    price: job.price,
    deadline: BigInt(job.deadline),
    salt: job.salt,
    status: "open",
    paid: 0n,
    fee: 0n,
    refunded: 0n,
    openedAt: event.block.timestamp,
    ...now(event),
  });
  await recordJob(event, context, { jobId, kind: "opened", by: payer, amount: job.price });
});

on("AIForge:JobSubmitted", async ({ event, context }) => {
  const { jobId, node, result } = event.args;
  const payee = payeeOf(event.args.payee);
  await context.db
    .update(jobs, keyOf(context, jobId))
    .set({ status: "submitted", node, payee, result, ...now(event) });
  await recordJob(event, context, { jobId, kind: "submitted", by: node, payee, result });
});

on("AIForge:JobDisputed", async ({ event, context }) => {
  const { jobId, by } = event.args;
  await context.db.update(jobs, keyOf(context, jobId)).set({ status: "disputed", ...now(event) });
  await recordJob(event, context, { jobId, kind: "disputed", by });
});

on("AIForge:JobPaid", async ({ event, context }) => {
  const { jobId, result, amount, fee, payeeTotal, fees } = event.args;
  const payee = payeeOf(event.args.payee);
  const { payer } = await context.db
    .update(jobs, keyOf(context, jobId))
    .set({ status: "paid", payee, result, paid: amount, fee, ...now(event) });
  await recordJob(event, context, { jobId, kind: "paid", payee, result, amount, fee });
  if (isAddress(payee, { strict: false })) {
    await recordCredit(event, context, {
      payee,
      kind: "job",
      delta: amount,
      credit: payeeTotal,
      counterparty: jobId,
    });
  } else {
    await recordEarning(event, context, { splitId: payee, kind: "job", jobId, amount, earned: payeeTotal });
  }
  await recordFee(event, context, { kind: "job", item: jobId, payer, gross: amount + fee, fee, fees });
});

on("AIForge:JobRefunded", async ({ event, context }) => {
  const { jobId, client, amount, credit } = event.args;
  await context.db
    .update(jobs, keyOf(context, jobId))
    .set({ status: "refunded", refunded: amount, ...now(event) });
  await recordJob(event, context, { jobId, kind: "refunded", payee: client, amount });
  await recordCredit(event, context, {
    payee: client,
    kind: "refund",
    delta: amount,
    credit,
    counterparty: jobId,
  });
});

// The last event of a dispute's end: what was paid and refunded came before, in the same transaction.
on("AIForge:JobResolved", async ({ event, context }) => {
  const { jobId, by } = event.args;
  const nodeBps = Number(event.args.nodeBps);
  await context.db.update(jobs, keyOf(context, jobId)).set({ status: "resolved", nodeBps, ...now(event) });
  await recordJob(event, context, { jobId, kind: "resolved", by, nodeBps });
});
