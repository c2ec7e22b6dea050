import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

/**
 * Writes the package as it is published to a folder: `node build.ts [folder]`. Here the sources are run as they are,
 * but Node strips no types below `node_modules`.
 */
const here = import.meta.dirname;
const folder = resolve(process.argv[2] ?? join(here, "build"));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const config = join(here, "tsconfig.build.json");
execFileSync(process.execPath, [tsc, "-p", config, "--outDir", join(folder, "lib")], { stdio: "inherit" });

copyFileSync(join(here, "README.md"), join(folder, "README.md"));
copyFileSync(join(here, "../../LICENSE"), join(folder, "LICENSE"));
const source = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const { private: _private, scripts: _scripts, devDependencies: _dev, ...manifest } = source;
const published = {
  ...manifest,
  bin: { "tron-devnet": "lib/cli.js" },
  exports: { ".": { types: "./lib/index.d.ts", default: "./lib/index.js" } },
  files: ["lib"],
};
writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
