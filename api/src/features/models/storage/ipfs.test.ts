import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { unixfsCid } from "../../../testing/unixfs.ts";
import { type Ipfs, openIpfs } from "./ipfs.ts";

let directory: string;
let ipfs: Ipfs;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aiforge-ipfs-"));
  ipfs = openIpfs(directory);
});
afterAll(async () => {
  await ipfs.stop();
  await rm(directory, { recursive: true, force: true });
});

const MIB = 1024 ** 2;

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* repeat(chunk: Uint8Array, times: number) {
  for (let i = 0; i < times; i++) yield chunk;
}

it("names one block by its raw hash, as anyone can compute it", async () => {
  // `printf 'hello world' | ipfs add --cid-version=1`
  expect(await ipfs.add(pieces(Buffer.from("hello world"), 4))).toBe(
    "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
  );
});

it("builds the same tree as ipfs add, however the bytes come in", async () => {
  const bytes = randomBytes(MIB + 12_345);
  const expected = unixfsCid([bytes]);
  expect(await ipfs.add(pieces(bytes, 64 * 1024))).toBe(expected);
  expect(await ipfs.add(pieces(bytes, 3 * MIB))).toBe(expected);
  const exact = randomBytes(2 * MIB);
  expect(await ipfs.add(pieces(exact, MIB))).toBe(unixfsCid([exact]));
});

it("puts a second level over 1,024 blocks", async () => {
  const zeros = new Uint8Array(MIB);
  expect(await ipfs.add(repeat(zeros, 1025))).toBe(unixfsCid(repeatSync(zeros, 1025)));
});

function* repeatSync(chunk: Uint8Array, times: number) {
  for (let i = 0; i < times; i++) yield chunk;
}

it("needs no more memory for more bytes", async () => {
  const before = process.memoryUsage().rss;
  const chunk = randomBytes(MIB);
  async function* bytes() {
    for (let i = 0; i < 192; i++) {
      chunk.writeUInt32LE(i);
      yield new Uint8Array(chunk);
    }
  }
  await ipfs.add(bytes());
  expect(process.memoryUsage().rss - before).toBeLessThan(160 * MIB);
});
