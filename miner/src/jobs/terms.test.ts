import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveChains } from "../own-chains.ts";
import { patienceMs } from "./attempt.ts";
import { resolveJobs } from "./config.ts";
import { lockFolder } from "./lock.ts";
import { forgery, lacking, priceFloor } from "./terms.ts";
import { workOf } from "./testing/work.ts";
import { account, soundWork } from "./testing/world.ts";

const IMAGE = `sha256:${"12".repeat(32)}`;

describe("priceFloor", () => {
  it("lets the node's 95 % pay for what is asked for, rounded up", () => {
    const spec = {
      ...workOf(IMAGE).spec,
      cpuMillis: 2_000,
      memoryMb: 1_024,
      gpus: 0,
      timeLimitSeconds: 3_600,
    };
    const rates = { cpuHour: "0.02", memoryGbHour: "0.005", gpuHour: "0.5" };
    // 2 × 0.02 + 0.005 = 0.045; 0.045 / 0.95 = 0.04736842…
    expect(priceFloor(rates, spec)).toBe(47_369n);
    expect(priceFloor(rates, { ...spec, gpus: 1 })).toBe(573_685n);
    expect(priceFloor({ cpuHour: "0", memoryGbHour: "0", gpuHour: "0" }, spec)).toBe(0n);
  });
});

describe("lacking", () => {
  it("counts what other jobs hold", () => {
    const all = { cpuMillis: 2_000, memoryMb: 1_000, diskMb: 1_000, gpus: 1, concurrency: 2 };
    const claim = { cpuMillis: 1_000, memoryMb: 500, diskMb: 100, gpus: 0 };
    expect(lacking(claim, all, [claim])).toBeNull();
    expect(lacking(claim, all, [claim, claim])).toContain("2 jobs at a time");
    expect(lacking({ ...claim, memoryMb: 501 }, all, [claim])).toContain("memoryMb 501; 500 are free");
  });
});

describe("forgery", () => {
  it("takes work whose hashes hold, and no other", () => {
    expect(forgery(soundWork(IMAGE), account.address)).toBeNull();
    const other = soundWork(IMAGE);
    expect(forgery({ ...other, job: { ...other.job, price: "2" } }, account.address)?.code).toBe(
      "node_refused",
    );
  });
});

describe("patienceMs", () => {
  it("is half of the time that is left, an hour at most", () => {
    const work = workOf(IMAGE);
    work.assignment.expiry = 1_600;
    expect(patienceMs(work, 1_000_000)).toBe(300_000);
    expect(patienceMs(work, 2_000_000)).toBe(0);
    expect(patienceMs(workOf(IMAGE), 1_000_000)).toBe(3_600_000);
  });
});

describe("lockFolder", () => {
  it("gives a folder to one at a time", async () => {
    const dir = await mkdtemp(join(tmpdir(), "lock-"));
    const unlock = await lockFolder(dir);
    await expect(lockFolder(dir)).rejects.toThrow(/Another aiforge-miner/);
    unlock();
    (await lockFolder(dir))();
    await rm(dir, { recursive: true });
  });
});

describe("resolveJobs", () => {
  it("takes the defaults", () => {
    expect(resolveJobs({ jobs: "auto" })).toMatchObject({
      jobs: "auto",
      images: ["localhost/node:1"],
      jobConcurrency: 2,
      allowNetwork: null,
    });
    expect(resolveJobs({ images: " any " }).images).toBe("any");
  });

  it("takes nodes and contracts of several chains, with a key for Tron's", () => {
    const raw = {
      rpcUrl:
        "https://eth.example/?a=1,2, tron:0x2B6653DC=https://api.trongrid.io,eip155:10=https://op.example",
      contracts: "tron:0x2b6653dc=TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    };
    expect(resolveChains(raw, { TRON_PRO_API_KEY: "key" })).toEqual({
      rpcUrl: "https://eth.example/?a=1,2",
      nodes: new Map([
        ["tron:0x2b6653dc", "https://api.trongrid.io"],
        ["eip155:10", "https://op.example"],
      ]),
      contracts: new Map([["tron:0x2b6653dc", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"]]),
      tronKey: "key",
    });
  });

  it.each([
    ["--images", { images: "a b" }],
    ["--job-cpus", { jobCpus: "0" }],
    ["--job-memory", { jobMemory: "1.5" }],
    ["--job-concurrency", { jobConcurrency: "-1" }],
    ["--price-cpu-hour", { priceCpuHour: "1e3" }],
    ["--price-gpu-hour", { priceGpuHour: "-0.1" }],
    ["--rpc-url", { rpcUrl: "localhost" }],
    ["--rpc-url", { rpcUrl: "https://a.example,https://b.example" }],
    ["--rpc-url", { rpcUrl: "tron:0x2b6653dc=ftp://a.example" }],
    ["--contracts", { contracts: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t" }],
    ["--contracts", { contracts: "tron:0x2b6653dc=TR7NHqjeKQxGTCi8q8ZY4pL8" }],
  ])("names %s when it is wrong", (option, raw) => {
    expect(() => resolveJobs(raw)).toThrow(option);
  });
});
