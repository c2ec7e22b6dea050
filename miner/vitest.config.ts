import { defineProject } from "vitest/config";

// Models are loaded for real, which takes its time on a busy machine, so one file at a time.
export default defineProject({
  test: {
    name: "miner",
    include: ["**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
