import { z } from "@hono/zod-openapi";
import { jobProbeSchema, workSchema } from "../jobs/protocol.ts";
import { jobCapabilitySchema } from "./capability.ts";

/**
 * The node protocol: JSON text frames over one WebSocket that the node opens to `/api/nodes/connect` with its
 * token in the `Authorization` header. Every frame has a `type`. A frame that does not match its schema closes
 * the socket with code 4400 and a reason.
 *
 * These schemas are registered as OpenAPI components, so that the generated client carries their types.
 */

/** Bytes of one frame that the api accepts from a node. */
export const MAX_NODE_FRAME_BYTES = 256 * 1024;
/** Seconds between two heartbeats of a node. */
export const HEARTBEAT_SECONDS = 30;
/** Seconds after its last heartbeat at which a node counts as inactive. */
export const INACTIVE_SECONDS = 300;

/** WebSocket close codes of the protocol (4000–4999 are an application's own, RFC 6455 §7.4.2). */
export const CLOSE = {
  badFrame: 4400,
  unresponsive: 4408,
  replaced: 4409,
  /** Another process of the same node took this one's place: it should end, not come back. */
  replacedInstance: 4410,
  goingAway: 1001,
} as const;

/** Fits Postgres' integer. */
const tokens = z.number().int().min(0).max(2_147_483_647);
const bytes = z.number().int().nonnegative();
const inferenceId = z.string().min(1).max(64);
const modelId = z.uuid();
const servedCid = z
  .string()
  .max(128)
  .optional()
  .openapi({ description: "CID of the weights that answer, as they were wanted" });

export const wantedModelSchema = z
  .object({
    modelId,
    name: z.string(),
    cid: z.string().openapi({
      description:
        "CIDv1 of the weights as they are stored (IPFS, profile unixfs-v1-2025): encrypted when protected",
    }),
    sha256: z.string().openapi({ description: "SHA-256 of the stored weights, lower-case hex" }),
    size: bytes.openapi({ description: "Bytes of the stored weights" }),
    weightsUrl: z.string().openapi({ description: "Where the weights are, with the node's token as bearer" }),
    keyUrl: z.string().nullable().openapi({
      description:
        "Where the key of protected weights is, with the node's token as bearer; null: not encrypted",
    }),
    contextLength: z.number().int().positive().nullable(),
  })
  .openapi("WantedModel");
export type WantedModel = z.infer<typeof wantedModelSchema>;

export const inferenceRequestSchema = z
  .object({
    messages: z
      .array(z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() }))
      .min(1),
    maxTokens: z.number().int().positive().nullable().openapi({ description: "null: as the context allows" }),
    temperature: z.number().min(0).max(2),
    topP: z.number().min(0).max(1),
    stop: z.array(z.string()).max(4),
    seed: z.number().int().nullable(),
  })
  .openapi("InferenceRequest");
export type InferenceRequest = z.infer<typeof inferenceRequestSchema>;

export const nodeModelSchema = z
  .object({
    modelId,
    state: z.enum(["fetching", "loading", "ready", "failed"]),
    progress: z.number().min(0).max(1).optional().openapi({ description: "0 to 1, while fetching" }),
    cid: servedCid,
  })
  .openapi("NodeModel");
export type NodeModel = z.infer<typeof nodeModelSchema>;

/** What a node measures of itself; the body of the HTTP heartbeat adds `models`. */
export const nodeFiguresSchema = z
  .object({
    cpu: z.object({ cores: z.number().int().positive(), load: z.number().min(0) }),
    memory: z.object({ total: bytes, free: bytes }),
    disk: z.object({ total: bytes, free: bytes }),
    gpus: z.array(z.object({ name: z.string().max(200), memoryTotal: bytes, memoryUsed: bytes })).max(64),
    active: z.number().int().nonnegative().openapi({ description: "Inferences running now" }),
  })
  .openapi("NodeFigures");
export type NodeFigures = z.infer<typeof nodeFiguresSchema>;

export const tokenUsageSchema = z
  .object({ promptTokens: tokens, completionTokens: tokens })
  .openapi("TokenUsage");
export type TokenUsage = z.infer<typeof tokenUsageSchema>;

const welcome = z
  .object({
    type: z.literal("welcome"),
    nodeId: z.uuid(),
    heartbeatSeconds: z.number().int().positive(),
    wanted: z.array(wantedModelSchema),
  })
  .openapi("NodeWelcome");
