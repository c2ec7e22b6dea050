import {
  distribute,
  monthOf,
  monthStart,
  monthText,
  parseInputs,
  purchasesOfMonth,
  serializeInputs,
} from "@aiforge/contracts";
import type { Address, Hex } from "viem";
import type { Chain } from "../../chain/chains.ts";
import type { Deps } from "../../deps.ts";
import { followPost, postRoot, unvetoed } from "./post.ts";
import type { DistributionRow } from "./queries-distribution.ts";
import * as queries from "./queries-distribution.ts";

/** The steps between which a distribution may be killed; tests stop it at each. */
export type Step =
  | "begun"
  | "computed"
  | "stored"
  | "published"
  | "signed"
  | "kept"
  | "sent"
  | "posted"
  | "settled";

export interface RunOptions {
  /** The last month that is done; left out: every one that ended. */
  until?: number;
  /** A vetoed month that is done again. */
  again?: number | null;
  /** Called at each step. */
  onStep?: (step: Step) => void | Promise<void>;
}

/** What a step did: on to the next, or nothing more can be done now. */
export type Outcome = "go on" | "wait";

const LOCK = 7_242_010;

export const poolOf = ({ chain, aiforge }: Pick<Chain, "chain" | "aiforge">): queries.Pool => ({
  chain,
  aiforge: aiforge.toLowerCase(),
});

/**
 * The time up to which everything on a chain is mirrored and confirmed, in unix seconds.
 * @returns null when the mirror or the chain is not there yet
 */
export async function confirmedTime({ db }: Deps, chain: Chain): Promise<bigint | null> {
  const head = await queries.headOf(db, chain.chain);
  if (!head) return null;
  const height = head.blockNumber - BigInt(chain.confirmations - 1);
  if (height < 0n) return null;
  const block = await chain.patient.getBlock({ blockNumber: height }).catch(() => null);
  return block && block.timestamp <= head.blockTimestamp ? block.timestamp : null;
}

/**
 * Takes a chain's distributions as far as they go now: month by month, each computed, published and posted, and the
 * next one only when it pays or has nothing to pay. Every step is kept before the next begins and changes nothing when
 * it is done again, so this goes on wherever it was killed. One worker at a time does it, on whichever instance.
 * @returns false when another worker is at it
 */
export async function runDistribution(deps: Deps, chain: Chain, options: RunOptions = {}): Promise<boolean> {
  // The lock ends with its connection, also when this process is killed.
  const session = await deps.db.$client.connect();
  session.on("error", () => undefined);
  const key = [LOCK, chain.chain];
  let mine = false;
  try {
    const { rows } = await session.query<{ locked: boolean }>(
      "SELECT pg_try_advisory_lock($1::int, hashtext($2)) AS locked",
      key,
    );
    mine = rows[0]?.locked ?? false;
    if (!mine) return false;
    // A month takes six steps; years of them that were never done take a few hundred.
    for (let steps = 0; steps < 5_000; steps++) {
      if ((await nextStep(deps, chain, options)) === "wait") break;
    }
    return true;
  } finally {
    // At once, for whoever runs next: the server notices a closed connection only after a moment.
    if (mine)
      await session.query("SELECT pg_advisory_unlock($1::int, hashtext($2))", key).catch(() => undefined);
    session.release(true);
  }
}

async function nextStep(deps: Deps, chain: Chain, options: RunOptions): Promise<Outcome> {
  const onStep = options.onStep ?? (() => undefined);
  const last = await queries.lastDistribution(deps.db, poolOf(chain));
  switch (last?.state) {
    case undefined:
    case "active":
    case "empty":
      return computeNext(deps, chain, last, options);
    case "vetoed":
      if (await unvetoed(deps, last)) return "go on";
      if (options.again !== last.month) return "wait";
      await onStep("begun");
      await compute(deps, chain, last.month, last.attempt + 1);
      await onStep("computed");
      return "go on";
    case "computed":
      return publish(deps, last, onStep);
    case "published":
      if (!distribute(parseInputs(last.inputs)).changed) {
        await queries.moveDistribution(deps.db, last, "published", { state: "empty", note: null });
        await onStep("settled");
        return "go on";
      }
      return postRoot(deps, chain, last, onStep);
    case "posted":
      return followPost(deps, chain, last, onStep);
  }
}

async function computeNext(
  deps: Deps,
  chain: Chain,
  last: DistributionRow | undefined,
  { until, onStep }: RunOptions,
): Promise<Outcome> {
  let month = last ? last.month + 1 : null;
  if (month === null) {
    const first = await queries.firstPurchase(deps.db, chain.chain);
    if (first === null) return "wait";
    month = monthOf(first);
  }
  if (until !== undefined && month > until) return "wait";
  const now = await confirmedTime(deps, chain);
  if (now === null || now < monthStart(month + 1)) return "wait";
  await onStep?.("begun");
  await compute(deps, chain, month, 1);
  await onStep?.("computed");
  return "go on";
}

/** Fixes a month's inputs: what is confirmed by now will not change, and what the month before left is its row. */
async function compute(deps: Deps, chain: Chain, month: number, attempt: number): Promise<void> {
  const pool = poolOf(chain);
  const [start, end] = [monthStart(month), monthStart(month + 1)];
  // One view of the database: purchases, use and splits of the same moment.
  await deps.db.transaction(
    async (tx) => {
      const before = await queries.lastDistribution(tx, pool, month - 1);
      const previous = before && distribute(parseInputs(before.inputs));
      const used = await queries.planUsage(tx, chain.chain, dateOf(start), dateOf(end));
      const splits = await queries.splitsAt(
        tx,
        chain.chain,
        used.map(({ modelId }) => modelId),
        end,
      );
      const usage = used.flatMap(({ modelId, tokens }) => {
        const model = splits.get(modelId);
        return model ? [{ modelId: model.onchainId, splitId: model.splitId, tokens }] : [];
      });
      const inputs = serializeInputs({
        chain: chain.chain,
        aiforge: pool.aiforge as Address,
        month: monthText(month),
        previous: {
          month: before ? monthText(before.month) : null,
          root: (before?.root ?? null) as Hex | null,
          carry: before?.carry ?? 0n,
          cumulative: previous?.cumulative ?? [],
        },
        purchases: purchasesOfMonth(await queries.planPurchasesBefore(tx, chain.chain, end), month),
        usage: usage.sort((a, b) => (a.modelId < b.modelId ? -1 : 1)),
      });
      const { root, total, pool: shared, carry, models } = distribute(parseInputs(inputs));
      const key = { ...pool, month, attempt };
      await queries.keepDistribution(
        tx,
        { ...key, state: "computed", inputs, root, total, pool: shared, carry },
        models.map((model) => ({ ...key, ...model, onchainId: model.modelId })),
      );
    },
    { isolationLevel: "repeatable read" },
  );
}

/** Puts the inputs on IPFS, which names the same bytes the same however often. */
async function publish(
  deps: Deps,
  row: DistributionRow,
  onStep: (step: Step) => void | Promise<void>,
): Promise<Outcome> {
  const bytes = new TextEncoder().encode(row.inputs);
  const cid = await deps.storage.ipfs.add(once(bytes));
  await onStep("stored");
  await queries.moveDistribution(deps.db, row, "computed", { state: "published", cid });
  await onStep("published");
  return "go on";
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

const dateOf = (seconds: bigint) => new Date(Number(seconds) * 1000);
