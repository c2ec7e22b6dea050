import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { withBitswap } from "@helia/bitswap";
import { withLibp2pLight } from "@helia/libp2p";
import { unixfs } from "@helia/unixfs";
import { identify } from "@libp2p/identify";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { FsBlockstore } from "blockstore-fs";
import { FsDatastore } from "datastore-fs";
import { createHeliaLight } from "helia";

/** An IPFS node that listens on this machine only and dials nobody; it starts when it is first needed. */
export interface Ipfs {
  /**
   * Adds a file.
   * @returns its CID, the one of `ipfs add --cid-version=1 --chunker=size-1048576 --max-file-links=1024`
   */
  add: (bytes: AsyncIterable<Uint8Array>) => Promise<string>;
  start: () => Promise<void>;
  stop: () => Promise<void>;
}

/** @param directory where blocks and the node's records are kept */
export function openIpfs(directory: string): Ipfs {
  let starting: ReturnType<typeof startNode> | undefined;
  const node = () => {
    starting ??= startNode(directory).catch((error: unknown) => {
      starting = undefined;
      throw error;
    });
    return starting;
  };
  return {
    add: async (bytes) => {
      const cid = await unixfs(await node()).addByteStream(bytes, { profile: "unixfs-v1-2025" });
      return cid.toString();
    },
    start: async () => void (await node()),
    stop: async () => void (await (await starting)?.stop()),
  };
}

async function startNode(directory: string) {
  const blocks = join(directory, "blocks");
  const records = join(directory, "records");
  await mkdir(blocks, { recursive: true });
  await mkdir(records, { recursive: true });
  const helia = createHeliaLight({
    blockstore: new FsBlockstore(blocks),
    datastore: new FsDatastore(records),
  });
  const node = withBitswap(
    withLibp2pLight(helia, {
      addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: { identify: identify(), ping: ping() },
    }),
  );
  await node.start();
  return node;
}
