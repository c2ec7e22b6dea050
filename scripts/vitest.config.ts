import { defineProject } from "vitest/config";

/** The faults, the journey and the process tests are runs of their own: `scripts/{faults,journey}/vitest.config.ts`. */
export default defineProject({
  test: {
    name: "scripts",
    include: ["**/*.test.ts"],
    exclude: ["faults/**", "journey/**", "**/node_modules/**"],
    // Several start a house.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
