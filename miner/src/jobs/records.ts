import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { removeFolder } from "./outputs.ts";
import { type Finish, type RunEnd, type Work, workSchema } from "./protocol.ts";

const endSchema = z.object({
  exitCode: z.number().nullable(),
  outOfMemory: z.boolean(),
  timedOut: z.boolean(),
  containerSeconds: z.number(),
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
});
const file = z.object({ path: z.string(), cid: z.string(), size: z.number(), sha256: z.string() });
const recordSchema = z.object({
  work: workSchema,
  /** How the container ended, once it did. */
  end: endSchema.nullable().default(null),
  /** What the API is to be told, once everything else is done. */
  finish: endSchema
    .extend({ files: z.array(file) })
    .nullable()
    .default(null),
});

/** What is on disk of one attempt: enough to finish it after the process was killed at any moment. */
export interface AttemptRecord {
  work: Work;
  end: RunEnd | null;
  finish: Finish | null;
}

/** The folders of attempts: `jobs/<attempt id>/{attempt.json,in,out,run}`. */
export class Records {
  readonly dir: string;

  constructor(dataDir: string) {
    this.dir = join(dataDir, "jobs");
  }

  folder(attemptId: string): string {
    return join(this.dir, attemptId);
  }

  /** Whole or not at all, and on the disk when this returns. */
  async write(record: AttemptRecord): Promise<void> {
    const folder = this.folder(record.work.attemptId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `attempt.${randomUUID()}`);
    const handle = await open(temporary, "w", 0o600);
    try {
      await handle.writeFile(JSON.stringify(record));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, join(folder, "attempt.json"));
  }

  async remove(attemptId: string): Promise<void> {
    await removeFolder(this.folder(attemptId));
  }

  /** Attempts that an earlier process did not get done with. Folders without a readable record are removed. */
  async leftovers(): Promise<AttemptRecord[]> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const records: AttemptRecord[] = [];
    for (const name of await readdir(this.dir)) {
      const record = await this.#read(name);
      if (record?.work.attemptId === name) records.push(record);
      else await removeFolder(join(this.dir, name));
    }
    return records;
  }

  async #read(name: string): Promise<AttemptRecord | null> {
    try {
      const parsed = recordSchema.safeParse(
        JSON.parse(await readFile(join(this.dir, name, "attempt.json"), "utf8")),
      );
      return parsed.success ? (parsed.data as AttemptRecord) : null;
    } catch {
      return null;
    }
  }
}
