import { z } from "@hono/zod-openapi";
import { label, paragraphs } from "../../core/text.ts";
import { tokenUsageSchema } from "../nodes/protocol.ts";

export const MAX_MESSAGE_LENGTH = 100_000;

export const conversationSchema = z
  .object({
    id: z.uuid(),
    modelId: z.uuid(),
    modelName: z.string(),
    title: z
      .string()
      .nullable()
      .openapi({ description: "The beginning of the first message, once there is one" }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Conversation");
export type ConversationView = z.infer<typeof conversationSchema>;

export const messageSchema = z
  .object({
    id: z.uuid(),
    role: z.enum(["user", "assistant"]),
    content: z.string(),
    finishReason: z
      .enum(["stop", "length", "stopped", "error"])
      .nullable()
      .openapi({ description: "stopped: by its reader; null: a user's message" }),
    usage: tokenUsageSchema.nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi("ChatMessage");
export type MessageView = z.infer<typeof messageSchema>;

export const createConversationBody = z.object({ modelId: z.uuid(), title: label(120).optional() });

export const sendBody = z.object({
  content: paragraphs(MAX_MESSAGE_LENGTH).refine((text) => text.length > 0, "is empty"),
});

/** The events of an answer, each the JSON of one server-sent event. */
export const chatEventSchema = z
  .discriminatedUnion("type", [
    z
      .object({ type: z.literal("start"), userMessageId: z.uuid(), assistantMessageId: z.uuid() })
      .openapi("ChatStart"),
    z.object({ type: z.literal("delta"), text: z.string() }).openapi("ChatDelta"),
    z
      .object({
        type: z.literal("done"),
        usage: tokenUsageSchema,
        finishReason: z.enum(["stop", "length"]),
      })
      .openapi("ChatDone"),
    z.object({ type: z.literal("error"), code: z.string(), message: z.string() }).openapi("ChatError"),
  ])
  .openapi("ChatEvent");
export type ChatEvent = z.infer<typeof chatEventSchema>;
