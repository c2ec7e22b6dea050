import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FileServer, startFileServer } from "../testing/file-server.ts";
import { fingerprint } from "./fingerprint.ts";
import { WeightsStore, type WeightsStoreParameters } from "./store.ts";

const weights = randomBytes(3_500_000);
const never = new AbortController().signal;
let server: FileServer;
let dir: string;
let wanted: { cid: string; sha256: string; size: number; weightsUrl: string };

async function* once(bytes: Uint8Array) {
  yield bytes;
}

function store(options: Partial<WeightsStoreParameters> = {}): WeightsStore {
  const retry = { attempts: 4, idleMs: 300, backoffBaseMs: 10 };
  return new WeightsStore({ dir, apiUrl: server.origin, token: () => "node-token", retry, ...options });
}

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "weights-")), "cache");
  server = await startFileServer(weights);
  wanted = { ...(await fingerprint(once(weights))), weightsUrl: "/api/models/1/weights" };
});
afterEach(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

describe("fetching weights", () => {
  it("fetches them with the node's token, checks them, and keeps them under their CID", async () => {
    const shares: number[] = [];
    const path = await store().ensure(wanted, never, (share) => shares.push(share));
    expect(await readFile(path)).toEqual(weights);
    expect(await readdir(dir)).toEqual([`${wanted.cid}.gguf`]);
    expect(server.requests[0]?.authorization).toBe("Bearer node-token");
    expect(shares.at(-1)).toBe(1);
  });

  it("never tells the token to another host than the API", async () => {
    const elsewhere = { ...wanted, weightsUrl: `${server.origin}/mirror` };
    await store({ apiUrl: "http://127.0.0.1:9" }).ensure(elsewhere, never);
    expect(server.requests[0]?.authorization).toBeUndefined();
  });

  it("goes on from the last byte after a cut, however often", async () => {
    Object.assign(server.behaviour, { cutAfter: 900_000, cuts: 3 });
    const path = await store().ensure(wanted, never);
    expect(await readFile(path)).toEqual(weights);
    expect(server.requests.length).toBe(4);
    const starts = server.requests.map(({ range }) => Number(/\d+/.exec(range ?? "0")?.[0]));
    expect(starts.slice(1).every((start, index) => start > starts[index]!)).toBe(true);
  });

  it("goes on after a cut with a server that knows no ranges", async () => {
    Object.assign(server.behaviour, { cutAfter: 900_000, cuts: 2, ranges: false });
    expect(await readFile(await store().ensure(wanted, never))).toEqual(weights);
  });

  it.each([0, 700_000])(
    "takes a connection that brings nothing after %i bytes for a cut, and says so",
    async (after) => {
      Object.assign(server.behaviour, { stallAfter: after, stalls: 1 });
      const cuts: string[] = [];
      const onCut: WeightsStoreParameters["onCut"] = (cid, { reason }) => cuts.push(`${cid}: ${reason}`);
      expect(await readFile(await store({ onCut }).ensure(wanted, never))).toEqual(weights);
      expect(server.requests.length).toBe(2);
      expect(cuts).toEqual([`${wanted.cid}: nothing arrived for 0.3 s`]);
    },
  );

  it("goes on where another process stopped", async () => {
    const abort = new AbortController();
    Object.assign(server.behaviour, { stallAfter: 1_500_000, stalls: 1 });
    const first = store().ensure(wanted, abort.signal, (share) => share > 0.3 && abort.abort());
    await expect(first).rejects.toThrow();
    expect(await readdir(dir)).toEqual([`${wanted.cid}.gguf.part`]);
    expect(await readFile(await store().ensure(wanted, never))).toEqual(weights);
    expect(server.requests[1]?.range).toMatch(/^bytes=[1-9]\d+-$/);
  });

  it("starts over when what was left behind is damaged", async () => {
    const fresh = store();
    await expect(fresh.ensure({ ...wanted, weightsUrl: "/api/gone" }, AbortSignal.abort())).rejects.toThrow();
    await writeFile(join(dir, `${wanted.cid}.gguf.part`), randomBytes(1_000_000));
    await expect(fresh.ensure(wanted, never)).rejects.toThrow(/not what was announced/);
    expect(await readdir(dir)).toEqual([]);
    expect(await readFile(await fresh.ensure(wanted, never))).toEqual(weights);
  });

  it("fetches a CID once, for however many models want it", async () => {
    const shared = store();
    const paths = await Promise.all([1, 2, 3].map(() => shared.ensure(wanted, never)));
    expect(new Set(paths).size).toBe(1);
    expect(server.requests.length).toBe(1);
  });

  it("gives up with the reason when the server stays away", async () => {
    Object.assign(server.behaviour, { cutAfter: 0, cuts: 99 });
    await expect(store().ensure(wanted, never)).rejects.toMatchObject({ retryable: true });
    server.behaviour.status = 404;
    await expect(store().ensure(wanted, never)).rejects.toThrow(/refused with status 404/);
  });
});

describe("refusing weights", () => {
  it.each([
    ["another sha-256", { sha256: "0".repeat(64) }, /sha-256 .* instead of 0000/],
    [
      "another CID",
      { cid: "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e" },
      /CID .* instead of/,
    ],
    ["fewer bytes announced", { size: 3_000_000 }, /more than the 3000000 bytes/],
  ])("%s", async (_, change, reason) => {
    await expect(store().ensure({ ...wanted, ...change }, never)).rejects.toThrow(reason);
    expect((await readdir(dir)).filter((file) => file.endsWith(".gguf"))).toEqual([]);
  });

  it("one flipped bit", async () => {
    server.behaviour.body = Buffer.from(weights);
    server.behaviour.body[2_000_000]! ^= 1;
    await expect(store().ensure(wanted, never)).rejects.toThrow(/sha-256.*CID/);
    expect(await readdir(dir)).toEqual([]);
  });

  it("a CID that is a path", async () => {
    await expect(store().ensure({ ...wanted, cid: "../../x" }, never)).rejects.toThrow(/is not a CID/);
  });

  it("more than the disk holds, before the first byte", async () => {
    const full = store({ freeBytes: async () => 10_000_000 });
    await expect(full.ensure(wanted, never)).rejects.toThrow(/Not enough disk.*68 MiB needed, 10 MiB free/);
    expect(server.requests.length).toBe(0);
  });
});

describe("the cache at the next start", () => {
  it("is used when it is whole", async () => {
    await store().ensure(wanted, never);
    await store().ensure(wanted, never);
    expect(server.requests.length).toBe(1);
  });

  it("is fetched again when it is damaged", async () => {
    const path = await store().ensure(wanted, never);
    const damaged = Buffer.from(weights);
    damaged[5] = damaged[5]! ^ 255;
    await writeFile(path, damaged);
    expect(await readFile(await store().ensure(wanted, never))).toEqual(weights);
    expect(server.requests.length).toBe(2);
  });
});
