import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { Decrypter } from "age-encryption";
import { z } from "zod";
import { describe, MinerError } from "../errors.ts";

const keySchema = z.object({
  /** An age identity. */
  key: z.string().startsWith("AGE-SECRET-KEY-"),
  /** Of the decrypted weights, lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of the decrypted weights, bytes. */
  size: z.number().int().positive(),
});
/** What decrypts protected weights. It is kept in memory only. */
export type WeightsKey = z.infer<typeof keySchema>;

const TIMEOUT_MS = 30_000;

/**
 * Asks for the key of protected weights.
 * @param token null to send none
 * @throws MinerError when it is not given
 */
export async function fetchKey(url: URL, token: string | null, signal: AbortSignal): Promise<WeightsKey> {
  let response: Response;
  try {
    response = await fetch(url, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new MinerError(`The key of the weights did not come: ${describe(error)}.`, { retryable: true });
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new MinerError(`The key of the weights was refused with status ${response.status}.`, {
      hint: "These weights are for verified nodes: ask whoever runs the marketplace.",
      retryable: response.status >= 500 || response.status === 429,
    });
  }
  const parsed = keySchema.safeParse(await response.json().catch(() => null));
  if (!parsed.success) throw new MinerError("The answer to the question for the key is not one.");
  return parsed.data;
}

/**
 * Decrypts an age file into `to`, which only this user can read. What is there is replaced; after a failure nothing is.
 * @throws MinerError when the key does not fit, or the content is not what was announced
 */
export async function decryptFile(
  from: string,
  to: string,
  { key, sha256, size }: WeightsKey,
  signal: AbortSignal,
): Promise<void> {
  // Of a file that is there already the mode would stay.
  await rm(to, { force: true });
  const file = await open(to, "wx", 0o600);
  try {
    const decrypter = new Decrypter();
    decrypter.addIdentity(key);
    const hash = createHash("sha256");
    let bytes = 0;
    const encrypted = createReadStream(from, { highWaterMark: 1024 ** 2 });
    const source = Readable.toWeb(encrypted) as ReadableStream<Uint8Array>;
    try {
      for await (const chunk of await decrypter.decrypt(source)) {
        signal.throwIfAborted();
        hash.update(chunk);
        bytes += chunk.length;
        await file.appendFile(chunk);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Error && "code" in error && error.code === "ENOSPC") throw error;
      throw new MinerError(`The weights cannot be decrypted: ${describe(error)}.`, { cause: error });
    } finally {
      encrypted.destroy();
    }
    if (bytes !== size || hash.digest("hex") !== sha256) {
      throw new MinerError("The decrypted weights are not what was announced, and were thrown away.");
    }
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(to, { force: true });
    throw error;
  }
}
