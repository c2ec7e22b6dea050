import { monthStart, monthText } from "@aiforge/contracts";
import { usdt } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { isAdmin } from "../admin/service.ts";
import * as errors from "./errors.ts";
import * as queries from "./queries-distribution.ts";
import { namesOf } from "./queries-summary.ts";
import { confirmedTime, poolOf, runDistribution } from "./run.ts";

export interface YearMonth {
  year: number;
  month: number;
}

const indexOf = ({ year, month }: YearMonth): number => year * 12 + month - 1;

const chainOf = (deps: Deps, chain: string | undefined) =>
  chain === undefined ? deps.chains.all[0]! : deps.chains.get(chain);

/** How a month's pool is shared, and how far its distribution is. */
export async function distributionOf(deps: Deps, at: YearMonth, chainId?: string) {
  const chain = chainOf(deps, chainId);
  const month = indexOf(at);
  const row = await queries.lastDistribution(deps.db, poolOf(chain), month);
  const text = monthText(month);
  if (!row) {
    const state = await stateWithout(deps, chain.chain, month);
    return {
      month: text,
      chain: chain.chain,
      state,
      attempt: 0,
      note: null,
      root: null,
      total: null,
      pool: null,
      carry: null,
      cid: null,
      activeAt: null,
      txHash: null,
      models: [],
      inputsUrl: null,
    };
  }
  const models = await queries.modelsOf(deps.db, row);
  const names = await namesOf(
    deps.db,
    models.map(({ onchainId }) => onchainId),
  );
  const tokens = models.reduce((sum, model) => sum + model.tokens, 0n);
  const query = chainId === undefined ? "" : `?${new URLSearchParams({ chain: chainId })}`;
  return {
    month: text,
    chain: chain.chain,
    state: row.state,
    attempt: row.attempt,
    note: row.note,
    root: row.root,
    total: usdt(row.total),
    pool: usdt(row.pool),
    carry: usdt(row.carry),
    cid: row.cid,
    activeAt: row.activeAt?.toISOString() ?? null,
    txHash: row.txHash,
    models: models.map((model) => {
      const known = names.get(`${model.chain} ${model.onchainId}`);
      return {
        modelId: known?.modelId ?? null,
        onchainId: model.onchainId,
        name: known?.name ?? null,
        splitId: model.splitId,
        tokens: model.tokens.toString(),
        share: perCent(model.tokens, tokens),
        amount: usdt(model.amount),
      };
    }),
    inputsUrl: row.cid
      ? `/api/revenue/distribution/${at.year}/${String(at.month).padStart(2, "0")}/inputs${query}`
      : null,
  };
}

/** A month that ended before anybody bought a plan has nothing to share; any other is still to come. */
async function stateWithout(deps: Deps, chain: string, month: number): Promise<"open" | "empty"> {
  const first = await queries.firstPurchase(deps.db, chain);
  const end = monthStart(month + 1);
  const now = await confirmedTime(deps, deps.chains.get(chain));
  return now !== null && end <= now && (first === null || end <= first) ? "empty" : "open";
}

/**
 * The bytes that a month's root was computed from.
 * @throws AppError `not_found` until they are published
 */
export async function inputsOf(
  deps: Deps,
  at: YearMonth,
  { chain: chainId, attempt }: { chain?: string | undefined; attempt?: number | undefined },
): Promise<{ bytes: string; cid: string }> {
  const pool = poolOf(chainOf(deps, chainId));
  const month = indexOf(at);
  const row =
    attempt === undefined
      ? await queries.lastDistribution(deps.db, pool, month)
      : await queries.attemptOf(deps.db, pool, month, attempt);
  if (!row?.cid) throw errors.noInputs();
  return { bytes: row.inputs, cid: row.cid };
}

/**
 * Takes the distribution as far as it goes now, until this month. Asking again changes nothing.
 * @throws AppError `not_found` for who is no admin, `month_not_over`, `month_vetoed`, `month_not_vetoed`,
 * `month_waits`, `distribution_running`
 */
export async function distributeMonth(
  deps: Deps,
  userId: string,
  at: YearMonth,
  { chain: chainId, again }: { chain?: string | undefined; again: boolean },
) {
  const chain = chainOf(deps, chainId);
  if (!(await isAdmin(deps, userId, chain.chain))) throw errors.notAnAdmin();
  const month = indexOf(at);
  const now = await confirmedTime(deps, chain);
  if (now === null || now < monthStart(month + 1)) throw errors.monthGoesOn(monthText(month));
  const lastOf = () => queries.lastDistribution(deps.db, poolOf(chain), month);
  let before = await lastOf();
  if (again && before?.state === "posted") {
    // A veto that was just mirrored is noted by the next run, which may be an hour away.
    await runDistribution(deps, chain, { until: month });
    before = await lastOf();
  }
  if (again && before && before.state !== "vetoed") throw errors.notVetoed(monthText(month), before.state);
  const ran = await runDistribution(deps, chain, { until: month, again: again ? month : null });
  if (!ran) throw errors.distributing();
  const view = await distributionOf(deps, at, chainId);
  if (view.state === "vetoed") throw errors.vetoed(view.month);
  if (view.state === "open") {
    const last = await queries.lastDistribution(deps.db, poolOf(chain));
    const why = last ? `${monthText(last.month)} is ${last.state} and comes first.` : "nothing was sold yet.";
    throw errors.monthWaits(view.month, why);
  }
  return view;
}

function perCent(part: bigint, whole: bigint): string {
  const hundredths = whole === 0n ? 0n : (part * 10_000n) / whole;
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, "0")}`;
}
