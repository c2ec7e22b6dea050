import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChainState } from "./chain-state.ts";
import { Failure } from "./failure.ts";

const dump = (block: number) => `0x${gzipSync(JSON.stringify({ block })).toString("hex")}` as const;
let folder: string;
let state: ChainState;
const unpackedBlock = async () => {
  const file = await state.unpack();
  return file === null ? null : JSON.parse(await readFile(file, "utf8")).block;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiforge-state-"));
  state = new ChainState(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the saved chain", () => {
  it("is nothing at first, then what was saved last", async () => {
    expect(await unpackedBlock()).toBe(null);
    await state.save(dump(1));
    expect(await unpackedBlock()).toBe(1);
    await state.save(dump(2));
    await state.save(dump(3));
    expect(await unpackedBlock()).toBe(3);
  });

  it("is the one before when the newest was cut off or is gone", async () => {
    await state.save(dump(1));
    await state.save(dump(2));
    const newest = join(folder, "state.json.gz");
    await writeFile(newest, (await readFile(newest)).subarray(0, 20));
    expect(await unpackedBlock()).toBe(1);
    await rm(newest);
    expect(await unpackedBlock()).toBe(1);
    await state.save(dump(3));
    expect(await unpackedBlock()).toBe(3);
  });

  it("is never taken for a new chain when none can be read", async () => {
    await state.save(dump(1));
    await writeFile(join(folder, "state.json.gz"), "");
    await expect(state.unpack()).rejects.toThrow(Failure);
  });
});
