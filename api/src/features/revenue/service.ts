import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { isoOf } from "../publishing/onchain.ts";
import { walletsOf } from "../wallets/service.ts";
import { claimedByModel } from "./pool-parts.ts";
import type { EarningModel, SplitShare } from "./queries.ts";
import * as queries from "./queries.ts";
import { shareOf, type Takeout, takeouts, viewTakeout } from "./takeouts.ts";

export { shareOf };

const ENTRIES = 200;

const sum = <T>(items: readonly T[], of: (item: T) => bigint): bigint =>
  items.reduce((total, item) => total + of(item), 0n);

/**
 * What a user's wallets earned, drew and can take out, with the calls that take it out; and the revenue of the models
 * of their groups, whether they share in it or not. All of it from the mirror.
 */
export async function myEarnings(deps: Deps, userId: string) {
  const wallets = (await walletsOf(deps, userId)).map(({ address }) => address as string);
  const [shares, earning, credits, entries, earnings, deposits, draws] = await Promise.all([
    queries.sharesOf(deps.db, wallets),
    queries.earningModels(deps.db, userId, wallets),
    queries.creditsOf(deps.db, wallets),
    queries.creditEntriesOf(deps.db, wallets),
    queries.earningsFor(deps.db, wallets),
    queries.leavingDeposits(deps.db, wallets),
    queries.drawsTo(deps.db, wallets),
  ]);
  const splitIds = [...new Set(earning.map(({ splitId }) => splitId))];
  const aiforges = deps.chains.all.map(({ aiforge }) => aiforge.toLowerCase());
  const [members, poolParts] = await Promise.all([
    queries.membersOfSplits(deps.db, splitIds),
    queries.poolPartsOf(deps.db, aiforges, splitIds),
  ]);
  const { claims, upcoming } = await takeouts(deps, shares, credits, deposits);

  const earned = sum(shares, (share) => shareOf(share.earned, share.bps));
  const drawn = sum(shares, (share) => share.drawn);
  const of = (kind: Takeout["kind"]) =>
    sum(
      claims.filter((claim) => claim.kind === kind),
      ({ amount }) => amount,
    );
  return {
    totals: {
      earned: usdt(earned),
      drawn: usdt(drawn),
      drawable: usdt(earned - drawn),
      pool: usdt(of("pool")),
      credit: usdt(of("credit")),
      usage: usdt(of("usage")),
      claimable: usdt(sum(claims, ({ amount }) => amount)),
    },
    models: earning.map((model) => viewModel(model, members, wallets, poolOf(model, poolParts))),
    claims: claims.map(viewTakeout),
    upcoming: upcoming.map(({ kind, chain, member, amount, splitId, split, availableAt }) => ({
      kind,
      chain,
      member,
      amount: usdt(amount),
      splitId,
      split,
      availableAt: isoOf(availableAt),
    })),
    credits: claims
      .filter(({ kind }) => kind === "credit")
      .map(({ chain, member, amount, call }) => ({ chain, address: member, amount: usdt(amount), call })),
    platform: { earned: usdt(sum(earning, ({ fee }) => fee ?? 0n)) },
    entries: viewEntries(entries, earnings, draws),
  };
}

/** What a split claimed of the pool for the use of this model, in micro-USDT. */
function poolOf(model: EarningModel, parts: Awaited<ReturnType<typeof queries.poolPartsOf>>): bigint {
  const ofSplit = parts.filter(({ chain, splitId }) => chain === model.chain && splitId === model.splitId);
  return claimedByModel(ofSplit, model.splitClaimed).get(model.modelId) ?? 0n;
}

/**
 * What one model earned through one split: its revenue, and what was claimed of the pool. Two models may share a split,
 * and draws do not say for which: then each model has the part of the draws that it has of the earnings, rounded down.
 * @param pool micro-USDT
 */
function viewModel(model: EarningModel, all: SplitShare[], wallets: string[], pool: bigint) {
  const revenue = model.revenue ?? 0n;
  const fee = model.fee ?? 0n;
  const creators = revenue - fee;
  const whole = creators + pool;
  const members = all
    .filter(({ chain, splitId }) => chain === model.chain && splitId === model.splitId)
    .map(({ member, bps, drawn }) => {
      const earned = shareOf(whole, bps);
      const drawnHere = model.splitEarned === 0n ? 0n : (drawn * whole) / model.splitEarned;
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
    pool: usdt(pool),
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

function viewEntries(
  entries: Awaited<ReturnType<typeof queries.creditEntriesOf>>,
  earnings: Awaited<ReturnType<typeof queries.earningsFor>>,
  draws: Awaited<ReturnType<typeof queries.drawsTo>>,
) {
  const earned = earnings.map(({ payer, ...entry }) => ({
    ...entry,
    kind: entry.source === "pool" ? "pool" : "earned",
    counterparty: payer as string | null,
  }));
  const moved = entries.map(({ delta, ...entry }) => ({
    ...entry,
    source: null,
    amount: delta,
    modelId: null,
    modelName: null,
  }));
  const drawn = draws.map(({ amount, ...entry }) => ({
    ...entry,
    kind: "withdraw",
    source: null,
    amount: -amount,
    modelId: null,
    modelName: null,
  }));
  return [...earned, ...moved, ...drawn]
    .sort((a, b) => Number(b.at - a.at))
    .slice(0, ENTRIES)
    .map((entry) => ({ ...entry, amount: usdt(entry.amount), at: isoOf(entry.at) }));
}
