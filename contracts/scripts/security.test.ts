import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const TESTS = new URL("../test/", import.meta.url);
const page = readFileSync(new URL("../SECURITY.md", import.meta.url), "utf8");
const existing = new Set(
  readdirSync(TESTS)
    .filter((file) => file.endsWith(".t.sol"))
    .flatMap((file) => [
      ...readFileSync(new URL(file, TESTS), "utf8").matchAll(/function ((?:test|testFuzz|invariant)_\w+)\(/g),
    ])
    .map(([, name]) => name),
);

test("every test that SECURITY.md names exists", () => {
  const named = [...page.matchAll(/`((?:test|testFuzz|invariant)_[^`]*)`/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((name) => !existing.has(name))).toEqual([]);
});

test("every row of SECURITY.md names a test", () => {
  const rows = page
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (role|attack|module|event|invariant) \|/.test(line));
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter((row) => !/`(?:test|testFuzz|invariant)_\w+` \|/.test(row))).toEqual([]);
});

test("every invariant stands in SECURITY.md with its reason", () => {
  const invariants = [...existing].filter((name) => name?.startsWith("invariant_"));
  expect(invariants.length).toBeGreaterThanOrEqual(12);
  expect(invariants.filter((name) => !page.includes(`\n| \`${name}\` | `))).toEqual([]);
});
