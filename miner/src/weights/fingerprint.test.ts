import { createCipheriv, createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { describe, expect, it } from "vitest";
import { TINY } from "../testing/model.ts";
import { fingerprint } from "./fingerprint.ts";

const MIB = 1024 * 1024;

/** The pseudo-random file of Kubo's own tests: ChaCha20 under the sha-256 of a seed, nonce and counter zero. */
async function* kuboFile(seed: string, size: number, pieceLength = MIB): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv("chacha20", createHash("sha256").update(seed).digest(), Buffer.alloc(16));
  const zeros = Buffer.alloc(pieceLength);
  for (let at = 0; at < size; at += pieceLength)
    yield cipher.update(zeros.subarray(0, Math.min(pieceLength, size - at)));
}

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe("fingerprint", () => {
  it("gives “hello world” the CID that it has everywhere", async () => {
    expect(await fingerprint(bytes("hello world"))).toEqual({
      cid: "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
      sha256: "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
      size: 11,
    });
  });

  // What Kubo prints with --profile=unixfs-v1-2025, from its test vectors for IPIP-499 (cid_profiles_test.go).
  it.each([
    ["one block", "chunk-v1-seed", MIB, "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"],
    ["two blocks", "chunk-v1-seed", MIB + 1, "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"],
  ])("agrees with Kubo on %s, however the bytes arrive", async (_, seed, size, cid) => {
    for (const pieceLength of [MIB, 65_537, 3_000_000])
      expect(await fingerprint(kuboFile(seed, size, pieceLength))).toMatchObject({ cid, size });
  });

  it("agrees with Kubo on a file with more blocks than one node links to", async () => {
    const size = 1_024 * MIB + 1;
    expect(await fingerprint(kuboFile("v1-2025-seed", size))).toMatchObject({
      cid: "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe",
      size,
    });
  }, 120_000);

  it("gives the demo model its published sha-256", async () => {
    const { cid, sha256, size } = TINY;
    expect(await fingerprint(createReadStream(TINY.path))).toEqual({ cid, sha256, size });
  });
});
