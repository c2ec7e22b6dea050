import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { and, eq } from "drizzle-orm";
import type { Deps } from "../../deps.ts";
import { fileTooLarge } from "../files/errors.ts";
import { fingerprint } from "../files/fingerprint.ts";
import { files } from "../files/schema.ts";
import { receiveFile } from "../files/store.ts";
import { type JobTemplate, templateSchema } from "./shapes.ts";

const FOLDER = fileURLToPath(new URL("../../../../miner/templates", import.meta.url));
const CODE = "main.mjs";
const MAX_CODE_BYTES = 16 * 1024 ** 2;
const described = templateSchema.omit({ code: true });

const known = new WeakMap<object, Promise<JobTemplate[]>>();

/** The job templates of this release, whose code is stored so that jobs can have it as an input. Read once. */
export function jobTemplates(deps: Deps): Promise<JobTemplate[]> {
  const read = known.get(deps.db) ?? readTemplates(deps);
  known.set(deps.db, read);
  // A failure is not remembered.
  read.catch(() => known.delete(deps.db));
  return read;
}

async function readTemplates(deps: Deps): Promise<JobTemplate[]> {
  const names = (await readdir(FOLDER, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  const templates: JobTemplate[] = [];
  for (const name of names) {
    const text = await readFile(join(FOLDER, name, "template.json"), "utf8").catch(() => null);
    // A folder of what templates share is none.
    if (text === null) continue;
    const parsed = described.safeParse(JSON.parse(text));
    if (!parsed.success) {
      deps.log.error({ template: name, issues: parsed.error.issues }, "a job template is not valid");
      continue;
    }
    const { cid, size } = await storeCode(deps, name, join(FOLDER, name, CODE));
    templates.push({ ...parsed.data, code: { cid, path: CODE, size } });
  }
  return templates;
}

async function storeCode(deps: Deps, name: string, path: string): Promise<{ cid: string; size: number }> {
  const print = await fingerprint(createReadStream(path));
  const same = and(eq(files.cid, print.cid), eq(files.purpose, "template"));
  const rows = await deps.db.select({ id: files.id }).from(files).where(same);
  for (const { id } of rows) {
    const bytes = await deps.storage.weights.read(id, { start: 0, end: 0 }).catch(() => null);
    if (!bytes) continue;
    await bytes.cancel();
    return print;
  }
  // Not there, or the store is another one than it was.
  const kept = await receiveFile(deps, createReadStream(path), {
    limit: MAX_CODE_BYTES,
    tooLarge: () => fileTooLarge(MAX_CODE_BYTES),
    announced: undefined,
  });
  await deps.db.transaction(async (tx) => {
    await tx.delete(files).where(same);
    await tx.insert(files).values({ ...kept, name: `${name}.mjs`, purpose: "template" });
  });
  return kept;
}
