import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { CID } from "multiformats/cid";
import { describe, MinerError } from "../errors.ts";
import { diskOf } from "../heartbeat.ts";
import type { WantedModel } from "../protocol.ts";
import { decryptFile, fetchKey, type WeightsKey } from "./decrypt.ts";
import { type Cut, type DownloadParameters, download } from "./download.ts";
import { type Fingerprint, fingerprint } from "./fingerprint.ts";

/** Bytes of disk that a download leaves free. */
const DISK_RESERVE = 64 * 1024 * 1024;

type Expected = Pick<WantedModel, "cid" | "sha256" | "size" | "weightsUrl"> &
  Partial<Pick<WantedModel, "keyUrl">>;

export interface WeightsStoreParameters {
  /** Folder of the cache; made when missing. */
  dir: string;
  apiUrl: string;
  /** The node's token at this moment. */
  token: () => string | null;
  /** Free bytes of the disk; only a test has a reason to pass its own. */
  freeBytes?: (dir: string) => Promise<number>;
  /** Told of each cut after which a download goes on. */
  onCut?: (cid: string, cut: Cut) => void;
  /** Patience of the download. */
  retry?: Pick<DownloadParameters, "attempts" | "idleMs" | "backoffBaseMs">;
}

/**
 * Weights on disk, one file per CID. A file that has its final name was checked, sha-256 and CID, while it
 * was written, and is checked again the first time that this process uses it. Protected weights come encrypted: the
 * CID and the sha-256 are checked of what came, the key's sha-256 of what was in it, and only the latter is kept.
 */
export class WeightsStore {
  readonly #parameters: WeightsStoreParameters;
  /** By CID: the path, once the file behind it is known to be whole. Two models with one CID share it. */
  readonly #ready = new Map<string, Promise<string>>();

  constructor(parameters: WeightsStoreParameters) {
    this.#parameters = parameters;
  }

