import { sql } from "drizzle-orm";
import type { Database } from "../../../db/client.ts";

/** Seconds without a look by any instance that are an outage: nodes could not tell us anything either. */
const OUTAGE_SECONDS = 30;
/** Seconds that nodes have after an outage to come back and tell how far they are. */
export const RETURN_SECONDS = 180;

/**
 * Notes that somebody looks. A node must not lose its work because nobody was there to hear of it, so after an outage
 * nothing counts as overdue for a while.
 * @returns whether what is overdue may be ended
 */
export async function mayEnd(db: Database): Promise<boolean> {
  const { rows } = await db.execute<{ settled: boolean }>(sql`
    INSERT INTO app.job_clock AS clock (id, looked_at, resumed_at) VALUES (1, now(), to_timestamp(0))
    ON CONFLICT (id) DO UPDATE SET
      looked_at = now(),
      resumed_at = CASE WHEN clock.looked_at < now() - make_interval(secs => ${OUTAGE_SECONDS})
        THEN now() ELSE clock.resumed_at END
    RETURNING clock.resumed_at < now() - make_interval(secs => ${RETURN_SECONDS}) AS settled`);
  return rows[0]?.settled ?? false;
}
