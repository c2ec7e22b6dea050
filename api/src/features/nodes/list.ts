import { z } from "@hono/zod-openapi";
import { invalid } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { publishedByModel } from "../publishing/onchain.ts";
import {
  countNodes,
  modelsNamed,
  NODE_FILTERS,
  NODE_SORTS,
  type NodeFilter,
  type NodeSearch,
  nodesPage,
  type Place,
  placeLength,
} from "./queries-list.ts";
import { probeTallies } from "./queries-views.ts";
import { nodeSchema } from "./shapes.ts";
import { nodeView } from "./views.ts";

/** Several are written as `only=serving&only=gpu`. */
const only = z
  .preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(z.enum(NODE_FILTERS)).max(NODE_FILTERS.length).optional(),
  )
  .openapi({
    type: "array",
    items: { type: "string", enum: [...NODE_FILTERS] },
    description: "All of these have to hold. gpu: it offers one to jobs, or measured one",
  });

export const listQuery = z.object({
  only: only as z.ZodType<NodeFilter[] | undefined>,
  sort: z
    .enum(NODE_SORTS)
    .optional()
    .describe(
      "standing (by default): those that can be asked for something, the better record first. price: of a processor " +
        "and a GiB for an hour, and of a GPU when only those are asked for; those that take no jobs last",
    ),
  q: z
    .string()
    .trim()
    .max(100)
    .optional()
    .describe("In the node's name or wallet, its id, or in the name of a published model that it has"),
  modelId: z
    .uuid()
    .optional()
    .describe("Nodes that have this model or are getting it, those serving it first"),
  cursor: z.string().max(1_000).optional().describe("`next` of the page before, of the same search"),
  limit: z.coerce.number().int().min(1).max(200).optional().describe("50 by default"),
});

const count = z.number().int();
export const nodePageSchema = z.object({
  nodes: z.array(nodeSchema),
  next: z.string().nullable(),
  counts: z
    .object({ all: count, active: count, serving: count, jobs: count, gpu: count })
    .nullable()
    .describe(
      "Nodes that the search finds, and how many of them each value of `only` leaves; null after the first page",
    ),
});
type NodePage = z.infer<typeof nodePageSchema>;

/** A page of the public list of nodes. @throws AppError `invalid_request` (400) for a cursor of another search */
export async function listNodes(deps: Deps, query: z.output<typeof listQuery>): Promise<NodePage> {
  const { only = [], sort = "standing", q, modelId, cursor, limit = 50 } = query;
  const text = q || undefined;
  const search: NodeSearch = { only, sort, text, modelId, namedModels: await publishedNamed(deps, text) };
  const after = cursor === undefined ? null : readCursor(cursor, search);
  const [rows, counts] = await Promise.all([
    nodesPage(deps.db, search, { after, limit: limit + 1 }),
    after ? null : countNodes(deps.db, search),
  ]);
  const page = rows.slice(0, limit);
  const tallies = await probeTallies(
    deps.db,
    page.map(({ row }) => row.id),
  );
  const last = page.at(-1);
  return {
    nodes: page.map(({ row }) => nodeView(row, tallies.get(row.id))),
    next: rows.length > limit && last ? writeCursor(last.place, search) : null,
    counts,
  };
}

/** Nobody learns by a search what a model is called that is not published. */
async function publishedNamed(deps: Deps, text: string | undefined): Promise<string[]> {
  if (text === undefined) return [];
  return [...(await publishedByModel(deps, await modelsNamed(deps.db, text))).keys()];
}

const placeSchema = z.array(z.union([z.number(), z.string().max(200)]));

const writeCursor = (place: Place, { sort }: NodeSearch) =>
  Buffer.from(JSON.stringify([sort, ...place])).toString("base64url");

function readCursor(text: string, search: NodeSearch): Place {
  const odd = () => invalid("cursor", "cursor: not one of a page before", "Leave it out for the first page.");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    throw odd();
  }
  const parsed = placeSchema.safeParse(value);
  if (!parsed.success) throw odd();
  const [sort, ...place] = parsed.data;
  const [name, id] = place.slice(-2);
  const numbers = place.slice(0, -2).every((part) => typeof part === "number");
  if (sort !== search.sort || place.length !== placeLength(search) || !numbers) throw odd();
  if (typeof name !== "string" || name.includes("\0") || !z.uuid().safeParse(id).success) throw odd();
  return place;
}
