import {
  type AnyPgColumn,
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import { groups } from "../groups/schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/**
 * What happens to the file of a version: `uploading` (the bytes come in), `processing` (all are here, staged on disk),
 * `ready` (on IPFS and in the store) or `failed` (with the reason; nothing of it is kept).
 */
export type FileState = "uploading" | "processing" | "ready" | "failed";

/**
 * Whether the stored file is readable for everybody who knows its CID (`open`), or encrypted with a key of its own that
 * is given to its group, to licensees and to the nodes that may serve it (`protected`).
 */
export type WeightsAccess = "open" | "protected";

/** What the header of a GGUF file says; null where it says nothing. */
export interface GgufFacts {
  architecture: string | null;
  /** Number of weights. */
  parameters: number | null;
  /** E.g. `Q8_0`. */
  quantization: string | null;
  /** Tokens. */
  contextLength: number | null;
  /** A Jinja template. */
  chatTemplate: string | null;
  name: string | null;
}

export const models = app.table(
  "models",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    groupId: uuid("group_id")
      .notNull()
      .references(() => groups.id),
    createdBy: uuid("created_by").references(() => user.id, { onDelete: "set null" }),
    name: text("name").notNull(),
    /** The name under which `/api/v1` knows it. */
    slug: text("slug").notNull().unique(),
    description: text("description").notNull(),
    license: text("license").notNull(),
    tags: text("tags").array().notNull(),
    /** Whether the platform's plans cover it; API subscriptions do in any case. */
    inPlans: boolean("in_plans").notNull().default(true),
    weights: text("weights").$type<WeightsAccess>().notNull().default("protected"),
    /** The version that nodes serve; null until the first file is ready. */
    servedVersionId: uuid("served_version_id").references((): AnyPgColumn => modelVersions.id, {
      onDelete: "set null",
    }),
    createdAt: at("created_at").notNull().defaultNow(),
    updatedAt: at("updated_at").notNull().defaultNow(),
  },
  (table) => [
    index("models_group").on(table.groupId),
    index("models_served_version").on(table.servedVersionId),
  ],
);

/**
 * The files that a model has and had, numbered. One that is ready stays as it is for good, unless its model is a draft;
 * one that is not gives way to the next.
 */
export const modelVersions = app.table(
  "model_versions",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    modelId: uuid("model_id")
      .notNull()
      .references(() => models.id, { onDelete: "cascade" }),
    /** From 1 on. */
    number: integer("number").notNull(),
    /** What is new in it. */
    note: text("note").notNull().default(""),
    createdBy: uuid("created_by").references(() => user.id, { onDelete: "set null" }),
    /** The job that put the file out, and the file's path there; null for an upload. */
    jobId: uuid("job_id"),
    jobPath: text("job_path"),
    state: text("state").$type<FileState>().notNull(),
    /** Of the tus upload; the stored bytes have it for their key. */
    uploadId: text("upload_id").notNull().unique(),
    /** Why it failed. */
    error: text("error"),
    fileName: text("file_name").notNull(),
    /** Bytes that are or were uploaded. */
    size: bigint("size", { mode: "number" }).notNull(),
    /** Of the stored bytes: of protected weights the encrypted ones. */
    cid: text("cid"),
    /** Of the stored bytes, hexadecimal. */
    sha256: text("sha256"),
    /** Of protected weights: the key of the stored bytes, itself encrypted with the server's secret. */
    sealedKey: text("sealed_key"),
    /** Of protected weights: the hash of what was uploaded, hexadecimal. */
    plainSha256: text("plain_sha256"),
    /** Of protected weights: the CID of what was uploaded, by which jobs know it. It is not on IPFS. */
    plainCid: text("plain_cid"),
    /** Of protected weights: the number of stored bytes. */
    storedSize: bigint("stored_size", { mode: "number" }),
    gguf: jsonb("gguf").$type<GgufFacts>(),
    createdAt: at("created_at").notNull().defaultNow(),
    updatedAt: at("updated_at").notNull().defaultNow(),
    /** When it was served first; null: nobody but its group has seen it. */
    servedAt: at("served_at"),
  },
  (table) => [
    unique("model_versions_number").on(table.modelId, table.number),
    unique("model_versions_job").on(table.modelId, table.jobId, table.jobPath),
    index("model_versions_state").on(table.state),
    index("model_versions_cid").on(table.cid),
    index("model_versions_plain_cid").on(table.plainCid),
  ],
);
