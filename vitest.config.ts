import { defineConfig } from "vitest/config";

/** One project per workspace; `npx vitest run --project api` runs one of them. */
export default defineConfig({
  test: {
    projects: ["contracts", "indexer", "api", "miner", "web", "scripts"],
  },
});
