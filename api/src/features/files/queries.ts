import { and, desc, eq, inArray, or, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { files } from "./schema.ts";

export type FileRow = typeof files.$inferSelect;

export async function insertFile(db: Executor, row: typeof files.$inferInsert): Promise<FileRow> {
  const [stored] = await db.insert(files).values(row).returning();
  return stored!;
}

/** The user's own file of that CID, if they uploaded it. */
export async function uploadedBy(db: Executor, userId: string, cid: string): Promise<FileRow | undefined> {
  const [row] = await db
    .select()
    .from(files)
    .where(and(eq(files.userId, userId), eq(files.cid, cid), eq(files.purpose, "input")))
    .limit(1);
  return row;
}

export async function deleteFile(db: Executor, id: string): Promise<void> {
  await db.delete(files).where(eq(files.id, id));
}

/** Whether a job of the user's that is not over has that file as an input. */
export async function isInput(db: Executor, userId: string, cid: string): Promise<boolean> {
  const { rows } = await db.execute(sql`
    SELECT FROM app.jobs WHERE user_id = ${userId}
       AND state IN ('quoted', 'pending', 'assigned', 'running', 'verifying')
       AND spec -> 'inputs' @> ${JSON.stringify([{ cid }])}::jsonb LIMIT 1`);
  return rows.length > 0;
}

/** Holds the user's uploads until the transaction ends. */
export async function lockUploads(db: Executor, userId: string): Promise<void> {
  await db.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${userId}, 7242020))`);
}

/** Bytes that a user uploaded. */
export async function bytesOf(db: Executor, userId: string): Promise<number> {
  const [row] = await db
    .select({ bytes: sql<string>`coalesce(sum(${files.size}), 0)` })
    .from(files)
    .where(and(eq(files.userId, userId), eq(files.purpose, "input")));
  return Number(row?.bytes ?? 0);
}

export function filesOf(db: Executor, userId: string, limit: number): Promise<FileRow[]> {
  return db
    .select()
    .from(files)
    .where(and(eq(files.userId, userId), eq(files.purpose, "input")))
    .orderBy(desc(files.createdAt), desc(files.id))
    .limit(limit);
}

/**
 * The files of these CIDs that a user may have read by a job: their own, the templates', and the verified outputs of
 * jobs of theirs and their groups'. By CID.
 */
export async function readableBy(
  db: Executor,
  { userId, groupIds }: { userId: string; groupIds: string[] },
  cids: string[],
): Promise<Map<string, FileRow>> {
  if (cids.length === 0) return new Map();
  const groups = groupIds.length > 0 ? sql`job.group_id IN ${groupIds}` : sql`false`;
  const rows = await db
    .select()
    .from(files)
    .where(
      and(
        inArray(files.cid, cids),
        or(
          eq(files.userId, userId),
          eq(files.purpose, "template"),
          sql`(${files.purpose} = 'output' AND EXISTS (SELECT FROM app.jobs job WHERE job.id = ${files.jobId}
            AND job.state = 'completed' AND (job.user_id = ${userId} OR ${groups})))`,
        ),
      ),
    );
  return new Map(rows.map((row) => [row.cid, row]));
}

/** A stored file of that CID, whoever brought it: equal CIDs are equal bytes. */
export async function anyFile(db: Executor, cid: string): Promise<FileRow | undefined> {
  const [row] = await db.select().from(files).where(eq(files.cid, cid)).orderBy(files.createdAt).limit(1);
  return row;
}
