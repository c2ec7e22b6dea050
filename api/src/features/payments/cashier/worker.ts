import { setTimeout as sleep } from "node:timers/promises";
import type { Chain } from "../../../chain/chains.ts";
import { untilMirrored } from "../../../chain/mirror.ts";
import type { Deps } from "../../../deps.ts";
import { cashierRound, type RoundOptions } from "./round.ts";
import { cashierOf } from "./wallet.ts";

/** Of all instances one works on each chain; the number is arbitrary, but nobody else's. */
const CASHIER_LOCK = 7_242_012;

/**
 * Runs one round on a chain unless another instance is at it. The lock lives as long as its connection, so a process
 * that dies leaves none behind.
 * @returns whether it ran
 */
export async function runCashier(deps: Deps, chain: Chain, options?: RoundOptions): Promise<boolean> {
  const account = cashierOf(chain);
  if (!account) return false;
  const client = await deps.db.$client.connect();
  const key = [CASHIER_LOCK, chain.chain];
  let clean = false;
  try {
    const { rows } = await client.query("SELECT pg_try_advisory_lock($1, hashtext($2)) AS mine", key);
    if (!rows[0].mine) {
      clean = true;
      return false;
    }
    try {
      await cashierRound(deps, chain, account, options);
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

/**
 * Works at an interval, on each chain that has a cashier.
 * @returns stop, which waits for the round that is under way
 */
export function startCashier(deps: Deps, { everyMs = 2_000 } = {}): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const work = async (chain: Chain) => {
    let failing = false;
    await untilMirrored(deps, signal);
    while (!signal.aborted) {
      try {
        await runCashier(deps, chain);
        failing = false;
      } catch (error) {
        // While the database, the mirror or the chain is away every round fails: one line says so.
        if (!failing) deps.log.warn({ err: error, chain: chain.chain }, "The cashier failed; trying again.");
        failing = true;
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = Promise.all(deps.chains.all.filter((chain) => cashierOf(chain)).map(work));
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
