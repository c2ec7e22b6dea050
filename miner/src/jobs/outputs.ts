import { constants, type Dirent } from "node:fs";
import { chmod, type FileHandle, lstat, open, opendir, rm } from "node:fs/promises";
import { join } from "node:path";
import { JOB_LIMITS, jobPathProblem } from "@aiforge/contracts";
import { describe } from "../errors.ts";
import { JobError } from "./protocol.ts";

/** Folders, links and the like that `/out` may hold beside its files, before looking at it is given up. */
const MAX_ENTRIES = 10 * JOB_LIMITS.outputs;
const MAX_DEPTH = 32;
/** Bytes of `/out/progress.json`. */
const MAX_PROGRESS = 4 * 1024;

export interface Outputs {
  files: { path: string; size: number }[];
  /** Symbolic links: never followed, and left out. */
  links: string[];
  /** Bytes of all files. */
  bytes: number;
}

/**
 * What lies in `/out`, in the order of its paths. Nothing is followed out of it. Looks at no more entries than are allowed, so that its
 * time is bounded however many there are.
 * @param limit bytes
 * @throws JobError too_many_files, output_too_large, output_invalid
 */
export async function listOutputs(folder: string, limit: number): Promise<Outputs> {
  const found: Outputs = { files: [], links: [], bytes: 0 };
  await walk(folder, "", 0, found, { entries: 0 }, limit);
  found.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return found;
}

async function walk(
  folder: string,
  prefix: string,
  depth: number,
  found: Outputs,
  count: { entries: number },
  limit: number,
): Promise<void> {
  if (depth > MAX_DEPTH) throw invalid(`Folders in /out are more than ${MAX_DEPTH} deep`);
  for await (const entry of await entriesOf(folder)) {
    count.entries += 1;
    if (count.entries > MAX_ENTRIES) throw tooMany();
    const path = prefix + nameOf(entry, prefix);
    const problem = jobPathProblem(path);
    if (problem) throw invalid(`The name ${show(path)} in /out ${problem}`);
    const full = join(folder, path.slice(prefix.length));
    // Gone since: the job is still at work, and this is asked again when it is not.
    const info = await lstat(full).catch(() => null);
    if (info === null) continue;
    if (info.isSymbolicLink()) found.links.push(path);
    else if (info.isDirectory()) await walk(full, `${path}/`, depth + 1, found, count, limit);
    else if (!info.isFile())
      throw invalid(`${show(path)} in /out is neither a file nor a folder, but a socket, pipe or device`);
    else {
      found.files.push({ path, size: info.size });
      // A file with holes still has to be sent; one that grows may hold more than it says.
      found.bytes += Math.max(info.size, info.blocks * 512);
      if (found.files.length > JOB_LIMITS.outputs) throw tooMany();
      if (found.bytes > limit + slack(found.files.length))
        throw new JobError(
          "output_too_large",
          `/out holds more than ${Math.floor(limit / 1024 / 1024)} MiB.`,
        );
    }
  }
}

/** A file takes whole blocks of the disk: up to one each more than it holds. */
const slack = (files: number): number => files * 4_096;

async function entriesOf(folder: string): Promise<AsyncIterable<Dirent<Buffer>>> {
  try {
    return (await opendir(folder, {
      encoding: "buffer" as never,
      bufferSize: 64,
    })) as unknown as AsyncIterable<Dirent<Buffer>>;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return (async function* () {})();
    throw invalid(`A folder in /out cannot be read: ${describe(error)}`);
  }
}

/** The name as text, as far as it is text. */
function nameOf(entry: Dirent<Buffer>, prefix: string): string {
  const bytes = Buffer.from(entry.name);
  const name = bytes.toString("utf8");
  if (!Buffer.from(name).equals(bytes)) throw invalid(`A name in /out/${prefix} is not valid UTF-8`);
  return name;
}

/**
 * Opens a file of `/out` for reading, whatever it has become since it was listed: never a link, never what blocks.
 * @throws JobError output_invalid
 */
export async function openOutput(folder: string, path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(
      join(folder, path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch (error) {
    throw invalid(`${show(path)} in /out cannot be read: ${describe(error)}`);
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw invalid(`${show(path)} in /out is not a file`);
}

/** What `/out/progress.json` says, 0 to 1; null when it says nothing of use. */
export async function readProgress(folder: string): Promise<number | null> {
  const file = await openOutput(folder, "progress.json").catch(() => null);
  if (file === null) return null;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_PROGRESS), 0, MAX_PROGRESS, 0);
    const value: unknown = JSON.parse(buffer.toString("utf8", 0, bytesRead));
    const progress =
      typeof value === "object" && value !== null && "progress" in value ? value.progress : null;
    return typeof progress === "number" && progress >= 0 ? Math.min(1, progress) : null;
  } catch {
    return null;
  } finally {
    await file.close();
  }
}

/** Removes a job's folder, also where the job took away its own rights to it. */
export async function removeFolder(folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      return;
    } catch (error) {
      const locked = codeOf(error) === "EACCES" || codeOf(error) === "EPERM";
      if (!locked || attempt >= MAX_DEPTH) throw error;
      await unlock(folder);
    }
  }
}

async function unlock(folder: string): Promise<void> {
  const info = await lstat(folder).catch(() => null);
  if (!info?.isDirectory()) return;
  await chmod(folder, 0o700).catch(() => {});
  const entries = await opendir(folder).catch(() => []);
  for await (const entry of entries) if (entry.isDirectory()) await unlock(join(folder, entry.name));
}

const show = (path: string): string => JSON.stringify(path.slice(0, 100));
const invalid = (message: string) => new JobError("output_invalid", `${message}.`);
const tooMany = () => new JobError("too_many_files", `/out holds more than ${JOB_LIMITS.outputs} files.`);

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
