import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LogFile } from "./log-file.ts";

const MIB = 1024 * 1024;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "aiforge-log-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("keeps two files of at most 5 MiB, however much is written", async () => {
  const log = new LogFile(join(folder, "api.log"));
  for (let i = 0; i < 23; i++) log.write(Buffer.alloc(MIB, `${i}\n`));
  log.write(Buffer.from("the end\n"));
  log.close();
  expect((await readdir(folder)).sort()).toEqual(["api.log", "api.log.1"]);
  for (const file of ["api.log", "api.log.1"]) {
    expect((await stat(join(folder, file))).size).toBeLessThanOrEqual(5 * MIB);
  }
  expect(log.tail.at(-1)).toBe("the end");
});

it("goes on after what an earlier run wrote", async () => {
  const file = join(folder, "api.log");
  for (const text of ["one\n", "two\n"]) {
    const log = new LogFile(file);
    log.write(Buffer.from(text));
    log.close();
  }
  expect((await stat(file)).size).toBe(8);
});
