import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Each file starts a house of its own, so one at a time. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: {
    name: "faults",
    include: ["*.test.ts"],
    fileParallelism: false,
    testTimeout: 400_000,
    hookTimeout: 900_000,
  },
});
