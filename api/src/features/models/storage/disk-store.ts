import { constants, createReadStream } from "node:fs";
import { access, copyFile, link, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { WeightsStore, WeightsWriter } from "./weights-store.ts";

/** Files in a folder. */
export function openDiskStore(directory: string): WeightsStore {
  const pathOf = (key: string) => {
    if (!/^[0-9a-z-]+$/.test(key)) throw new Error(`Not a key: ${key}`);
    return join(directory, key);
  };
  return {
    kind: "disk",
    writer: async (key, staged) => {
      const path = pathOf(key);
      await mkdir(directory, { recursive: true });
      return staged === null ? writeTo(path) : linkTo(path, staged);
    },
    read: async (key, range) => {
      const path = pathOf(key);
      await access(path, constants.R_OK);
      const file = createReadStream(path, { ...range, highWaterMark: 1024 ** 2 });
      return Readable.toWeb(file) as ReadableStream<Uint8Array>;
    },
    remove: async (key) => {
      await rm(pathOf(key), { force: true });
      await rm(`${pathOf(key)}.part`, { force: true });
    },
    check: async () => {
      await mkdir(directory, { recursive: true });
      await access(directory, constants.R_OK | constants.W_OK);
    },
  };
}

/** The bytes are on this disk already: they get a second name. */
function linkTo(path: string, staged: string): WeightsWriter {
  return {
    write: async () => undefined,
    close: async () => {
      try {
        await link(staged, path);
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : undefined;
        // There already: an earlier attempt was killed between this and its record.
        if (code === "EEXIST") return;
        if (code === "ENOENT" || code === "ENOSPC") throw error;
        // File systems without hard links. The rename makes the copy appear as a whole.
        await copyFile(staged, `${path}.part`);
        await rename(`${path}.part`, path);
      }
    },
    abort: async () => undefined,
  };
}

/** The rename makes the file appear as a whole; it also takes the place of an earlier attempt's. */
async function writeTo(path: string): Promise<WeightsWriter> {
  const file = await open(`${path}.part`, "w", 0o600);
  return {
    write: async (bytes) => {
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
    },
    close: async () => {
      await file.sync();
      await file.close();
      await rename(`${path}.part`, path);
    },
    abort: async () => {
      await file.close().catch(() => undefined);
      await rm(`${path}.part`, { force: true });
    },
  };
}