const wanted = z
  .object({ type: z.literal("wanted"), wanted: z.array(wantedModelSchema) })
  .openapi("NodeWanted");
const inference = z
  .object({ type: z.literal("inference"), id: inferenceId, modelId, request: inferenceRequestSchema })
  .openapi("NodeInference");
const cancel = z.object({ type: z.literal("cancel"), id: inferenceId }).openapi("NodeCancel");
const work = z.object({ type: z.literal("work"), work: workSchema }).openapi("NodeWork");
const jobCancel = z
  .object({ type: z.literal("job_cancel"), attemptId: z.uuid(), reason: z.string() })
  .openapi("NodeJobCancel");
const jobProbe = jobProbeSchema.extend({ type: z.literal("job_probe") }).openapi("NodeJobProbe");
const ping = z.object({ type: z.literal("ping") }).openapi("NodePing");

/** Frames from the api to a node. */
export const apiFrameSchema = z
  .discriminatedUnion("type", [welcome, wanted, inference, cancel, work, jobCancel, jobProbe, ping])
  .openapi("ApiFrame");
export type ApiFrame = z.infer<typeof apiFrameSchema>;

const hello = z
  .object({
    type: z.literal("hello"),
    version: z.string().max(40),
    capacity: z.number().int().min(1).max(1024).openapi({ description: "Inferences at a time" }),
    models: z.array(modelId).max(1000).openapi({ description: "Models that are ready now" }),
    jobs: jobCapabilitySchema
      .optional()
      .openapi({ description: "What it offers to jobs; not there: nothing" }),
  })
  .openapi("NodeHello");
const models = z
  .object({ type: z.literal("models"), models: z.array(nodeModelSchema).max(1000) })
  .openapi("NodeModels");
/** What a heartbeat says beside the figures, in either way. */
export const beatExtras = {
  attempts: z
    .array(z.uuid())
    .max(1024)
    .optional()
    .openapi({ description: "Attempts that it is at: their leases are renewed" }),
  jobs: jobCapabilitySchema.optional().openapi({ description: "What it offers to jobs, when that changed" }),
};
const heartbeat = nodeFiguresSchema
  .extend({ type: z.literal("heartbeat"), ...beatExtras })
  .openapi("NodeHeartbeat");
export const probeAnswerSchema = z.object({
  ok: z.boolean(),
  output: z.string().max(4096).openapi({ description: "What the container printed" }),
  ms: z.number().min(0).max(2_147_483_647),
  detail: z.string().max(2000).nullish(),
});
const jobProbeResult = probeAnswerSchema
  .extend({ type: z.literal("job_probe_result"), id: z.uuid() })
  .openapi("NodeJobProbeResult");
const delta = z
  .object({ type: z.literal("delta"), id: inferenceId, text: z.string().max(64 * 1024), cid: servedCid })
  .openapi("NodeDelta");
const done = z
  .object({
    type: z.literal("done"),
    id: inferenceId,
    cid: servedCid,
    usage: tokenUsageSchema,
    finishReason: z.enum(["stop", "length", "cancelled"]),
  })
  .openapi("NodeDone");
const error = z
  .object({
    type: z.literal("error"),
    id: inferenceId,
    code: z.enum(["busy", "model_not_loaded", "context_length_exceeded", "engine_failed"]),
    message: z.string().max(2000),
  })
  .openapi("NodeError");
const pong = z.object({ type: z.literal("pong") }).openapi("NodePong");

/** Frames from a node to the api. The first one is `hello`. */
export const nodeFrameSchema = z
  .discriminatedUnion("type", [hello, models, heartbeat, jobProbeResult, delta, done, error, pong])
  .openapi("NodeFrame");
export type NodeFrame = z.infer<typeof nodeFrameSchema>;

/**
 * Parses one text frame of a node.
 * @returns the frame, or the first thing wrong with it, short enough for a close reason
 */
export function parseNodeFrame(text: string): { frame: NodeFrame } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: "not JSON" };
  }
  const parsed = nodeFrameSchema.safeParse(value);
  if (parsed.success) return { frame: parsed.data };
  const issue = parsed.error.issues[0];
  return { problem: `${issue?.path.join(".") || "frame"}: ${issue?.message ?? "not valid"}`.slice(0, 110) };
}
