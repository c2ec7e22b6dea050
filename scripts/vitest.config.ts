import { defineProject } from "vitest/config";

/** The journey and the process tests run last, on their own: `scripts/journey/vitest.config.ts`. */
export default defineProject({
  test: { name: "scripts", include: ["**/*.test.ts"], exclude: ["journey/**", "**/node_modules/**"] },
});
