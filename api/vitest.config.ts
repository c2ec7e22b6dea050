import { defineProject } from "vitest/config";

export default defineProject({
  test: {
    name: "api",
    include: ["**/*.test.ts"],
    globalSetup: ["src/testing/global-stack.ts"],
    // The files share one chain, whose faucet account must not race itself.
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
