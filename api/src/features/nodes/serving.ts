import type { Database } from "../../db/client.ts";
import { INACTIVE_SECONDS } from "./protocol.ts";

/** Where a model stands on the live nodes of every instance. One that is on none of them is cold. */
export interface ModelServing {
  /** Nodes that passed its last probe: they answer for it. */
  nodes: number;
  /** Whether a node has it in memory; those that answer for it do. */
  warm: boolean;
}

/** Milliseconds for which an answer is believed: many pages, one query. */
const FRESH_MS = 1_000;
const COLD: ModelServing = { nodes: 0, warm: false };

/** Which models are served, as the nodes' rows say it: the same on every instance, whichever holds a node's connection. */
export class Serving {
  readonly #db: Database;
  #known: Promise<ReadonlyMap<string, ModelServing>> | undefined;
  #at = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Looks a model up as of a second ago at most. */
  async lookup(): Promise<(modelId: string) => ModelServing> {
    const now = Date.now();
    if (!this.#known || now - this.#at >= FRESH_MS) {
      this.#at = now;
      const asked = servingModels(this.#db);
      this.#known = asked;
      asked.catch(() => {
        if (this.#known === asked) this.#known = undefined;
      });
    }
    const known = await this.#known;
    return (modelId) => known.get(modelId) ?? COLD;
  }
}

/** By model; a cold one has no entry. */
export async function servingModels(db: Database): Promise<ReadonlyMap<string, ModelServing>> {
  const { rows } = await db.$client.query<{ id: string; nodes: number }>({
    name: "serving_models",
    text: `SELECT model.id, count(*) FILTER (WHERE model.offered)::int AS nodes
             FROM app.nodes node CROSS JOIN LATERAL (
               SELECT id, true AS offered FROM jsonb_array_elements_text(node.offered) AS offer(id)
               UNION ALL
               SELECT entry ->> 'modelId', false FROM jsonb_array_elements(node.models) AS listed(entry)
                WHERE entry ->> 'state' = 'ready'
             ) model
            WHERE node.connected AND node.deactivated_at IS NULL
              AND node.last_heartbeat_at > now() - make_interval(secs => $1)
            GROUP BY model.id`,
    values: [INACTIVE_SECONDS],
  });
  return new Map(rows.map(({ id, nodes }) => [id, { nodes, warm: true }]));
}
