import { defineProject } from "vitest/config";

export default defineProject({
  test: {
    name: "indexer",
    include: ["**/*.test.ts"],
    globalSetup: ["../scripts/testing/global-postgres.ts"],
    // Most of the time is spent waiting for blocks, so two files at once cost little.
    maxWorkers: 2,
    // Vitest refuses a group whose projects have different numbers of workers, which others take from the machine.
    sequence: { groupOrder: 1 },
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
