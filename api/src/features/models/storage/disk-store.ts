import { constants, createReadStream } from "node:fs";
import { access, copyFile, link, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { WeightsStore } from "./weights-store.ts";

/** Files in a folder. */
export function openDiskStore(directory: string): WeightsStore {
  const pathOf = (key: string) => {
    if (!/^[0-9a-z-]+$/.test(key)) throw new Error(`Not a key: ${key}`);
    return join(directory, key);
  };
  return {
    kind: "disk",
    writer: async (key, staged) => ({
      write: async () => undefined,
      close: async () => {
        const path = pathOf(key);
        await mkdir(directory, { recursive: true });
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
    }),
    read: async (key, range) => {
      const path = pathOf(key);
      await access(path, constants.R_OK);
      const file = createReadStream(path, { ...range, highWaterMark: 1024 ** 2 });
      return Readable.toWeb(file) as ReadableStream<Uint8Array>;
    },
    remove: (key) => rm(pathOf(key), { force: true }),
    check: async () => {
      await mkdir(directory, { recursive: true });
      await access(directory, constants.R_OK | constants.W_OK);
    },
  };
}
