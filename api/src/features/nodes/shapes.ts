import { z } from "@hono/zod-openapi";
import { usdtSchema } from "../../core/money.ts";
import { label } from "../../core/text.ts";
import { walletOnChain } from "../auth/shapes.ts";
import { jobDisputeSchema } from "../jobs/shapes.ts";
import { ATTEMPT_STATES, JOB_STATES } from "../jobs/states.ts";
import { jobCapabilitySchema } from "./capability.ts";
import { beatExtras, nodeFiguresSchema, nodeModelSchema, wantedModelSchema } from "./protocol.ts";

export const nodeSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    address: z.string(),
    status: z
      .enum(["active", "inactive"])
      .openapi({ description: "inactive after 5 minutes without a heartbeat" }),
    version: z.string().nullable(),
    capacity: z.number().int().nullable().openapi({ description: "Inferences at a time" }),
    active: z.number().int().openapi({ description: "Inferences at the last heartbeat" }),
    models: z.array(nodeModelSchema),
    offered: z.array(z.uuid()).openapi({ description: "Models whose probe passed" }),
    figures: nodeFiguresSchema.nullable().openapi({ description: "As of the last heartbeat" }),
    jobs: jobCapabilitySchema
      .omit({ instance: true })
      .nullable()
      .openapi({ description: "What it offers to jobs, and from which price on; null: nothing" }),
    draining: z.boolean(),
    runningJobs: z.number().int(),
    used: z
      .object({
        cpuMillis: z.number().int(),
        memoryMb: z.number().int(),
        gpus: z.number().int(),
        diskMb: z.number().int(),
      })
      .openapi({ description: "What its jobs hold of it" }),
    reputation: z.object({
      completed: z.number().int(),
      failed: z.number().int(),
      probeScore: z
        .number()
        .openapi({ description: "Share of its probes that passed, newer ones counting more" }),
      score: z.number().openapi({ description: "0 to 1, by which nodes are chosen" }),
    }),
    probes: z
      .object({
        passed: z.number().int(),
        failed: z.number().int(),
        recent: z
          .array(z.boolean())
          .openapi({ description: "How its last 20 of any day went, oldest first" }),
        lastPassedAt: z.iso.datetime().nullable().openapi({ description: "Of a container" }),
        lastFailedAt: z.iso.datetime().nullable().openapi({ description: "Of a container" }),
      })
      .openapi({ description: "Of the last day" }),
    deactivated: z
      .object({ at: z.iso.datetime(), reason: z.string() })
      .nullable()
      .openapi({ description: "An admin took it out of service" }),
    lastHeartbeatAt: z.iso.datetime().nullable(),
    verifiedAt: z.iso.datetime().nullable().openapi({
      description: "When an admin let it have protected weights; null: only those of its own groups",
    }),
    createdAt: z.iso.datetime(),
  })
  .openapi("Node");
export type NodeView = z.infer<typeof nodeSchema>;

export const nodeProbeSchema = z
  .object({
    at: z.iso.datetime(),
    kind: z.enum(["inference", "container"]),
    modelId: z.uuid().nullable(),
    ok: z.boolean(),
    ms: z.number().int(),
    detail: z.string().nullable(),
  })
  .openapi("NodeProbe");

export const nodeSampleSchema = z
  .object({ at: z.iso.datetime(), figures: nodeFiguresSchema })
  .openapi("NodeSample");
export type NodeSampleView = z.infer<typeof nodeSampleSchema>;

export const nodeDetailSchema = nodeSchema
  .extend({ history: z.array(nodeProbeSchema).openapi({ description: "Its last 50 probes, newest first" }) })
  .openapi("NodeDetail");
export type NodeDetailView = z.infer<typeof nodeDetailSchema>;

export const nodeJobSchema = z
  .object({
    attemptId: z.uuid(),
    jobId: z.uuid(),
    name: z.string(),
    attempt: z.number().int(),
    state: z.enum(ATTEMPT_STATES),
    jobState: z.enum(JOB_STATES),
    price: usdtSchema,
    assignedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    containerSeconds: z.number().nullable(),
    failureCode: z.string().nullable(),
    dispute: z
      .union([jobDisputeSchema, z.null()])
      .describe("Of the result that this node submitted on chain"),
  })
  .openapi("NodeJob");
export type NodeJobView = z.infer<typeof nodeJobSchema>;

export const myNodeSchema = nodeSchema
  .extend({
    earned: usdtSchema.openapi({ description: "Paid on chain for its jobs, the platform's part taken off" }),
    recentJobs: z.array(nodeJobSchema),
  })
  .openapi("MyNode");
export type MyNodeView = z.infer<typeof myNodeSchema>;

/** Without a chain: the first that is served. */
export const authMessageBody = walletOnChain;

export const registerBody = z.object({
  message: z.string().min(1).max(4000),
  signature: z
    .string()
    .regex(/^0x[0-9a-fA-F]+$/, "is not a signature")
    .max(10_000)
    .transform((text) => text as `0x${string}`),
  name: label(80),
  capabilities: z
    .record(z.string().max(100), z.unknown())
    .refine((value) => JSON.stringify(value).length <= 65_536, "is over 64 KiB"),
  invite: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: "Where registering takes an invitation" }),
});

export const heartbeatBody = nodeFiguresSchema.extend({
  models: z.array(nodeModelSchema).max(1000),
  ...beatExtras,
});

export const heartbeatAnswer = z.object({
  ok: z.literal(true),
  wanted: z.array(wantedModelSchema),
  cancel: z.array(z.uuid()).openapi({ description: "Attempts of `attempts` to stop: they are over" }),
});
