import { defineProject } from "vitest/config";

export default defineProject({
  test: {
    name: "indexer",
    include: ["**/*.test.ts"],
    globalSetup: ["../scripts/testing/global-postgres.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
