import { monthStart, monthText } from "@aiforge/contracts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { walletsOf } from "../wallets/service.ts";
import { claimableOf } from "./claims.ts";
import * as queries from "./queries-summary.ts";
import { SOURCES, type Source } from "./shapes.ts";

interface Amounts {
  gross: bigint;
  fee: bigint;
  creators: bigint;
  pool: bigint;
  mine: bigint;
}

interface Row extends Amounts {
  source: Source;
  month: string;
}

const ZERO: Amounts = { gross: 0n, fee: 0n, creators: 0n, pool: 0n, mine: 0n };

const add = (a: Amounts, b: Amounts): Amounts => ({
  gross: a.gross + b.gross,
  fee: a.fee + b.fee,
  creators: a.creators + b.creators,
  pool: a.pool + b.pool,
  mine: a.mine + b.mine,
});

const total = (rows: readonly Amounts[]): Amounts => rows.reduce(add, ZERO);

const view = ({ gross, fee, creators, pool, mine }: Amounts) => ({
  gross: usdt(gross),
  fee: usdt(fee),
  creators: usdt(creators),
  pool: usdt(pool),
  mine: usdt(mine),
});

function grouped<T extends Amounts, K extends string>(
  rows: readonly T[],
  keyOf: (row: T) => K,
): Map<K, Amounts> {
  const groups = new Map<K, Amounts>();
  for (const row of rows) groups.set(keyOf(row), add(groups.get(keyOf(row)) ?? ZERO, row));
  return groups;
}

async function viewerOf(deps: Deps, userId: string | null, scope: "all" | "mine"): Promise<queries.Viewer> {
  const wallets = userId ? (await walletsOf(deps, userId)).map(({ address }) => address as string) : [];
  return { userId, wallets, mine: scope === "mine" };
}

const chainsOf = (deps: Deps) => deps.chains.all.map(({ chain }) => chain);

/**
 * All revenue by source and month. Of everything: each payment once, a plan's creators' part as `pool`. Of what the
 * viewer has a part in: the earnings of those splits and models, what the pool paid them among it.
 */
async function revenueRows(deps: Deps, viewer: queries.Viewer, month: number | null): Promise<Row[]> {
  const chains = chainsOf(deps);
  const range = month === null ? null : { from: monthStart(month), to: monthStart(month + 1) };
  const [fees, earned, jobs, shares] = await Promise.all([
    queries.feesByMonth(deps.db, chains, range),
    queries.earningsByMonth(deps.db, chains, viewer, range),
    queries.jobPayByMonth(deps.db, chains, viewer.wallets, range),
    queries.poolShares(deps.db, chains, viewer, month),
  ]);
  // What the pool brought belongs to the month it was used in, whenever it is claimed.
  const earnings = [
    ...earned.filter(({ source }) => source !== "pool"),
    ...shares.map(({ month: index, amount, mine }) => {
      return { source: "pool" as const, month: monthText(index), amount, fee: 0n, mine };
    }),
  ];
  const paid = jobs.map(({ month, mine }): Row => ({ ...ZERO, source: "job", month, mine }));
  if (viewer.mine) {
    const earned = earnings.map(({ source, month, amount, fee, mine }): Row => {
      return { source, month, gross: amount + fee, fee, creators: amount, pool: 0n, mine };
    });
    return [...earned, ...paid.map((row) => ({ ...row, gross: row.mine, creators: row.mine }))];
  }
  const payments = fees.map(({ source, month, gross, fee }): Row => {
    const rest = gross - fee;
    return source === "plan"
      ? { source, month, gross, fee, creators: 0n, pool: rest, mine: 0n }
      : { source, month, gross, fee, creators: rest, pool: 0n, mine: 0n };
  });
  // The viewer's part of what the pool paid stands beside the plans that it comes from.
  const mine = earnings.map(({ source, month, mine: part }): Row => {
    return { ...ZERO, source: source === "pool" ? "plan" : source, month, mine: part };
  });
  return [...payments, ...mine, ...paid];
}

