import { and, asc, desc, eq, isNotNull, isNull, lt, or, sql } from "drizzle-orm";
import type { Executor } from "../../db/client.ts";
import { models } from "../models/schema.ts";
import { conversations, messages } from "./schema.ts";

export type MessageRow = typeof messages.$inferSelect;

const columns = {
  id: conversations.id,
  modelId: conversations.modelId,
  modelName: models.name,
  title: conversations.title,
  createdAt: conversations.createdAt,
  updatedAt: conversations.updatedAt,
};

export async function insertConversation(
  db: Executor,
  row: { userId: string; modelId: string; title: string | null },
): Promise<string> {
  const [stored] = await db.insert(conversations).values(row).returning({ id: conversations.id });
  return stored!.id;
}

export function conversationsOfUser(db: Executor, userId: string, limit: number) {
  return db
    .select(columns)
    .from(conversations)
    .innerJoin(models, eq(models.id, conversations.modelId))
    .where(eq(conversations.userId, userId))
    .orderBy(desc(conversations.updatedAt))
    .limit(limit);
}

export async function conversationOfUser(db: Executor, userId: string, id: string) {
  const [row] = await db
    .select(columns)
    .from(conversations)
    .innerJoin(models, eq(models.id, conversations.modelId))
    .where(and(eq(conversations.id, id), eq(conversations.userId, userId)))
    .limit(1);
  return row;
}

export async function deleteConversationOfUser(db: Executor, userId: string, id: string): Promise<boolean> {
  const rows = await db
    .delete(conversations)
    .where(and(eq(conversations.id, id), eq(conversations.userId, userId)))
    .returning({ id: conversations.id });
  return rows.length > 0;
}

export function messagesOf(db: Executor, conversationId: string): Promise<MessageRow[]> {
  return db
    .select()
    .from(messages)
    .where(eq(messages.conversationId, conversationId))
    .orderBy(asc(messages.position));
}

/** Claims a conversation for one answer. @returns false when another answer is being written */
export async function claimAnswer(db: Executor, id: string, seconds: number): Promise<boolean> {
  const rows = await db
    .update(conversations)
    .set({ answeringUntil: sql`now() + make_interval(secs => ${seconds})` })
    .where(
      and(
        eq(conversations.id, id),
        or(isNull(conversations.answeringUntil), lt(conversations.answeringUntil, sql`now()`)),
      ),
    )
    .returning({ id: conversations.id });
  return rows.length > 0;
}

/** Keeps a claim while the answer runs; one that was released meanwhile stays so. */
export async function extendClaim(db: Executor, id: string, seconds: number): Promise<void> {
  await db
    .update(conversations)
    .set({ answeringUntil: sql`now() + make_interval(secs => ${seconds})` })
    .where(and(eq(conversations.id, id), isNotNull(conversations.answeringUntil)));
}

export async function releaseClaim(db: Executor, id: string): Promise<void> {
  await db.update(conversations).set({ answeringUntil: null }).where(eq(conversations.id, id));
}

/** Appends a message; a conversation without a title gets `title`. */
export async function appendMessage(
  db: Executor,
  { title, ...row }: Omit<typeof messages.$inferInsert, "position"> & { title?: string },
): Promise<void> {
  const next = sql<number>`(SELECT coalesce(max(position) + 1, 0) FROM app.messages WHERE conversation_id = ${row.conversationId})`;
  await db.insert(messages).values({ ...row, position: next });
  await db
    .update(conversations)
    .set({
      updatedAt: sql`now()`,
      ...(title ? { title: sql`coalesce(${conversations.title}, ${title})` } : {}),
    })
    .where(eq(conversations.id, row.conversationId));
}