  /**
   * The path of the weights of `wanted`, fetched first when they are not here.
   * @param onProgress share of the bytes that are here, 0 to 1
   * @throws MinerError when they cannot be had or are not what was announced
   */
  async ensure(wanted: Expected, signal: AbortSignal, onProgress: (share: number) => void = () => {}) {
    const cid = canonicalCid(wanted.cid);
    const known = this.#ready.get(cid);
    if (known) return known;
    const pending = this.#provide({ ...wanted, cid }, signal, onProgress);
    this.#ready.set(cid, pending);
    // A failure is not remembered: the next call starts over.
    pending.catch(() => this.#ready.delete(cid));
    return pending;
  }

  async #provide(
    wanted: Expected,
    signal: AbortSignal,
    onProgress: (share: number) => void,
  ): Promise<string> {
    await mkdir(this.#parameters.dir, { recursive: true });
    const path = join(this.#parameters.dir, `${wanted.cid}.gguf`);
    const key = wanted.keyUrl ? await this.#key(wanted.keyUrl, signal) : null;
    const present = await stat(path).catch(() => null);
    if (present?.isFile()) {
      if (present.size === (key ?? wanted).size && (await isWhole(path, wanted, key))) return path;
      // Damaged on disk since it was checked. Nothing of it can be trusted.
      await rm(path);
    }
    const part = await this.#fetch(wanted, path, key?.size ?? 0, signal, onProgress);
    if (key === null) {
      await rename(part, path);
      return path;
    }
    try {
      await decryptFile(part, `${path}.plain`, key, signal);
    } catch (error) {
      if (error instanceof MinerError) await rm(part, { force: true });
      throw isDiskFull(error) ? diskFull(this.#parameters.dir, error) : error;
    }
    await rename(`${path}.plain`, path);
    await rm(part);
    return path;
  }

  #key(keyUrl: string, signal: AbortSignal): Promise<WeightsKey> {
    const url = new URL(keyUrl, this.#parameters.apiUrl);
    return fetchKey(url, this.#tokenFor(url), signal);
  }

  /** The token is for the API alone; weights may also lie elsewhere. */
  #tokenFor(url: URL): string | null {
    return url.origin === new URL(this.#parameters.apiUrl).origin ? this.#parameters.token() : null;
  }

  /**
   * Fetches the stored bytes and checks them.
   * @param room bytes that are needed besides
   * @returns where they are
   */
  async #fetch(
    wanted: Expected,
    path: string,
    room: number,
    signal: AbortSignal,
    onProgress: (share: number) => void,
  ): Promise<string> {
    const {
      apiUrl,
      dir,
      onCut,
      freeBytes = async (folder) => (await diskOf(folder)).free,
    } = this.#parameters;
    const part = `${path}.part`;
    let offset = (await stat(part).catch(() => null))?.size ?? 0;
    if (offset >= wanted.size) {
      await rm(part, { force: true });
      offset = 0;
    }
    const needed = wanted.size - offset + room + DISK_RESERVE;
    const free = await freeBytes(dir);
    if (free < needed)
      throw new MinerError(
        `Not enough disk for the weights: ${mib(needed)} needed, ${mib(free)} free in ${dir}.`,
        {
          hint: "Free some space, or choose another --data-dir.",
          retryable: true,
        },
      );
    const url = new URL(wanted.weightsUrl, apiUrl);
    const token = this.#tokenFor(url);
    const file = await open(part, "a", 0o600);
    let found: Fingerprint;
    try {
      const rest = download({
        ...this.#parameters.retry,
        url,
        token,
        offset,
        size: wanted.size,
        signal,
        onCut: (cut) => onCut?.(wanted.cid, cut),
      });
      found = await fingerprint(whole(part, offset, rest, file, (bytes) => onProgress(bytes / wanted.size)));
      await file.sync();
    } catch (error) {
      throw isDiskFull(error) ? diskFull(dir, error) : error;
    } finally {
      await file.close();
    }
    const wrong = differences(found, wanted);
    if (wrong.length > 0) {
      await rm(part, { force: true });
      throw new MinerError(
        `The weights are not what was announced, and were thrown away: ${wrong.join(", ")}.`,
      );
    }
    // The bytes were checked as they passed; this is what is left of them on disk.
    if ((await stat(part)).size !== wanted.size) {
      await rm(part, { force: true });
      throw new MinerError(`Another process wrote to ${part}.`, {
        hint: "Give every node a --data-dir of its own.",
        retryable: true,
      });
    }
    return part;
  }
}

const READ = { highWaterMark: 1024 * 1024 };

/** What an earlier, cut download left, then the rest, which is written behind it as it passes. */
async function* whole(
  part: string,
  offset: number,
  rest: AsyncIterable<Uint8Array>,
  file: FileHandle,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  if (offset > 0) yield* createReadStream(part, { ...READ, end: offset - 1 });
  let bytes = offset;
  for await (const chunk of rest) {
    await file.appendFile(chunk);
    bytes += chunk.byteLength;
    onBytes(bytes);
    yield chunk;
  }
}

/** Whether a file of the cache is what it was: encrypted weights are there decrypted, and so have another hash. */
async function isWhole(path: string, wanted: Expected, key: WeightsKey | null): Promise<boolean> {
  if (key === null) return differences(await fingerprint(createReadStream(path, READ)), wanted).length === 0;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, READ)) hash.update(chunk);
  return hash.digest("hex") === key.sha256;
}

function differences(found: Fingerprint, wanted: Expected): string[] {
  const sha256 = wanted.sha256.toLowerCase().replace(/^0x/, "");
  const wrong: string[] = [];
  if (found.size !== wanted.size) wrong.push(`${found.size} bytes instead of ${wanted.size}`);
  if (found.sha256 !== sha256) wrong.push(`sha-256 ${found.sha256} instead of ${sha256}`);
  if (found.cid !== wanted.cid) wrong.push(`CID ${found.cid} instead of ${wanted.cid}`);
  return wrong;
}

/** The CID in its one canonical spelling; also keeps anything else out of a file name. */
function canonicalCid(text: string): string {
  try {
    return CID.parse(text).toV1().toString();
  } catch (error) {
    throw new MinerError(`“${text.slice(0, 80)}” is not a CID: ${describe(error)}.`);
  }
}

function diskFull(dir: string, cause: unknown): MinerError {
  return new MinerError(`The disk of ${dir} is full.`, { retryable: true, cause });
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOSPC";
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