/** What was paid, and whose it became, by source and month; the pool's part by the month that it was used in. */
export async function revenueSummary(deps: Deps, userId: string | null, scope: "all" | "mine") {
  const viewer = await viewerOf(deps, userId, scope);
  const rows = await revenueRows(deps, viewer, null);
  const bySource = grouped(rows, ({ source }) => source);
  const months = grouped(rows, ({ month }) => month);
  const sum = total(rows);
  return {
    totals: {
      gross: usdt(sum.gross),
      platform: usdt(sum.fee),
      creators: usdt(sum.creators),
      mine: usdt(sum.mine),
      pool: viewer.mine ? await poolOfMine(deps, viewer) : await poolOfAll(deps),
    },
    bySource: SOURCES.flatMap((source) => {
      const amounts = bySource.get(source);
      return amounts ? [{ source, ...view(amounts) }] : [];
    }),
    months: [...months]
      .sort(([a], [b]) => (a < b ? 1 : -1))
      .map(([month, amounts]) => ({ month, ...view(amounts) })),
  };
}

async function poolOfAll(deps: Deps) {
  const { funded, pools } = await queries.poolTotals(deps.db, chainsOf(deps));
  const claimed = pools.reduce((sum, pool) => sum + pool.claimed, 0n);
  const owed = pools.reduce((sum, pool) => sum + pool.total, 0n);
  return { funded: usdt(funded), claimed: usdt(claimed), claimable: usdt(owed - claimed) };
}

async function poolOfMine(deps: Deps, viewer: queries.Viewer) {
  const splits = await queries.splitsOfWallets(deps.db, viewer.wallets);
  const claimed = splits.reduce((sum, split) => sum + split.claimed, 0n);
  const claimable = (await claimableOf(deps, splits)).reduce((sum, { amount }) => sum + amount, 0n);
  return { funded: usdt(claimed + claimable), claimed: usdt(claimed), claimable: usdt(claimable) };
}

/** A month's revenue by model and source; the pool's part of a model is that of the month's distribution. */
export async function monthlyRevenue(
  deps: Deps,
  userId: string | null,
  { year, month }: { year: number; month: number },
  scope: "all" | "mine",
) {
  const index = year * 12 + month - 1;
  const range = { from: monthStart(index), to: monthStart(index + 1) };
  const viewer = await viewerOf(deps, userId, scope);
  const chains = chainsOf(deps);
  const [rows, earnings, shares] = await Promise.all([
    revenueRows(deps, viewer, index),
    queries.earningsByMonth(deps.db, chains, viewer, range),
    queries.poolShares(deps.db, chains, viewer, index),
  ]);
  const earned = earnings.flatMap(({ chain, source, onchainId, amount, fee, mine }) =>
    onchainId
      ? [{ chain, source: source as Source, onchainId, gross: amount + fee, fee, creators: amount, mine }]
      : [],
  );
  const shared = shares.map(({ chain, onchainId, amount, mine }) => {
    return { chain, source: "pool" as const, onchainId, gross: amount, fee: 0n, creators: amount, mine };
  });
  const all = [...earned, ...shared];
  const names = await queries.namesOf(
    deps.db,
    all.map(({ onchainId }) => onchainId),
  );
  const other = grouped(
    rows.filter(({ source }) => ["publish", "listing", "plan", "job"].includes(source)),
    ({ source }) => source,
  );
  return {
    month: monthText(index),
    totals: view(total(rows)),
    models: all
      .map(({ gross, fee, creators, mine, ...row }) => {
        const known = names.get(`${row.chain} ${row.onchainId}`);
        return {
          ...row,
          modelId: known?.modelId ?? null,
          name: known?.name ?? null,
          gross: usdt(gross),
          fee: usdt(fee),
          creators: usdt(creators),
          mine: usdt(mine),
        };
      })
      .sort(
        (a, b) =>
          (a.name ?? a.onchainId).localeCompare(b.name ?? b.onchainId) || a.source.localeCompare(b.source),
      ),
    other: [...other].map(([source, amounts]) => ({ source, ...view(amounts) })),
  };
}
