import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeWhole } from "./write-whole.ts";

it("writes a file for its user alone, and removes what a killed process left of it", async () => {
  const folder = join(await mkdtemp(join(tmpdir(), "whole-")), "results");
  await mkdir(folder);
  const uuid = "0b6f3c52-7a51-4e8e-9d0c-0d6a1b6e3f11";
  const long = new Date(Date.now() - 7_200_000);
  const left = [`0xab.json.${uuid}`, `0xcd.json.${uuid}`, `other.${uuid}`, "0xef.json"];
  for (const name of left) {
    await writeFile(join(folder, name), "{");
    await utimes(join(folder, name), long, long);
  }
  // Another process is at it.
  await writeFile(join(folder, `0xef.json.${uuid}`), "{");
  await writeWhole(join(folder, "0xab.json"), "{}");
  expect((await readdir(folder)).sort()).toEqual(["0xab.json", ...left.slice(1), `0xef.json.${uuid}`].sort());
  await writeWhole(join(folder, "0xab.json"), "[]", "0x");
  expect((await readdir(folder)).sort()).toEqual(
    ["0xab.json", "0xef.json", `0xef.json.${uuid}`, `other.${uuid}`].sort(),
  );
  expect(await readFile(join(folder, "0xab.json"), "utf8")).toBe("[]");
  expect((await stat(join(folder, "0xab.json"))).mode & 0o777).toBe(0o600);
  await rm(join(folder, ".."), { recursive: true });
});
