import { link, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Failure } from "./failure.ts";

/**
 * The saved state of the local chain: the newest and the one before it. A new one is written beside them and takes its
 * name only when it is on the disk, so a kill in the middle of a write loses nothing that was saved.
 */
export class ChainState {
  #folder: string;
  #newest: string;
  #previous: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#newest = join(folder, "state.json.gz");
    this.#previous = join(folder, "state.previous.json.gz");
  }

  /** @param dump what `anvil_dumpState` gives: gzipped JSON in hexadecimal */
  async save(dump: `0x${string}`): Promise<void> {
    const fresh = join(this.#folder, "state.new.json.gz");
    const file = await open(fresh, "w", 0o600);
    try {
      await file.writeFile(Buffer.from(dump.slice(2), "hex"));
      await file.sync();
    } finally {
      await file.close();
    }
    await rm(this.#previous, { force: true });
    await link(this.#newest, this.#previous).catch(ignoreMissing);
    await rename(fresh, this.#newest);
  }

  /**
   * Unpacks the newest readable state for anvil's `--load-state`.
   * @returns the unpacked file, or null when nothing was saved yet
   * @throws Failure when there are saved states and none can be read
   */
  async unpack(): Promise<string | null> {
    await mkdir(this.#folder, { recursive: true });
    let found = false;
    for (const file of [this.#newest, this.#previous]) {
      const packed = await readFile(file).catch(ignoreMissing);
      if (!packed) continue;
      found = true;
      const json = tryUnpack(packed);
      if (!json) continue;
      const unpacked = join(this.#folder, "loading.json");
      await writeFile(unpacked, json, { mode: 0o600 });
      return unpacked;
    }
    if (found) {
      throw new Failure(
        `The saved chain in ${this.#folder} cannot be read; npm start -- --reset begins a new one.`,
      );
    }
    return null;
  }

  /** Removes what {@link unpack} wrote. */
  async forgetUnpacked(): Promise<void> {
    await rm(join(this.#folder, "loading.json"), { force: true });
  }
}

function tryUnpack(packed: Buffer): Buffer | null {
  try {
    const json = gunzipSync(packed);
    JSON.parse(json.toString());
    return json;
  } catch {
    return null;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
