import { join } from "node:path";
import { FileStore } from "@tus/file-store";
import type { Config } from "../../../config.ts";
import { type Ipfs, openIpfs } from "./ipfs.ts";
import { openWeightsStore, type WeightsStore } from "./weights-store.ts";

const UPLOAD_DAYS = 7;

/** Everything that holds model files. Instances that share uploads share `DATA_DIR`. */
export interface Storage {
  ipfs: Ipfs;
  weights: WeightsStore;
  /** Uploads that are not finished, and finished ones until they are ingested. */
  staging: FileStore;
  stagedPath: (uploadId: string) => string;
  /** Ingests that this instance is at, by upload id. */
  ingesting: Map<string, Promise<void>>;
  close: () => Promise<void>;
}

export function openStorage(config: Config): Storage {
  const stagingDirectory = join(config.DATA_DIR, "uploads");
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
    close: async () => {
      await Promise.allSettled(ingesting.values());
      await ipfs.stop();
    },
  };
}
