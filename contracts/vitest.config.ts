import { defineProject } from "vitest/config";

// Some compile and prove: seconds on an idle machine, which other tests keep busy.
export default defineProject({
  test: { name: "contracts", include: ["**/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000 },
});
