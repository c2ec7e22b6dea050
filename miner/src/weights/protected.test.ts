import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FileServer, startFileServer } from "../testing/file-server.ts";
import { fingerprint } from "./fingerprint.ts";
import { WeightsStore, type WeightsStoreParameters } from "./store.ts";

const weights = randomBytes(3_500_000);
const sha256 = createHash("sha256").update(weights).digest("hex");
const never = new AbortController().signal;

let key: string;
let encrypted: Buffer;
let files: FileServer;
let keys: Server;
/** What the question for the key is answered with. */
let answer: { status: number; body: object };
let asked: (string | undefined)[];
let dir: string;
let wanted: { cid: string; sha256: string; size: number; weightsUrl: string; keyUrl: string };

async function* once(bytes: Uint8Array) {
  yield bytes;
}

function flip(bytes: Buffer, at: number): void {
  bytes[at]! ^= 1;
}

async function encrypt(identity: string): Promise<Buffer> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  return Buffer.from(await encrypter.encrypt(weights));
}

const store = (options: Partial<WeightsStoreParameters> = {}) =>
  new WeightsStore({
    dir,
    apiUrl: `http://127.0.0.1:${(keys.address() as AddressInfo).port}`,
    token: () => "node-token",
    retry: { attempts: 4, idleMs: 300, backoffBaseMs: 10 },
    ...options,
  });

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "protected-")), "cache");
  key = await generateX25519Identity();
  encrypted = await encrypt(key);
  answer = { status: 200, body: { key, sha256, size: weights.length, cid: "ignored" } };
  asked = [];
  files = await startFileServer(encrypted);
  keys = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response
      .writeHead(answer.status, { "content-type": "application/json" })
      .end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
  wanted = {
    ...(await fingerprint(once(encrypted))),
    weightsUrl: `${files.origin}/stored`,
    keyUrl: "/api/models/1/weights/key",
  };
});
afterEach(async () => {
  await files.stop();
  keys.closeAllConnections();
  await new Promise((resolve) => keys.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

describe("protected weights", () => {
  it("are checked as they come, decrypted, checked again, and kept for this user alone", async () => {
    const path = await store().ensure(wanted, never);
    expect(await readFile(path)).toEqual(weights);
    expect(await readdir(dir)).toEqual([`${wanted.cid}.gguf`]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(asked).toEqual(["Bearer node-token"]);
    // The files are elsewhere than the API.
    expect(files.requests[0]?.authorization).toBeUndefined();
  });

  it("go on after a cut", async () => {
    Object.assign(files.behaviour, { cutAfter: 900_000, cuts: 2 });
    expect(await readFile(await store().ensure(wanted, never))).toEqual(weights);
    expect(files.requests.length).toBe(3);
  });

  it("are used again at the next start when they are whole, with no key on the disk", async () => {
    const path = await store().ensure(wanted, never);
    await store().ensure(wanted, never);
    expect(files.requests.length).toBe(1);
    const damaged = Buffer.from(weights);
    damaged[7]! ^= 1;
    await writeFile(path, damaged);
    expect(await readFile(await store().ensure(wanted, never))).toEqual(weights);
    expect(files.requests.length).toBe(2);
    for (const name of await readdir(dir)) {
      expect((await readFile(join(dir, name))).includes("AGE-SECRET-KEY")).toBe(false);
    }
  });

  it("are not even fetched without a key", async () => {
    answer = { status: 404, body: { error: { code: "not_found" } } };
    await expect(store().ensure(wanted, never)).rejects.toMatchObject({
      message: "The key of the weights was refused with status 404.",
      hint: expect.stringContaining("verified nodes"),
      retryable: false,
    });
    answer = { status: 200, body: { key: "AGE-SECRET-KEY-1" } };
    await expect(store().ensure(wanted, never)).rejects.toThrow(/is not one/);
    expect(files.requests.length).toBe(0);
  });

  it.each<[string, () => Promise<object>, RegExp]>([
    [
      "another file's key",
      async () => ({ key: await generateX25519Identity(), sha256, size: weights.length }),
      /cannot be decrypted: no identity matched/,
    ],
    [
      "another content announced",
      async () => ({ key, sha256: "0".repeat(64), size: weights.length }),
      /not what was announced/,
    ],
    ["another size announced", async () => ({ key, sha256, size: 5 }), /not what was announced/],
  ])("leave nothing behind with %s", async (_what, body, reason) => {
    answer.body = await body();
    await expect(store().ensure(wanted, never)).rejects.toThrow(reason);
    expect(await readdir(dir)).toEqual([]);
  });

  it.each<[string, (bytes: Buffer) => void]>([
    ["a changed chunk", (bytes) => flip(bytes, 2_000_000)],
    ["a changed header", (bytes) => flip(bytes, 60)],
    ["exchanged chunks", (bytes) => void bytes.copyWithin(200_000, 400_000, 500_000)],
  ])("leave nothing behind with %s, even when its CID is announced", async (_what, damage) => {
    const damaged = Buffer.from(encrypted);
    damage(damaged);
    files.behaviour.body = damaged;
    await expect(store().ensure(wanted, never)).rejects.toThrow(/sha-256 .* instead of/);
    const announced = { ...wanted, ...(await fingerprint(once(damaged))) };
    await expect(store().ensure(announced, never)).rejects.toThrow(/cannot be decrypted/);
    expect(await readdir(dir)).toEqual([]);
  });

  it("need room for both, the encrypted and the decrypted", async () => {
    const full = store({ freeBytes: async () => 70 * 1024 * 1024 });
    await expect(full.ensure(wanted, never)).rejects.toThrow(/71 MiB needed, 70 MiB free/);
    expect(files.requests.length).toBe(0);
  });
});
