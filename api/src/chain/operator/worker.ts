import { setTimeout as sleep } from "node:timers/promises";
import type { Deps } from "../../deps.ts";
import type { Chain } from "../chains.ts";
import { untilMirrored } from "../mirror.ts";
import { operatorAccount } from "./account.ts";
import { type OperatorRoundOptions, operatorRound } from "./round.ts";

/** Of all instances one works on each chain; the number is arbitrary, but nobody else's. */
const OPERATOR_LOCK = 7_242_013;

/**
 * Runs one round on a chain unless another instance is at it. The lock lives as long as its connection, so a process
 * that dies leaves none behind.
 * @returns whether it ran
 */
export async function runOperator(deps: Deps, chain: Chain, options: OperatorRoundOptions): Promise<boolean> {
  const account = operatorAccount(chain);
  if (!account) return false;
  const client = await deps.db.$client.connect();
  const key = [OPERATOR_LOCK, chain.chain];
  let clean = false;
  try {
    const { rows } = await client.query("SELECT pg_try_advisory_lock($1, hashtext($2)) AS mine", key);
    if (!rows[0].mine) {
      clean = true;
      return false;
    }
    try {
      await operatorRound(deps, chain, account, options);
    } finally {
      await client.query("SELECT pg_advisory_unlock($1, hashtext($2))", key);
      clean = true;
    }
    return true;
  } finally {
    // A connection that may still hold the lock is not used again.
    client.release(!clean);
  }
}

export interface OperatorWorkerOptions extends OperatorRoundOptions {
  /** Makes due what should be, before each round. */
  before?: (deps: Deps, chain: Chain) => Promise<void>;
  everyMs?: number;
}

/**
 * Works at an interval, on each chain that has an operator's key.
 * @returns stop, which waits for the round that is under way
 */
export function startOperator(
  deps: Deps,
  { everyMs = 2_000, before, ...options }: OperatorWorkerOptions,
): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const work = async (chain: Chain) => {
    let failing = false;
    await untilMirrored(deps, signal);
    while (!signal.aborted) {
      try {
        await before?.(deps, chain);
        await runOperator(deps, chain, options);
        failing = false;
      } catch (error) {
        // While the database or the chain is away every round fails: one line says so.
        if (!failing) deps.log.warn({ err: error, chain: chain.chain }, "The operator failed; trying again.");
        failing = true;
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = Promise.all(deps.chains.all.filter((chain) => operatorAccount(chain)).map(work));
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
