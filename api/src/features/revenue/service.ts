import { FEES } from "@aiforge/contracts";
import { aiforgeCall } from "../../chain/calls.ts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { isoOf } from "../publishing/onchain.ts";
import { walletsOf } from "../wallets/service.ts";
import type { EarningModel, Share, SplitShare } from "./queries.ts";
import * as queries from "./queries.ts";

const ENTRIES = 200;

/** A member's part of revenue, as the contract rounds it: down. Micro-USDT. */
export const shareOf = (earned: bigint, bps: number): bigint => (earned * BigInt(bps)) / FEES.bps;

const sum = <T>(items: readonly T[], of: (item: T) => bigint): bigint =>
  items.reduce((total, item) => total + of(item), 0n);

/**
 * What a user's wallets earned, drew and can take out, with the calls that take it out; and the revenue of the models
 * of their groups, whether they share in it or not. All of it from the mirror.
 */
export async function myEarnings(deps: Deps, userId: string) {
  const wallets = (await walletsOf(deps, userId)).map(({ address }) => address as string);
  const [shares, earning, credits, entries, sales] = await Promise.all([
    queries.sharesOf(deps.db, wallets),
    queries.earningModels(deps.db, userId, wallets),
    queries.creditsOf(deps.db, wallets),
    queries.creditEntriesOf(deps.db, wallets),
    queries.salesFor(deps.db, wallets),
  ]);
  const members = await queries.membersOfSplits(deps.db, [...new Set(earning.map(({ splitId }) => splitId))]);

  const earned = sum(shares, (share) => shareOf(share.earned, share.bps));
  const drawn = sum(shares, (share) => share.drawn);
  return {
    totals: {
      earned: usdt(earned),
      drawn: usdt(drawn),
      drawable: usdt(earned - drawn),
      credit: usdt(sum(credits, ({ amount }) => amount)),
    },
    models: earning.map((model) => viewModel(model, members, wallets)),
    claims: shares.flatMap((share) => viewClaim(deps, share)),
    credits: credits.map(({ chain, address, amount }) => ({
      chain,
      address,
      amount: usdt(amount),
      call: aiforgeCall(deps.chains.get(chain), "withdraw", [address as `0x${string}`, amount]),
    })),
    platform: { earned: usdt(sum(earning, ({ fee }) => fee ?? 0n)) },
    entries: viewEntries(entries, sales),
  };
}

/**
 * One model's revenue through one split. Two models may share a split, and draws do not say for which: then each model
 * has the part of the draws that it has of the revenue, rounded down.
 */
function viewModel(model: EarningModel, all: SplitShare[], wallets: string[]) {
  const revenue = model.revenue ?? 0n;
  const fee = model.fee ?? 0n;
  const creators = revenue - fee;
  const members = all
    .filter(({ chain, splitId }) => chain === model.chain && splitId === model.splitId)
    .map(({ member, bps, drawn }) => {
      const earned = shareOf(creators, bps);
      const drawnHere = model.splitEarned === 0n ? 0n : (drawn * creators) / model.splitEarned;
      return { address: member, bps, earned, drawn: drawnHere, drawable: earned - drawnHere };
    });
  const mine = members.filter(({ address }) => wallets.includes(address));
  return {
    modelId: model.modelId,
    name: model.name,
    chain: model.chain,
    splitId: model.splitId,
    revenue: usdt(revenue),
    platformFee: usdt(fee),
    creators: usdt(creators),
    mine:
      mine.length === 0
        ? null
        : {
            member: mine[0]!.address,
            bps: mine.reduce((total, { bps }) => total + bps, 0),
            earned: usdt(sum(mine, (each) => each.earned)),
            drawn: usdt(sum(mine, (each) => each.drawn)),
            drawable: usdt(sum(mine, (each) => each.drawable)),
          },
    members: members.map(({ address, bps, earned, drawn }) => ({
      address,
      bps,
      earned: usdt(earned),
      drawn: usdt(drawn),
    })),
  };
}

function viewClaim(deps: Deps, { chain, splitId, split, member, bps, earned, drawn }: Share) {
  const drawable = shareOf(earned, bps) - drawn;
  if (drawable <= 0n) return [];
  const members = split.members.map((address) => address.toLowerCase() as `0x${string}`);
  const whole = { members, bps: split.bps };
  const call = aiforgeCall(deps.chains.get(chain), "drawAndWithdraw", [whole, member as `0x${string}`]);
  return [{ chain, splitId, split: whole, member, drawable: usdt(drawable), call }];
}

function viewEntries(
  entries: Awaited<ReturnType<typeof queries.creditEntriesOf>>,
  sales: Awaited<ReturnType<typeof queries.salesFor>>,
) {
  const earned = sales.map((sale) => ({
    chain: sale.chain,
    kind: "earned" as const,
    amount: shareOf(sale.price - sale.fee, sale.bps),
    address: sale.address,
    counterparty: sale.payer as string | null,
    modelId: sale.modelId,
    modelName: sale.modelName,
    txHash: sale.txHash,
    at: sale.at,
  }));
  const moved = entries.map(({ delta, ...entry }) => ({
    ...entry,
    amount: delta,
    modelId: null,
    modelName: null,
  }));
  return [...earned, ...moved]
    .sort((a, b) => Number(b.at - a.at))
    .slice(0, ENTRIES)
    .map((entry) => ({ ...entry, amount: usdt(entry.amount), at: isoOf(entry.at) }));
}
