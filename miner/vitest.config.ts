import { defineProject } from "vitest/config";

export default defineProject({ test: { name: "miner", include: ["**/*.test.ts"] } });
