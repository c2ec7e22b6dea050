import { defineProject } from "vitest/config";

// Models are loaded for real, which takes its time on a busy machine.
export default defineProject({
  test: { name: "miner", include: ["**/*.test.ts"], testTimeout: 90_000, hookTimeout: 90_000 },
});
