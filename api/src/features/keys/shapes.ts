import { z } from "@hono/zod-openapi";
import { label } from "../../core/text.ts";
import { KEY_SCOPES } from "./schema.ts";

const scopes = z
  .array(z.enum(KEY_SCOPES))
  .openapi({ description: "models: calls at /api/v1. jobs: orders and follows jobs, keeps their files" });

export const keySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string().openapi({ example: "aif_Xk3v", description: "The first characters of the secret" }),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
    expiresAt: z.iso.datetime().nullable(),
    revokedAt: z.iso.datetime().nullable(),
    scopes,
    modelIds: z.array(z.uuid()).nullable().openapi({ description: "null: every model its owner may use" }),
  })
  .openapi("Key");
export type KeyView = z.infer<typeof keySchema>;

export const createKeyBody = z.object({
  name: label(80),
  expiresAt: z.iso.datetime({ offset: true }).nullish(),
  scopes: scopes.min(1).max(KEY_SCOPES.length).optional().describe("Only `models` by default"),
  modelIds: z.array(z.uuid()).min(1).max(100).nullish(),
});

export const usageSchema = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    modelId: z.uuid(),
    model: z.string().nullable(),
    promptTokens: z.number().int().nullable().openapi({ description: "null: the engine reported none" }),
    completionTokens: z.number().int().nullable(),
    outcome: z.enum(["served", "partial", "idle", "failed", "cancelled"]),
    entitlement: z
      .enum(["owner", "service", "plan"])
      .describe("Your own group's model, an API subscription, or the platform's plan"),
    plan: z.number().int().nullable().describe("The plan's number; 0: free"),
    keyId: z.uuid().nullable(),
    keyName: z.string().nullable().openapi({ description: "null: from the chat page" }),
  })
  .openapi("Usage");
export type UsageView = z.infer<typeof usageSchema>;
