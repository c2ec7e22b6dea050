import { z } from "@hono/zod-openapi";

export const fileSchema = z
  .object({
    id: z.uuid(),
    cid: z.string(),
    sha256: z.string(),
    size: z.number().int(),
    name: z.string(),
    createdAt: z.iso.datetime(),
  })
  .openapi("StoredFile");
export type FileView = z.infer<typeof fileSchema>;
