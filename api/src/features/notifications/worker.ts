import { setTimeout as sleep } from "node:timers/promises";
import type { Deps } from "../../deps.ts";
import { type DeliveryStep, deliver } from "./deliver.ts";
import { createMailer } from "./mail.ts";
import { type Claim, claimDue, forgetOld } from "./outbox.ts";

/** Messages that an instance sends at once. */
const MAX_AT_ONCE = 16;
/** Taken at a time, so that one webhook which stalls holds not more than this. */
const BATCH = 4;
const FORGET_MS = 3_600_000;

export interface DeliveryOptions {
  /** How often it looks for what is due. */
  everyMs?: number;
  /** Longer than any attempt takes: after it another may send the same again. */
  leaseSeconds?: number;
  /** Called after each step, for tests that end the process there. */
  at?: (step: DeliveryStep) => void;
}

/**
 * Sends what waits in the outbox, on every instance: each message is one's at a time.
 * @returns stop, which waits for what is being sent
 */
export function startDeliveries(
  deps: Deps,
  { everyMs = 1_000, leaseSeconds = 120, at }: DeliveryOptions = {},
): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const mailer = createMailer(deps.config);
  const sending = new Map<string, { done: Promise<void>; webhookId: string | null }>();
  let failing = false;
  let forgotten = Date.now();

  function send(claim: Claim): void {
    at?.("claimed");
    const done = deliver(deps, mailer, claim, at)
      // Its lease ends, and it is tried again.
      .catch((error) => deps.log.error({ err: error, delivery: claim.id }, "a message could not be sent"))
      .finally(() => sending.delete(claim.id));
    sending.set(claim.id, { done, webhookId: claim.webhookId });
  }

  /** @returns whether more may be due */
  async function round(): Promise<boolean> {
    if (Date.now() - forgotten > FORGET_MS) {
      forgotten = Date.now();
      await forgetOld(deps.db);
    }
    const limit = Math.min(BATCH, MAX_AT_ONCE - sending.size);
    if (limit <= 0) return false;
    const busy = [...sending.values()].flatMap(({ webhookId }) => webhookId ?? []);
    const claims = await claimDue(deps.db, { limit, leaseSeconds, busy });
    for (const claim of claims) send(claim);
    return claims.length === limit;
  }

  const running = (async () => {
    while (!signal.aborted) {
      try {
        if (await round()) continue;
        failing = false;
      } catch (error) {
        // While the database is away every round fails: one line says so.
        if (!failing) deps.log.warn({ err: error }, "Notifications could not be sent; trying again.");
        failing = true;
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all([...sending.values()].map(({ done }) => done));
    mailer?.close();
  })();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}
