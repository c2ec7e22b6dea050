import { setTimeout as sleep } from "node:timers/promises";
import { eq, inArray, sql } from "drizzle-orm";
import { untilMirrored } from "../../chain/mirror.ts";
import { operatorAccount } from "../../chain/operator/account.ts";
import type { Deps } from "../../deps.ts";
import { files } from "../files/schema.ts";
import { followFunding } from "./funding.ts";
import { jobs } from "./schema.ts";
import { noteSettled } from "./settlement-sweep.ts";
import { jobTemplates } from "./templates.ts";
import { verifyJob } from "./verify.ts";

const CLEAN_MS = 600_000;
/** Hours for which the outputs of attempts that came to nothing are kept. */
const KEPT_HOURS = 24;
const BATCH = 200;

/**
 * Follows the funding of jobs and checks results that nobody is at, at an interval; now and then it forgets what
 * attempts put out that came to nothing.
 * @returns stop, which waits for the round that is under way
 */
export function startJobs(deps: Deps, { everyMs = 1_000 } = {}): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  let failing = false;
  let cleaned = 0;
  const running = (async () => {
    // Not waited for: what is wrong with a template is no reason to leave jobs alone.
    void jobTemplates(deps).catch((error: unknown) =>
      deps.log.error({ err: error }, "the job templates could not be stored"),
    );
    await untilMirrored(deps, signal);
    while (!signal.aborted) {
      try {
        await followFunding(deps);
        await verifyWaiting(deps, signal);
        // Where there is an operator it does this itself, after what it makes due.
        for (const chain of deps.chains.all) if (!operatorAccount(chain)) await noteSettled(deps, chain);
        if (Date.now() - cleaned > CLEAN_MS) {
          cleaned = Date.now();
          await forgetOutputs(deps);
        }
        failing = false;
      } catch (error) {
        // While the database or the mirror is away every round fails: one line says so.
        if (!failing) deps.log.warn({ err: error }, "Jobs could not be followed; trying again.");
        failing = true;
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

/** Checks what waits to be checked, one after the other. */
export async function verifyWaiting(deps: Deps, signal?: AbortSignal): Promise<void> {
  const waiting = await deps.db
    .select({ id: jobs.id })
    .from(jobs)
    .where(eq(jobs.state, "verifying"))
    .orderBy(jobs.stateSince)
    .limit(BATCH);
  for (const { id } of waiting) {
    if (signal?.aborted) return;
    await verifySafely(deps, id);
  }
}

/** One that cannot be checked now must not keep the others from it. */
export async function verifySafely(deps: Deps, id: string): Promise<void> {
  try {
    if (await verifyJob(deps, id)) deps.scheduler.freed();
  } catch (error) {
    deps.log.error({ err: error, jobId: id }, "a job's result could not be checked; trying again");
  }
}

/** Removes what attempts put out that failed, were lost or cancelled, a day after their end; never during a dispute. */
export async function forgetOutputs(deps: Deps): Promise<void> {
  const { rows } = await deps.db.execute<{ id: string }>(sql`
    SELECT file.id FROM app.files file JOIN app.job_attempts attempt ON attempt.id = file.attempt_id
     WHERE attempt.state IN ('failed', 'lost', 'cancelled')
       AND attempt.ended_at < now() - make_interval(hours => ${KEPT_HOURS})
       AND NOT EXISTS (SELECT FROM app.jobs job
                         JOIN chain.jobs escrow ON escrow.chain_id = job.chain AND escrow.job_id = job.onchain_id
                        WHERE job.id = attempt.job_id AND escrow.status IN ('submitted', 'disputed'))
     LIMIT ${BATCH}`);
  for (const { id } of rows) await deps.storage.weights.remove(id);
  const gone = rows.map(({ id }) => id);
  if (gone.length > 0) await deps.db.delete(files).where(inArray(files.id, gone));
}
