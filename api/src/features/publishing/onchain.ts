import { FEES } from "@aiforge/contracts";
import { z } from "@hono/zod-openapi";
import { confirmationsAt } from "../../chain/chains.ts";
import { usdt, usdtSchema } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { type PublishedModel, publishedModels } from "./queries.ts";

export const splitMemberSchema = z
  .object({ address: z.string(), bps: z.number().int().describe("Share in basis points; all sum to 10,000") })
  .openapi("SplitMember");

export const termsSchema = z
  .object({
    month: usdtSchema.describe("API subscription for 30 days, USDT; 0.00: not offered"),
    sale: usdtSchema.describe("Licence to the weights, USDT"),
    input: usdtSchema.describe("A million tokens in, USDT"),
    output: usdtSchema.describe("A million tokens out, USDT"),
  })
  .openapi("Terms");

export const onchainSchema = z
  .object({
    chain: z.string(),
    modelId: z.string().describe("The model's id on chain"),
    owner: z.string(),
    splitId: z.string(),
    split: z.object({ members: z.array(splitMemberSchema) }),
    paidUntil: z.iso.datetime(),
    listedUntil: z.iso.datetime(),
    listed: z.boolean(),
    terms: termsSchema,
    txHash: z.string().describe("The transaction that published it"),
    confirmations: z.number().int(),
    confirmed: z.boolean(),
  })
  .openapi("OnchainModel");

export type OnchainView = z.infer<typeof onchainSchema>;

/** The end of the year 9999: anybody may buy time for any account, more of it than a date can say. */
const LAST_SECOND = 253_402_300_799n;

/** Unix seconds as a date, which ends with the year 9999. */
export const dateOf = (seconds: bigint): Date =>
  new Date(Number(seconds < LAST_SECOND ? seconds : LAST_SECOND) * 1000);

/** Unix seconds as ISO 8601, with a year of four digits. */
export const isoOf = (seconds: bigint): string => dateOf(seconds).toISOString();

/** Until when a model can be bought, in unix seconds: its paid time and the grace after it. */
export const listedUntil = (paidUntil: bigint): bigint => paidUntil + FEES.grace;

/**
 * The time by which a chain will judge what comes next, in unix seconds: ours, as a quiet chain makes no blocks, or the
 * head's where that is ahead.
 * @param headTime of the chain's mirrored head
 */
export function chainNow(headTime: bigint): bigint {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return headTime > now ? headTime : now;
}

/** Whether a model can be bought now; its last second counts, as on chain. */
export const isListed = ({ paidUntil, headTime }: Pick<PublishedModel, "paidUntil" | "headTime">): boolean =>
  chainNow(headTime) <= listedUntil(paidUntil);

/** Where a model's listing stands. */
export function listingOf({ paidUntil, headTime }: Pick<PublishedModel, "paidUntil" | "headTime">) {
  const now = chainNow(headTime);
  const graceEnd = listedUntil(paidUntil);
  const left = paidUntil > now ? paidUntil - now : 0n;
  return {
    paidUntil: isoOf(paidUntil),
    listedUntil: isoOf(graceEnd),
    listed: now <= graceEnd,
    daysLeft: Number((left + 86_399n) / 86_400n),
    inGrace: now > paidUntil && now <= graceEnd,
    graceEndsAt: isoOf(graceEnd),
  };
}

/** Members and shares of a mirrored split, addresses lower-case. */
export function membersOf({ members, bps }: { members: string[]; bps: number[] }) {
  return members.map((address, at) => ({
    address: address.toLowerCase() as `0x${string}`,
    bps: bps[at] as number,
  }));
}

/** The mirrored rows of published models by the model's UUID; a model that is not published has none. */
export async function publishedByModel(deps: Deps, modelIds: string[]): Promise<Map<string, PublishedModel>> {
  const found = new Map<string, PublishedModel>();
  if (modelIds.length === 0) return found;
  for (const row of await publishedModels(deps.db, modelIds)) {
    if (!found.has(row.modelId)) found.set(row.modelId, row);
  }
  return found;
}

/** What the chain says of models, by UUID; a model that is not published is not in it. */
export async function onchainOf(deps: Deps, modelIds: string[]): Promise<Map<string, OnchainView>> {
  const rows = await publishedByModel(deps, modelIds);
  return new Map([...rows].map(([modelId, row]) => [modelId, viewOnchain(deps, row)]));
}

export function viewOnchain(deps: Deps, row: PublishedModel): OnchainView {
  const confirmations = confirmationsAt(row.headBlock, row.blockNumber);
  return {
    chain: row.chain,
    modelId: row.onchainId,
    owner: row.owner,
    splitId: row.splitId,
    split: { members: membersOf(row) },
    paidUntil: isoOf(row.paidUntil),
    listedUntil: isoOf(listedUntil(row.paidUntil)),
    listed: isListed(row),
    terms: {
      month: usdt(row.month),
      sale: usdt(row.sale),
      input: usdt(row.input),
      output: usdt(row.output),
    },
    txHash: row.txHash,
    confirmations,
    confirmed: confirmations >= deps.chains.get(row.chain).confirmations,
  };
}
