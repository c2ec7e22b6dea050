import { createHash } from "node:crypto";
import { BlackHoleBlockstore } from "blockstore-core";
import { importer } from "ipfs-unixfs-importer";

/** What identifies a file's bytes. */
export interface Fingerprint {
  cid: string;
  /** Lower-case hexadecimal. */
  sha256: string;
  /** Bytes. */
  size: number;
}

/**
 * The fingerprint of a stream, in one pass and constant memory; no block of it is kept. The CID is the one of
 * `ipfs add --cid-version=1 --chunker=size-1048576 --max-file-links=1024`.
 */
export async function fingerprint(source: AsyncIterable<Uint8Array>): Promise<Fingerprint> {
  const hash = createHash("sha256");
  let size = 0;
  async function* tee() {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.byteLength;
      yield chunk;
    }
  }
  let cid = "";
  const entries = importer([{ content: tee() }], new BlackHoleBlockstore(), {
    profile: "unixfs-v1-2025",
    blockWriteConcurrency: 4,
  });
  for await (const entry of entries) cid = entry.cid.toString();
  return { cid, sha256: hash.digest("hex"), size };
}
