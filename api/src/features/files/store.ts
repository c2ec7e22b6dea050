import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "../../core/errors.ts";
import type { Deps } from "../../deps.ts";
import type { ByteRange } from "../models/storage/weights-store.ts";
import { brokenOff, storageFull } from "./errors.ts";
import { type Fingerprint, fingerprint } from "./fingerprint.ts";

const CHUNK_BYTES = 1024 ** 2;

/** A file that is in the store and on IPFS, and in no table yet. */
export interface Stored extends Fingerprint {
  id: string;
}

export interface Receiving {
  /** Most bytes. */
  limit: number;
  tooLarge: () => AppError;
  /** The `Content-Length`, where there is one: what is too large is refused before it comes. */
  announced: string | undefined;
  /** Looks at what came before anything of it is kept; throws to refuse it. */
  check?: (print: Fingerprint) => void;
}

/**
 * Takes a body in one pass: it lies beside the uploads until all of it is here and its CID and sha-256 are known, and
 * only then it goes to the store and to IPFS. Nothing stays of what is refused or breaks off.
 * @throws AppError what `tooLarge` and `check` say, `storage_full` (507), `upload_broken` (400)
 */
export async function receiveFile(
  { storage }: Pick<Deps, "storage">,
  body: AsyncIterable<Uint8Array> | null,
  { limit, tooLarge, announced, check }: Receiving,
): Promise<Stored> {
  const expected = announced === undefined ? null : Number(announced);
  if (expected !== null && expected > limit) throw tooLarge();
  const id = randomUUID();
  const staged = storage.stagedPath(id);
  await mkdir(dirname(staged), { recursive: true });
  // Staged bytes and IPFS blocks are on this disk at the same time.
  const { bavail, bsize } = await statfs(dirname(staged));
  if (bavail * bsize < (expected ?? 0) * 2) throw storageFull();
  try {
    const print = await stage(staged, body ?? none(), limit, tooLarge);
    if (expected !== null && print.size !== expected) throw brokenOff();
    check?.(print);
    await keep(storage, id, staged);
    return { id, ...print };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") throw storageFull();
    throw error;
  } finally {
    await rm(staged, { force: true });
  }
}

async function stage(
  path: string,
  body: AsyncIterable<Uint8Array>,
  limit: number,
  tooLarge: () => AppError,
): Promise<Fingerprint> {
  const file = await open(path, "wx", 0o600);
  // The importer has its own errors; what went wrong here is told as it was.
  let fault: unknown;
  async function* taken() {
    let size = 0;
    try {
      for await (const chunk of body) {
        size += chunk.byteLength;
        if (size > limit) throw tooLarge();
        await file.write(chunk);
        yield chunk;
      }
    } catch (error) {
      const ours = error instanceof AppError || (error instanceof Error && "syscall" in error);
      fault = ours ? error : brokenOff();
      throw fault;
    }
  }
  try {
    return await fingerprint(taken());
  } catch (error) {
    throw fault ?? error;
  } finally {
    await file.close();
  }
}

/** One read for both: each chunk goes to the store and to IPFS before the next is read. */
async function keep(storage: Deps["storage"], id: string, staged: string): Promise<void> {
  const writer = await storage.weights.writer(id, staged);
  async function* chunks() {
    for await (const chunk of createReadStream(staged, { highWaterMark: CHUNK_BYTES })) {
      await writer.write(chunk);
      yield chunk as Uint8Array;
    }
  }
  try {
    await storage.ipfs.add(chunks());
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function* none(): AsyncGenerator<Uint8Array> {}

/**
 * The bytes of a file. A whole one is hashed as it passes: when the store holds something else than what came, the
 * stream breaks before its end, so that nobody takes it for the file.
 */
export async function openFile(
  { storage, log }: Pick<Deps, "storage" | "log">,
  file: { id: string; cid: string; sha256: string },
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array>> {
  const bytes = await storage.weights.read(file.id, range ?? undefined);
  if (range) return bytes;
  const hash = createHash("sha256");
  let held: Uint8Array | undefined;
  return bytes.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        hash.update(chunk);
        if (held) controller.enqueue(held);
        held = chunk;
      },
      flush: (controller) => {
        if (hash.digest("hex") === file.sha256) {
          if (held) controller.enqueue(held);
          return;
        }
        log.error({ fileId: file.id, cid: file.cid }, "a stored file is damaged");
        controller.error(new Error("The stored file is damaged"));
      },
    }),
  );
}
