import { z } from "@hono/zod-openapi";
import { usdtSchema } from "../../core/money.ts";
import { label, paragraphs } from "../../core/text.ts";
import { onchainSchema } from "../publishing/onchain.ts";

export const ggufSchema = z
  .object({
    architecture: z.string().nullable(),
    parameters: z.number().nullable().describe("Number of weights"),
    quantization: z.string().nullable().openapi({ example: "Q8_0" }),
    contextLength: z.number().int().nullable().describe("Tokens"),
    chatTemplate: z.string().nullable().describe("Jinja"),
    name: z.string().nullable(),
  })
  .openapi("GgufFacts");

export const fileSchema = z
  .object({
    version: z.number().int().describe("Its number"),
    state: z.enum(["uploading", "processing", "ready", "failed"]),
    error: z.string().nullable(),
    cid: z
      .string()
      .nullable()
      .describe(
        "Of the stored bytes: IPFS CIDv1, profile unixfs-v1-2025. Protected weights are stored encrypted",
      ),
    size: z.number().int().describe("Bytes of the file as it was uploaded"),
    sha256: z
      .string()
      .nullable()
      .describe(
        "Of the file as it was uploaded, hexadecimal; of protected weights only for who may have them",
      ),
    encrypted: z
      .object({ sha256: z.string(), size: z.number().int() })
      .nullable()
      .describe("What is stored of protected weights; null for open ones"),
    gguf: ggufSchema.nullable(),
    receivedBytes: z.number().int(),
  })
  .openapi("ModelFile");

/** A file of a model; what the list of them leaves out is in the file of the model itself. */
export const versionSchema = fileSchema
  .omit({ version: true, gguf: true })
  .extend({
    number: z.number().int(),
    note: z.string().describe("What is new in it, in the creators' words"),
    served: z.boolean().describe("Whether it is the one that nodes serve"),
    gguf: ggufSchema.omit({ chatTemplate: true }).nullable(),
    jobId: z.uuid().nullable().describe("The job that made it; null for an upload"),
    by: z.string().nullable().describe("Who uploaded or published it; for the group alone"),
    createdAt: z.iso.datetime(),
    servedAt: z.iso.datetime().nullable().describe("When it was served first"),
  })
  .openapi("ModelVersion");
export type VersionView = z.infer<typeof versionSchema>;

const weightsSchema = z
  .enum(["open", "protected"])
  .describe(
    "open: whoever knows the CID can read the file, and every node may serve it. protected: stored encrypted; the key is for the group, for licensees and for the group's or verified nodes",
  );

export const modelSchema = z
  .object({
    id: z.uuid(),
    groupId: z.uuid(),
    groupName: z.string(),
    name: z.string(),
    slug: z.string().describe("Its name at /api/v1"),
    description: z.string(),
    license: z.string(),
    tags: z.array(z.string()),
    inPlans: z.boolean().describe("Whether the platform's plans cover it"),
    weights: weightsSchema,
    file: fileSchema
      .nullable()
      .describe("Of the version that is served; of a model that none is served of, the one that is coming"),
    onchain: onchainSchema.nullable(),
    serving: z.object({
      nodes: z.number().int().describe("Nodes that can answer now"),
      warm: z.boolean().describe("Whether one has it in memory"),
    }),
    subscribers: z.number().int(),
    createdAt: z.iso.datetime(),
  })
  .openapi("Model");

export type ModelView = z.infer<typeof modelSchema>;

const tagsSchema = z
  .array(label(30).toLowerCase())
  .max(10)
  .transform((tags) => [...new Set(tags)])
  .openapi({ type: "array", items: { type: "string" }, maxItems: 10 });

export const newModelSchema = z.object({
  groupId: z.uuid(),
  name: label(100),
  description: paragraphs(5_000),
  license: label(100),
  tags: tagsSchema.optional(),
  weights: weightsSchema.default("protected"),
});

export const modelChangesSchema = z
  .strictObject({
    name: label(100),
    description: paragraphs(5_000),
    license: label(100),
    tags: tagsSchema,
    inPlans: z.boolean(),
  })
  .partial();

const licensePurchaseSchema = z.object({
  txHash: z.string(),
  chain: z.string(),
  price: usdtSchema,
  fee: usdtSchema.describe("The platform's part"),
  at: z.iso.datetime(),
  via: z.enum(["user", "group"]),
  groupId: z.uuid().nullable(),
  confirmations: z.number().int(),
  confirmed: z.boolean(),
});

export const licenseSchema = z
  .object({
    licensed: z.boolean().describe("Whether you may download the weights for having bought a licence"),
    via: z.enum(["user", "group"]).nullable().describe("Whose licence it is"),
    groupId: z.uuid().nullable(),
    pending: z.boolean().describe("Whether a purchase waits for confirmations"),
    price: usdtSchema.nullable().describe("Of a licence now; null: not for sale"),
    purchases: z.array(licensePurchaseSchema),
  })
  .openapi("License");
export type LicenseView = z.infer<typeof licenseSchema>;

export const myLicenseSchema = licenseSchema
  .extend({
    modelId: z.uuid(),
    modelName: z.string(),
    cid: z.string().nullable(),
    size: z.number().int().nullable(),
  })
  .openapi("MyLicense");
export type MyLicenseView = z.infer<typeof myLicenseSchema>;

export const weightsKeySchema = z
  .object({
    cid: z.string().describe("Of the encrypted file"),
    format: z.string().openapi({ example: "age-encryption.org/v1" }),
    key: z.string().describe("An age identity, AGE-SECRET-KEY-1…; keep it secret"),
    encrypted: z.object({ sha256: z.string(), size: z.number().int() }),
    sha256: z.string().describe("Of the decrypted file, hexadecimal"),
    size: z.number().int().describe("Bytes of the decrypted file"),
    fileName: z.string(),
  })
  .openapi("WeightsKey");
export type WeightsKeyView = z.infer<typeof weightsKeySchema>;
