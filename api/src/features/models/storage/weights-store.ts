import type { Config } from "../../../config.ts";
import { openDiskStore } from "./disk-store.ts";
import { openS3Store } from "./s3-store.ts";

/** Bytes of a file, both ends included. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Takes a file's bytes in order; the file appears under its key with `close`, as a whole or not at all. */
export interface WeightsWriter {
  write: (bytes: Uint8Array) => Promise<void>;
  close: () => Promise<void>;
  abort: () => Promise<void>;
}

/** Where model files are kept, under the id of the upload that brought them. */
export interface WeightsStore {
  kind: "disk" | "s3";
  /**
   * A file that is there already is replaced.
   * @param staged path of the same bytes on this machine, which a store on the same disk need not copy; null when the
   *   bytes are nowhere else
   */
  writer: (key: string, staged: string | null) => Promise<WeightsWriter>;
  /** @throws Error when there is no such file */
  read: (key: string, range?: ByteRange) => Promise<ReadableStream<Uint8Array>>;
  /** Removes a file; none is fine. */
  remove: (key: string) => Promise<void>;
  /** @throws Error when the store cannot be used now */
  check: () => Promise<void>;
}

/** S3 when it is configured, else a folder. */
export function openWeightsStore(config: Config, directory: string): WeightsStore {
  const { S3_BUCKET, S3_ENDPOINT, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = config;
  if (!S3_BUCKET) return openDiskStore(directory);
  if (!S3_ACCESS_KEY_ID || !S3_SECRET_ACCESS_KEY) {
    throw new Error("S3_BUCKET is set, so S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are needed");
  }
  return openS3Store({
    bucket: S3_BUCKET,
    endpoint: S3_ENDPOINT,
    region: config.S3_REGION,
    accessKeyId: S3_ACCESS_KEY_ID,
    secretAccessKey: S3_SECRET_ACCESS_KEY,
  });
}
