import type { Database } from "../../db/client.ts";
import { LEASE_SECONDS } from "../jobs/protocol.ts";

interface Asked {
  nodeId: string;
  attempts: readonly string[];
}

/**
 * Renews the leases of attempts that are at work, each for its own node alone, in one statement.
 * @returns for each of `asked` the attempts that are over for that node, or never were its
 */
export async function renewLeases(db: Database, asked: readonly Asked[]): Promise<string[][]> {
  const pairs = asked.flatMap(({ nodeId, attempts }) => attempts.map((id) => ({ id, node: nodeId })));
  const { rows } = await db.$client.query<{ id: string; node: string }>({
    name: "renew_leases",
    text: `WITH asked AS (
             SELECT DISTINCT * FROM jsonb_to_recordset($1::jsonb) AS asked(id uuid, node uuid)
           ), held AS (
             SELECT attempt.id, attempt.state FROM app.job_attempts attempt JOIN asked USING (id)
              WHERE attempt.node_id = asked.node
                AND attempt.state IN ('offered', 'accepted', 'running', 'uploading', 'finished')
              ORDER BY attempt.id FOR NO KEY UPDATE OF attempt
           ), renewed AS (
             UPDATE app.job_attempts attempt SET lease_expires_at = now() + make_interval(secs => $2)
               FROM held WHERE attempt.id = held.id AND held.state IN ('accepted', 'running', 'uploading')
           )
           SELECT asked.id, asked.node FROM asked WHERE asked.id NOT IN (SELECT id FROM held)`,
    values: [JSON.stringify(pairs), LEASE_SECONDS],
  });
  return asked.map(({ nodeId, attempts }) =>
    attempts.filter((attempt) => rows.some(({ id, node }) => id === attempt && node === nodeId)),
  );
}
