import { type ByteArray, sha256, toBytes } from "viem";

const LEAF_BYTES = 1024 ** 2;
const MAX_LINKS = 1024;
const RAW = 0x55;
const DAG_PB = 0x70;

/** A block as its parent links to it: its binary CID, the file's bytes under it, and the bytes of all its blocks. */
interface Block {
  cid: Uint8Array;
  fileBytes: number;
  dagBytes: number;
}

/**
 * The CID of a file as the platform publishes it (profile `unixfs-v1-2025`), computed without a library, so that
 * anyone can check what they downloaded.
 * @see https://specs.ipfs.tech/unixfs/
 * @returns the same as `ipfs add --cid-version=1 --chunker=size-1048576 --max-file-links=1024`
 */
export function contentCid(bytes: Uint8Array): string {
  let level: Block[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += LEAF_BYTES) {
    const leaf = bytes.subarray(at, at + LEAF_BYTES);
    level.push({ cid: cidV1(RAW, leaf), fileBytes: leaf.length, dagBytes: leaf.length });
  }
  while (level.length > 1) {
    const parents: Block[] = [];
    for (let at = 0; at < level.length; at += MAX_LINKS)
      parents.push(parent(level.slice(at, at + MAX_LINKS)));
    level = parents;
  }
  return `b${base32((level[0] as Block).cid)}`;
}

function parent(children: Block[]): Block {
  const fileBytes = children.reduce((sum, child) => sum + child.fileBytes, 0);
  // UnixFS: a file (2), its size, the size under each link.
  const data = join([
    number(1, 2),
    number(3, fileBytes),
    ...children.map((child) => number(4, child.fileBytes)),
  ]);
  // dag-pb: the links (hash, no name, size) stand before the data.
  const links = children.map(({ cid, dagBytes }) =>
    field(2, join([field(1, cid), field(2, new Uint8Array()), number(3, dagBytes)])),
  );
  const node = join([...links, field(1, data)]);
  const dagBytes = children.reduce((sum, child) => sum + child.dagBytes, node.length);
  return { cid: cidV1(DAG_PB, node), fileBytes, dagBytes };
}

/** Version 1, codec, sha2-256 (0x12) of 32 bytes. */
const cidV1 = (codec: number, block: Uint8Array): Uint8Array =>
  join([Uint8Array.of(1, codec, 0x12, 32), toBytes(sha256(block as ByteArray))]);

const number = (tag: number, value: number): Uint8Array => join([varint(tag << 3), varint(value)]);

const field = (tag: number, value: Uint8Array): Uint8Array =>
  join([varint((tag << 3) | 2), varint(value.length), value]);

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Uint8Array.from([...bytes, left]);
}

function join(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
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
