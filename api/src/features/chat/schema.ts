import { index, integer, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import { models } from "../models/schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

export const conversations = app.table(
  "conversations",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id")
      .notNull()
      .references(() => user.id, { onDelete: "cascade" }),
    modelId: uuid("model_id")
      .notNull()
      .references(() => models.id, { onDelete: "cascade" }),
    title: text("title"),
    /** Until when an answer is being written by some instance; it is moved on while the answer runs. */
    answeringUntil: at("answering_until"),
    createdAt: at("created_at").notNull().defaultNow(),
    updatedAt: at("updated_at").notNull().defaultNow(),
  },
  (table) => [index("conversations_user_updated").on(table.userId, table.updatedAt)],
);

export type MessageFinish = "stop" | "length" | "stopped" | "error";

export const messages = app.table(
  "messages",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    conversationId: uuid("conversation_id")
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    /** Order within the conversation, from 0. */
    position: integer("position").notNull(),
    role: text("role").$type<"user" | "assistant">().notNull(),
    content: text("content").notNull(),
    /** Null for a user's message, and for an answer that is still being written. */
    finishReason: text("finish_reason").$type<MessageFinish>(),
    promptTokens: integer("prompt_tokens"),
    completionTokens: integer("completion_tokens"),
    createdAt: at("created_at").notNull().defaultNow(),
  },
  (table) => [index("messages_conversation").on(table.conversationId, table.position)],
);
