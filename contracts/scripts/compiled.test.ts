import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { compiledFiles } from "./compiled.ts";

const FOLDER = new URL("../src/compiled/", import.meta.url);

it("the committed ABIs and bytecode are those of a fresh compile", () => {
  const fresh = compiledFiles();
  expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(fresh).sort());
  for (const [name, content] of Object.entries(fresh)) {
    expect(
      readFileSync(new URL(name, FOLDER), "utf8") === content,
      `${name}: npm run generate -w contracts`,
    ).toBe(true);
  }
}, 400_000);
