import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = fileURLToPath(new URL(".", import.meta.url));

// tsconfig.json extends what kit writes, which a fresh clone does not have yet.
if (!existsSync(`${here}node_modules/$app/tsconfig.json`)) {
  const kit = fileURLToPath(
    new URL(
      "../svelte-kit.js",
      import.meta.resolve("@sveltejs/kit/package.json").replace("package.json", "x/"),
    ),
  );
  execFileSync(process.execPath, [kit, "sync"], { cwd: here });
}

export default defineConfig({
  test: {
    name: "web",
    include: ["src/**/*.test.ts", "server/**/*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
