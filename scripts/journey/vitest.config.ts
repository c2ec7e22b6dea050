import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Each file starts the whole house, so one at a time. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: {
    name: "journey",
    include: ["*.test.ts"],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 600_000,
    // Blocks, the mirror and then the page take a moment, on a busy machine more than one.
    expect: { poll: { timeout: 60_000 } },
  },
});
