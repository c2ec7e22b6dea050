import type { FileHandle } from "node:fs/promises";
import { jobPathClash } from "@aiforge/contracts";
import { fingerprint } from "../weights/fingerprint.ts";
import { outputBytes } from "./container.ts";
import { ApiError } from "./coordinator.ts";
import { listOutputs, openOutput } from "./outputs.ts";
import { JobError, type OutputFile, type Work } from "./protocol.ts";

/** Outputs that are sent at a time. */
const PARALLEL = 4;
/** Symbolic links that are named one by one. */
const NAMED_LINKS = 20;
/** Bytes of one read of a file. */
const READ = 1024 * 1024;

export interface UploadParameters {
  /** What was `/out`. */
  folder: string;
  /** Tells the job's owner. */
  note: (text: string) => void;
  /** Sends one file, as often as it takes. @param body its bytes from the start, for each try */
  put: (file: OutputFile, body: () => AsyncIterable<Uint8Array>) => Promise<unknown>;
}

/**
 * Sends what a container left behind.
 * @returns what was sent, by path
 * @throws JobError when it is not what a job may leave, or too much
 */
export async function uploadOutputs(work: Work, parameters: UploadParameters): Promise<OutputFile[]> {
  const { folder, note } = parameters;
  const found = await listOutputs(folder, outputBytes(work.spec));
  const clash = jobPathClash(found.files.map(({ path }) => path));
  if (clash !== null) throw new JobError("output_invalid", `${JSON.stringify(clash)} is there twice.`);
  for (const link of found.links.slice(0, NAMED_LINKS))
    note(`${JSON.stringify(link)} is a symbolic link and is left out.\n`);
  if (found.links.length > NAMED_LINKS) note(`So are ${found.links.length - NAMED_LINKS} more.\n`);
  const files: OutputFile[] = [];
  const queue = [...found.files];
  const bring = async () => {
    for (let next = queue.shift(); next; next = queue.shift())
      files.push(await uploadOne(next.path, parameters));
  };
  await Promise.all(Array.from({ length: PARALLEL }, bring));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function uploadOne(path: string, { folder, put }: UploadParameters): Promise<OutputFile> {
  const file = await openOutput(folder, path);
  const body = () => bytesOf(file);
  try {
    const output = { path, ...(await fingerprint(body())) };
    await put(output, body);
    return output;
  } catch (error) {
    if (error instanceof ApiError && error.status === 413)
      throw new JobError("output_too_large", error.message, { cause: error });
    throw error;
  } finally {
    await file.close();
  }
}

/** A file from its beginning. The streams of a handle would stay with it, one for each try while the API is away. */
async function* bytesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafe(READ), position: at });
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
