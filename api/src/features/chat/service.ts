import { notFound } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import { requireVisible } from "../gateway/access.ts";
import * as queries from "./queries.ts";
import type { ConversationView, MessageView } from "./shapes.ts";

const MAX_LISTED = 200;

/** @throws AppError `model_not_found` (404): no such model, or one of somebody else's group that is not published */
export async function createConversation(
  deps: Deps,
  userId: string,
  { modelId, title }: { modelId: string; title?: string },
): Promise<ConversationView> {
  await requireVisible(deps, userId, modelId);
  const id = await queries.insertConversation(deps.db, { userId, modelId, title: title ?? null });
  return conversationOf(deps, userId, id);
}

/** The user's conversations, the last used first, at most 200. */
export async function listConversations(deps: Deps, userId: string): Promise<ConversationView[]> {
  return (await queries.conversationsOfUser(deps.db, userId, MAX_LISTED)).map(viewConversation);
}

/** @throws AppError `not_found` (404) */
export async function conversationOf(deps: Deps, userId: string, id: string): Promise<ConversationView> {
  const row = await queries.conversationOfUser(deps.db, userId, id);
  if (!row) throw notFound("The conversation");
  return viewConversation(row);
}

/** @throws AppError `not_found` (404) */
export async function getConversation(
  deps: Deps,
  userId: string,
  id: string,
): Promise<{ conversation: ConversationView; messages: MessageView[] }> {
  const conversation = await conversationOf(deps, userId, id);
  return { conversation, messages: (await queries.messagesOf(deps.db, id)).map(viewMessage) };
}

/** @throws AppError `not_found` (404) */
export async function deleteConversation(deps: Deps, userId: string, id: string): Promise<void> {
  if (!(await queries.deleteConversationOfUser(deps.db, userId, id))) throw notFound("The conversation");
}

function viewConversation(
  row: NonNullable<Awaited<ReturnType<typeof queries.conversationOfUser>>>,
): ConversationView {
  return { ...row, createdAt: row.createdAt.toISOString(), updatedAt: row.updatedAt.toISOString() };
}

function viewMessage(row: queries.MessageRow): MessageView {
  const { promptTokens, completionTokens } = row;
  return {
    id: row.id,
    role: row.role,
    content: row.content,
    finishReason: row.finishReason,
    usage: promptTokens === null || completionTokens === null ? null : { promptTokens, completionTokens },
    createdAt: row.createdAt.toISOString(),
  };
}
