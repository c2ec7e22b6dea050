import { and, type SQL, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { models } from "../models/schema.ts";
import { INACTIVE_SECONDS } from "./protocol.ts";
import type { NodeRow } from "./queries.ts";
import { nodes } from "./schema.ts";

/** What a list of nodes can be narrowed to. */
export const NODE_FILTERS = ["active", "serving", "jobs", "gpu"] as const;
export type NodeFilter = (typeof NODE_FILTERS)[number];

/**
 * `standing`: those that can be asked for something first, then the better record; `price`: of those that take jobs,
 * the cheapest first; `reputation`: the best record first.
 */
export const NODE_SORTS = ["standing", "price", "reputation"] as const;
export type NodeSort = (typeof NODE_SORTS)[number];

export interface NodeSearch {
  only: readonly NodeFilter[];
  sort: NodeSort;
  /** In the name or the wallet, or the whole id. */
  text?: string | undefined;
  /** Models whose names have the text too: nodes that have one of them are found. */
  namedModels: readonly string[];
  /** Only nodes that have anything to do with this model; those that answer for it come first. */
  modelId?: string | undefined;
}

/** Nodes of a search, whatever it is narrowed to, by what they could be narrowed to. */
export type NodeCounts = Record<NodeFilter | "all", number>;

/** What `place` of a page is made of: what the list is ordered by, all of it ascending. */
export type Place = (string | number)[];

// The builder names no table in a query of one, so these are written out.
const LIVE = sql`(nodes.deactivated_at IS NULL AND coalesce(nodes.last_heartbeat_at, '-infinity')
  > now() - ${INACTIVE_SECONDS} * interval '1 second')`;
const SCORE = sql`(-round(((nodes.completed + 4)::float8 / (nodes.completed + nodes.failed + 5)
  * nodes.probe_score) * 1e6)::int)`;
const GPU = sql`((nodes.jobs_enabled AND nodes.gpus > 0)
  OR coalesce(jsonb_array_length(nodes.figures -> 'gpus'), 0) > 0)`;
const JOBS = sql`(${LIVE} AND NOT nodes.draining AND nodes.jobs_enabled)`;

const offers = (modelId: string | undefined) =>
  modelId === undefined ? sql`jsonb_array_length(nodes.offered) > 0` : sql`nodes.offered ? ${modelId}`;

const holds = (modelId: string | undefined): Record<NodeFilter, SQL> => ({
  active: LIVE,
  serving: sql`(${LIVE} AND ${offers(modelId)})`,
  jobs: JOBS,
  gpu: GPU,
});

/** What the list is ordered by, and that its end is a node of its own. */
function orderOf({ sort, only, modelId }: NodeSearch): SQL[] {
  const standing = [sql`(NOT ${LIVE})::int`, sql`nodes.draining::int`, SCORE];
  // A processor and a GiB for an hour, in micro-USDT, and a GPU where it is about GPUs.
  const price = only.includes("gpu")
    ? sql`(nodes.rate_cpu + nodes.rate_memory + nodes.rate_gpu)`
    : sql`(nodes.rate_cpu + nodes.rate_memory)`;
  const by: Record<NodeSort, SQL[]> = {
    standing,
    price: [sql`(NOT ${JOBS})::int`, price, ...standing],
    reputation: [SCORE],
  };
  const first = modelId === undefined ? [] : [sql`(NOT (${LIVE} AND ${offers(modelId)}))::int`];
  return [...first, ...by[sort], sql`nodes.name`, sql`nodes.id`];
}

function found({ text, namedModels, modelId }: NodeSearch): SQL | undefined {
  const has = (id: SQL) => sql`nodes.models @> jsonb_build_array(jsonb_build_object('modelId', ${id}))`;
  const pattern = text === undefined ? "" : `%${text.replace(/[\\%_]/g, "\\$&")}%`;
  const named = sql`EXISTS (SELECT FROM unnest(${sql.param([...namedModels])}::text[]) named(id)
    WHERE ${has(sql`named.id`)})`;
  return and(
    modelId === undefined ? undefined : has(sql`${modelId}::text`),
    text === undefined
      ? undefined
      : sql`(nodes.name ILIKE ${pattern} OR nodes.address ILIKE ${pattern} OR nodes.id::text = ${text.toLowerCase()}
          OR ${named})`,
  );
}

/** A page of nodes, with the place of each. */
export async function nodesPage(
  db: Executor,
  search: NodeSearch,
  { after, limit }: { after: Place | null; limit: number },
): Promise<{ row: NodeRow; place: Place }[]> {
  const order = orderOf(search);
  const narrowed = search.only.map((filter) => holds(search.modelId)[filter]);
  const beyond =
    after &&
    sql`(${sql.join(order, sql`, `)}) > (${sql.join(
      after.map((value, at) => typed(value, at === after.length - 1)),
      sql`, `,
    )})`;
  return db
    .select({
      row: nodes,
      place: sql<Place>`jsonb_build_array(${sql.join(order, sql`, `)})`,
    })
    .from(nodes)
    .where(and(found(search), ...narrowed, beyond ?? undefined))
    .orderBy(...order)
    .limit(limit);
}

/** How many values the place of a search has. */
export const placeLength = (search: NodeSearch): number => orderOf(search).length;

const typed = (value: string | number, isId: boolean): SQL => {
  if (isId) return sql`${value}::uuid`;
  return typeof value === "number" ? sql`${value}::numeric` : sql`${value}::text`;
};

export async function countNodes(db: Executor, search: NodeSearch): Promise<NodeCounts> {
  const { active, serving, jobs, gpu } = holds(search.modelId);
  const of = (filter: SQL) => sql<number>`count(*) FILTER (WHERE ${filter})`.mapWith(Number);
  const [row] = await db
    .select({
      all: sql<number>`count(*)`.mapWith(Number),
      active: of(active),
      serving: of(serving),
      jobs: of(jobs),
      gpu: of(gpu),
    })
    .from(nodes)
    .where(found(search));
  return row!;
}

/** Models with a text in their name, at most 100. */
export async function modelsNamed(db: Executor, text: string): Promise<string[]> {
  const pattern = `%${text.replace(/[\\%_]/g, "\\$&")}%`;
  const rows = await db
    .select({ id: models.id })
    .from(models)
    .where(sql`(${models.name} ILIKE ${pattern} OR ${models.slug} ILIKE ${pattern})`)
    .limit(100);
  return rows.map(({ id }) => id);
}
