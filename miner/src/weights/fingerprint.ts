import { createHash } from "node:crypto";
import { BlackHoleBlockstore } from "blockstore-core";
import { importer } from "ipfs-unixfs-importer";

/** What identifies a file's content. */
export interface Fingerprint {
  /** CIDv1, base32. */
  cid: string;
  /** Lower-case hex. */
  sha256: string;
  /** Bytes. */
  size: number;
}

/**
 * The fingerprint of a stream, in one pass and constant memory.
 *
 * The CID is that of profile unixfs-v1-2025 (IPIP-499: CIDv1, sha2-256, raw leaves, 1 MiB chunks, 1024
 * links a node), which is what `ipfs add --cid-version=1 --chunker=size-1048576 --max-file-links=1024`
 * prints. The blocks themselves are not kept.
 */
export async function fingerprint(source: AsyncIterable<Uint8Array>): Promise<Fingerprint> {
  const hash = createHash("sha256");
  let size = 0;
  async function* tee(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.byteLength;
      yield chunk;
    }
  }
  let cid = "";
  for await (const entry of importer([{ content: tee() }], new BlackHoleBlockstore(), {
    profile: "unixfs-v1-2025",
    // Blocks go nowhere, so hashing many at once would only hold many in memory.
    blockWriteConcurrency: 4,
  }))
    cid = entry.cid.toString();
  return { cid, sha256: hash.digest("hex"), size };
}
