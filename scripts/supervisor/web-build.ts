import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { ROOT } from "./config.ts";
import type { Supervisor } from "./supervisor.ts";

const STAMP = join(ROOT, "web/build/.sources");
/** Everything that the built pages are made of. */
const SOURCES = [
  "package-lock.json",
  "web/package.json",
  "web/vite.config.ts",
  "web/tsconfig.json",
  "web/src",
  "web/static",
  "contracts/src",
  "api/client",
];

/**
 * Builds the pages, unless what is built was made of the same sources.
 * @returns whether a build was needed
 * @throws Failure with the builder's last words
 */
export async function buildWeb(supervisor: Supervisor): Promise<boolean> {
  const wanted = await hashSources();
  const built = await readFile(STAMP, "utf8").catch(() => null);
  if (built === wanted) return false;
  await supervisor.run({
    name: "web-build",
    label: "Building the pages",
    command: process.execPath,
    args: [join(ROOT, "node_modules/vite/bin/vite.js"), "build"],
    cwd: join(ROOT, "web"),
    env: { ...process.env, NODE_ENV: "production" },
  });
  // Last, so that a build that was cut off is made again.
  await writeFile(STAMP, wanted);
  return true;
}

async function hashSources(): Promise<string> {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const file of await filesOf(join(ROOT, source))) {
      hash
        .update(`${relative(ROOT, file)}\0`)
        .update(await readFile(file))
        .update("\0");
    }
  }
  return hash.digest("hex");
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (!found) return [];
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !dirname(file).includes("node_modules") && !file.includes(".test."))
    .sort();
}
