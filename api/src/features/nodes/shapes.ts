import { z } from "@hono/zod-openapi";
import { label } from "../../core/text.ts";
import { nodeFiguresSchema, nodeModelSchema, wantedModelSchema } from "./protocol.ts";

export const addressSchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "is not an address")
  .transform((text) => text.toLowerCase() as `0x${string}`);

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
    lastHeartbeatAt: z.iso.datetime().nullable(),
    verifiedAt: z.iso
      .datetime()
      .nullable()
      .openapi({
        description: "When an admin let it have protected weights; null: only those of its own groups",
      }),
    createdAt: z.iso.datetime(),
  })
  .openapi("Node");
export type NodeView = z.infer<typeof nodeSchema>;

export const authMessageBody = z.object({
  address: addressSchema,
  chainId: z.number().int().positive().optional().openapi({ description: "Default: the first chain" }),
});

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
    .refine((value) => JSON.stringify(value).length <= 16_384, "is over 16 KiB"),
});

export const heartbeatBody = nodeFiguresSchema.extend({ models: z.array(nodeModelSchema).max(1000) });

export const heartbeatAnswer = z.object({ ok: z.literal(true), wanted: z.array(wantedModelSchema) });
