import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { FileStore } from "@tus/file-store";
import type { Config } from "../../../config.ts";
import { type Ipfs, openIpfs } from "./ipfs.ts";
import { openWeightsStore, type WeightsStore } from "./weights-store.ts";

const UPLOAD_DAYS = 7;
const PARALLEL_INGESTS = 2;

/** Everything that holds model files. Instances that share uploads share `DATA_DIR`. */
export interface Storage {
  ipfs: Ipfs;
  weights: WeightsStore;
  /** Uploads that are not finished, and finished ones until they are ingested. */
  staging: FileStore;
  stagedPath: (uploadId: string) => string;
  /** Ingests that this instance is at or that wait their turn, by upload id. */
  ingesting: Map<string, Promise<void>>;
  /** Runs an ingest when fewer than two are running: each holds a database connection and a worker's memory. */
  inTurn: <T>(task: () => Promise<T>) => Promise<T>;
  close: () => Promise<void>;
}

export function openStorage(config: Config): Storage {
  const stagingDirectory = join(config.DATA_DIR, "uploads");
  // What is uploaded lies here as it came until it is ingested.
  mkdirSync(stagingDirectory, { recursive: true, mode: 0o700 });
  const ipfs = openIpfs(join(config.DATA_DIR, "ipfs"));
  const ingesting = new Map<string, Promise<void>>();
  return {
    ipfs,
    weights: openWeightsStore(config, join(config.DATA_DIR, "weights")),
    staging: new FileStore({
      directory: stagingDirectory,
      expirationPeriodInMilliseconds: UPLOAD_DAYS * 24 * 3600 * 1000,
    }),
    stagedPath: (uploadId) => join(stagingDirectory, uploadId),
    ingesting,
    inTurn: turns(PARALLEL_INGESTS),
    close: async () => {
      await Promise.allSettled(ingesting.values());
      await ipfs.stop();
    },
  };
}

/** Runs at most `count` tasks at a time, in the order they came. */
function turns(count: number): Storage["inTurn"] {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= count) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
