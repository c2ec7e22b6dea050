import type { NodeDone, NodeError, NodeFigures, NodeFrame, NodeModel, TokenUsage } from "@aiforge/api/client";
import { z } from "zod";
import { jobProbeSchema, workSchema } from "./jobs/protocol.ts";

/**
 * The frames between a node and the API: JSON text over one WebSocket that the node opens.
 * What is sent has the API's own types. What arrives is parsed with schemas that are wider than those (a test
 * holds them to it): an older node keeps working with a newer API.
 */

export const wantedModelSchema = z.object({
  modelId: z.string().min(1),
  name: z.string(),
  /** CIDv1 of the weights, profile unixfs-v1-2025. */
  cid: z.string().min(1),
  /** sha-256 of the weights, lower-case hex without 0x. */
  sha256: z.string().regex(/^(0x)?[0-9a-fA-F]{64}$/),
  /** Bytes. */
  size: z.number().int().positive(),
  /** Absolute, or relative to the API's origin. */
  weightsUrl: z.string().min(1),
  /** Where the key is when the weights are encrypted: then CID, sha-256 and size are those of the encrypted file. */
  keyUrl: z.string().min(1).nullable().default(null),
  /** Tokens, from the header of the file. */
  contextLength: z.number().int().positive().nullish(),
});
/** A model that the API would like this node to serve. */
export type WantedModel = z.infer<typeof wantedModelSchema>;

export const inferenceRequestSchema = z.object({
  messages: z.array(z.object({ role: z.string(), content: z.string() })).min(1),
  maxTokens: z.number().int().positive().nullish(),
  temperature: z.number().nullish(),
  topP: z.number().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.number().int().nullish(),
});
/** One chat completion, as the gateway hands it over. */
export type InferenceRequest = z.infer<typeof inferenceRequestSchema>;

const inboundSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("welcome"),
    nodeId: z.string(),
    heartbeatSeconds: z.number().positive().default(30),
    wanted: z.array(wantedModelSchema).default([]),
  }),
  z.object({ type: z.literal("wanted"), wanted: z.array(wantedModelSchema) }),
  z.object({
    type: z.literal("inference"),
    id: z.string(),
    modelId: z.string(),
    request: inferenceRequestSchema,
  }),
  z.object({ type: z.literal("cancel"), id: z.string() }),
  z.object({ type: z.literal("work"), work: workSchema }),
  z.object({ type: z.literal("job_cancel"), attemptId: z.string(), reason: z.string() }),
  jobProbeSchema.extend({ type: z.literal("job_probe") }),
  z.object({ type: z.literal("ping") }),
]);
/** A frame from the API. */
export type InboundFrame = z.infer<typeof inboundSchema>;
/** The same before it is parsed. */
export type InboundJson = z.input<typeof inboundSchema>;

/** A frame to the API. */
export type OutboundFrame = NodeFrame;

/** Tokens as the engine counted them: the whole prompt, and all that was generated. */
export type Usage = TokenUsage;
export type FinishReason = NodeDone["finishReason"];
export type InferenceErrorCode = NodeError["code"];

/** `progress` is the share done, 0 to 1, while fetching. */
export type ModelState = NodeModel;

/** What the machine is doing. Bytes, except `load`: the share of all cores in use, 0 to 1. */
export type MachineFigures = Omit<NodeFigures, "active">;

/** The frame in `text`, or null for anything that is not one (unknown types are skipped, not fatal). */
export function parseInbound(text: string): InboundFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = inboundSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/**
 * The id of an `inference` frame that does not parse, so that it can be answered with an error instead of
 * leaving its caller to wait.
 */
export function inferenceIdOf(text: string): string | null {
  const shape = z.object({ type: z.literal("inference"), id: z.string() });
  try {
    return shape.parse(JSON.parse(text)).id;
  } catch {
    return null;
  }
}
