import { defineProject } from "vitest/config";

/** The faults, the journey and the process tests run last, on their own: `scripts/{faults,journey}/vitest.config.ts`. */
export default defineProject({
  test: {
    name: "scripts",
    include: ["**/*.test.ts"],
    exclude: ["faults/**", "journey/**", "**/node_modules/**"],
  },
});
