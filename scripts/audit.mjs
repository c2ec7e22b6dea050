#!/usr/bin/env node
// `npx audit` and `npm run audit:month`: gets Node 24 and the dependencies, then recomputes a month of the pool.
import { fileURLToPath } from "node:url";
import { bootstrap, reportAndExit, run } from "./bootstrap.mjs";

try {
  const { node, env } = await bootstrap({ output: process.stderr });
  const script = fileURLToPath(new URL("./audit/main.ts", import.meta.url));
  // npm runs a script in the repository's folder, wherever it was typed; files are named from there.
  const typedIn = process.env.npm_lifecycle_event === "audit:month" ? process.env.INIT_CWD : undefined;
  const cwd = typedIn ?? process.cwd();
  process.exit(await run(node, [script, ...process.argv.slice(2)], { env, cwd }));
} catch (error) {
  reportAndExit(error);
}
