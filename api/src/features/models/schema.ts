import { bigint, boolean, index, jsonb, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import { groups } from "../groups/schema.ts";

const at = (name: string) => timestamp(name, { withTimezone: true });

/**
 * What happens to a model's file: `uploading` (the bytes come in), `processing` (all are here, staged on disk),
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
    /** Null until the first upload begins; a later upload takes its place. */
    fileState: text("file_state").$type<FileState>(),
    /** Id of the tus upload that the file columns tell of. */
    fileUploadId: text("file_upload_id").unique(),
    fileError: text("file_error"),
    fileName: text("file_name"),
    /** Bytes that are or were uploaded. */
    fileSize: bigint("file_size", { mode: "number" }),
    /** Of the stored bytes: of protected weights the encrypted ones. */
    fileCid: text("file_cid"),
    /** Of the stored bytes, hexadecimal. */
    fileSha256: text("file_sha256"),
    /** Of protected weights: the key of the stored bytes, itself encrypted with the server's secret. */
    fileSealedKey: text("file_sealed_key"),
    /** Of protected weights: the hash of what was uploaded, hexadecimal. */
    filePlainSha256: text("file_plain_sha256"),
    /** Of protected weights: the number of stored bytes. */
    fileStoredSize: bigint("file_stored_size", { mode: "number" }),
    fileGguf: jsonb("file_gguf").$type<GgufFacts>(),
    createdAt: at("created_at").notNull().defaultNow(),
    updatedAt: at("updated_at").notNull().defaultNow(),
  },
  (table) => [
    index("models_group").on(table.groupId),
    index("models_file_state").on(table.fileState),
    index("models_file_cid").on(table.fileCid),
  ],
);
