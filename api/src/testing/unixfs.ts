import { createHash } from "node:crypto";

const LEAF_BYTES = 1024 ** 2;
const MAX_LINKS = 1024;

/** A block as its parent links to it. */
interface Block {
  /** Binary CIDv1. */
  cid: Uint8Array;
  /** Bytes of the file under it. */
  fileBytes: number;
  /** Bytes of all blocks under it, its own included. */
  dagBytes: number;
}

/**
 * The CID that `ipfs add --cid-version=1 --chunker=size-1048576 --max-file-links=1024` gives, computed from the
 * specifications with nothing but SHA-256, so that it can check a library.
 * @see https://specs.ipfs.tech/unixfs/ and https://ipld.io/specs/codecs/dag-pb/spec/
 */
export function unixfsCid(content: Iterable<Uint8Array>): string {
  let level: Block[] = [];
  let rest = Buffer.alloc(0);
  for (const piece of content) {
    rest = Buffer.concat([rest, piece]);
    for (; rest.length >= LEAF_BYTES; rest = rest.subarray(LEAF_BYTES))
      level.push(leaf(rest.subarray(0, LEAF_BYTES)));
  }
  if (rest.length > 0) level.push(leaf(rest));
  while (level.length > 1) {
    const parents: Block[] = [];
    for (let at = 0; at < level.length; at += MAX_LINKS)
      parents.push(parent(level.slice(at, at + MAX_LINKS)));
    level = parents;
  }
  return `b${base32(level[0]!.cid)}`;
}

function leaf(bytes: Uint8Array): Block {
  return { cid: cidV1(0x55, bytes), fileBytes: bytes.length, dagBytes: bytes.length };
}

function parent(children: Block[]): Block {
  const fileBytes = children.reduce((sum, child) => sum + child.fileBytes, 0);
  // UnixFS Data: Type = File (2), filesize, blocksizes.
  const data = Buffer.concat([
    varintField(1, 2),
    varintField(3, fileBytes),
    ...children.map((child) => varintField(4, child.fileBytes)),
  ]);
  // PBNode: its links (field 2) stand before its data (field 1). PBLink: Hash, Name (empty), Tsize.
  const links = children.map(({ cid, dagBytes }) =>
    bytesField(
      2,
      Buffer.concat([bytesField(1, cid), bytesField(2, Buffer.alloc(0)), varintField(3, dagBytes)]),
    ),
  );
  const node = Buffer.concat([...links, bytesField(1, data)]);
  const dagBytes = children.reduce((sum, child) => sum + child.dagBytes, node.length);
  return { cid: cidV1(0x70, node), fileBytes, dagBytes };
}

function cidV1(codec: number, block: Uint8Array): Uint8Array {
  const digest = createHash("sha256").update(block).digest();
  return Buffer.concat([Buffer.from([0x01, codec, 0x12, 0x20]), digest]);
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function bytesField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = BigInt(value);
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  bytes.push(Number(left));
  return Buffer.from(bytes);
}

function base32(bytes: Uint8Array): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}
