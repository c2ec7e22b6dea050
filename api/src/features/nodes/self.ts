import { createRoute, z } from "@hono/zod-openapi";
import { and, desc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { chainJobEvents, chainJobs } from "../../chain/schema.ts";
import { errorResponses, json, type Router } from "../../core/http.ts";
import { usdt, usdtSchema } from "../../core/money.ts";
import type { Deps } from "../../deps.ts";
import { jobs } from "../jobs/schema.ts";
import { payeeWord } from "../jobs/settlement-calls.ts";
import * as queries from "./queries.ts";
import * as shown from "./queries-views.ts";
import { requireNode } from "./service.ts";
import { nodeDetailSchema, nodeJobSchema } from "./shapes.ts";
import { jobViews, nodeDetail } from "./views.ts";

/** Payments and submissions that one answer has at most. */
const MAX_ROWS = 1_000;
const JOBS_SHOWN = 50;

/** Under a name of its own: the api's table has the same. */
const escrows = alias(chainJobs, "escrows");

const selfSchema = nodeDetailSchema
  .extend({
    earned: usdtSchema.openapi({ description: "Paid on chain for its jobs, the platform's part taken off" }),
    recentJobs: z.array(nodeJobSchema),
  })
  .openapi("NodeSelf");

const hex = z.string().openapi({ example: "0x…" });

const paymentSchema = z.object({
  at: z.iso.datetime(),
  chain: z.string().openapi({ example: "eip155:31337" }),
  onchainId: hex.openapi({ description: "Of the job" }),
  name: z.string().nullable().openapi({ description: "Null for a job that another platform ordered" }),
  amount: usdtSchema,
  fee: usdtSchema.openapi({ description: "The platform's part" }),
  txHash: hex,
});

const submissionSchema = z.object({
  chain: z.string(),
  onchainId: hex,
  name: z.string().nullable(),
  status: z.enum(["submitted", "disputed"]),
  since: z.iso.datetime(),
  job: z.object({
    client: hex,
    account: hex,
    specification: hex,
    price: z.string().openapi({ description: "Micro-USDT" }),
    deadline: z.number().int().openapi({ description: "Unix seconds" }),
    salt: hex,
  }),
  submission: z.object({ node: hex, payee: hex, result: hex }),
});

const earningsSchema = z
  .object({
    address: z.string().openapi({ description: "The wallet that is paid; nodes of one wallet share it" }),
    total: usdtSchema.openapi({ description: "Since ever" }),
    days: z.array(z.object({ day: z.iso.date(), jobs: z.number().int(), paid: usdtSchema })),
    payments: z.array(paymentSchema).openapi({ description: "Of these days, newest first, at most 1,000" }),
    open: z
      .array(submissionSchema)
      .openapi({ description: "Results on chain that are not paid yet, with all that releasing them takes" }),
  })
  .openapi("NodeEarnings");

/** A node's view of itself, by its own token: before `/{id}`, which would take "self" for an id. */
export function addSelfRoutes(router: Router, deps: Deps, tags: string[]): void {
  const selfRoute = createRoute({
    method: "get",
    path: "/self",
    operationId: "getOwnNode",
    tags,
    summary: "The node whose token this is, with its jobs (bearer: the node's token)",
    responses: { 200: json(selfSchema), ...errorResponses(401) },
  });
  router.openapi(selfRoute, async (c) => {
    const { id } = await requireNode(deps, c.req.header("authorization"));
    const [detail, earned, recent] = await Promise.all([
      nodeDetail(deps, id),
      shown.earnedBy(deps.db, [id]),
      shown.jobsOf(deps.db, [id], JOBS_SHOWN),
    ]);
    return c.json(
      {
        ...detail,
        earned: usdt(earned.get(id) ?? 0n),
        recentJobs: await jobViews(deps, recent.get(id) ?? []),
      },
      200,
    );
  });

  const earningsRoute = createRoute({
    method: "get",
    path: "/self/earnings",
    operationId: "getOwnNodeEarnings",
    tags,
    summary: "What a node's wallet was paid for jobs, and results not paid yet (bearer: the node's token)",
    request: { query: z.object({ days: z.coerce.number().int().min(1).max(366).default(30) }) },
    responses: { 200: json(earningsSchema), ...errorResponses(400, 401) },
  });
  router.openapi(earningsRoute, async (c) => {
    const { id } = await requireNode(deps, c.req.header("authorization"));
    return c.json(await earnings(deps, id, c.req.valid("query").days), 200);
  });
}

async function earnings(deps: Deps, nodeId: string, days: number): Promise<z.infer<typeof earningsSchema>> {
  const address = (await queries.nodeRow(deps.db, nodeId))?.address ?? "";
  const chains = deps.chains.all.map(({ chain }) => chain);
  const paidTo = and(
    eq(chainJobEvents.kind, "paid"),
    eq(chainJobEvents.payee, address),
    inArray(chainJobEvents.chainId, chains),
  );
  const since = sql`extract(epoch FROM date_trunc('day', now(), 'UTC')) - ${(days - 1) * 86_400}`;
  const day = sql<string>`to_char(to_timestamp(${chainJobEvents.blockTimestamp}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')`;
  const [[all], byDay, payments, open] = await Promise.all([
    deps.db
      .select({ paid: sql<string>`coalesce(sum(${chainJobEvents.amount}), 0)::text` })
      .from(chainJobEvents)
      .where(paidTo),
    deps.db
      .select({
        day,
        jobs: sql<number>`count(*)`.mapWith(Number),
        paid: sql<string>`sum(${chainJobEvents.amount})::text`,
      })
      .from(chainJobEvents)
      .where(and(paidTo, sql`${chainJobEvents.blockTimestamp} >= ${since}`))
      .groupBy(day)
      .orderBy(sql`1 DESC`),
    deps.db
      .select({
        at: chainJobEvents.blockTimestamp,
        chain: chainJobEvents.chainId,
        onchainId: chainJobEvents.jobId,
        name: jobs.name,
        amount: chainJobEvents.amount,
        fee: chainJobEvents.fee,
        txHash: chainJobEvents.txHash,
      })
      .from(chainJobEvents)
      .leftJoin(jobs, and(eq(jobs.chain, chainJobEvents.chainId), eq(jobs.onchainId, chainJobEvents.jobId)))
      .where(and(paidTo, sql`${chainJobEvents.blockTimestamp} >= ${since}`))
      .orderBy(desc(chainJobEvents.blockTimestamp), desc(chainJobEvents.logIndex))
      .limit(MAX_ROWS),
    deps.db
      .select({
        chain: escrows.chainId,
        onchainId: escrows.jobId,
        name: jobs.name,
        status: escrows.status,
        since: escrows.updatedAt,
        client: escrows.client,
        account: escrows.account,
        specification: escrows.specification,
        price: escrows.price,
        deadline: escrows.deadline,
        salt: escrows.salt,
        node: escrows.node,
        payee: escrows.payee,
        result: escrows.result,
      })
      // From this side: the query builder gives a view that it joins its other name, and not one that it begins with.
      .from(jobs)
      .rightJoin(escrows, and(eq(jobs.chain, escrows.chainId), eq(jobs.onchainId, escrows.jobId)))
      .where(
        and(
          eq(escrows.node, address),
          inArray(escrows.status, ["submitted", "disputed"]),
          inArray(escrows.chainId, chains),
          isNotNull(escrows.payee),
          isNotNull(escrows.result),
        ),
      )
      .orderBy(escrows.updatedAt)
      .limit(MAX_ROWS),
  ]);
  return {
    address,
    total: usdt(BigInt(all?.paid ?? "0")),
    days: byDay.map((row) => ({ ...row, paid: usdt(BigInt(row.paid)) })),
    payments: payments.map((row) => ({
      ...row,
      at: isoTime(row.at),
      amount: usdt(row.amount ?? 0n),
      fee: usdt(row.fee ?? 0n),
    })),
    open: open.map(({ chain, onchainId, name, status, since, price, deadline, ...row }) => ({
      chain,
      onchainId,
      name,
      status: status === "disputed" ? "disputed" : "submitted",
      since: isoTime(since),
      job: {
        client: row.client,
        account: row.account,
        specification: row.specification,
        price: price.toString(),
        deadline: Number(deadline),
        salt: row.salt,
      },
      submission: {
        node: row.node ?? "",
        payee: payeeWord(row.payee ?? ""),
        result: row.result ?? "",
      },
    })),
  };
}

const isoTime = (seconds: bigint): string => new Date(Number(seconds) * 1_000).toISOString();
