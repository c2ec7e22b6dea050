import { bigint, index, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { app } from "../../db/app-schema.ts";
import { user } from "../auth/schema.ts";
import { nodes } from "../nodes/schema.ts";

/** Files that jobs read and write. The bytes are in the store under the file's id, and on IPFS under its CID. */
export const files = app.table(
  "files",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    /** Who uploaded it; null for what a node did, and for templates. */
    userId: uuid("user_id").references(() => user.id, { onDelete: "cascade" }),
    nodeId: uuid("node_id").references(() => nodes.id, { onDelete: "set null" }),
    cid: text("cid").notNull(),
    /** Lower-case hexadecimal. */
    sha256: text("sha256").notNull(),
    /** Bytes. */
    size: bigint("size", { mode: "number" }).notNull(),
    name: text("name").notNull(),
    purpose: text("purpose").$type<"input" | "output" | "template">().notNull(),
    /** Outputs only: the attempt that wrote it. Its path is the name. */
    attemptId: uuid("attempt_id"),
    jobId: uuid("job_id"),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    index("files_user").on(table.userId, table.createdAt),
    index("files_cid").on(table.cid),
    index("files_job").on(table.jobId),
    uniqueIndex("files_attempt_name").on(table.attemptId, table.name),
  ],
);
